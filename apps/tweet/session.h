/* SPDX-License-Identifier: ISC */
/*
 * Who asks. A browser says it by a cookie, a program by "Authorization: Bearer TOKEN".
 *
 * Nobody else's page can act for a browser: the cookie is SameSite, what Sec-Fetch-Site or Origin say to come from elsewhere is
 * refused, and every form carries a number that only pages of this session have.
 */
#ifndef TWEET_SESSION_H
#define TWEET_SESSION_H

#include <app/http/http.h>

#include "model.h"

#define BODY_MAX 8192u
#define BODY_NS  (20ull * 1000000000) /* for a body to come */

struct session {
	char name[NAME_MAX_ + 1]; /* "": nobody */
	char token[TOKEN_SIZE + 1];
	char form[TOKEN_SIZE + 1]; /* what its forms carry */
	bool bearer;               /* a program's: forms are not asked for */
};

/* ERR_IO and the like: the store failed. */
int session_find(struct http_exchange *, struct session *);
/* The field `form` of a form is this session's. */
bool session_form(const struct session *, struct http_text form);
/* The Set-Cookie that begins or ends it. */
int session_set(struct http_exchange *, const char *token);
int session_clear(struct http_exchange *);

#endif
