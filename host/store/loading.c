/* SPDX-License-Identifier: ISC */
/* `ampoule store load`: a B-tree of a dump's entries, or a volume of a database. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <store/spool.h>
#include <store/target.h>
#include <store/verbs.h>
#include <store/volume.h>

#define MODE_NEW 0600 /* what is in a store is its owner's */

/* Where a store lies: the size asked for; else that of what is there; else what it needs and as much again. */
static uint64_t size_for(const struct store_options *o, uint64_t needed)
{
	uint64_t there = target_size(o->file);
	uint64_t twice = (2 * needed + (1 << 20) - 1) >> 20 << 20;
	return o->size ? o->size : there ? there : twice;
}

_Noreturn static void give_up(struct target *t, int status, const struct defect *why)
{
	target_drop(t);
	die(status, "%s", why->text);
}

/* Until all is there, whoever looks finds a blank device. */
static int blank_roots(struct disk *d, struct defect *why)
{
	static const uint8_t zeros[AMP_BTREE_ROOTS * TREE_PAGE];
	if (disk_write(d, 0, zeros, sizeof zeros) && disk_flush(d))
		return 0;
	return defect_set(why, "%s cannot be written: %s", d->path, strerror(errno));
}

/* At most: pages that are nine tenths full and larger by a cell, with the branches above. */
static uint64_t btree_bytes(const struct spool *s)
{
	return s->size / 2 * 3 + s->count * 32 + (256 << 10);
}

static int load_btree(const struct store_options *o, struct dump_reader *from)
{
	struct spool s;
	struct target t;
	struct defect why;
	if (spool_fill(&s, from, &why)) {
		spool_close(&s);
		die(AMP_EXIT_USAGE, "%s", why.text);
	}
	uint64_t size = size_for(o, btree_bytes(&s));
	if (size / TREE_PAGE < AMP_BTREE_PAGES_MIN)
		die(AMP_EXIT_USAGE, "a B-tree has at least %u bytes: give --size",
		    AMP_BTREE_PAGES_MIN * TREE_PAGE);
	if (target_open(&t, o->file, size, o->force, MODE_NEW, &why))
		give_up(&t, AMP_EXIT_USAGE, &why);
	struct tree_build *b = tree_build_new(&t.disk, t.disk.size / TREE_PAGE);
	int failed = b ? blank_roots(&t.disk, &why) : defect_set(&why, "out of memory");
	for (uint64_t k = 0; k < s.count && !failed; k++) {
		struct tree_entry e = spool_entry(&s, k);
		failed = tree_build_add(b, &e, &why);
	}
	if (failed || tree_build_end(b, &why))
		give_up(&t, AMP_EXIT_TENDER, &why);
	printf("%s: a B-tree of %llu pages, of which %llu are in use; %llu keys\n", o->file,
	       (unsigned long long)(t.disk.size / TREE_PAGE),
	       (unsigned long long)tree_build_pages(b), (unsigned long long)s.count);
	if (target_done(&t, &why))
		give_up(&t, AMP_EXIT_TENDER, &why);
	tree_build_free(b);
	spool_close(&s);
	return 0;
}

/* ---- A volume ---- */

/* A database that comes through a pipe has to be measured first. */
static FILE *seekable(FILE *from, uint64_t *size, struct defect *why)
{
	struct stat s;
	char bytes[65536];
	if (!fstat(fileno(from), &s) && S_ISREG(s.st_mode) && !fseeko(from, 0, SEEK_SET)) {
		*size = (uint64_t)s.st_size;
		return from;
	}
	FILE *to = tmpfile();
	*size = 0;
	for (size_t n; to && (n = fread(bytes, 1, sizeof bytes, from)) > 0; *size += n)
		if (fwrite(bytes, 1, n, to) != n) {
			defect_set(why, "no room for a temporary file: %s", strerror(errno));
			return NULL;
		}
	if (!to || ferror(from) || fflush(to) || fseeko(to, 0, SEEK_SET)) {
		defect_set(why, "the dump cannot be read: %s", strerror(errno));
		return NULL;
	}
	return to;
}

static const char *database_flaw(FILE *from, uint64_t size)
{
	uint8_t head[100];
	if (!size)
		return NULL;
	if (size < sizeof head || fread(head, 1, sizeof head, from) != sizeof head)
		return "a database shorter than its head";
	rewind(from);
	if (head[18] == 2 || head[19] == 2)
		return "a database in WAL mode, which a volume has no file for: `PRAGMA "
		       "journal_mode=DELETE` in it first";
	return volume_database_flaw(head, size);
}

static int load_volume(const struct store_options *o, FILE *input, const char *name)
{
	struct target t;
	struct defect why;
	uint64_t size;
	FILE *from = seekable(input, &size, &why);
	if (!from)
		die(AMP_EXIT_TENDER, "%s", why.text);
	/* Its journal is a part of it: without that it may be amid a transaction. */
	struct stat s;
	if (o->other && !stat(keep_format("%s-journal", o->other), &s) && s.st_size)
		die(AMP_EXIT_USAGE,
		    "%s has a journal beside it: open it with sqlite3 once, which takes back what "
		    "was not committed",
		    name);
	const char *flaw = database_flaw(from, size);
	if (flaw)
		die(AMP_EXIT_USAGE, "%s is %s", name, flaw);
	uint64_t want = volume_size_for(size);
	if (target_open(&t, o->file, size_for(o, want / 2), o->force, MODE_NEW, &why))
		give_up(&t, AMP_EXIT_USAGE, &why);
	if (volume_make(&t.disk, from, size, &why))
		give_up(&t, AMP_EXIT_TENDER, &why);
	printf("%s: a volume of SQLite, %llu bytes; a database of %llu bytes\n", o->file,
	       (unsigned long long)t.disk.size, (unsigned long long)size);
	if (target_done(&t, &why))
		give_up(&t, AMP_EXIT_TENDER, &why);
	return 0;
}

int store_load(const struct store_options *o)
{
	const char *name = o->other ? o->other : "standard input";
	FILE *from = o->other ? fopen(o->other, "r") : stdin;
	struct dump_reader r;
	struct defect why;
	if (!from)
		die(AMP_EXIT_USAGE, "%s: %s", name, strerror(errno));
	int c = getc(from);
	if (c == EOF && ferror(from))
		die(AMP_EXIT_USAGE, "%s: %s", name, strerror(errno));
	ungetc(c, from);
	bool database = o->as ? !strcmp(o->as, "sqlite") : c == 'S';
	if (database)
		return load_volume(o, from, name);
	if (dump_reader_open(&r, from, name, &why))
		die(AMP_EXIT_USAGE, "%s", why.text);
	int status = load_btree(o, &r);
	dump_reader_close(&r);
	return status;
}
