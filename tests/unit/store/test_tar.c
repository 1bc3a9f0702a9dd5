/* SPDX-License-Identifier: ISC */
/*
 * Tar archives, each read twice: in memory, and on a device of 4 KiB windows. Most are written
 * here byte by byte, since what matters is what no tar program would write; the last test reads
 * what Debian's tar makes, in each of its formats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <core/error.h>
#include <store/block.h>
#include <store/tar/tar.h>

#include "disk.h"

#define ARCHIVE_MAX (1u << 20)

/* ---- Archives ---- */

static uint8_t archive[ARCHIVE_MAX];
static uint64_t archive_size;
static const uint8_t zeros[(64 << 10) + 1];

static void begin(void)
{
	archive_size = 0;
}

static uint8_t *last_header; /* of what was put last */

static void checksum(uint8_t *h)
{
	uint32_t sum = 0;
	memset(h + 148, ' ', 8);
	for (uint32_t k = 0; k < TAR_BLOCK; k++)
		sum += h[k];
	char text[8];
	snprintf(text, sizeof text, "%06o", sum & 0777777);
	memcpy(h + 148, text, 7);
}

static void raw(const void *bytes, uint64_t size)
{
	assert_true(archive_size + size + TAR_BLOCK <= ARCHIVE_MAX);
	memcpy(archive + archive_size, bytes, size);
	memset(archive + archive_size + size, 0, TAR_BLOCK);
	archive_size += size;
}

/* A ustar header that tells of `told` bytes, whatever follows. */
static uint8_t *header(char flag, const char *name, const char *link, uint64_t told)
{
	uint8_t h[TAR_BLOCK] = { 0 };
	char field[16];
	memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
	memcpy(h + 100, "0000644", 7);
	memcpy(h + 108, "0001750", 7);
	memcpy(h + 116, "0001750", 7);
	snprintf(field, sizeof field, "%011llo", (unsigned long long)told);
	memcpy(h + 124, field, 12);
	memcpy(h + 136, "14524756600", 11);
	h[156] = (uint8_t)flag;
	memcpy(h + 157, link, strlen(link) < 100 ? strlen(link) : 100);
	memcpy(h + 257,
	       "ustar\0"
	       "00",
	       8);
	checksum(h);
	raw(h, sizeof h);
	return last_header = archive + archive_size - TAR_BLOCK;
}

static void contents(const void *bytes, uint64_t size)
{
	raw(bytes, size);
	archive_size = (archive_size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static void entry(char flag, const char *name, const char *text)
{
	header(flag, name, "", strlen(text));
	contents(text, strlen(text));
}

/* "LENGTH key=value\n"; the length counts its own digits. */
static void pax_record(char *to, const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3, digits = n < 9     ? 1
	                                                     : n < 98  ? 2
	                                                     : n < 997 ? 3
	                                                               : 4;
	sprintf(to + strlen(to), "%zu %s=%s\n", n + digits, key, value);
}

static void pax(const char *key, const char *value)
{
	static char text[8192];
	text[0] = 0;
	pax_record(text, key, value);
	entry('x', "PaxHeaders/x", text);
}

static void end(void)
{

	raw(zeros, 2ull * TAR_BLOCK);
}

/* ---- Readers ---- */

static struct disk disk;
static struct tar tars[2]; /* of memory, on the device */
static uint8_t *exact;     /* as large as the archive, so that a byte beyond is seen */
static struct tar_entry e;

static void read_anew(void)
{
	static _Alignas(4096) uint8_t window[BLOCK_ALIGN];
	uint64_t size =
	        archive_size ? (archive_size + DISK_UNIT - 1) / DISK_UNIT * DISK_UNIT : DISK_UNIT;
	if (exact) {
		free(exact);
		disk_close(&disk);
	}
	exact = malloc(archive_size ? archive_size : 1);
	assert_non_null(exact);
	memcpy(exact, archive, archive_size);
	disk_open(&disk, size, false);
	memcpy(disk.bytes, archive, archive_size);
	tar_memory(&tars[0], exact, archive_size);
	tar_device(&tars[1], &disk.block, window);
}

/* The next entry of both readers, which must agree. */
static struct tar_cursor cursors[2];

static void rewind_both(void)
{
	cursors[0] = cursors[1] = (struct tar_cursor){ 0 };
}

static int next(void)
{
	static struct tar_entry other;
	int error = tar_next(&tars[0], &cursors[0], &e), error_there;
	error_there = tar_next(&tars[1], &cursors[1], &other);
	assert_int_equal(error, error_there);
	if (error)
		return error;
	assert_ptr_equal(e.data, exact + e.at);
	assert_null(other.data);
	assert_string_equal(e.name, other.name);
	assert_string_equal(e.link, other.link);
	assert_int_equal(e.kind, other.kind);
	assert_int_equal(e.mode, other.mode);
	assert_true(e.modified == other.modified && e.at == other.at && e.size == other.size);
	assert_true(e.at <= archive_size && e.size <= archive_size - e.at);
	return OK;
}

static void is(enum tar_kind kind, const char *name, uint64_t size)
{
	assert_int_equal(next(), OK);
	assert_string_equal(e.name, name);
	assert_int_equal(e.kind, kind);
	assert_int_equal(e.size, size);
}

static void is_file(const char *name, const char *text)
{
	is(TAR_FILE, name, strlen(text));
	assert_memory_equal(e.data, text, e.size);
	for (uint32_t k = 0; k < 2; k++) {
		char bytes[300] = { 0 };
		assert_true(e.size < sizeof bytes);
		assert_int_equal(tar_read(&tars[k], &e, 0, bytes, sizeof bytes), e.size);
		assert_string_equal(bytes, text);
	}
}

static void is_end(void)
{
	assert_int_equal(next(), ERR_ABSENT);
	assert_int_equal(next(), ERR_ABSENT);
}

static void is_refused(int error)
{
	assert_int_equal(next(), error);
	/* And for good: what is wrong does not become an entry when it is asked for again. */
	assert_int_equal(next(), error);
}

static void open_archive(void)
{
	read_anew();
	rewind_both();
}

/* ---- What is in order ---- */

static void files_directories_and_links_are_told_apart(void **state)
{
	(void)state;
	begin();
	entry('0', "a", "text of a");
	entry('0', "empty", "");
	entry(0, "old", "V7 has no kinds");
	entry('7', "contiguous", "as a file");
	header('5', "dir/", "", 0);
	header('5', "dir/inner", "", 0);
	header('1', "hard", "a", 0);
	header('2', "soft", "../outside", 0);
	entry('0', "dir/last", "behind them");
	end();
	open_archive();
	is_file("a", "text of a");
	assert_int_equal(e.mode, 0644);
	assert_int_equal(e.modified, 014524756600);
	is_file("empty", "");
	is_file("old", "V7 has no kinds");
	is_file("contiguous", "as a file");
	is(TAR_DIRECTORY, "dir", 0);
	is(TAR_DIRECTORY, "dir/inner", 0);
	is(TAR_LINK, "hard", 0);
	assert_string_equal(e.link, "a");
	is(TAR_SYMBOLIC, "soft", 0);
	assert_string_equal(e.link, "../outside");
	is_file("dir/last", "behind them");
	is_end();
}

static void v7_marks_directories_by_a_slash(void **state)
{
	(void)state;
	begin();
	memset(header(0, "dir/", "", 0) + 257, 0, 255);
	checksum(last_header);
	memset(header(0, "dir/file", "", 0) + 257, 0, 255);
	checksum(last_header);
	end();
	open_archive();
	is(TAR_DIRECTORY, "dir", 0);
	is(TAR_FILE, "dir/file", 0);
	is_end();
}

/* Devices have no contents, whatever their size says; of what is unknown it is believed. */
static void what_is_no_file_is_skipped(void **state)
{
	(void)state;
	begin();
	header('3', "dev/null", "", 512);
	header('4', "dev/sda", "", 4096);
	header('6', "fifo", "", 1);
	entry('Z', "of another time", "whose contents are skipped");
	header('5', "dir", "", 512);
	header('2', "soft", "a", 512);
	header('1', "hard", "a", 512);
	entry('0', "a", "here");
	end();
	open_archive();
	is(TAR_OTHER, "dev/null", 0);
	is(TAR_OTHER, "dev/sda", 0);
	is(TAR_OTHER, "fifo", 0);
	is(TAR_OTHER, "of another time", 26);
	is(TAR_DIRECTORY, "dir", 0);
	is(TAR_SYMBOLIC, "soft", 0);
	is(TAR_LINK, "hard", 0);
	is_file("a", "here");
	is_end();
}

static void ustar_names_have_a_prefix(void **state)
{
	(void)state;
	char name[101], prefix[156], whole[300];
	memset(name, 'n', 100);
	memset(prefix, 'p', 155);
	name[100] = prefix[155] = 0;
	snprintf(whole, sizeof whole, "%s/%s", prefix, name);
	begin();
	memcpy(header('0', name, "", 0) + 345, prefix, 155); /* both without a NUL */
	checksum(last_header);
	/* GNU's own format has times in the prefix's place. */
	memcpy(header('0', name, "", 0) + 345, "14524756600", 11);
	memcpy(last_header + 257, "ustar  ", 8);
	checksum(last_header);
	header('2', "l", name, 0);
	end();
	open_archive();
	is(TAR_FILE, whole, 0);
	is(TAR_FILE, name, 0);
	is(TAR_SYMBOLIC, "l", 0);
	assert_string_equal(e.link, name);
	is_end();
}

static void gnu_long_names_are_whole(void **state)
{
	(void)state;
	static char name[TAR_NAME_MAX + 1], link[TAR_NAME_MAX + 1];
	memset(name, 'n', TAR_NAME_MAX);
	memset(link, 'l', TAR_NAME_MAX);
	begin();
	header('L', "././@LongLink", "", TAR_NAME_MAX + 1);
	contents(name, TAR_NAME_MAX + 1);
	header('K', "././@LongLink", "", TAR_NAME_MAX); /* without its NUL, as some write it */
	contents(link, TAR_NAME_MAX);
	header('2', "nnnnn", "lllll", 0);
	entry('0', "next", "has a name of its own");
	end();
	open_archive();
	is(TAR_SYMBOLIC, name, 0);
	assert_string_equal(e.link, link);
	is_file("next", "has a name of its own");
	assert_string_equal(e.link, "");
	is_end();
}

static void pax_records_go_before_the_header(void **state)
{
	(void)state;
	static char name[TAR_NAME_MAX + 1], records[4096];
	memset(name, 'n', TAR_NAME_MAX);
	records[0] = 0;
	pax_record(records, "path", name);
	pax_record(records, "mtime", "1234567890.123456789");
	pax_record(records, "linkpath", "else=where");
	pax_record(records, "size", "9");
	pax_record(records, "uid", "4294967296");
	pax_record(records, "SCHILY.xattr.user.of.a.key.that.is.longer.than.all.the.others.here",
	           "path=/etc/passwd");
	begin();
	entry('g', "global", "16 comment=abcd\n");
	entry('x', "PaxHeaders/x", records);
	header('0', "short", "", 0); /* its own size is too small to tell the real one */
	contents("nine byte", 9);
	pax("mtime", "-5.5");
	entry('0', "next", "has a name of its own");
	end();
	open_archive();
	is(TAR_FILE, name, 9);
	assert_memory_equal(e.data, "nine byte", 9);
	assert_string_equal(e.link, "else=where");
	assert_int_equal(e.modified, 1234567890);
	is_file("next", "has a name of its own");
	assert_int_equal(e.modified, 0);
	is_end();
}

static void an_empty_record_takes_back_what_was_said(void **state)
{
	(void)state;
	begin();
	pax("path", "said");
	pax("path", "");
	pax("size", "100000");
	pax("size", "");
	pax("mtime", "1");
	pax("mtime", "");
	entry('0', "own", "text");
	end();
	open_archive();
	is_file("own", "text");
	assert_int_equal(e.modified, 014524756600);
	is_end();
}

static void numbers_may_be_base_256_or_padded(void **state)
{
	(void)state;
	static const uint8_t size[12] = { 0x80, [11] = 4 },
	                     before_1970[12] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		                                 0xff, 0xff, 0xff, 0xff, 0xff, 0 };
	begin();
	memcpy(header('0', "256", "", 0) + 124, size, 12);
	memcpy(last_header + 136, before_1970, 12); /* as GNU tar writes it */
	checksum(last_header);
	contents("four", 4);
	memcpy(header('0', "spaces", "", 0) + 124, "         4  ", 12);
	memset(last_header + 100, ' ', 8);
	memset(last_header + 136, 0, 12);
	checksum(last_header);
	contents("four", 4);
	memcpy(header('0', "all digits", "", 0) + 124, "000000000004", 12); /* no NUL */
	checksum(last_header);
	contents("four", 4);
	end();
	open_archive();
	is_file("256", "four");
	assert_int_equal(e.modified, 0);
	is_file("spaces", "four");
	assert_int_equal(e.mode, 0);
	is_file("all digits", "four");
	is_end();
}

static void old_sums_of_signed_bytes_are_taken(void **state)
{
	(void)state;
	int32_t sum = 0;
	begin();
	uint8_t *h = header('0', "gr\xc3\xbc\xc3\x9f", "", 0);
	memset(h + 148, ' ', 8);
	for (uint32_t k = 0; k < TAR_BLOCK; k++)
		sum += (int8_t)h[k];
	snprintf((char *)h + 148, 8, "%06o", (unsigned)sum);
	end();
	open_archive();
	is(TAR_FILE, "gr\xc3\xbc\xc3\x9f", 0);
	is_end();
}

/* A sparse file's contents are its parts: no caller could use them. What follows must be found. */
static void sparse_files_are_skipped(void **state)
{
	(void)state;
	uint8_t more[TAR_BLOCK] = { 0 };
	begin();
	memcpy(header('S', "sparse", "", 600) + 257, "ustar  ", 8);
	checksum(last_header);
	contents(zeros, 600);
	memcpy(header('S', "of many parts", "", 600) + 257, "ustar  ", 8);
	last_header[482] = 1; /* two more blocks of the map lie before the contents */
	checksum(last_header);
	more[504] = 1;
	raw(more, sizeof more);
	more[504] = 0;
	raw(more, sizeof more);
	contents(zeros, 600);
	pax("GNU.sparse.major", "1");
	entry('0', "GNUSparseFile.0/s", "1\n0\n4\n");
	entry('0', "next", "is found");
	end();
	open_archive();
	is(TAR_OTHER, "sparse", 600);
	is(TAR_OTHER, "of many parts", 600);
	is(TAR_OTHER, "GNUSparseFile.0/s", 6);
	is_file("next", "is found");
	is_end();
}

/* Names are the archive's own business: nothing here leads anywhere. */
static void names_with_dots_come_as_they_are(void **state)
{
	(void)state;
	begin();
	entry('0', "../../etc/passwd", "x");
	entry('0', "/etc/passwd", "y");
	entry('0', "a/../b", "z");
	header('5', "./", "", 0);
	header('5', "///", "", 0);
	end();
	open_archive();
	is_file("../../etc/passwd", "x");
	is_file("/etc/passwd", "y");
	is_file("a/../b", "z");
	is(TAR_DIRECTORY, ".", 0);
	is(TAR_DIRECTORY, "/", 0);
	is_end();
	assert_int_equal(tar_find(&tars[0], "b", &e), ERR_ABSENT);
	assert_int_equal(tar_find(&tars[0], "etc/passwd", &e), ERR_ABSENT);
	assert_int_equal(tar_find(&tars[0], "../../etc/passwd", &e), OK);
}

static void the_last_of_a_name_is_found(void **state)
{
	(void)state;
	begin();
	entry('0', "./a", "old");
	entry('0', "b", "other");
	entry('0', "a", "new");
	entry('0', "aa", "longer");
	end();
	open_archive();
	for (uint32_t k = 0; k < 2; k++) {
		char bytes[8] = { 0 };
		assert_int_equal(tar_find(&tars[k], ".//a", &e), OK);
		assert_int_equal(tar_read(&tars[k], &e, 0, bytes, 8), 3);
		assert_string_equal(bytes, "new");
		assert_int_equal(tar_read(&tars[k], &e, 2, bytes, 8), 1);
		assert_int_equal(bytes[0], 'w');
		assert_int_equal(tar_read(&tars[k], &e, 3, bytes, 8), 0);
		assert_int_equal(tar_read(&tars[k], &e, UINT64_MAX, bytes, 8), 0);
		assert_int_equal(tar_find(&tars[k], "c", &e), ERR_ABSENT);
	}
}

static void contents_lie_across_windows(void **state)
{
	(void)state;
	static uint8_t want[20000], got[20000];
	begin();
	for (uint32_t k = 0; k < sizeof want; k++)
		want[k] = (uint8_t)(k * 2654435761u >> 11);
	header('0', "large", "", sizeof want);
	contents(want, sizeof want);
	entry('0', "next", "one");
	end();
	open_archive();
	is(TAR_FILE, "large", sizeof want);
	for (uint64_t at = 0; at < sizeof want; at += 777) {
		memset(got, 0, sizeof got);
		assert_int_equal(tar_read(&tars[1], &e, at, got, sizeof got), sizeof want - at);
		assert_memory_equal(got, want + at, sizeof want - at);
	}
	is_file("next", "one");
	is_end();
}

static void an_end_may_be_missing(void **state)
{
	(void)state;
	begin();
	open_archive();
	is_end();
	raw((uint8_t[TAR_BLOCK]){ 0 }, TAR_BLOCK);
	open_archive();
	is_end();
	begin();
	entry('0', "a", "text");
	open_archive();
	is_file("a", "text");
	is_end();
	raw((uint8_t[TAR_BLOCK]){ 0 }, TAR_BLOCK); /* one block of zeros */
	open_archive();
	is_file("a", "text");
	is_end();
}

/* ---- What is not ---- */

static void what_is_no_tar_is_refused(void **state)
{
	(void)state;
	begin();
	memset(archive, 'x', 4096);
	archive_size = 4096;
	open_archive();
	is_refused(ERR_MALFORMED);
	memcpy(archive, "\x1f\x8b\x08", 3); /* gzip */
	open_archive();
	is_refused(ERR_MALFORMED);
	archive_size = 100;
	read_anew();
	cursors[0] = (struct tar_cursor){ 0 };
	assert_int_equal(tar_next(&tars[0], &cursors[0], &e), ERR_MALFORMED);
}

static void each_changed_byte_of_a_header_is_noticed(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < TAR_BLOCK; at++) {
		begin();
		header('0', "name", "", 0);
		end();
		archive[at] ^= 1;
		/* The sum's own end, a NUL and a space, says nothing. */
		if (at == 154 || at == 155)
			continue;
		open_archive();
		is_refused(ERR_MALFORMED);
	}
}

static void wrong_numbers_are_refused(void **state)
{
	(void)state;
	static const struct {
		uint32_t at, size;
		const char *bytes;
	} wrong[] = {
		{ 124, 12, "00000000009" }, /* no octal digit */
		{ 124, 12, "-0000000001" },
		{ 124, 12, "0000x000000" },
		{ 124, 12, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }, /* negative */
		{ 124, 12, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }, /* 88 bits */
		{ 124, 12, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff" },       /* 63 bits */
		{ 124, 12, "77777777777" }, /* beyond the archive */
		{ 100, 5, "hello" },
		{ 136, 9, "yesterday" },
		{ 0, 4, "\0\0\0\0" }, /* no name */
	};
	for (uint32_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
		begin();
		memcpy(header('0', "name", "", 0) + wrong[k].at, wrong[k].bytes, wrong[k].size);
		checksum(last_header);
		end();
		open_archive();
		is_refused(ERR_MALFORMED);
	}
}

static void wrong_records_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"path=x\n", /* no length */
		" 9 path=x\n",
		"0 path=x\n",
		"3 path=x\n",          /* ends amid its key */
		"99 path=x\n",         /* beyond the header */
		"4294967305 path=x\n", /* 9 and 2^32 */
		"9 pathxx\n",          /* no = */
		"9 path=xy",           /* no newline */
		"10 path=xy9 path=z\n",
		"12 size=4.5\n",
		"11 size=-1\n",
		"30 size=99999999999999999999\n",
		"30 size=18446744073709551615\n",
		"29 size=9223372036854775807\n",
		"50 size=000000000000000000000000000000000000001\n",
		"12 mtime=x1\n",
		"11 mtime=.\n",
	};
	for (uint32_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
		begin();
		entry('x', "PaxHeaders/x", wrong[k]);
		entry('0', "name", "");
		end();
		open_archive();
		if (next() != ERR_MALFORMED)
			fail_msg("taken: %s", wrong[k]);
		rewind_both();
		is_refused(ERR_MALFORMED);
	}
	begin();
	header('x', "PaxHeaders/x", "", 10);
	contents("10 path=\0\n", 10);
	entry('0', "name", "");
	end();
	open_archive();
	is_refused(ERR_MALFORMED);
}

static void names_without_end_are_refused(void **state)
{
	(void)state;
	static char name[8000];
	begin();
	header('L', "././@LongLink", "", TAR_NAME_MAX + 2);
	memset(name, 'n', sizeof name - 1);
	contents(name, TAR_NAME_MAX + 2);
	entry('0', "nnn", "");
	end();
	open_archive();
	is_refused(ERR_TOO_BIG);
	begin();
	name[TAR_NAME_MAX + 1] = 0;
	pax("path", name);
	entry('0', "nnn", "");
	end();
	open_archive();
	is_refused(ERR_TOO_BIG);
	begin();
	entry('0', "before", "");
	header('x', "PaxHeaders/x", "", (64 << 10) + 1);
	contents(zeros, (64 << 10) + 1);
	entry('0', "nnn", "");
	end();
	open_archive();
	is_file("before", "");
	is_refused(ERR_TOO_BIG);
	begin();
	header('L', "././@LongLink", "", 0);
	entry('0', "nnn", "");
	end();
	open_archive();
	is_refused(ERR_MALFORMED);
}

static void what_is_said_of_nothing_is_refused(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 4; k++) {
		for (uint32_t zero_blocks = 0; zero_blocks < 2; zero_blocks++) {
			begin();
			if (k == 0)
				pax("path", "x");
			else if (k == 1)
				pax("mtime", "1");
			else
				entry(k == 2 ? 'K' : 'L', "././@LongLink", "somewhere");
			if (zero_blocks)
				end();
			open_archive();
			is_refused(ERR_MALFORMED);
		}
	}
	begin();
	entry('g', "global", "16 comment=abcd\n"); /* as git archives an empty tree */
	end();
	open_archive();
	is_end();
}

/* Never an entry whose contents are not all there, and no end amid what belongs to one. */
static void a_cut_archive_is_told(void **state)
{
	(void)state;
	static const struct {
		uint32_t contents, padded; /* where these end */
	} ends[] = { { 516, 1024 }, { 3160, 3584 }, { 4618, 5120 } };
	begin();
	entry('0', "a", "text");
	pax("path", "b");
	header('0', "c", "", 600);
	contents(zeros, 600);
	memcpy(header('S', "d", "", 10) + 257, "ustar  ", 8);
	last_header[482] = 1;
	checksum(last_header);
	raw((uint8_t[TAR_BLOCK]){ 0 }, TAR_BLOCK);
	contents("0123456789", 10);
	assert_int_equal(archive_size, 5120);
	for (archive_size = 0; archive_size < 5120; archive_size++) {
		struct tar_cursor c = { 0 };
		bool at_end = !archive_size;
		int error, count = 0, want = 0;
		read_anew();
		while (!(error = tar_next(&tars[0], &c, &e)))
			count++;
		for (uint32_t k = 0; k < 3; k++) {
			want += archive_size >= ends[k].contents;
			at_end |=
			        archive_size >= ends[k].contents && archive_size <= ends[k].padded;
		}
		assert_int_equal(count, want);
		assert_int_equal(error, at_end ? ERR_ABSENT : ERR_MALFORMED);
	}
}

static void a_device_ends_where_it_ends(void **state)
{
	(void)state;
	char bytes[8];
	struct tar_cursor far = { UINT64_MAX - 100 };
	begin();
	header('0', "a", "", 1024); /* 512 are there */
	raw((uint8_t[TAR_BLOCK]){ 1 }, TAR_BLOCK);
	open_archive();
	is_refused(ERR_MALFORMED);
	assert_int_equal(tar_next(&tars[1], &far, &e), ERR_ABSENT);
	/* An entry of another archive. */
	e = (struct tar_entry){ .at = 4096, .size = 100 };
	assert_int_equal(tar_read(&tars[1], &e, 0, bytes, 8), ERR_INVALID);
	assert_int_equal(tar_read(&tars[0], &e, 0, bytes, 8), ERR_INVALID);
	e = (struct tar_entry){ .at = UINT64_MAX - 4, .size = 100 };
	assert_int_equal(tar_read(&tars[1], &e, 50, bytes, 8), ERR_INVALID);
	assert_int_equal(tar_read(&tars[0], &e, 0, bytes, 8), ERR_INVALID);
}

/* A device that fails once: the walk goes on where it was, and no name is lost on the way. */
static void a_failed_read_can_be_done_again(void **state)
{
	(void)state;
	static char name[TAR_NAME_MAX + 1], filler[2500];
	memset(name, 'n', TAR_NAME_MAX);
	memset(filler, 'f', sizeof filler - 1);
	begin();
	entry('0', "first", filler);
	pax("path", name); /* lies across two windows */
	entry('0', "short", "text");
	end();
	open_archive();
	for (uint64_t number = 1; number < 6; number++) {
		struct tar_cursor c = { 0 };
		int error, errors = 0, count = 0;
		tars[1].buffered = 0;
		disk.requests = 0;
		disk.fail_at = number;
		disk.fail_once = true;
		while ((error = tar_next(&tars[1], &c, &e)) != ERR_ABSENT) {
			if (!error) {
				assert_string_equal(e.name, count++ ? name : "first");
				continue;
			}
			assert_int_equal(error, ERR_IO);
			assert_true(++errors == 1);
		}
		assert_int_equal(count, 2);
		assert_int_equal(errors, disk.requests >= number);
	}
}

/* ---- Debian's tar ---- */

static char folder[] = "/tmp/ampoule-tar-XXXXXX";

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
	char command[1400], whole[1500];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "cd %s && { %s; } >log 2>&1", folder, command);
	return system(whole);
}

static void clean_up(void)
{
	if (shell("rm -rf %s", folder))
		fprintf(stderr, "%s is left\n", folder);
}

static void load_archive(void)
{
	char path[64];
	snprintf(path, sizeof path, "%s/archive", folder);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	archive_size = fread(archive, 1, ARCHIVE_MAX, f);
	fclose(f);
	assert_true(archive_size && archive_size < ARCHIVE_MAX);
}

#define FOLDERS                                                                                    \
	"tree/a folder of a long name/a folder of a long name/a folder of a long name/"            \
	"a folder of a long name/a folder of a long name/a folder of a long name"

static void what_debians_tar_writes_is_read(void **state)
{
	(void)state;
	/* Bit by bit, of `want`: what the format has no place for. Sparse files are left out then,
	 * since 2.6 MB are too much here. */
	static const struct {
		const char *name;
		uint32_t cannot;
	} formats[] = {
		{ "v7", 0x25c }, { "oldgnu", 0 }, { "gnu", 0 }, { "ustar", 0x210 }, { "pax", 0 }
	};
	static const struct {
		const char *name;
		enum tar_kind kind;
		const char *text;
	} want[] = {
		{ "tree", TAR_DIRECTORY, NULL },
		{ "tree/a", TAR_FILE, "text" },
		{ FOLDERS, TAR_DIRECTORY, NULL },
		{ FOLDERS "/file", TAR_FILE, "deep" },
		{ "tree/early", TAR_FILE, "before 1970" },
		{ "tree/empty", TAR_FILE, "" },
		{ "tree/fifo", TAR_OTHER, NULL },
		{ "tree/hard", TAR_LINK, "tree/a" },
		{ "tree/soft", TAR_SYMBOLIC, "../elsewhere" },
		{ "tree/sparse", TAR_OTHER, NULL },
		{ "tree/z", TAR_FILE, "the last" },
	};
	if (system("command -v tar >/dev/null")) {
		fprintf(stderr, "skipped: tar is missing\n");
		skip();
	}
	assert_non_null(mkdtemp(folder));
	atexit(clean_up);
	assert_int_equal(shell("mkdir -p '" FOLDERS "' && printf text >tree/a && : >tree/empty && "
	                       "ln -s ../elsewhere tree/soft && ln tree/a tree/hard && "
	                       "mkfifo tree/fifo && printf deep >'" FOLDERS "/file' && "
	                       "printf 'before 1970' >tree/early && "
	                       "touch -d 1960-01-01 tree/early && printf 'the last' >tree/z && "
	                       "for k in $(seq 40); do printf x | dd of=tree/sparse bs=1 "
	                       "seek=$((k * 65536)) conv=notrunc; done"),
	                 0);
	for (uint32_t k = 0; k < sizeof formats / sizeof *formats; k++) {
		uint32_t seen = 0;
		int error;
		shell("tar --format=%s --sort=name %s -cf archive tree", formats[k].name,
		      formats[k].cannot ? "--exclude sparse" : "-S --hole-detection=raw");
		load_archive();
		open_archive();
		while (!(error = next())) {
			uint32_t w = 0;
			while (w < sizeof want / sizeof *want && strcmp(want[w].name, e.name))
				w++;
			/* The folders above FOLDERS; how a sparse file is called is its format's.
			 */
			if (w == sizeof want / sizeof *want) {
				bool is_sparse = strstr(e.name, "sparse") != NULL;
				assert_int_equal(e.kind, is_sparse ? TAR_OTHER : TAR_DIRECTORY);
				seen |= is_sparse ? 1u << 9 : 0;
				continue;
			}
			assert_int_equal(e.kind, want[w].kind);
			seen |= 1u << w;
			if (e.kind == TAR_FILE) {
				assert_int_equal(e.size, strlen(want[w].text));
				assert_memory_equal(e.data, want[w].text, e.size);
				assert_true(w == 4 ? e.modified <= 0 : e.modified > 1700000000);
			} else if (want[w].text) {
				assert_string_equal(e.link, want[w].text);
			}
		}
		assert_int_equal(error, ERR_ABSENT);
		assert_int_equal(seen, 0x7ff & ~formats[k].cannot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_directories_and_links_are_told_apart),
		cmocka_unit_test(v7_marks_directories_by_a_slash),
		cmocka_unit_test(what_is_no_file_is_skipped),
		cmocka_unit_test(ustar_names_have_a_prefix),
		cmocka_unit_test(gnu_long_names_are_whole),
		cmocka_unit_test(pax_records_go_before_the_header),
		cmocka_unit_test(an_empty_record_takes_back_what_was_said),
		cmocka_unit_test(numbers_may_be_base_256_or_padded),
		cmocka_unit_test(old_sums_of_signed_bytes_are_taken),
		cmocka_unit_test(sparse_files_are_skipped),
		cmocka_unit_test(names_with_dots_come_as_they_are),
		cmocka_unit_test(the_last_of_a_name_is_found),
		cmocka_unit_test(contents_lie_across_windows),
		cmocka_unit_test(an_end_may_be_missing),
		cmocka_unit_test(what_is_no_tar_is_refused),
		cmocka_unit_test(each_changed_byte_of_a_header_is_noticed),
		cmocka_unit_test(wrong_numbers_are_refused),
		cmocka_unit_test(wrong_records_are_refused),
		cmocka_unit_test(names_without_end_are_refused),
		cmocka_unit_test(what_is_said_of_nothing_is_refused),
		cmocka_unit_test(a_cut_archive_is_told),
		cmocka_unit_test(a_device_ends_where_it_ends),
		cmocka_unit_test(a_failed_read_can_be_done_again),
		cmocka_unit_test(what_debians_tar_writes_is_read),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(exact);
	disk_close(&disk);
	return failed;
}
