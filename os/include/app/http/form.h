/* SPDX-License-Identifier: ISC */
/* Forms as browsers send them: all pairs of one (http_form_value of http.h finds one by its name). */
#ifndef HTTP_FORM_H
#define HTTP_FORM_H

#include <app/http/http.h>

/* The next pair of a query or a form (application/x-www-form-urlencoded), decoded, each with a NUL. 1; 0: no more; ERR_TOO_BIG:
 * a name or a value has no room; ERR_MALFORMED as http_form_value. *rest begins as the whole form, and goes on. Empty pairs
 * ("a=1&&b=2") are passed over. */
int http_form_next(struct http_text *rest, char *name, uint32_t name_room, char *value,
                   uint32_t value_room);

/* In a task: the body of a form, of Content-Type application/x-www-form-urlencoded, into `room` bytes with a NUL behind. Its
 * size; or a negative error, and the exchange is answered: as http_read_all, and 415 (ERR_INVALID) for another type. */
int64_t http_form_read(struct http_exchange *, char *to, uint32_t room, uint64_t deadline_ns);

/* Does a request's Content-Type name this type (in lower case), whatever its parameters? False: or there is none. */
bool http_type_is(const struct http_exchange *, const char *type);

#endif
