/* SPDX-License-Identifier: ISC */
/*
 * Master files: what they say is compared with the records as text, and with the problems, line
 * numbers included. A test's files live in memory; the first is "zone".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <app/dns/generate.h>
#include <app/dns/master.h>
#include <app/dns/rdata.h>
#include <app/dns/type.h>

#define FILES_MAX 20

struct file {
	const char *name;
	char *text; /* without a NUL, so that ASan sees its end */
	size_t size;
};
static struct file files[FILES_MAX];
static unsigned file_count, opened;
static char records[1 << 16], problems[1 << 16];
static uint64_t record_count, problem_count;
static int stop_at;   /* this record is answered with -7; 0: none */
static bool counting; /* records are not printed */

static void add_bytes(const char *name, const char *text, size_t size)
{
	struct file *f = &files[file_count++];

	assert_true(file_count <= FILES_MAX);
	*f = (struct file){ name, malloc(size ? size : 1), size };
	assert_non_null(f->text);
	memcpy(f->text, text, size);
}

static void add(const char *name, const char *text)
{
	add_bytes(name, text, strlen(text));
}

static void append(char *to, size_t room, const char *format, ...)
{
	size_t at = strlen(to);
	va_list arguments;

	va_start(arguments, format);
	int size = vsnprintf(to + at, room - at, format, arguments);
	va_end(arguments);
	assert_true(size >= 0 && (size_t)size < room - at);
}

static int on_record(void *context, const struct dns_record *r)
{
	static char owner[DNS_NAME_TEXT_MAX], data[DNS_DATA_TEXT_MAX];
	char type[16], class[16];

	assert_ptr_equal(context, files);
	assert_true(r->ttl <= INT32_MAX);
	assert_true(dns_rdata_check(r->type, r->class, r->data, r->size));
	assert_non_null(r->file);
	assert_true(r->line > 0);
	record_count++;
	if (stop_at != 0 && record_count == (uint64_t)stop_at)
		return -7;
	if (counting)
		return 0;
	dns_name_text(&r->owner, owner);
	dns_type_text(r->type, type);
	dns_class_text(r->class, class);
	assert_true(dns_rdata_text(r->type, r->class, r->data, r->size, data, sizeof data) >= 0);
	append(records, sizeof records, "%u %s %u %s %s %s\n", r->line, owner, r->ttl, class, type,
	       data);
	return 0;
}

static void on_problem(void *context, const char *file, uint32_t line, const char *text)
{
	assert_ptr_equal(context, files);
	assert_true(strlen(text) > 10 && strlen(text) < 300);
	problem_count++;
	append(problems, sizeof problems, "%s:%u: %s\n", file, line, text);
}

static const char *on_open(void *context, const char *from, const char *name, size_t *size,
                           const char **as, const char **why)
{
	assert_ptr_equal(context, files);
	assert_int_equal(from == NULL, opened == 0);
	opened++;
	for (unsigned i = 0; i < file_count; i++) {
		if (strcmp(files[i].name, name) != 0)
			continue;
		*size = files[i].size;
		*as = files[i].name;
		return files[i].text;
	}
	*why = "no such file";
	return NULL;
}

static int parse(void)
{
	struct dns_name origin;
	struct dns_master_events events = { files, on_record, on_problem, on_open };

	opened = 0;
	records[0] = problems[0] = '\0';
	record_count = problem_count = 0;
	assert_int_equal(dns_name_parse(&origin, "o.", 2, NULL), 0);
	int result = dns_master_parse("zone", &origin, &events);
	for (; file_count > 0; file_count--)
		free(files[file_count - 1].text);
	return result;
}

static void expect(const char *text, const char *wanted_records, const char *wanted_problems)
{
	counting = false;
	add("zone", text);
	int result = parse();
	assert_string_equal(problems, wanted_problems);
	assert_string_equal(records, wanted_records);
	assert_int_equal(result, problem_count);
}

static void reads_the_example_of_rfc_1035(void **state)
{
	(void)state;
	expect("$TTL 60\n"
	       "@   IN  SOA     VENERA      Action\\.domains (\n"
	       "                                 20     ; SERIAL\n"
	       "                                 7200   ; REFRESH\n"
	       "                                 600    ; RETRY\n"
	       "                                 3600000; EXPIRE\n"
	       "                                 60)    ; MINIMUM\n"
	       "\n"
	       "        NS      A.ISI.EDU.\n"
	       "        NS      VENERA\n"
	       "        MX      10      VENERA\n"
	       "        MX      20      VAXA\n"
	       "\n"
	       "A       A       26.3.0.103\n"
	       "\n"
	       "VENERA  A       10.1.0.52\n"
	       "        A       128.9.0.32\n",
	       "2 o. 60 IN SOA VENERA.o. Action\\.domains.o. 20 7200 600 3600000 60\n"
	       "9 o. 60 IN NS A.ISI.EDU.\n"
	       "10 o. 60 IN NS VENERA.o.\n"
	       "11 o. 60 IN MX 10 VENERA.o.\n"
	       "12 o. 60 IN MX 20 VAXA.o.\n"
	       "14 A.o. 60 IN A 26.3.0.103\n"
	       "16 VENERA.o. 60 IN A 10.1.0.52\n"
	       "17 VENERA.o. 60 IN A 128.9.0.32\n",
	       "");
}

static void reads_ttl_and_class_in_any_order_and_omitted(void **state)
{
	(void)state;
	expect("$TTL 9\n"
	       "a 5 IN A 1.1.1.1\n"
	       "b IN 5 A 1.1.1.1\n"
	       "c in A 1.1.1.1\n"
	       "d 1h30m A 1.1.1.1\n"
	       "e A 1.1.1.1\n"
	       "f 1W2D3h4M5s a 1.1.1.1\n"
	       "in in in\t \tA 1.1.1.1\n"
	       "7 7 A 1.1.1.1\n"
	       " 8 CLASS1 A 1.1.1.1\n"
	       "g 2147483647 A 1.1.1.1\n"
	       "h CH TXT x\n"
	       "i TXT y ; the class stays\n",
	       "2 a.o. 5 IN A 1.1.1.1\n"
	       "3 b.o. 5 IN A 1.1.1.1\n"
	       "4 c.o. 9 IN A 1.1.1.1\n"
	       "5 d.o. 5400 IN A 1.1.1.1\n"
	       "6 e.o. 9 IN A 1.1.1.1\n"
	       "7 f.o. 788645 IN A 1.1.1.1\n"
	       "9 7.o. 7 IN A 1.1.1.1\n"
	       "10 7.o. 8 IN A 1.1.1.1\n"
	       "11 g.o. 2147483647 IN A 1.1.1.1\n"
	       "12 h.o. 9 CH TXT \"x\"\n"
	       "13 i.o. 9 CH TXT \"y\"\n",
	       "zone:8: \"in\" is a second class; take one out\n");
	expect("a 5 6 A 1.1.1.1\n"
	       "b 2147483648 A 1.1.1.1\n"
	       "c 1h30 A 1.1.1.1\n"
	       "d 1h1h A 1.1.1.1\n"
	       "e 5 ANY A 1.1.1.1\n"
	       "f 5 FOO 1.1.1.1\n"
	       "g 5\n"
	       "h 5 AXFR x\n"
	       "i 4294967296 A 1.1.1.1\n",
	       "",
	       "zone:1: \"6\" is a second TTL; take one out\n"
	       "zone:2: \"2147483648\" is a TTL of more than 2147483647 seconds; shorten it\n"
	       "zone:3: \"1h30\" is neither a TTL, a class nor a record type; correct it, or write "
	       "TYPE and a number\n"
	       "zone:4: \"1h1h\" is neither a TTL, a class nor a record type; correct it, or write "
	       "TYPE and a number\n"
	       "zone:5: \"ANY\" is a class for messages only; write IN\n"
	       "zone:6: \"FOO\" is neither a TTL, a class nor a record type; correct it, or write "
	       "TYPE and a number\n"
	       "zone:7: the line ends where a record type is wanted; complete it\n"
	       "zone:8: \"AXFR\" is a type for messages only; take the record out\n"
	       "zone:9: \"4294967296\" is neither a TTL, a class nor a record type; correct it, or "
	       "write TYPE and a "
	       "number\n");
}

static void omitted_ttls_follow_rfc_2308_then_1035_then_the_soa(void **state)
{
	(void)state;
	/* The last stated, as RFC 1035 has it, until $TTL comes. */
	expect("a 5 A 1.1.1.1\nb A 1.1.1.1\nc 6 A 1.1.1.1\nd A 1.1.1.1\n$TTL 1m\ne A 1.1.1.1\nf 7 "
	       "A 1.1.1.1\n"
	       "g A 1.1.1.1\n$TTL 0\nh A 1.1.1.1\n",
	       "1 a.o. 5 IN A 1.1.1.1\n2 b.o. 5 IN A 1.1.1.1\n3 c.o. 6 IN A 1.1.1.1\n4 d.o. 6 IN A "
	       "1.1.1.1\n"
	       "6 e.o. 60 IN A 1.1.1.1\n7 f.o. 7 IN A 1.1.1.1\n8 g.o. 60 IN A 1.1.1.1\n"
	       "10 h.o. 0 IN A 1.1.1.1\n",
	       "");
	/* An SOA without any before it: its minimum, for the others too. */
	expect("@ SOA a b 1 2 3 4 1h\na A 1.1.1.1\nb 5 A 1.1.1.1\nc A 1.1.1.1\n",
	       "1 o. 3600 IN SOA a.o. b.o. 1 2 3 4 3600\n2 a.o. 3600 IN A 1.1.1.1\n3 b.o. 5 IN A "
	       "1.1.1.1\n"
	       "4 c.o. 3600 IN A 1.1.1.1\n",
	       "");
	expect("a A 1.1.1.1\n@ SOA a b 1 2 3 4 2147483648\n", "",
	       "zone:1: no TTL: neither here nor before; put a line like $TTL 3600 at the file's "
	       "beginning\n"
	       "zone:2: the SOA's minimum is its TTL, but more than 2147483647; shorten it\n");
}

static void reads_names_and_owners(void **state)
{
	(void)state;
	expect("$TTL 1\n"
	       "@ NS @\n"
	       " NS a\n"
	       "\tNS a.b.\n"
	       "a\\.b NS \\@\n"
	       "\\065\\000 NS .\n"
	       "*.W NS x\\ y\n"
	       "\\$x NS \\;\n"
	       "$ORIGIN sub\n"
	       "@ NS a\n"
	       " NS @\n"
	       "$ORIGIN .\n"
	       "a NS b\n"
	       "$origin Q.\n"
	       "a NS b\n",
	       "2 o. 1 IN NS o.\n3 o. 1 IN NS a.o.\n4 o. 1 IN NS a.b.\n5 a\\.b.o. 1 IN NS \\@.o.\n"
	       "6 A\\000.o. 1 IN NS .\n7 *.W.o. 1 IN NS x\\032y.o.\n8 \\$x.o. 1 IN NS \\;.o.\n"
	       "10 sub.o. 1 IN NS a.sub.o.\n11 sub.o. 1 IN NS sub.o.\n13 a. 1 IN NS b.\n15 a.Q. 1 "
	       "IN NS b.Q.\n",
	       "");
	expect(" A 1.2.3.4\n$TTL 1\n.. A 1.2.3.4\n\"a\" A 1.2.3.4\na\\256 A 1.2.3.4\n", "",
	       "zone:1: no owner: the line begins with white space, and no record is before it; "
	       "write the name, or @ "
	       "for the origin\n"
	       "zone:3: \"..\" has an empty label; take out the leading or doubled dot\n"
	       "zone:4: \"a\" is quoted where an owner name is wanted; take the quotes out\n"
	       "zone:5: \"a\\256\" has a bad escape; write \\ and a character, or \\ and three "
	       "digits from 000 to 255\n");
	/* The owner of a record with a problem is the owner of the next all the same. */
	expect("$TTL 1\na A 1.2.3.4\nb A 1.2.3\n A 1.2.3.5\n",
	       "2 a.o. 1 IN A 1.2.3.4\n4 b.o. 1 IN A 1.2.3.5\n",
	       "zone:3: \"1.2.3\" is not an IPv4 address; write one like 192.0.2.1\n");
}

static void reads_comments_parentheses_and_strings(void **state)
{
	(void)state;
	expect("; nothing\n"
	       "   ; nothing, indented\n"
	       "\n"
	       "$TTL 1;x\n"
	       "a TXT one;two\n"
	       "a TXT \"one;two\" ; \"three\n"
	       "a TXT one\\;two (three\n"
	       "  ; comment ) ( \"\n"
	       "\n"
	       "four) five\n"
	       "( b ) TXT ((x)( y) )\n"
	       "a TXT \"q\\\"q\\\\\" \"\" \"(\" x\"y\"z\n"
	       "a TXT \"\\010\\009\ttab\"\n"
	       "c (\n TXT\n x )\n"
	       " TXT \xc3\xa9\n",
	       "5 a.o. 1 IN TXT \"one\"\n6 a.o. 1 IN TXT \"one;two\"\n"
	       "7 a.o. 1 IN TXT \"one;two\" \"three\" \"four\" \"five\"\n"
	       "11 b.o. 1 IN TXT \"x\" \"y\"\n"
	       "12 a.o. 1 IN TXT \"q\\\"q\\\\\" \"\" \"(\" \"x\" \"y\" \"z\"\n"
	       "13 a.o. 1 IN TXT \"\\010\\009\\009tab\"\n"
	       "14 c.o. 1 IN TXT \"x\"\n"
	       "17 c.o. 1 IN TXT \"\\195\\169\"\n",
	       "");
}

static void reports_every_problem_of_words_with_its_line(void **state)
{
	(void)state;
	expect("$TTL 1\n"
	       "a TXT \"open\n"
	       "b TXT ok\n"
	       "c TXT x)\n"
	       "d TXT x\\\n"
	       "e TXT ok\n"
	       "f TXT (a\n"
	       "  \"open\n"
	       "  b )\n"
	       "g TXT ok\n"
	       "h SOA a b (\n"
	       "   1\n"
	       "   x\n"
	       "   3 4 5 )\n"
	       "i TXT a\rb\n"
	       "j TXT ok\n"
	       "  $TTL 5\n"
	       "$FOO bar\n"
	       "$TTL\n"
	       "$TTL x\n"
	       "$TTL 1 2\n"
	       "$ORIGIN\n"
	       "$ORIGIN a..b\n"
	       "k TXT ok\n"
	       "l TXT end\\",
	       "3 b.o. 1 IN TXT \"ok\"\n6 e.o. 1 IN TXT \"ok\"\n10 g.o. 1 IN TXT \"ok\"\n16 j.o. 1 "
	       "IN TXT \"ok\"\n"
	       "24 k.o. 1 IN TXT \"ok\"\n",
	       "zone:2: the string is not closed on its line; add the second \", and write a line "
	       "break in it as \\010\n"
	       "zone:4: a closing parenthesis without an opening one; take it out\n"
	       "zone:5: a backslash ends the line; take it out, or write \\\\ for a backslash\n"
	       "zone:8: the string is not closed on its line; add the second \", and write a line "
	       "break in it as \\010\n"
	       "zone:13: \"x\" is not a time; write seconds, or units like 1w2d3h4m5s\n"
	       "zone:15: a carriage return within a line; end lines with LF or CR LF\n"
	       "zone:17: \"$TTL\" is indented, and would be data; begin the line with it\n"
	       "zone:18: \"$FOO\" is no directive; write $ORIGIN, $TTL, $INCLUDE or $GENERATE, or "
	       "\\$ for a name that "
	       "begins with a dollar\n"
	       "zone:19: the line ends where a TTL is wanted; complete it\n"
	       "zone:20: \"x\" is not a TTL; write seconds, or units like 1w2d3h4m5s\n"
	       "zone:21: \"2\" is more than the directive takes; take it out\n"
	       "zone:22: the line ends where a domain name is wanted; complete it\n"
	       "zone:23: \"a..b\" has an empty label; take out the leading or doubled dot\n"
	       "zone:25: a backslash ends the line; take it out, or write \\\\ for a backslash\n");
}

static void an_unclosed_parenthesis_is_reported_where_it_opens_and_the_rest_is_read(void **state)
{
	(void)state;
	expect("$TTL 1\n@ SOA a b ( 1\n 2 ; x\n\n3 4\n; comment\na A 1.2.3.4\nb A 1.2.3\n",
	       "7 a.o. 1 IN A 1.2.3.4\n",
	       "zone:2: a parenthesis opens here and is never closed; add ) behind the data\n"
	       "zone:5: the line ends where a record type is wanted; complete it\n"
	       "zone:8: \"1.2.3\" is not an IPv4 address; write one like 192.0.2.1\n");
	/* The second is said too, but no third pass is made. */
	expect("$TTL 1\na TXT (\nb TXT (\nc TXT (\n",
	       "2 a.o. 1 IN TXT \"b\" \"TXT\" \"c\" \"TXT\"\n"
	       "3 b.o. 1 IN TXT \"c\" \"TXT\"\n",
	       "zone:2: a parenthesis opens here and is never closed; add ) behind the data\n"
	       "zone:3: a parenthesis opens here and is never closed; add ) behind the data\n");
}

static void reads_files_of_other_systems(void **state)
{
	(void)state;
	expect("$TTL 1\r\n@ SOA a b ( 1 ; x\r\n2 3 4 5 )\r\n\r\na TXT \"x\"\r\n\ta TXT y\r\nb A "
	       "1.2.3.4\r",
	       "2 o. 1 IN SOA a.o. b.o. 1 2 3 4 5\n5 a.o. 1 IN TXT \"x\"\n7 b.o. 1 IN A 1.2.3.4\n",
	       "zone:6: \"TXT\" is not an IPv4 address; write one like 192.0.2.1\n");
	expect("", "", "");
	expect("\n", "", "");
	expect("$TTL 1\na A 1.2.3.4", "2 a.o. 1 IN A 1.2.3.4\n", "");
	expect("$TTL 1\na A 1.2.3.4 ; no end", "2 a.o. 1 IN A 1.2.3.4\n", "");
	expect("$TTL 1\na A 1.2.3.4\n\x1a", "2 a.o. 1 IN A 1.2.3.4\n",
	       "zone:3: the line ends where a record type is wanted; complete it\n");
	expect("\xef\xbb\xbf$TTL 1\na A 1.2.3.4\n", "2 a.o. 1 IN A 1.2.3.4\n",
	       "zone:1: the file begins with a UTF-8 byte order mark; save it without\n");
	static const char nul[] = "$TTL 1\na TXT x\0y\nb TXT \"\0\"\n\0\nc TXT ok\n";
	add_bytes("zone", nul, sizeof nul - 1);
	assert_int_equal(parse(), 3);
	assert_string_equal(problems, "zone:2: a NUL byte; this is no text file, or one in UTF-16: "
	                              "save it as plain text\n"
	                              "zone:3: a NUL byte in a string; write it as \\000\n"
	                              "zone:4: a NUL byte; this is no text file, or one in UTF-16: "
	                              "save it as plain text\n");
	assert_string_equal(records, "5 c.o. 1 IN TXT \"ok\"\n");
}

static void includes_files_and_restores_origin_and_owner(void **state)
{
	(void)state;
	add("inc", "a A 1.1.1.1\n$ORIGIN deep\nb A 1.1.1.2\n$TTL 2\nc A 1.2.3\n");
	add("no new line", " A 1.1.1.3\nz A 1.1.1.4");
	expect("$TTL 1\nfoo A 1.0.0.0\n$INCLUDE inc\n A 1.0.0.1\n$INCLUDE \"inc\" sub ; comment\n"
	       "$include no\\ new\\032line q.\nlast A 1.0.0.2\n",
	       "2 foo.o. 1 IN A 1.0.0.0\n"
	       "1 a.o. 1 IN A 1.1.1.1\n3 b.deep.o. 1 IN A 1.1.1.2\n"
	       "4 foo.o. 2 IN A 1.0.0.1\n"
	       "1 a.sub.o. 2 IN A 1.1.1.1\n3 b.deep.sub.o. 2 IN A 1.1.1.2\n"
	       "1 foo.o. 2 IN A 1.1.1.3\n2 z.q. 2 IN A 1.1.1.4\n"
	       "7 last.o. 2 IN A 1.0.0.2\n",
	       "inc:5: \"1.2.3\" is not an IPv4 address; write one like 192.0.2.1\n"
	       "inc:5: \"1.2.3\" is not an IPv4 address; write one like 192.0.2.1\n");
	expect("$TTL 1\n$INCLUDE absent\n$INCLUDE\n$INCLUDE \"\"\n$INCLUDE a b c\n$INCLUDE x "
	       "..\n$INCLUDE a\\000b\n"
	       "a A 1.1.1.1\n",
	       "8 a.o. 1 IN A 1.1.1.1\n",
	       "zone:2: \"absent\" cannot be read: no such file\n"
	       "zone:3: the line ends where a file name is wanted; complete it\n"
	       "zone:4: \"\" is no file name; write one of 1 to 1023 bytes\n"
	       "zone:5: \"c\" is more than the directive takes; take it out\n"
	       "zone:6: \"..\" has an empty label; take out the leading or doubled dot\n"
	       "zone:7: \"a\\000b\" is no file name; write one of 1 to 1023 bytes\n");
}

static void a_missing_first_file_is_a_problem(void **state)
{
	(void)state;
	assert_int_equal(parse(), 1);
	assert_string_equal(problems, "zone:0: cannot be read: no such file\n");
}

static void include_loops_are_bounded(void **state)
{
	(void)state;
	counting = true;
	add("b", "x A 1.1.1.1\n$INCLUDE zone\n");
	add("zone", "$TTL 1\n$INCLUDE b\n");
	assert_int_equal(parse(), 1);
	assert_string_equal(
	        problems,
	        "zone:2: \"b\" is included too deeply, 16 files in one another; a file that "
	        "includes itself?\n");
	assert_int_equal(record_count, 8);
	/* Many at each depth, none too deep: the number of all is bounded. */
	static char many[10][300];
	static const char *const names[] = { "zone", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
	for (unsigned i = 0; i < 10; i++) {
		many[i][0] = '\0';
		for (unsigned n = 0; n < 10 && i < 9; n++)
			append(many[i], sizeof many[i], "$INCLUDE %s\n", names[i + 1]);
		add(names[i], many[i]);
	}
	assert_in_range(parse(), 1, DNS_PROBLEMS_MAX);
	assert_int_equal(opened, DNS_INCLUDES_MAX + 1);
	assert_non_null(strstr(problems, "is one file too many"));
	counting = false;
}

static void generates_records(void **state)
{
	(void)state;
	expect("$TTL 1\n"
	       "own A 1.0.0.0\n"
	       "$GENERATE 1-3 h$ A 10.0.0.$\n"
	       " A 1.0.0.1\n"
	       "$GENERATE 0-255/100 ${-100,4,d}.x 5 CH TXT \"$$ $\" y\n"
	       "$generate 10-11 ${5} IN 7 CNAME a-${0,3,x}-${0,0,X}-${1,5,o}.\\$\n"
	       "$GENERATE 26-27 ${0,4,n} PTR ${0,1,N}.b.\n"
	       "$GENERATE 2-2 m$ MX \"$ mail$\"\n",
	       "2 own.o. 1 IN A 1.0.0.0\n"
	       "3 h1.o. 1 IN A 10.0.0.1\n3 h2.o. 1 IN A 10.0.0.2\n3 h3.o. 1 IN A 10.0.0.3\n"
	       "4 own.o. 1 IN A 1.0.0.1\n"
	       "5 -100.x.o. 5 CH TXT \"$ 0\" \"y\"\n5 0000.x.o. 5 CH TXT \"$ 100\" \"y\"\n"
	       "5 0100.x.o. 5 CH TXT \"$ 200\" \"y\"\n"
	       "6 15.o. 7 IN CNAME a-00a-A-00013.\\$.o.\n6 16.o. 7 IN CNAME a-00b-B-00014.\\$.o.\n"
	       "7 a.1. 1 IN PTR A.1.b.\n7 b.1. 1 IN PTR B.1.b.\n"
	       "8 m2.o. 1 IN MX 2 mail2.o.\n",
	       "");
}

static void refuses_bad_generate_directives(void **state)
{
	(void)state;
	expect("$TTL 1\n"
	       "$GENERATE\n"
	       "$GENERATE 1 a A 1.2.3.4\n"
	       "$GENERATE 2-1 a A 1.2.3.4\n"
	       "$GENERATE 1-2/0 a A 1.2.3.4\n"
	       "$GENERATE 1-2147483648 a A 1.2.3.4\n"
	       "$GENERATE 0-1048576 a A 1.2.3.4\n"
	       "$GENERATE 1-2\n"
	       "$GENERATE 1-2 a\n"
	       "$GENERATE 1-2 a ${x} 1.2.3.4\n"
	       "$GENERATE 1-2 ${0,1,q} A 1.2.3.4\n"
	       "$GENERATE 1-2 ${0 A 1.2.3.4\n"
	       "$GENERATE 1-2 a A 1.2.3.$000\n"
	       "$GENERATE 254-999 a A 1.2.3.$\n"
	       "$GENERATE 1-2 a.. A 1.2.3.4\n"
	       "$GENERATE 1-2 a A (\n 1.2.3.4 )\n"
	       "$GENERATE 1-2 a \"x\"\n"
	       "$GENERATE 1-2 a A \"1.2.3.4\n"
	       "$GENERATE 1/2-3 a A 1.2.3.4\n"
	       "$GENERATE 1-2 $ TXT ${0,255}${0,255} ${0,255,x}\n",
	       "14 a.o. 1 IN A 1.2.3.254\n14 a.o. 1 IN A 1.2.3.255\n",
	       "zone:2: the line ends where a range is wanted; complete it\n"
	       "zone:3: \"1\" is not a range; write it as FIRST-LAST or FIRST-LAST/STEP\n"
	       "zone:4: \"2-1\" is a range that ends before it begins; turn it around\n"
	       "zone:5: \"1-2/0\" has a step of 0; write 1 or more\n"
	       "zone:6: \"1-2147483648\" is not a range; write it as FIRST-LAST or "
	       "FIRST-LAST/STEP\n"
	       "zone:7: \"0-1048576\" asks for 1048577 records; a directive may make 1048576, all "
	       "of them together "
	       "16777216\n"
	       "zone:8: the line ends where an owner name is wanted; complete it\n"
	       "zone:9: the line ends where a record type is wanted; complete it\n"
	       "zone:10: bad braces after a $; write ${OFFSET,WIDTH,BASE} with base d, o, x, X, n "
	       "or N\n"
	       "zone:11: bad braces after a $; write ${OFFSET,WIDTH,BASE} with base d, o, x, X, n "
	       "or N\n"
	       "zone:12: bad braces after a $; write ${OFFSET,WIDTH,BASE} with base d, o, x, X, n "
	       "or N\n"
	       "zone:13: \"1.2.3.1000\" is not an IPv4 address; write one like 192.0.2.1\n"
	       "zone:14: \"1.2.3.256\" is not an IPv4 address; write one like 192.0.2.1\n"
	       "zone:15: \"a..\" has an empty label; take out the leading or doubled dot\n"
	       "zone:17: $GENERATE must stand on one line; join them\n"
	       "zone:18: \"x\" is neither a TTL, a class nor a record type; correct it, or write "
	       "TYPE and a number\n"
	       "zone:19: the string is not closed on its line; add the second \", and write a line "
	       "break in it as \\010\n"
	       "zone:20: \"1/2-3\" is not a range; write it as FIRST-LAST or FIRST-LAST/STEP\n"
	       "zone:21: \"0000000000000000000000000000000000000000...\" is a string of more than "
	       "255 bytes; split it "
	       "into several strings\n");
}

static void all_generated_records_together_are_bounded(void **state)
{
	static char text[32 * 64];

	(void)state;
	text[0] = '\0';
	append(text, sizeof text, "$TTL 1\n");
	for (unsigned i = 0; i < 20; i++)
		append(text, sizeof text, "$GENERATE 1-1000000 a A 1.2.3\n");
	append(text, sizeof text, "a A 1.2.3.4\n");
	counting = true;
	add("zone", text);
	assert_int_equal(parse(), 20);
	assert_int_equal(record_count, 1);
	assert_non_null(strstr(problems, "zone:18: \"1-1000000\" asks for 1000000 records"));
	counting = false;
}

static void gives_up_after_100_problems_and_says_so(void **state)
{
	static char text[1 << 12];

	(void)state;
	memset(text, 'x', sizeof text);
	for (unsigned i = 1; i < sizeof text; i += 2)
		text[i] = '\n';
	add_bytes("zone", text, sizeof text);
	assert_int_equal(parse(), (int)DNS_PROBLEMS_MAX);
	assert_int_equal(problem_count, DNS_PROBLEMS_MAX + 1);
	assert_non_null(strstr(problems, "zone:100: the line ends"));
	assert_non_null(strstr(problems, "zone:0: so many problems are enough"));
}

static void the_caller_can_end_the_parse(void **state)
{
	(void)state;
	stop_at = 3;
	add("zone", "$TTL 1\na A 1.1.1.1\nb A 1.1\nc A 1.1.1.1\nd A 1.1.1.1\ne A 1.1.1.1\n");
	assert_int_equal(parse(), -7);
	assert_int_equal(record_count, 3);
	add("zone", "$TTL 1\n$GENERATE 1-1000000 a A 1.1.1.1\n");
	assert_int_equal(parse(), -7);
	assert_int_equal(record_count, 3);
	stop_at = 0;
}

static void very_long_lines_and_files_cost_their_length(void **state)
{
	size_t size = 8u << 20, at;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	/* A word without end; open parentheses; comments; a record of many strings. */
	memset(text, 'x', size);
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 1);
	assert_non_null(strstr(
	        problems, "zone:1: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" has a label"));
	memset(text, '(', size);
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 1);
	for (at = 0; at + 1 < size; at += 2)
		memcpy(text + at, "(\n", 2);
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 2);
	memset(text, ';', size);
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 0);
	memset(text, '"', size);
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 1);
	memset(text, '\n', size);
	memcpy(text + size - 2, "x", 1);
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 1);
	assert_non_null(strstr(problems, "zone:8388607:"));
	memset(text, ' ', size);
	memcpy(text, "a 1 TXT", 7);
	for (at = 8; at + 1 < size; at += 2)
		text[at] = 'x';
	add_bytes("zone", text, size);
	assert_int_equal(parse(), 1);
	assert_non_null(strstr(problems, "more than 65535 bytes"));
	free(text);
}

/* All features, as food for the mutator. */
static const char rich[] =
        "$TTL 1h\n$ORIGIN o.\n@ IN SOA ns\\.1 host.master ( 1 2h 3 4 5 ) ; c\n NS ns1\n NS ns2.x.\n"
        "\\097\\$b 5 IN TXT \"a\\\"b;\\255\" c\n$GENERATE 1-9/2 h${0,3,x} A 10.0.0.$\n$INCLUDE inc "
        "sub\n"
        "s SVCB 1 . alpn=\"h2,h3\" port=53 mandatory=port key999=\\001\nl LOC 1 2 3.4 N 5 6 E -7m "
        "8m\n"
        "n NSEC a. A MX TYPE1234\nn3 NSEC3 1 1 12 aabb 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX\n"
        "k DNSKEY 256 3 8 ( AQID\n BAUG )\nr RRSIG A 5 3 86400 20030322173103 20030220173103 2642 "
        "e. AAAA\n"
        "u TYPE65280 \\# 3 ( 01\n02 03 )\nx APL !1:10.0.0.0/8 2:ff00::/8\nh HIP 2 2001 AQ== r.\nw "
        "WKS 1.2.3.4 TCP 80\n"
        "c CAA 0 issue \"x\"\ni IPSECKEY 1 3 2 g. AQ==\nm AMTRELAY 1 1 2 ::1\n6 A6 64 ::1 x\n";

static void damaged_files_do_no_harm(void **state)
{
	char text[sizeof rich];

	(void)state;
	counting = true;
	srand(2);
	for (unsigned i = 0; i < 6000; i++) {
		size_t size = sizeof rich - 1;
		memcpy(text, rich, size);
		if (i < size)
			size = i;
		else
			for (unsigned n = (unsigned)rand() % 6 + 1; n > 0; n--)
				switch (rand() % 3) {
				case 0:
					text[(unsigned)rand() % size] ^= (char)(1 << rand() % 8);
					break;
				case 1:
					text[(unsigned)rand() % size] =
					        "()\"\\\n; $@.\0"[rand() % 11];
					break;
				default:
					text[(unsigned)rand() % size] =
					        rich[(unsigned)rand() % size];
				}
		add_bytes("zone", text, size);
		add("inc", "a A 1.1.1.1\n$INCLUDE zone\n");
		int result = parse();
		assert_true(result >= 0 && result <= (int)DNS_PROBLEMS_MAX);
	}
	counting = false;
}

static void what_it_prints_it_reads_as_the_same(void **state)
{
	static char first[sizeof records], again[sizeof records];

	(void)state;
	counting = false;
	add("inc", "");
	add("zone", rich);
	parse();
	assert_string_equal(problems, "");
	assert_int_equal(record_count, 23);
	strcpy(first, records);
	/* Without the line numbers, it is a master file itself. */
	again[0] = '\0';
	for (const char *line = first; *line; line = strchr(line, '\n') + 1)
		append(again, sizeof again, "%.*s\n", (int)strcspn(strchr(line, ' ') + 1, "\n"),
		       strchr(line, ' ') + 1);
	add("zone", again);
	assert_int_equal(parse(), 0);
	const char *a = first, *b = records;
	for (; *a && *b; a = strchr(a, '\n') + 1, b = strchr(b, '\n') + 1) {
		size_t length = strcspn(strchr(a, ' '), "\n");
		assert_int_equal(strcspn(strchr(b, ' '), "\n"), length);
		assert_memory_equal(strchr(a, ' '), strchr(b, ' '), length);
	}
	assert_true(*a == *b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_example_of_rfc_1035),
		cmocka_unit_test(reads_ttl_and_class_in_any_order_and_omitted),
		cmocka_unit_test(omitted_ttls_follow_rfc_2308_then_1035_then_the_soa),
		cmocka_unit_test(reads_names_and_owners),
		cmocka_unit_test(reads_comments_parentheses_and_strings),
		cmocka_unit_test(reports_every_problem_of_words_with_its_line),
		cmocka_unit_test(
		        an_unclosed_parenthesis_is_reported_where_it_opens_and_the_rest_is_read),
		cmocka_unit_test(reads_files_of_other_systems),
		cmocka_unit_test(includes_files_and_restores_origin_and_owner),
		cmocka_unit_test(a_missing_first_file_is_a_problem),
		cmocka_unit_test(include_loops_are_bounded),
		cmocka_unit_test(generates_records),
		cmocka_unit_test(refuses_bad_generate_directives),
		cmocka_unit_test(all_generated_records_together_are_bounded),
		cmocka_unit_test(gives_up_after_100_problems_and_says_so),
		cmocka_unit_test(the_caller_can_end_the_parse),
		cmocka_unit_test(very_long_lines_and_files_cost_their_length),
		cmocka_unit_test(damaged_files_do_no_harm),
		cmocka_unit_test(what_it_prints_it_reads_as_the_same),
	};
	return cmocka_run_group_tests_name("dns_master", tests, NULL, NULL);
}
