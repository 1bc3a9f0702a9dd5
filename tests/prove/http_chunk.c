/* SPDX-License-Identifier: ISC */
/*
 * The chunked coding: what is taken lies in the text, of every size, from any state and with any chunk under way. What one byte
 * does to the state is http_step.c's to prove: here it is anything.
 */
// wp: http_chunk_next
// z3: smt.auto_config=false
#include <app/http/http_internal.h>

/*@ requires \valid(c);
    assigns *c, \result; */
static bool step(struct http_chunk *c, char b);

/*@ requires \valid(c) && \valid(used) && \valid(data) && \valid(data_size) && \valid_read(bytes + (0 .. size - 1));
    requires \separated(c, used, data, data_size);
    assigns *c, *used, *data, *data_size, \result;
    ensures *used <= size;
    ensures \result == CHUNK_DATA ==> \valid_read(*data + (0 .. *data_size - 1)); */
enum http_chunk_result http_chunk_next(struct http_chunk *c, const uint8_t *bytes, uint32_t size,
                                       uint32_t *used, const uint8_t **data, uint32_t *data_size);

#include <app/http/chunk.c>
