/* SPDX-License-Identifier: ISC */
/* Numbers in text, decimal. */
#ifndef MEMCACHE_NUMBER_H
#define MEMCACHE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#define NUMBER_SIZE 20u /* digits of UINT64_MAX */

/* Writes it, and returns how many bytes that took: at most NUMBER_SIZE. */
uint32_t memcache_number_print(char *to, uint64_t value);
uint32_t memcache_number_digits(uint64_t value);

/* All of the text is one; a '+' before it is fine. False: it is none, or too large. */
bool memcache_number_read(const char *text, uint32_t size, uint64_t *to);
bool memcache_number_read_signed(const char *text, uint32_t size, int64_t *to);
/* The text begins with one: white space before it, and white space or nothing behind. What follows
 * is not looked at. */
bool memcache_number_begins(const char *text, uint32_t size, uint64_t *to);

#endif
