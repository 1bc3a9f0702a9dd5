/* SPDX-License-Identifier: ISC */
/* `ampoule store dump`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <store/dump.h>
#include <store/format.h>
#include <store/sql.h>
#include <store/verbs.h>

/* ---- The output ---- */

struct output {
	FILE *to;
	const char *path; /* null: standard output */
	char *beside;     /* it gets its name when all is there */
};

static void output_open(struct output *o, const char *path)
{
	*o = (struct output){ .to = stdout, .path = path };
	if (!path)
		return;
	struct stat s;
	bool file = stat(path, &s) || S_ISREG(s.st_mode);
	o->beside = file ? keep_format("%s.part", path) : NULL;
	o->to = fopen(file ? o->beside : path, "w");
	if (!o->to)
		die(AMP_EXIT_TENDER, "%s cannot be written: %s", path, strerror(errno));
}

static void output_drop(struct output *o)
{
	if (o->beside)
		unlink(o->beside);
}

static void output_done(struct output *o)
{
	if (!o->path)
		return; /* whoever watches standard output tells */
	bool done = !fflush(o->to) && !ferror(o->to);
	done = !fclose(o->to) && done && (!o->beside || !rename(o->beside, o->path));
	if (done)
		return;
	int error = errno;
	output_drop(o);
	die(AMP_EXIT_TENDER, "%s cannot be written: %s", o->path, strerror(error));
}

/* ---- A B-tree ---- */

struct dumping {
	const struct store_options *options;
	struct output output;
	uint64_t lost, count;
	bool quiet; /* the first walk of a salvage, which only looks */
};

static const char *range_text(const struct tree_range *r)
{
	static char text[3 * KEY_TEXT_MAX];
	char low[KEY_TEXT_MAX], high[KEY_TEXT_MAX];
	key_text(low, r->low);
	if (r->high.bytes)
		key_text(high, r->high);
	if (r->high.bytes && !key_compare(r->low, r->high))
		snprintf(text, sizeof text, "the value of %s", low);
	else if (!r->low.size && !r->high.bytes)
		snprintf(text, sizeof text, "all keys");
	else if (!r->low.size)
		snprintf(text, sizeof text, "keys before %s", high);
	else if (!r->high.bytes)
		snprintf(text, sizeof text, "keys from %s on", low);
	else
		snprintf(text, sizeof text, "keys from %s on, before %s", low, high);
	return text;
}

static void damaged(void *of, uint64_t page, const char *what, const struct tree_range *r)
{
	struct dumping *d = of;
	char first[KEY_TEXT_MAX], last[KEY_TEXT_MAX];
	if (d->quiet)
		return;
	if (!d->options->salvage) {
		output_drop(&d->output);
		die(STORE_UNSOUND, "%s: page %llu is %s: --salvage goes around it",
		    d->options->file, (unsigned long long)page, what);
	}
	if (!what) {
		fprintf(stderr, "found: page %llu, without its sum: keys %s to %s\n",
		        (unsigned long long)page, key_text(first, r->low), key_text(last, r->high));
		return;
	}
	d->lost++;
	if (r)
		fprintf(stderr, "lost: page %llu, %s: %s\n", (unsigned long long)page, what,
		        range_text(r));
	else
		fprintf(stderr, "damaged: page %llu, %s: nothing is lost by it\n",
		        (unsigned long long)page, what);
}

static void entry(void *of, struct key key, const uint8_t *value, uint32_t size)
{
	struct dumping *d = of;
	if (!value || d->quiet)
		return;
	d->count++;
	if (d->options->raw)
		dump_raw(d->output.to, key, value, size);
	else
		dump_json(d->output.to, key, value, size);
}

/* Of two roots the newest that is whole counts: a damaged one may have been newer. */
static void look_at_roots(struct dumping *d, const struct content *c)
{
	for (uint32_t k = 0; k < AMP_BTREE_ROOTS; k++) {
		if (!c->roots[k].damaged || c->roots[k].found == RECORD_GOOD)
			continue;
		if (!d->options->salvage)
			die(STORE_UNSOUND,
			    "%s: page %u, a root, is damaged, and may have been the newest: "
			    "--salvage "
			    "takes the state of the other one",
			    d->options->file, k);
		d->lost++;
		fprintf(stderr,
		        "lost: page %u, a root: the changes of the last commit, if it was "
		        "the newest\n",
		        k);
	}
}

/* Once to see what can be reached, with the map; then for good. */
static void salvage(struct tree *t, struct dumping *d)
{
	d->quiet = true;
	tree_map_read(t);
	tree_walk(t);
	if (t->lost)
		tree_orphans_find(t);
	d->quiet = false;
	memset(t->seen, 0, t->state.pages / 8 + 1);
	t->keys = t->used_count = 0;
	t->lost = false;
	t->salvage = true;
	tree_map_read(t); /* for what it has to tell */
	tree_walk(t);
}

static int dump_btree(const struct store_options *o, struct disk *disk, const struct content *c)
{
	struct dumping d = { .options = o };
	struct tree t = {
		.disk = disk, .state = c->state, .damage = damaged, .entry = entry, .of = &d
	};
	if (o->sql)
		die(AMP_EXIT_USAGE, "%s holds a B-tree: --sql is for databases", o->file);
	if (c->tree_found != TREE_FOUND)
		die(STORE_UNSOUND, "%s: no root is whole, so nothing leads to what is there",
		    o->file);
	look_at_roots(&d, c);
	if (c->state.pages > disk->size / TREE_PAGE && !o->salvage)
		die(STORE_UNSOUND,
		    "%s has %llu bytes, the store on it needs %llu: it was shrunk, or not copied "
		    "to "
		    "its end; --salvage takes what is there",
		    o->file, (unsigned long long)disk->size,
		    (unsigned long long)c->state.pages * TREE_PAGE);
	if (tree_open(&t))
		die(AMP_EXIT_TENDER, "out of memory");
	output_open(&d.output, o->other);
	if (o->raw)
		dump_raw_begin(d.output.to);
	if (o->salvage)
		salvage(&t, &d);
	else
		tree_walk(&t);
	if (o->raw)
		dump_raw_end(d.output.to, d.count);
	output_done(&d.output);
	if (o->salvage)
		fprintf(stderr, "%llu of %llu keys are in the dump\n", (unsigned long long)d.count,
		        (unsigned long long)c->state.keys);
	tree_close(&t);
	return d.lost ? STORE_UNSOUND : 0;
}

/* ---- A volume ---- */

static void volume_file(struct volume *v, int file, const char *path)
{
	struct output out;
	struct defect why;
	output_open(&out, path);
	if (volume_dump(v, file, out.to, &why)) {
		output_drop(&out);
		die(AMP_EXIT_TENDER, "%s", why.text);
	}
	output_done(&out);
}

static int dump_sql(const struct store_options *o, struct volume *v)
{
	struct output out;
	struct defect why;
	output_open(&out, o->other);
	if (sql_dump(v, out.to, &why)) {
		output_drop(&out);
		die(STORE_UNSOUND, "%s", why.text);
	}
	output_done(&out);
	return 0;
}

static int dump_volume(const struct store_options *o, struct content *c)
{
	struct volume *v = &c->volume;
	if (c->volume_found == VOLUME_BLANK)
		die(AMP_EXIT_USAGE, "%s: nothing has been committed to it yet", o->file);
	if (c->volume_found != VOLUME_FOUND)
		die(STORE_UNSOUND,
		    "%s: no root of the volume is whole, or it does not fit the file", o->file);
	if (o->raw || o->salvage)
		die(AMP_EXIT_USAGE, "%s holds a database, which is dumped as it is, or with --sql",
		    o->file);
	if (o->sql)
		return dump_sql(o, v);
	/* SQLite finds a journal by its name, and takes back what it is about. */
	bool journal = volume_is_amid(v);
	if (journal && !o->other)
		die(AMP_EXIT_USAGE,
		    "%s is amid a transaction, and its journal has to lie beside the database: "
		    "give "
		    "-o FILE",
		    o->file);
	if (journal)
		volume_file(v, AMP_VOLUME_FILE_JOURNAL, keep_format("%s-journal", o->other));
	volume_file(v, AMP_VOLUME_FILE_DATABASE, o->other);
	return 0;
}

int store_dump(const struct store_options *o)
{
	struct disk d;
	struct content c;
	struct defect why;
	if (disk_open(&d, o->file, DISK_READ, &why) || format_look(&c, &d, &why))
		die(AMP_EXIT_TENDER, "%s", why.text);
	int status = 0;
	if (c.format == FORMAT_BTREE)
		status = dump_btree(o, &d, &c);
	else if (c.format == FORMAT_VOLUME)
		status = dump_volume(o, &c);
	else
		die(AMP_EXIT_USAGE,
		    c.format == FORMAT_BLANK ? "%s is blank: there is nothing in it"
		                             : "%s holds %s: want a B-tree or a volume of SQLite",
		    o->file, c.words);
	disk_close(&d);
	return status;
}
