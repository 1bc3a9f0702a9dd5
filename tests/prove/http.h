/* SPDX-License-Identifier: ISC */
/*
 * What HTTP's functions ask and promise, for texts of every size. A head is less than 64 KiB (HTTP_HEAD_MAX): places in it
 * are 16 bits. WP compares pointers only where it is told that they are of one text: upto().
 */
#ifndef PROVE_HTTP_H
#define PROVE_HTTP_H

#include <app/http/http_internal.h>

/*@ predicate upto(char *a, char *b) = \base_addr(a) == \base_addr(b) && a <= b;

    predicate there(char *bytes, integer size) = \valid_read(bytes + (0 .. size - 1));

    predicate http_field_holds{L}(struct http_head *h, integer k) =
      h->fields[k].name.at + h->fields[k].name.size <= h->size &&
      h->fields[k].value.at + h->fields[k].value.size <= h->size;

    predicate http_head_holds{L}(struct http_head *h) =
      h->size <= 0xffff && h->field_count <= HTTP_FIELDS_MAX && there(h->base, h->size) &&
      \forall integer k; 0 <= k < h->field_count ==> http_field_holds(h, k);
*/

/* ---- http_internal.h ---- */
//@ assigns \result \from c;
static inline bool http_is_token(char c);
//@ assigns \result \from c;
static inline char http_lower(char c);

/* ---- fields.c ---- */
/*@ requires \valid_read(p + (0 .. 7));
    assigns \result \from p[0 .. 7]; */
static inline uint64_t load(const char *p);
//@ assigns \result \from eight, byte;
static inline uint64_t any_less(uint64_t eight, uint8_t byte);
/*@ requires bits != 0;
    assigns \result \from bits;
    ensures \result < 8; */
static inline uint32_t first_of(uint64_t bits);

/*@ requires \valid(at) && *at <= size && there(bytes, size);
    assigns *at;
    ensures \result <= size && *at <= size; */
int64_t http_head_scan(const char *bytes, uint32_t size, uint32_t *at);

/*@ requires upto(p, end) && there(p, end - p);
    assigns \result \from p, end, p[0 .. end - p - 1];
    ensures upto(p, \result) && upto(\result, end); */
const char *http_value_end(const char *p, const char *end);

/*@ requires \valid(h) && http_head_holds(h) && \valid(l) && \separated(h, l, h->base + (0 .. h->size - 1));
    requires upto(h->base, l->at) && upto(l->at, l->end) && l->end == h->base + h->size;
    requires h->field_count < HTTP_FIELDS_MAX;
    assigns l->at, *h;
    ensures h->base == \old(h->base) && h->size == \old(h->size);
    ensures upto(h->base, l->at) && upto(l->at, l->end);
    ensures \result ==> h->field_count == \old(h->field_count) + 1 && http_field_holds(h, \old(h->field_count));
    ensures !\result ==> h->field_count == \old(h->field_count);
    ensures \forall integer k; 0 <= k < \old(h->field_count) ==> http_field_holds(h, k);
    ensures http_head_holds(h); */
static bool field_parse(struct http_head *h, struct http_lines *l);

/*@ requires \valid(h) && http_head_holds(h) && \valid(l) && \separated(h, l, h->base + (0 .. h->size - 1));
    requires upto(h->base, l->at) && upto(l->at, l->end) && l->end == h->base + h->size;
    assigns l->at, *h;
    ensures h->base == \old(h->base) && h->size == \old(h->size);
    ensures http_head_holds(h); */
uint32_t http_fields_parse(struct http_head *h, struct http_lines *l);

/*@ requires there(a, size) && there(b, size);
    assigns \result \from a[0 .. size - 1], b[0 .. size - 1]; */
static inline bool same_name(const char *a, const char *b, uint32_t size);

#endif
