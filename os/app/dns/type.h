/* SPDX-License-Identifier: ISC */
/*
 * Resource record types: their names, and the layout of their data (one small descriptor string a
 * type), from which presentation form is parsed, names in data are found, and data is printed. All
 * types of BIND's documentation that need no signing, and RFC 3597's TYPEnnn and \# for the rest.
 */
#ifndef DNS_TYPE_H
#define DNS_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_SIG = 24,
	DNS_AAAA = 28,
	DNS_NXT = 30,
	DNS_SRV = 33,
	DNS_NAPTR = 35,
	DNS_DNAME = 39,
	DNS_OPT = 41,
	DNS_DS = 43,
	DNS_RRSIG = 46,
	DNS_NSEC = 47,
	DNS_DNSKEY = 48,
	DNS_NSEC3 = 50,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_TKEY = 249,
	DNS_TSIG = 250,
	DNS_IXFR = 251,
	DNS_AXFR = 252,
	DNS_MAILB = 253,
	DNS_MAILA = 254,
	DNS_ANY = 255,
	DNS_CAA = 257,
	/* and others, known by their names in type.c's table */
};
enum dns_class { DNS_IN = 1, DNS_CH = 3, DNS_HS = 4, DNS_CLASS_NONE = 254, DNS_CLASS_ANY = 255 };

#define DNS_DATA_MAX 65535u

/* The number of a type's name ("A", "TYPE65280"; any case), or -1. */
int dns_type_number(const char *text, size_t size);
/* Its name; `to` has room for 16 bytes with the NUL. */
void dns_type_text(uint16_t type, char *to);
/* The layout of its data: one letter a field. n a compressible name (RFC 1035's types only), N a
 * name never compressed, every other letter a kind of field/ (field/table.c lists them). Null:
 * unknown type, opaque data. To find the names in data, call dns_rdata_names (rdata.h). */
const char *dns_type_layout(uint16_t type);
/* The same where the class counts: A in CH is a name and an octal number (RFC 1034 §3.6); in
 * classes other than IN, CH and HS only types that RFC 1035 or a later one defines for every class
 * have a layout. */
const char *dns_type_layout_in(uint16_t type, uint16_t class);
/* True of types that stand for a question or a message's own matters and never for data in a zone:
 * 0, OPT, 128 to 255 (RFC 6895 §3.1). */
bool dns_type_is_meta(uint16_t type);

/* The same for classes: "IN", "CLASS300"; IN is 1. */
int dns_class_number(const char *text, size_t size);
void dns_class_text(uint16_t class, char *to);

#endif
