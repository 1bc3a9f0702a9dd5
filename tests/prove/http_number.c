/* SPDX-License-Identifier: ISC */
/* Numbers in field values, of every size. */
// wp: http_number
#include <app/http/http_internal.h>

/*@ requires \valid(to) && \valid_read(t.bytes + (0 .. t.size - 1));
    assigns *to; */
bool http_number(struct http_text t, uint64_t *to);

#include <app/http/text.c>
