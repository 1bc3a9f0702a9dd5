/* SPDX-License-Identifier: ISC */
/* `ampoule store check`: what is sound and what is not. */
#include <stdio.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <store/dump.h>
#include <store/format.h>
#include <store/sql.h>
#include <store/verbs.h>

struct report {
	const char *path;
	uint64_t damages;
};

static void range_print(const struct tree_range *r)
{
	char low[KEY_TEXT_MAX], high[KEY_TEXT_MAX];
	if (r->high.bytes && !key_compare(r->low, r->high)) {
		printf("; the value of %s", key_text(low, r->low));
		return;
	}
	if (!r->low.size && !r->high.bytes)
		printf("; all keys");
	if (r->low.size)
		printf("; keys from %s on", key_text(low, r->low));
	if (r->high.bytes)
		printf("%s before %s", r->low.size ? "," : "; keys", key_text(high, r->high));
}

static void damaged(void *of, uint64_t page, const char *what, const struct tree_range *r)
{
	struct report *report = of;
	report->damages++;
	printf("damaged: page %llu, %s", (unsigned long long)page, what);
	if (r)
		range_print(r);
	putchar('\n');
}

static void volume_damaged(void *of, const char *what)
{
	struct report *report = of;
	report->damages++;
	printf("damaged: %s\n", what);
}

static void roots_print(struct report *report, const struct content *c)
{
	for (uint32_t k = 0; k < AMP_BTREE_ROOTS; k++) {
		const struct tree_root *r = &c->roots[k];
		bool newest = c->tree_found == TREE_FOUND && r->found == RECORD_GOOD &&
		              r->state.generation == c->state.generation;
		if (r->found == RECORD_GOOD)
			printf("root %u: generation %llu%s%s\n", k,
			       (unsigned long long)r->state.generation,
			       newest ? ", the state in use" : "",
			       r->torn ? ", of which one copy was not written yet: the next start "
			                 "does that"
			               : "");
		else if (r->found == RECORD_BLANK && !r->damaged)
			printf("root %u: not written yet\n", k);
		if (!r->damaged && (r->found == RECORD_GOOD || r->found == RECORD_BLANK))
			continue;
		report->damages++;
		printf("damaged: page %u, %s\n", k,
		       r->found == RECORD_GOOD
		               ? "a copy of root that is whole in another place: the "
		                 "next start mends it"
		               : "a root");
	}
}

static void check_btree(struct report *report, struct disk *d, const struct content *c)
{
	printf("%s: a B-tree", d->path);
	if (c->tree_found == TREE_FOUND)
		printf(" of %llu pages, of which %llu are in use; %llu keys",
		       (unsigned long long)c->state.pages, (unsigned long long)c->state.used,
		       (unsigned long long)c->state.keys);
	putchar('\n');
	roots_print(report, c);
	if (c->tree_found != TREE_FOUND) {
		if (!report->damages++)
			printf("damaged: no root is whole\n");
		return;
	}
	if (c->state.pages > d->size / TREE_PAGE) {
		report->damages++;
		printf("damaged: the file has %llu bytes, the store on it needs %llu: it was "
		       "shrunk, or not copied to its end\n",
		       (unsigned long long)d->size, (unsigned long long)c->state.pages * TREE_PAGE);
		return;
	}
	struct tree t = { .disk = d, .state = c->state, .damage = damaged, .of = report };
	if (tree_open(&t))
		die(AMP_EXIT_TENDER, "out of memory");
	tree_check(&t);
	printf("tree: %s, %llu keys read\n", t.lost ? "not all of it can be reached" : "whole",
	       (unsigned long long)t.keys);
	if (t.map_whole)
		printf("map of free pages: read\n");
	if (d->size / TREE_PAGE > c->state.pages)
		printf("the file has %llu pages more, which the next start uses\n",
		       (unsigned long long)(d->size / TREE_PAGE - c->state.pages));
	tree_close(&t);
}

static void check_volume(struct report *report, struct disk *d, struct content *c)
{
	struct volume *v = &c->volume;
	printf("%s: a volume of SQLite", d->path);
	if (c->volume_found == VOLUME_FOUND)
		printf(", %llu bytes; a database of %llu bytes%s", (unsigned long long)v->root.end,
		       (unsigned long long)v->root.size[AMP_VOLUME_FILE_DATABASE],
		       volume_is_amid(v) ? ", amid a transaction that the next start takes back"
		                         : "");
	putchar('\n');
	for (int k = 0; k < 2; k++)
		if (v->whole[k])
			printf("root %d: number %llu%s\n", k, (unsigned long long)v->sequence[k],
			       v->sequence[k] == v->root.sequence ? ", in use" : "");
	volume_check(v, volume_damaged, report);
	if (c->volume_found == VOLUME_FOUND) {
		struct defect why;
		if (sql_check(v, volume_damaged, report, &why))
			die(AMP_EXIT_TENDER, "%s", why.text);
		return;
	}
	if (c->volume_found == VOLUME_BLANK) {
		printf("its first root was not all written: the next start makes it anew\n");
		return;
	}
	if (!report->damages++)
		printf("damaged: no root is whole, or it does not fit the file, which has %llu "
		       "bytes\n",
		       (unsigned long long)d->size);
}

int store_check(const struct store_options *o)
{
	struct disk d;
	struct content c;
	struct defect why;
	struct report report = { .path = o->file };
	if (disk_open(&d, o->file, DISK_READ, &why) || format_look(&c, &d, &why))
		die(AMP_EXIT_TENDER, "%s", why.text);
	if (c.format == FORMAT_BLANK || c.format == FORMAT_OTHER)
		die(AMP_EXIT_USAGE,
		    c.format == FORMAT_BLANK ? "%s is blank: an appliance makes its store there at "
		                               "its first start"
		                             : "%s holds %s: want a B-tree or a volume of SQLite",
		    o->file, c.words);
	if (c.format == FORMAT_BTREE)
		check_btree(&report, &d, &c);
	else
		check_volume(&report, &d, &c);
	if (report.damages)
		printf("NOT SOUND: %llu place%s\n", (unsigned long long)report.damages,
		       report.damages == 1 ? "" : "s");
	else
		printf("sound\n");
	disk_close(&d);
	return report.damages ? STORE_UNSOUND : 0;
}
