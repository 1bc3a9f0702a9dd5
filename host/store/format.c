/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>

#include <store/format.h>

#define HEAD (2 * TREE_PAGE)

/* Some record of its roots is still named. */
static bool names_btree(const uint8_t *head)
{
	static const uint32_t at[] = { 0, TREE_PAGE - AMP_BTREE_RECORD, TREE_PAGE,
		                       2 * TREE_PAGE - AMP_BTREE_RECORD };
	for (unsigned k = 0; k < sizeof at / sizeof *at; k++)
		if (!memcmp(head + at[k], AMP_BTREE_MAGIC, 8))
			return true;
	return false;
}

static const char *other(const uint8_t *head)
{
	return !memcmp(head, "SQLite format 3", 16) ? "a database of SQLite's, not in a volume"
	       : !memcmp(head,
	                 "\x7f"
	                 "ELF",
	                 4)
	               ? "a program or an image"
	       : head[510] == 0x55 && head[511] == 0xaa ? "a FAT volume or a partition table"
	                                                : "no store that is known here";
}

int format_look(struct content *c, struct disk *d, struct defect *why)
{
	uint8_t head[HEAD] = { 0 }, any = 0;
	size_t n = d->size < HEAD ? (size_t)d->size : HEAD;
	*c = (struct content){ .format = FORMAT_OTHER };
	if (!disk_read(d, 0, head, n) ||
	    (n == HEAD && !tree_roots(d, c->roots, &c->tree_found, &c->state)) ||
	    !volume_look(&c->volume, d, &c->volume_found))
		return defect_set(why, "%s cannot be read: %s", d->path, strerror(errno));
	for (size_t k = 0; k < n; k++)
		any |= head[k];
	c->words = other(head);
	if (!any) {
		c->format = FORMAT_BLANK;
		c->words = "blank";
	} else if (n == HEAD && (c->tree_found == TREE_FOUND || names_btree(head))) {
		c->format = FORMAT_BTREE;
		c->words = "a B-tree";
	} else if (c->volume.named[0] || c->volume.named[1]) {
		c->format = FORMAT_VOLUME;
		c->words = "a volume of SQLite";
	}
	return 0;
}
