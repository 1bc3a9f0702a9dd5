/* SPDX-License-Identifier: ISC */
/*
 * What a supervisor is asked: a packet of text to the socket `control` in the appliance's folder, answered by one, "ok" or what
 * is wrong. Only the folder's owner comes there.
 *
 *   stop [MS]      ask it to end, and end it after so many ms; it is not started anew. Answered at once: the end is seen by
 *                  the folder's lock
 *   kill SIGNAL    send it a signal, by number
 *   restart [MS]   stop it, and start it anew. Answered when it has started
 *   snapshot [1|2] write a picture of it (tender/picture.h) into the regular file whose descriptor comes along; 1: it ends
 *                  there; 2: for a fork, which needs the descriptor, too, that may come with the answer. Answered "ok PAUSE PAGES" when that is done
 *   secrets        hand it new versions of secrets (tender/renewal.h), in the file whose descriptor comes along. Answered "ok" when
 *                  its image uses them
 */
#ifndef SUPERVISOR_CONTROL_H
#define SUPERVISOR_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_TEXT_MAX    256u
#define CONTROL_CLIENTS_MAX 8u /* at once; more wait in the socket's queue */

enum control_verb {
	CONTROL_NONE,
	CONTROL_STOP,
	CONTROL_KILL,
	CONTROL_RESTART,
	CONTROL_SNAPSHOT,
	CONTROL_SECRETS
};

struct control_request {
	enum control_verb verb;
	int64_t number; /* -1: none given */
};

int control_listen(int folder); /* a socket that does not block, or -1 */
/* CONTROL_NONE: it is no request. */
struct control_request control_parse(const char *text);

/* Asks; the answer comes in CONTROL_TEXT_MAX bytes. 0; -1 and errno: nobody is there, or there is no answer in so many ms. */
int control_ask(int folder, const char *request, int timeout_ms, char *answer);
/* The same with a descriptor; -1: none. *got: the one that comes with the answer, or -1; may be null. */
int control_ask_with(int folder, const char *request, int fd, int timeout_ms, char *answer,
                     int *got);

/* A packet with a descriptor, or without: -1. False: it is not sent. */
bool control_send(int socket, const char *text, int fd);

#endif
