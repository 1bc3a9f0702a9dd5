/* SPDX-License-Identifier: ISC */
/*
 * What a tender is asked by its supervisor, over a socket that was made before the start: a packet each, PICTURE_TAKE with the
 * descriptor of a regular file, PICTURE_STOP likewise (the image does not go on), PICTURE_FORK likewise (of what lies in the
 * heap's base, space.h, it has nothing, if there is one), PICTURE_AGAIN (it still wants the one that it
 * has asked for: the image may have been busy), PICTURE_CANCEL (it does not any more). PICTURE_SECRETS with the descriptor of a
 * file hands the image new versions of secrets (renewal.h); it is answered "ok", or what is wrong, at the first PICTURE_AGAIN
 * behind that. PICTURE_DONE: whoever wrote the picture, of PICTURE_TAKE, is done with it.
 *
 * Before it starts, the tender sends PICTURE_BASE with a descriptor of the base, which goes along with each PICTURE_FORK's file.
 * Answers: PICTURE_BEGUN, once or twice, and then "ok PAUSE PAGES": microseconds that the image stood still; or what
 * is wrong.
 */
#ifndef TENDER_PICTURE_REQUEST_H
#define TENDER_PICTURE_REQUEST_H

#define PICTURE_SOCKET  "AMPOULE_PICTURES" /* environment: the descriptor's number */
#define PICTURE_TAKE    "take"
#define PICTURE_STOP    "stop"
#define PICTURE_FORK    "fork"
#define PICTURE_AGAIN   "again"
#define PICTURE_DONE    "done"
#define PICTURE_BASE    "base"
#define PICTURE_CANCEL  "cancel"
#define PICTURE_SECRETS "secrets"
#define PICTURE_BEGUN   "begun"
#define PICTURE_TEXT    160u

#endif
