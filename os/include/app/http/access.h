/* SPDX-License-Identifier: ISC */
/*
 * The access log as JSON, an object a line on standard output:
 *
 *	{"time":"2026-11-29T11:10:03Z","id":"...","peer":"192.0.2.7","port":4711,"method":"GET","target":"/?a","version":"1.1",
 *	 "host":"example.org","status":200,"bytes":612,"ms":3,"referer":null,"agent":"curl/8"}
 *
 * What a client sent is cut after 480 bytes and escaped: it cannot end a text or a line. Bytes that are not ASCII are
 * written as \u0080 to \u00ff, so that each line is JSON whatever came. status is 0 where the client went before the
 * response was written.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include <app/http/http.h>

/* For http_after; the context is not looked at. */
void http_access_after(struct http_exchange *, void *context);

#endif
