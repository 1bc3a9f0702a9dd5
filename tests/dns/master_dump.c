/* SPDX-License-Identifier: ISC */
/*
 * Prints what a master file says, a record a line, for tests/dns/compare_master: dns-master-dump
 * ORIGIN FILE [-x]. With -x data goes out as hexadecimal, else in presentation form. $INCLUDE is
 * relative to the working folder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/dns/master.h>
#include <app/dns/rdata.h>
#include <app/dns/type.h>

static bool hexadecimal;

static int on_record(void *context, const struct dns_record *r)
{
	static char owner[DNS_NAME_TEXT_MAX], data[DNS_DATA_TEXT_MAX];
	char type[16], class[16];

	(void)context;
	dns_name_text(&r->owner, owner);
	dns_class_text(r->class, class);
	if (hexadecimal) {
		printf("%s %u %s TYPE%u ", owner, r->ttl, class, r->type);
		for (unsigned i = 0; i < r->size; i++)
			printf("%02x", r->data[i]);
		putchar('\n');
		return 0;
	}
	dns_type_text(r->type, type);
	if (dns_rdata_text(r->type, r->class, r->data, r->size, data, sizeof data) < 0)
		return -1;
	printf("%s %u %s %s %s\n", owner, r->ttl, class, type, data);
	return 0;
}

static void on_problem(void *context, const char *file, uint32_t line, const char *text)
{
	(void)context;
	fprintf(stderr, "%s:%u: %s\n", file, line, text);
}

/* What it reads stays in memory until the program ends. */
static const char *on_open(void *context, const char *from, const char *name, size_t *size,
                           const char **as, const char **why)
{
	static char *texts[DNS_INCLUDES_MAX + 1];
	static unsigned count;
	FILE *f = fopen(name, "rb");
	char *text = NULL;

	(void)context;
	(void)from;
	*why = "no such file";
	if (!f)
		return NULL;
	*why = "it cannot be read";
	fseek(f, 0, SEEK_END);
	long end = ftell(f);
	rewind(f);
	if (end >= 0 && count <= DNS_INCLUDES_MAX &&
	    (text = texts[count++] = malloc((size_t)end + 1)))
		*size = fread(text, 1, (size_t)end, f);
	fclose(f);
	*as = "included";
	if (!from)
		*as = "zone";
	return text;
}

int main(int count, char **arguments)
{
	static const struct dns_name root = { 1, { 0 } };
	struct dns_master_events events = { NULL, on_record, on_problem, on_open };
	struct dns_name origin;

	if (count < 3 || dns_name_parse(&origin, arguments[1], strlen(arguments[1]), &root) < 0) {
		fprintf(stderr, "usage: dns-master-dump ORIGIN FILE [-x]\n");
		return 2;
	}
	hexadecimal = count > 3 && strcmp(arguments[3], "-x") == 0;
	return dns_master_parse(arguments[2], &origin, &events) != 0;
}
