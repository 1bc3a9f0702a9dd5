/* SPDX-License-Identifier: ISC */
/*
 * The table of resource record types, from which everything about a type's data follows. A layout
 * has one letter a field, in the order of presentation form, which is that of the wire as well.
 * What the letters mean stands in field/table.c.
 */
#include <app/dns/type.h>

#include <string.h>

#include <app/dns/name.h>

struct row {
	uint16_t number;
	char name[11];   /* no NUL after the longest */
	char layout[11]; /* "": none, data only as \# */
};

/* In order of numbers: dns_type_layout searches it by halves. dns_type_number goes from its
 * beginning, where the common types are. */
static const struct row rows[] = {
	{ 1, "A", "a" },
	{ 2, "NS", "n" },
	{ 3, "MD", "n" },
	{ 4, "MF", "n" },
	{ 5, "CNAME", "n" },
	{ 6, "SOA", "nn4tttt" },
	{ 7, "MB", "n" },
	{ 8, "MG", "n" },
	{ 9, "MR", "n" },
	{ 10, "NULL", "" },
	{ 11, "WKS", "aW" },
	{ 12, "PTR", "n" },
	{ 13, "HINFO", "ss" },
	{ 14, "MINFO", "nn" },
	{ 15, "MX", "2n" },
	{ 16, "TXT", "S" },
	{ 17, "RP", "NN" },
	{ 18, "AFSDB", "2N" },
	{ 19, "X25", "x" },
	{ 20, "ISDN", "sz" },
	{ 21, "RT", "2N" },
	{ 22, "NSAP", "K" },
	{ 23, "NSAP-PTR", "N" },
	{ 24, "SIG", "Tg1tDD2Nb" },
	{ 25, "KEY", "21gy" },
	{ 26, "PX", "2NN" },
	{ 27, "GPOS", "sss" },
	{ 28, "AAAA", "A" },
	{ 29, "LOC", "L" },
	{ 30, "NXT", "NM" },
	{ 31, "EID", "h" },
	{ 32, "NIMLOC", "h" },
	{ 33, "SRV", "222N" },
	{ 34, "ATMA", "Q" },
	{ 35, "NAPTR", "22sssN" },
	{ 36, "KX", "2N" },
	{ 37, "CERT", "c2gb" },
	{ 38, "A6", "6" },
	{ 39, "DNAME", "N" },
	{ 40, "SINK", "111y" },
	{ 41, "OPT", "" },
	{ 42, "APL", "P" },
	{ 43, "DS", "2gdh" },
	{ 44, "SSHFP", "11h" },
	{ 45, "IPSECKEY", "111Gy" },
	{ 46, "RRSIG", "Tg1tDD2Nb" },
	{ 47, "NSEC", "Nm" },
	{ 48, "DNSKEY", "21gb" },
	{ 49, "DHCID", "b" },
	{ 50, "NSEC3", "112HBm" },
	{ 51, "NSEC3PARAM", "112H" },
	{ 52, "TLSA", "111h" },
	{ 53, "SMIMEA", "111h" },
	{ 55, "HIP", "I" },
	{ 56, "NINFO", "S" },
	{ 57, "RKEY", "21gb" },
	{ 58, "TALINK", "NN" },
	{ 59, "CDS", "2gdh" },
	{ 60, "CDNSKEY", "21gb" },
	{ 61, "OPENPGPKEY", "b" },
	{ 62, "CSYNC", "42m" },
	{ 63, "ZONEMD", "411h" },
	{ 64, "SVCB", "2Np" },
	{ 65, "HTTPS", "2Np" },
	{ 66, "DSYNC", "Tf2N" },
	{ 67, "HHIT", "b" },
	{ 68, "BRID", "b" },
	{ 99, "SPF", "S" },
	{ 100, "UINFO", "" },
	{ 101, "UID", "" },
	{ 102, "GID", "" },
	{ 103, "UNSPEC", "" },
	{ 104, "NID", "2i" },
	{ 105, "L32", "2a" },
	{ 106, "L64", "2i" },
	{ 107, "LP", "2N" },
	{ 108, "EUI48", "e" },
	{ 109, "EUI64", "E" },
	{ 249, "TKEY", "" },
	{ 250, "TSIG", "" },
	{ 251, "IXFR", "" },
	{ 252, "AXFR", "" },
	{ 253, "MAILB", "" },
	{ 254, "MAILA", "" },
	{ 255, "ANY", "" },
	{ 256, "URI", "22q" },
	{ 257, "CAA", "1kq" },
	{ 258, "AVC", "S" },
	{ 259, "DOA", "441sj" },
	{ 260, "AMTRELAY", "1R" },
	{ 261, "RESINFO", "S" },
	{ 262, "WALLET", "S" },
	{ 32768, "TA", "2gdh" },
	{ 32769, "DLV", "2gdh" },
};
#define ROWS (sizeof rows / sizeof rows[0])

/* Types that are defined for the Internet alone. */
static const uint8_t internet_only[] = { 1,  11, 22, 23, 26, 28, 31, 32,
	                                 33, 34, 36, 38, 42, 49, 64, 65 };

static uint8_t upper(char c)
{
	return (uint8_t)(c >= 'a' && c <= 'z' ? c - 32 : c);
}

/* text is `word`, which is in capitals and ends with a NUL or after `longest` bytes. */
static bool is_word(const char *text, size_t size, const char *word, size_t longest)
{
	if (size > longest || (size < longest && word[size] != '\0'))
		return false;
	for (size_t i = 0; i < size; i++)
		if (word[i] == '\0' || upper(text[i]) != (uint8_t)word[i])
			return false;
	return true;
}

/* The number after a prefix, as in TYPE65280; -1: it is not that. */
static int numbered(const char *text, size_t size, const char *prefix, size_t prefix_size)
{
	uint32_t value = 0;

	if (size <= prefix_size || size > prefix_size + 5 ||
	    !is_word(text, prefix_size, prefix, prefix_size))
		return -1;
	for (size_t i = prefix_size; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	return value <= 0xffff ? (int)value : -1;
}

/* Writes prefix and number, and a NUL. */
static void number_text(const char *prefix, uint16_t number, char *to)
{
	char digits[5];
	unsigned count = 0;
	size_t at = strlen(prefix);

	memcpy(to, prefix, at);
	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	while (count > 0)
		to[at++] = digits[--count];
	to[at] = '\0';
}

int dns_type_number(const char *text, size_t size)
{
	if (size == 0)
		return -1;
	uint8_t initial = upper(text[0]);
	for (const struct row *r = rows; r < rows + ROWS; r++)
		if ((uint8_t)r->name[0] == initial && is_word(text, size, r->name, sizeof r->name))
			return r->number;
	return numbered(text, size, "TYPE", 4);
}

static const struct row *find(uint16_t type)
{
	size_t low = 0, high = ROWS;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (rows[middle].number == type)
			return &rows[middle];
		if (rows[middle].number < type)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void dns_type_text(uint16_t type, char *to)
{
	const struct row *r = find(type);

	if (!r) {
		number_text("TYPE", type, to);
		return;
	}
	memcpy(to, r->name, sizeof r->name);
	to[sizeof r->name] = '\0';
}

const char *dns_type_layout(uint16_t type)
{
	const struct row *r = find(type);

	return r && r->layout[0] ? r->layout : NULL;
}

const char *dns_type_layout_in(uint16_t type, uint16_t class)
{
	if (class == DNS_IN || (type == DNS_A && class == DNS_HS))
		return dns_type_layout(type);
	if (type == DNS_A && class == DNS_CH)
		return "No";
	if (type <= UINT8_MAX && memchr(internet_only, type, sizeof internet_only))
		return NULL;
	return dns_type_layout(type);
}

bool dns_type_is_meta(uint16_t type)
{
	return type == 0 || type == DNS_OPT || (type >= 128 && type <= 255);
}

int dns_class_number(const char *text, size_t size)
{
	static const struct {
		uint8_t number;
		char name[7];
	} classes[] = {
		{ DNS_IN, "IN" },         { DNS_CH, "CH" },     { DNS_CH, "CHAOS" },
		{ DNS_HS, "HS" },         { DNS_HS, "HESIOD" }, { DNS_CLASS_NONE, "NONE" },
		{ DNS_CLASS_ANY, "ANY" },
	};

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
		if (is_word(text, size, classes[i].name, sizeof classes[i].name))
			return classes[i].number;
	return numbered(text, size, "CLASS", 5);
}

void dns_class_text(uint16_t class, char *to)
{
	if (class == DNS_IN)
		memcpy(to, "IN", 3);
	else if (class == DNS_CH)
		memcpy(to, "CH", 3);
	else if (class == DNS_HS)
		memcpy(to, "HS", 3);
	else
		number_text("CLASS", class, to);
}
