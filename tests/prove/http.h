/* SPDX-License-Identifier: ISC */
/*
 * What HTTP's functions ask and promise, for texts of every size. A head is less than 64 KiB (HTTP_HEAD_MAX): places in it
 * are 16 bits. WP compares pointers only where it is told that they are of one text: upto().
 */
#ifndef PROVE_HTTP_H
#define PROVE_HTTP_H

#include <app/http/http_internal.h>

#include <string.h>

/*@ predicate upto(char *a, char *b) = \base_addr(a) == \base_addr(b) && a <= b;

    predicate there(char *bytes, integer size) = \valid_read(bytes + (0 .. size - 1));

    predicate string{L}(char *s) = \exists integer n; 0 <= n && s[n] == 0 && \valid_read(s + (0 .. n));

    predicate http_span_holds{L}(struct http_head *h, struct http_span s) = s.at + s.size <= h->size;

    predicate http_field_holds{L}(struct http_head *h, integer k) =
      h->fields[k].name.at + h->fields[k].name.size <= h->size &&
      h->fields[k].value.at + h->fields[k].value.size <= h->size;

    predicate http_head_holds{L}(struct http_head *h) =
      h->size <= 0xffff && h->field_count <= HTTP_FIELDS_MAX && there(h->base, h->size) &&
      \forall integer k; 0 <= k < h->field_count ==> http_field_holds(h, k);
*/

/* ---- The C library's, of characters ---- */
/*@ requires there(bytes, size);
    assigns \result \from bytes, c, size, bytes[0 .. size - 1];
    ensures \result == \null || (upto(bytes, \result) && \result < bytes + size && *\result == (char)c); */
char *prove_memchr(const char *bytes, int c, size_t size);
/*@ requires there(a, size) && there(b, size);
    assigns \result \from size, a[0 .. size - 1], b[0 .. size - 1]; */
int prove_memcmp(const char *a, const char *b, size_t size);
#define memchr prove_memchr
#define memcmp prove_memcmp

/* ---- http_internal.h ---- */
//@ assigns \result \from c;
static inline bool http_is_token(char c);
//@ assigns \result \from c;
static inline char http_lower(char c);
/*@ requires \valid_read(h) && h->size <= 0xffff;
    requires upto(h->base, from) && upto(from, to) && upto(to, h->base + h->size);
    assigns \result \from h->base, from, to;
    ensures \result.at == from - h->base && \result.size == to - from && http_span_holds(h, \result); */
static inline struct http_span http_span(const struct http_head *h, const char *from, const char *to);
/*@ requires \valid_read(h) && there(h->base, h->size) && http_span_holds(h, s);
    assigns \result \from h->base, s;
    ensures \result.bytes == h->base + s.at && \result.size == s.size && there(\result.bytes, \result.size); */
static inline struct http_text http_span_text(const struct http_head *h, struct http_span s);
/*@ requires \valid_read(name);
    assigns \result \from *name, size; */
static inline uint64_t http_name_bit(const char *name, uint32_t size);
/*@ requires \valid_read(h);
    assigns \result \from h->names, names; */
static inline bool http_head_may_have(const struct http_head *h, uint64_t names);

/* ---- text.c ---- */
//@ assigns \result \from c; ensures \result \in {0, 1};
static bool is_hex(char c);
/*@ requires upto(p, end) && there(p, end - p);
    assigns \result \from p, end, p[0 .. end - p - 1]; */
static bool is_ip4(const char *p, const char *end);
/*@ requires upto(p, end) && there(p, end - p);
    assigns \result \from p, end, p[0 .. end - p - 1]; */
static bool is_ip6(const char *p, const char *end);
/*@ requires there(t.bytes, t.size) && \valid(host);
    assigns *host, \result;
    ensures \result ==> there(host->bytes, host->size); */
bool http_authority_split(struct http_text t, struct http_text *host);
//@ assigns \result \from c; ensures \result <= 15 || \result == 255;
uint8_t http_hex(char c);
/*@ requires there(t.bytes, t.size) && string(other);
    assigns \result \from t, t.bytes[0 .. t.size - 1], other[0 .. t.size]; */
bool http_text_is(struct http_text t, const char *other);
/*@ requires there(t.bytes, t.size) && string(other);
    assigns \result \from t, t.bytes[0 .. t.size - 1], other[0 .. t.size]; */
bool http_text_is_nocase(struct http_text t, const char *other);
//@ assigns \result \from c;
static bool is_space(char c);
#ifndef PROVE_TEXT
/* Elsewhere they are asked about literals alone, each of which is a string. */
/*@ requires there(t.bytes, t.size);
    assigns \result \from t, t.bytes[0 .. t.size - 1]; */
bool prove_text_is(struct http_text t, const char *literal);
#define http_text_is(...)        prove_text_is(__VA_ARGS__)
#define http_text_is_nocase(...) prove_text_is(__VA_ARGS__)
#endif
/*@ requires \valid(rest) && \valid(element) && \separated(rest, element) && there(rest->bytes, rest->size);
    assigns *rest, *element, \result;
    ensures there(rest->bytes, rest->size);
    ensures \result ==> there(element->bytes, element->size) && element->size > 0; */
bool http_list_next(struct http_text *rest, struct http_text *element);
/*@ requires \valid(to) && there(t.bytes, t.size);
    assigns *to, \result; */
bool http_number(struct http_text t, uint64_t *to);

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

/*@ requires \valid(l) && upto(l->at, l->end) && there(l->at, l->end - l->at) && l->end - l->at <= 0xffff;
    assigns l->at, \result;
    ensures upto(\old(l->at), l->at) && upto(l->at, l->end);
    ensures \result.bytes == \old(l->at) && \result.size <= l->end - \result.bytes && there(\result.bytes, \result.size);
    ensures upto(\result.bytes + \result.size, l->end); */
struct http_text http_line_next(struct http_lines *l);

/*@ requires upto(p, end) && there(p, end - p);
    assigns \result \from p, end, p[0 .. end - p - 1];
    ensures upto(p, \result) && upto(\result, end); */
const char *http_value_end(const char *p, const char *end);

/*@ requires \valid(h) && http_head_holds(h) && \valid(l) && \separated(h, l, h->base + (0 .. h->size - 1));
    requires upto(h->base, l->at) && upto(l->at, l->end) && l->end == h->base + h->size;
    requires h->field_count < HTTP_FIELDS_MAX;
    assigns l->at, h->names, h->twice, h->field_count, h->fields[0 .. HTTP_FIELDS_MAX - 1], \result;
    ensures upto(h->base, l->at) && upto(l->at, l->end);
    ensures \result ==> h->field_count == \old(h->field_count) + 1 && http_field_holds(h, \old(h->field_count));
    ensures !\result ==> h->field_count == \old(h->field_count);
    ensures \forall integer k; 0 <= k < \old(h->field_count) ==> http_field_holds(h, k);
    ensures http_head_holds(h); */
static bool field_parse(struct http_head *h, struct http_lines *l);

/*@ requires \valid(h) && http_head_holds(h) && \valid(l) && \separated(h, l, h->base + (0 .. h->size - 1));
    requires upto(h->base, l->at) && upto(l->at, l->end) && l->end == h->base + h->size;
    assigns l->at, h->names, h->twice, h->field_count, h->fields[0 .. HTTP_FIELDS_MAX - 1], \result;
    ensures http_head_holds(h); */
uint32_t http_fields_parse(struct http_head *h, struct http_lines *l);

/*@ requires there(a, size) && there(b, size);
    assigns \result \from a[0 .. size - 1], b[0 .. size - 1]; */
static inline bool same_name(const char *a, const char *b, uint32_t size);

/*@ requires \valid_read(h) && http_head_holds(h) && \valid(at) && \separated(h, at);
    requires size > 0 && there(name, size);
    assigns *at, \result;
    ensures there(\result.bytes, \result.size); */
struct http_text http_head_find(const struct http_head *h, const char *name, uint32_t size, uint32_t *at);

/* ---- head.c ---- */
/*@ requires \valid(h) && http_head_holds(h);
    assigns h->close, h->keep_alive; */
static void connection_options(struct http_head *h);
/*@ requires \valid(h) && http_head_holds(h);
    assigns h->has_length, h->length, h->chunked, \result; */
static uint32_t framing(struct http_head *h);
/*@ requires \valid(h) && http_head_holds(h);
    assigns \result \from *h; */
static bool host_fits(struct http_head *h);
/*@ requires \valid(h) && there(v.bytes, v.size);
    assigns h->minor, \result; */
static uint32_t version_parse(struct http_head *h, struct http_text v);
/*@ requires \valid(h) && http_head_holds(h);
    assigns h->expect_continue, \result; */
static uint32_t expectations(struct http_head *h);
/*@ requires \valid(h) && there(bytes, size) && size <= 0xffff && \separated(h, bytes + (0 .. size - 1));
    assigns *h, \result;
    ensures h->base == bytes && h->size == size && http_head_holds(h);
    ensures !\result ==> http_span_holds(h, h->method) && http_span_holds(h, h->target) && h->target.size > 0; */
uint32_t http_head_request(struct http_head *h, const char *bytes, uint32_t size);
/*@ requires \valid(h) && http_head_holds(h);
    assigns h->chunked, h->coded, \result; */
static bool response_codings(struct http_head *h);
/*@ requires \valid(h) && there(bytes, size) && size <= 0xffff && \separated(h, bytes + (0 .. size - 1));
    assigns *h, \result;
    ensures h->base == bytes && h->size == size && http_head_holds(h); */
bool http_head_response(struct http_head *h, const char *bytes, uint32_t size);

/* ---- target.c ---- */
/*@ requires \valid(t) && there(path.bytes, path.size);
    assigns t->query, t->raw_path, t->plain, \result;
    ensures there(t->raw_path.bytes, t->raw_path.size) && there(t->query.bytes, t->query.size); */
static bool split_query(struct http_target *t, struct http_text path);
/*@ requires \valid(t) && there(target.bytes, target.size) && target.size > 0 && there(method.bytes, method.size);
    assigns *t, \result;
    ensures \result ==> there(t->raw_path.bytes, t->raw_path.size) && there(t->query.bytes, t->query.size) &&
            there(t->authority.bytes, t->authority.size); */
bool http_target_parse(struct http_target *t, struct http_text target, struct http_text method);
/*@ requires \valid(to + (0 .. path.size - 1)) && there(path.bytes, path.size);
    assigns to[0 .. path.size - 1], \result;
    ensures \result <= path.size; */
uint32_t http_path_decode(char *to, struct http_text path);

#endif
