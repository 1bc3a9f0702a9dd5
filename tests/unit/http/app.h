/* SPDX-License-Identifier: ISC */
/* A server with a route of each kind, for the tests and the fuzzer. What it keeps of a request it
 * frees by itself. */
#ifndef TEST_HTTP_APP_H
#define TEST_HTTP_APP_H

#include <app/http/http.h>

#define APP_FILE     "0123456789abcdefghijklmnopqrstuvwxyz"
#define APP_GZIP     "(as if compressed)"
#define APP_BR       "(as if better compressed)"
#define APP_MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

struct app {
	uint64_t patience; /* ns that /task and /gathered give each read; 0: 5 s */
	struct http_server *server;
	unsigned flood;                 /* pieces of 64 KiB that /flood writes */
	uint32_t big;                   /* bytes that /big and /task/big answer */
	int big_error;                  /* what http_reply said to them */
	unsigned tasks;                 /* of /task and /gathered, that began */
	int body_error;                 /* the last one that a body's handler was told */
	unsigned bodies, gone, waiting; /* handlers of bodies that have not ended; calls of `gone`;
	                                   answers that wait */
};
extern struct app app;

void app_start(const struct http_options *);
void app_stop(void); /* ends and frees the server; all connections must have ended */

#endif
