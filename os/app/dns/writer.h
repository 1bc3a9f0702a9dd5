/* SPDX-License-Identifier: ISC */
/*
 * Writes the pieces of which record data is made in presentation form, as reader.h reads them;
 * numbers, addresses and the bases are text.h's. The fields (field/) are made of these. They take
 * their bytes from data that was walked over before, so that nothing needs a check here. Full
 * output: the cursor remembers.
 */
#ifndef DNS_WRITER_H
#define DNS_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include <core/bytes.h>

void dns_write_name(struct bytes_out *, struct bytes_in *);
void dns_write_type(struct bytes_out *, uint16_t type);
void dns_write_ip4(struct bytes_out *, struct bytes_in *);
void dns_write_ip6(struct bytes_out *, struct bytes_in *);
/* Bytes that stand within quotes, special ones escaped. */
void dns_write_escaped(struct bytes_out *, const uint8_t *bytes, uint32_t count);
/* The next `size` bytes with quotes around them. */
void dns_write_quoted(struct bytes_out *, struct bytes_in *, uint32_t size);
/* The next `size` bytes, by dns_put_hex or one of its kind. */
void dns_write_based(struct bytes_out *, struct bytes_in *, uint32_t size,
                     void (*put)(struct bytes_out *, const uint8_t *, uint32_t));
/* A space between items: none before the first. */
void dns_write_space(struct bytes_out *, bool *separate);

#endif
