/* SPDX-License-Identifier: ISC */
/* The routes of both faces. */
#ifndef TWEET_TWEET_H
#define TWEET_TWEET_H

#include <app/http/http.h>

int pages_route(struct http_server *); /* pages.c: for people */
int api_route(struct http_server *);   /* api.c: for programs */

#endif
