/* SPDX-License-Identifier: ISC */
/*
 * `ampoule store copy`. A B-tree is copied by its sums (tree_copy.h), at rest or not, and only if it changes faster than that ends is
 * its appliance held. Anything else is copied as it lies: at rest under a lock, else with the tender's help (hold.h).
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <store/format.h>
#include <store/hold.h>
#include <store/target.h>
#include <store/tree_copy.h>
#include <store/verbs.h>

#ifndef ROUNDS_FREE    /* a test has none */
#define ROUNDS_FREE 24 /* of a B-tree, before its appliance is held */
#endif
#define HOLD_NS  1000000000u /* the longest pause of an appliance */
#define HOLDS    8u          /* tries */
#define LITTLE   16u         /* chunks: what may be left for a pause, 1 MiB */
#define PASSES   16u         /* over what was written meanwhile, before a pause is tried */
#define GRACE_MS 1000
#define AGAIN    4u /* the file has grown, or its appliance has ended */

enum copied { COPIED, COPY_AGAIN, COPY_FAILED };

struct copying {
	const struct store_options *options;
	struct disk from;
	struct content content;
	struct target to;
	struct defect why;
	bool damaged; /* what was to be copied is */
	mode_t mode;
	uint8_t *bulk;
};

/* ---- As it lies ---- */

static bool range_copy(struct copying *c, uint64_t at, uint64_t size)
{
	while (size) {
		size_t n = size < DISK_BULK ? (size_t)size : DISK_BULK;
		if (!disk_read(&c->from, at, c->bulk, n)) {
			defect_set(&c->why, "%s cannot be read at byte %llu: %s", c->from.path,
			           (unsigned long long)at, strerror(errno));
			return false;
		}
		if (!disk_write(&c->to.disk, at, c->bulk, n)) {
			defect_set(&c->why, "%s cannot be written: %s", c->to.path,
			           strerror(errno));
			return false;
		}
		at += n;
		size -= n;
	}
	return true;
}

/* The blocks of both are one from then on, until one changes: where the file system has that. */
static bool clone_file(struct copying *c)
{
	return !c->from.device && !c->to.disk.device && !ioctl(c->to.disk.fd, FICLONE, c->from.fd);
}

static bool all_copy(struct copying *c)
{
	/* A new file's holes are zeros; a device has to be told. */
	if (c->to.disk.device)
		return range_copy(c, 0, c->from.size);
	for (uint64_t at = 0, n; (n = disk_data(&c->from, &at)) > 0; at += n)
		if (!range_copy(c, at, n))
			return false;
	return true;
}

static enum copied copy_at_rest(struct copying *c)
{
	if (!clone_file(c) && !all_copy(c))
		return COPY_FAILED;
	printf("%s: a copy of %s, %llu bytes\n", c->options->other, c->options->file,
	       (unsigned long long)c->from.size);
	return COPIED;
}

/* ---- While it is written to ---- */

/* The tender has gone: there is nobody to ask, and it is at rest, or will be another one's. */
static enum copied went(struct copying *c)
{
	defect_set(&c->why, "%s: its appliance comes and goes: try again", c->from.path);
	return COPY_AGAIN;
}

static bool noted_copy(struct copying *c, struct hold *h)
{
	uint64_t chunk = 0;
	while ((chunk = hold_noted(h, chunk)) != UINT64_MAX) {
		uint64_t at = chunk * BLOCK_COPY_CHUNK, left = c->from.size - at;
		if (at >= c->from.size ||
		    !range_copy(c, at, left < BLOCK_COPY_CHUNK ? left : BLOCK_COPY_CHUNK))
			return at >= c->from.size;
	}
	return true;
}

static enum copied copy_held(struct copying *c, struct hold *h)
{
	uint64_t passes = 0, chunks = 0;
	/* Where files can share blocks, that is done within a pause, at once. */
	bool clone = clone_file(c);
	hold_note(h);
	if (!clone && !all_copy(c))
		return COPY_FAILED;
	for (uint32_t k = 0; k < HOLDS; k++) {
		for (uint32_t p = 0; !clone && p < PASSES && hold_noted_count(h) > LITTLE; p++) {
			passes++;
			if (!noted_copy(c, h))
				return COPY_FAILED;
		}
		enum held held = hold_begin(h, HOLD_NS);
		chunks = hold_noted_count(h);
		if (held == HELD && !(clone ? clone_file(c) : noted_copy(c, h))) {
			hold_end(h);
			if (clone)
				defect_set(&c->why, "%s cannot be written: %s", c->to.path,
				           strerror(errno));
			return COPY_FAILED;
		}
		if (held == HELD)
			held = hold_end(h);
		if (held == HELD_ENDED)
			return went(c);
		if (held != HELD)
			continue;
		printf("%s: a copy of %s, %llu bytes, while its appliance runs: ",
		       c->options->other, c->options->file, (unsigned long long)c->from.size);
		if (clone)
			printf("blocks are shared\n");
		else
			printf("%llu pass%s, %llu KiB within a pause\n",
			       (unsigned long long)passes + 1, passes ? "es" : "",
			       (unsigned long long)chunks * (BLOCK_COPY_CHUNK >> 10));
		return COPIED;
	}
	defect_set(&c->why, "%s is written faster than it can be copied to %s", c->from.path,
	           c->to.path);
	return COPY_FAILED;
}

static enum copied copy_live(struct copying *c)
{
	struct hold h;
	if (hold_open(&h, &c->from, &c->why)) {
		/* A tender that has just ended still holds its file, until its last request is done. */
		for (int ms = 0; ms < GRACE_MS; ms += 5) {
			if (!flock(c->from.fd, LOCK_SH | LOCK_NB))
				return went(c);
			usleep(5000);
		}
		return COPY_FAILED;
	}
	enum copied copied = copy_held(c, &h);
	hold_close(&h);
	return copied;
}

/* ---- A B-tree ---- */

static void say_damaged(struct copying *c, const struct tree_copy *t)
{
	c->damaged = true;
	defect_set(&c->why,
	           "page %llu of %s is damaged: `ampoule store check` and `dump --salvage` tell "
	           "more",
	           (unsigned long long)t->bad, c->from.path);
}

static enum copied tree_rounds(struct copying *c, struct tree_copy *t, uint32_t *rounds)
{
	enum tree_copied done;
	for (*rounds = 0; (int)*rounds < ROUNDS_FREE; ++*rounds) {
		done = tree_copy_round(t, &c->why);
		if (done == TREE_NOT_COPIED)
			return COPY_FAILED;
		if (done == TREE_COPIED)
			return COPIED;
	}
	struct hold h;
	if (hold_open(&h, &c->from, &c->why)) {
		/* Nobody writes: what is wrong stays wrong. */
		say_damaged(c, t);
		return COPY_FAILED;
	}
	enum copied copied = COPY_FAILED;
	defect_set(&c->why, "%s changes faster than it can be copied", c->from.path);
	for (uint32_t k = 0; k < HOLDS && copied == COPY_FAILED; k++, ++*rounds) {
		enum held held = hold_begin(&h, HOLD_NS);
		done = held == HELD ? tree_copy_round(t, &c->why) : TREE_MOVED_ON;
		if (held == HELD)
			held = hold_end(&h);
		if (held == HELD_ENDED)
			copied = went(c);
		else if (done == TREE_COPIED) /* by its sums, whoever was held */
			copied = COPIED;
		else if (done == TREE_NOT_COPIED)
			break;
		else if (held == HELD) {
			say_damaged(c, t);
			break;
		}
	}
	hold_close(&h);
	return copied;
}

static enum copied copy_btree(struct copying *c)
{
	struct tree_copy t;
	uint32_t rounds = 0;
	if (tree_copy_open(&t, &c->from, &c->to.disk, &c->why))
		return COPY_FAILED;
	static const uint8_t zeros[AMP_BTREE_ROOTS * TREE_PAGE];
	enum copied copied = COPY_FAILED;
	if (!disk_write(&c->to.disk, 0, zeros, sizeof zeros))
		defect_set(&c->why, "%s cannot be written: %s", c->to.path, strerror(errno));
	else
		copied = tree_rounds(c, &t, &rounds);
	if (copied == COPY_FAILED && disk_grew(&c->from))
		copied = COPY_AGAIN;
	if (copied == COPIED && tree_copy_end(&t, &c->why))
		copied = COPY_FAILED;
	if (copied == COPIED)
		printf("%s: a copy of %s, generation %llu, %llu keys, %llu pages; %u round%s\n",
		       c->options->other, c->options->file, (unsigned long long)t.state.generation,
		       (unsigned long long)t.state.keys, (unsigned long long)t.state.used,
		       rounds + 1, rounds ? "s" : "");
	tree_copy_close(&t);
	return copied;
}

/* ---- All ---- */

static void open_both(struct copying *c)
{
	struct stat s;
	const struct store_options *o = c->options;
	if (disk_open(&c->from, o->file, DISK_LIVE, &c->why) ||
	    format_look(&c->content, &c->from, &c->why))
		die(AMP_EXIT_TENDER, "%s", c->why.text);
	c->mode = !fstat(c->from.fd, &s) && S_ISREG(s.st_mode) ? s.st_mode & 0777 : 0600;
	struct stat to;
	if (!stat(o->other, &to) && to.st_dev == s.st_dev && to.st_ino == s.st_ino)
		die(AMP_EXIT_USAGE, "%s would be copied onto itself", o->file);
	if (!c->from.size)
		die(AMP_EXIT_USAGE, "%s is empty: there is nothing to copy", o->file);
	if (target_open(&c->to, o->other, c->from.size, o->force, c->mode, &c->why)) {
		target_drop(&c->to);
		die(AMP_EXIT_USAGE, "%s", c->why.text);
	}
}

/* A B-tree whose root can be read is copied by its sums even at rest: its appliance may start meanwhile. */
static enum copied copy_once(struct copying *c)
{
	if (c->content.format == FORMAT_BTREE && c->content.tree_found == TREE_FOUND) {
		disk_unlock(&c->from);
		return copy_btree(c);
	}
	return c->from.live ? copy_live(c) : copy_at_rest(c);
}

int store_copy(const struct store_options *o)
{
	struct copying c = { .options = o };
	enum copied copied = COPY_AGAIN;
	if (posix_memalign((void **)&c.bulk, DISK_PAGE, DISK_BULK))
		die(AMP_EXIT_TENDER, "out of memory");
	for (uint32_t k = 0; k < AGAIN && copied == COPY_AGAIN; k++) {
		open_both(&c);
		copied = copy_once(&c);
		if (copied == COPIED && target_done(&c.to, &c.why))
			copied = COPY_FAILED;
		if (copied != COPIED)
			target_drop(&c.to);
		disk_close(&c.from);
	}
	if (copied != COPIED)
		die(c.damaged ? STORE_UNSOUND : AMP_EXIT_TENDER, "%s", c.why.text);
	free(c.bulk);
	return 0;
}
