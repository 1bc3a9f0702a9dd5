/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a master file, and as record data. The first byte chooses: even, the rest is a file
 * (which $INCLUDE finds under any name, from its middle on); odd, two bytes of type, one of class,
 * then data. Whatever is read must check, print, and be read again as the same; a difference aborts.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/dns/master.h>
#include <app/dns/rdata.h>
#include <app/dns/type.h>

#define RECORDS_MAX 2000 /* of a file, since $GENERATE makes many out of few bytes */

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const uint8_t *file;
static size_t file_size;
static unsigned records;
static char text[DNS_DATA_TEXT_MAX], text_again[DNS_DATA_TEXT_MAX];
static uint8_t data_again[DNS_DATA_MAX];

static void require(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "%s\n%s\n", what, text);
	abort();
}

static void round_trip(uint16_t type, uint16_t class, const uint8_t *data, uint32_t size)
{
	static const struct dns_name root = { 1, { 0 } };
	struct dns_problem problem = { 0 };
	struct dns_lexer x;
	struct dns_rdata_name names[4];
	struct bytes_out out = bytes_out(data_again, sizeof data_again);

	bool good = dns_rdata_check(type, class, data, size);
	int count = dns_rdata_names(type, class, data, size, names, 4);
	require(good == (count >= 0), "names and check disagree");
	for (int i = 0; i < count && i < 4; i++)
		require(names[i].size > 0 && names[i].at + names[i].size <= size,
		        "a name beyond the data");
	int length = dns_rdata_text(type, class, data, size, text, sizeof text);
	require(length >= 0 && (size_t)length == strlen(text), "does not print");
	dns_lexer_init(&x, text, (size_t)length, 1, &problem);
	bool read = dns_rdata_parse(type, class, &x, &root, &out);
	require(read == good, "what checks is what reads");
	if (!good)
		return;
	require(out.at == size && (size == 0 || memcmp(data, data_again, size) == 0),
	        "reads as something else");
	int length_again =
	        dns_rdata_text(type, class, data_again, size, text_again, sizeof text_again);
	require(length_again == length && memcmp(text, text_again, (size_t)length) == 0,
	        "prints as something else");
}

static int on_record(void *context, const struct dns_record *r)
{
	(void)context;
	require(dns_rdata_check(r->type, r->class, r->data, r->size), "reads what does not check");
	round_trip(r->type, r->class, r->data, r->size);
	struct dns_name back;
	dns_name_text(&r->owner, text);
	require(dns_name_parse(&back, text, strlen(text), NULL) == 0 &&
	                back.size == r->owner.size &&
	                memcmp(back.wire, r->owner.wire, back.size) == 0,
	        "the owner does not print");
	return ++records > RECORDS_MAX ? -1 : 0;
}

static void on_problem(void *context, const char *name, uint32_t line, const char *why)
{
	(void)context;
	(void)line;
	require(name && strlen(why) > 10 && strlen(why) < DNS_PROBLEM_TEXT_MAX, "an empty problem");
	/* A file that is nothing but includes of itself costs time; each is a record's worth. */
	records++;
}

static const char *on_open(void *context, const char *from, const char *name, size_t *size,
                           const char **as, const char **why)
{
	(void)context;
	*why = "too many for a fuzzer";
	*as = name[0] == 'z' ? "z" : "included";
	*size = from ? file_size / 2 : file_size;
	return (records += 20) > RECORDS_MAX ? NULL : (const char *)file + file_size - *size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct dns_master_events events = { NULL, on_record, on_problem, on_open };
	struct dns_name origin = { 9, { 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0 } };

	records = 0;
	if (size < 4)
		return 0;
	if (bytes[0] & 1) {
		static const uint16_t classes[] = { DNS_IN, DNS_CH, DNS_HS, 300 };
		if (size - 4 <= DNS_DATA_MAX)
			round_trip(bytes_load_u16(bytes + 1), classes[bytes[3] & 3], bytes + 4,
			           (uint32_t)size - 4);
		return 0;
	}
	file = bytes + 1;
	file_size = size - 1;
	int result = dns_master_parse("zone", &origin, &events);
	require(result >= -1 && result <= (int)DNS_PROBLEMS_MAX, "a result out of range");
	return 0;
}
