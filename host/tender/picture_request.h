/* SPDX-License-Identifier: ISC */
/*
 * What a tender is asked by its supervisor, over a socket that was made before the start: a packet each, PICTURE_TAKE with the
 * descriptor of a regular file, PICTURE_STOP likewise (the image does not go on), PICTURE_AGAIN (it still wants the one that it
 * has asked for: the image may have been busy), PICTURE_CANCEL (it does not any more). Answers: PICTURE_BEGUN (it may come twice), and then
 * "ok PAUSE PAGES": microseconds that the image stood still; or what is wrong.
 */
#ifndef TENDER_PICTURE_REQUEST_H
#define TENDER_PICTURE_REQUEST_H

#define PICTURE_SOCKET "AMPOULE_PICTURES" /* environment: the descriptor's number */
#define PICTURE_TAKE   "take"
#define PICTURE_STOP   "stop"
#define PICTURE_AGAIN  "again"
#define PICTURE_CANCEL "cancel"
#define PICTURE_BEGUN  "begun"
#define PICTURE_TEXT   160u

#endif
