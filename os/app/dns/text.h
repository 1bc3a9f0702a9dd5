/* SPDX-License-Identifier: ISC */
/*
 * Small things in text: numbers, times, addresses, base 16, 32 and 64. Each parser takes the whole of `text` or
 * fails; none needs a NUL. For the presentation form of names see name.h, of whole records rdata.h.
 */
#ifndef DNS_TEXT_H
#define DNS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <core/bytes.h>

/* A number of digits in the base given (8, 10 or 16), at most max. */
bool dns_text_number(const char *text, size_t size, unsigned base, uint64_t max, uint64_t *value);
/* Seconds: a number, or BIND's 1w2d3h4m5s, each unit at most once and in any case. At most 2^32 - 1. */
bool dns_text_seconds(const char *text, size_t size, uint32_t *value);
/* Seconds since 1970 of YYYYMMDDHHMMSS, modulo 2^32 (RFC 4034 §3.2), or as a number of at most 10 digits. */
bool dns_text_time(const char *text, size_t size, uint32_t *value);

bool dns_text_ip4(const char *text, size_t size, uint8_t to[4]);
bool dns_text_ip6(const char *text, size_t size, uint8_t to[16]);

int dns_text_hex_digit(char c);    /* -1: it is none */
int dns_text_base32_digit(char c); /* base32hex (RFC 4648 §7) */

/* Base 64 in pieces (RFC 4648 §4); begins zeroed. */
struct dns_base64 {
	uint32_t bits;
	uint8_t count;   /* digits in `bits` */
	uint8_t padding; /* `=` seen */
};
/* Decodes the next piece. False: a byte that is no digit, or what follows the padding. */
bool dns_base64_add(struct dns_base64 *, const char *text, size_t size, struct bytes_out *);
/* True if the text was complete. */
bool dns_base64_end(const struct dns_base64 *);

/* ---- Printing: to the cursor, no NUL ---- */
void dns_put_text(struct bytes_out *, const char *text);
void dns_put_number(struct bytes_out *, uint64_t value, unsigned base, unsigned digits_min);
void dns_put_hex(struct bytes_out *, const uint8_t *bytes, uint32_t count);
void dns_put_base32(struct bytes_out *, const uint8_t *bytes, uint32_t count);
void dns_put_base64(struct bytes_out *, const uint8_t *bytes, uint32_t count);
void dns_put_ip4(struct bytes_out *, const uint8_t address[4]);
void dns_put_ip6(struct bytes_out *, const uint8_t address[16]);
void dns_put_time(struct bytes_out *, uint32_t seconds);

#endif
