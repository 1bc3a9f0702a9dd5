/* SPDX-License-Identifier: ISC */
/*
 * Making a zone database (database.h) from records: collects them zone by zone, checks the zones,
 * works out everything that answering would have to look for, and writes the blob. It runs in the
 * compiler ampoule-dns-zones; nothing in it is bound to a host, but it allocates freely (malloc)
 * and an image that has its zones compiled in does not carry it.
 */
#ifndef DNS_BUILDER_H
#define DNS_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include <app/dns/master.h>

struct dns_builder;

/* Told of everything that is wrong; `text` says what and what to do. Warnings do not stop the
 * build. */
typedef void dns_report_fn(void *context, const char *file, uint32_t line, bool error,
                           const char *text);

/* What is let pass that is an error else. */
struct dns_builder_rules {
	bool drop_out_of_zone;    /* records outside their zone: a warning, and they are left out */
	bool signed_for_transfer; /* signed zones are compiled for transfers alone: of such a zone
	                             only the SOA is answered, everything else is REFUSED */
};

struct dns_builder *dns_builder_new(dns_report_fn *, void *context); /* null: no memory */
void dns_builder_free(struct dns_builder *);
/* Before the first zone; without it both are false. */
void dns_builder_set_rules(struct dns_builder *, struct dns_builder_rules);

/* Begins a zone; the records that follow are its. `file` is used in messages. ERR_EXISTS
 * (reported), ERR_MEMORY. */
int dns_builder_zone(struct dns_builder *, const struct dns_name *origin, const char *file);

/* Adds a record. What is wrong with it is reported, and it is left out. ERR_MEMORY. */
int dns_builder_record(struct dns_builder *, const struct dns_record *);

/* Checks all zones and makes the blob, which is the caller's to free(). Returns the number of
 * errors reported since the builder was made (then there is no blob), or ERR_MEMORY, ERR_TOO_BIG
 * (2^32 bytes or more). */
int dns_builder_finish(struct dns_builder *, uint8_t **blob, uint64_t *size);

#endif
