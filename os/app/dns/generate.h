/* SPDX-License-Identifier: ISC */
/*
 * The text side of $GENERATE, BIND's directive that makes a record for each number of a range: the range, and the
 * templates in which $ stands for the number. `${offset,width,base}` adds, pads with zeros, and prints in base d, o,
 * x, X, or as nibbles (n, N: the hexadecimal digits from the last, dots between). `$$` and `\$` give a dollar.
 */
#ifndef DNS_GENERATE_H
#define DNS_GENERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <core/bytes.h>

struct dns_range {
	uint32_t first, last, step;
};

/* first-last or first-last/step, all at most 2^31 - 1. False: it is none; *why says why. */
bool dns_range_parse(struct dns_range *, const char *text, size_t size, const char **why);
/* How many numbers it has. */
uint32_t dns_range_count(const struct dns_range *);
/* Appends the template with the number put in. ERR_MALFORMED: bad braces. What has no room fails `out`. */
int dns_generate_text(struct bytes_out *out, const char *template, size_t size, uint32_t number);

#endif
