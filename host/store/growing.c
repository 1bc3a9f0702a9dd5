/* SPDX-License-Identifier: ISC */
/*
 * `ampoule store grow`. A file may grow while an appliance has it: that keeps to the size that it has seen. A B-tree takes what it
 * finds more at its next start; a volume has its journal at its end, whose place has to be moved while nobody uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <store/format.h>
#include <store/verbs.h>

#define UNIT 4096u

static void enlarge(struct disk *d, uint64_t size)
{
	int fd = open(d->path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size) || fsync(fd))
		die(AMP_EXIT_TENDER, "%s cannot be enlarged: %s", d->path, strerror(errno));
	close(fd);
	d->size = size;
}

static uint64_t wanted(const struct store_options *o, const struct disk *d)
{
	uint64_t size = o->size_more ? d->size + o->size : o->size;
	if (d->device && size != d->size)
		die(AMP_EXIT_USAGE,
		    "%s is a device: enlarge it by its own tools, then give the size that it has "
		    "(%llu)",
		    d->path, (unsigned long long)d->size);
	if (size < d->size)
		die(AMP_EXIT_USAGE,
		    "%s has %llu bytes: a store can grow, not shrink; load a dump "
		    "into a smaller file",
		    d->path, (unsigned long long)d->size);
	if (size % UNIT)
		die(AMP_EXIT_USAGE, "%llu bytes are no multiple of %u", (unsigned long long)size,
		    UNIT);
	if (size > (uint64_t)1 << 62)
		die(AMP_EXIT_USAGE, "%llu bytes are too many", (unsigned long long)size);
	return size;
}

static void grow_volume(const struct store_options *o)
{
	struct disk d;
	struct content c;
	struct defect why;
	if (disk_open(&d, o->file, DISK_WRITE, &why) || format_look(&c, &d, &why))
		die(AMP_EXIT_TENDER, "%s", why.text);
	if (c.volume_found == VOLUME_DAMAGED)
		die(STORE_UNSOUND, "%s: no root of the volume is whole: it stays as it is",
		    o->file);
	if (c.volume_found == VOLUME_FOUND && volume_is_amid(&c.volume))
		die(AMP_EXIT_USAGE,
		    "%s is amid a transaction: start its appliance once, which takes it back, then "
		    "grow it",
		    o->file);
	uint64_t size = wanted(o, &d);
	if (!d.device)
		enlarge(&d, size);
	if (c.volume_found == VOLUME_FOUND && volume_grow(&c.volume, &why))
		die(AMP_EXIT_TENDER, "%s", why.text);
	printf("%s: %llu bytes\n", o->file, (unsigned long long)d.size);
	disk_close(&d);
}

int store_grow(const struct store_options *o)
{
	struct disk d;
	struct content c;
	struct defect why;
	if (disk_open(&d, o->file, DISK_LIVE, &why) || format_look(&c, &d, &why))
		die(AMP_EXIT_TENDER, "%s", why.text);
	if (c.format == FORMAT_VOLUME) {
		disk_close(&d);
		grow_volume(o);
		return 0;
	}
	if (c.format == FORMAT_OTHER)
		die(AMP_EXIT_USAGE, "%s holds %s: want a B-tree or a volume of SQLite", o->file,
		    c.words);
	uint64_t size = wanted(o, &d);
	if (c.format == FORMAT_BTREE && size / TREE_PAGE > AMP_BTREE_PAGES_MAX)
		tell("a B-tree uses %llu bytes at most",
		     (unsigned long long)AMP_BTREE_PAGES_MAX * TREE_PAGE);
	if (!d.device)
		enlarge(&d, size);
	printf("%s: %llu bytes%s\n", o->file, (unsigned long long)d.size,
	       c.format == FORMAT_BTREE ? ", which the store uses from its next start on" : "");
	disk_close(&d);
	return 0;
}
