/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <store/tree_copy.h>

#define BAD_MAX 64u /* pages of a round; behind that it is not worth its while */

int tree_copy_open(struct tree_copy *c, struct disk *from, struct disk *to, struct defect *why)
{
	uint64_t pages = from->size / TREE_PAGE;
	pages = pages < AMP_BTREE_PAGES_MAX ? pages : AMP_BTREE_PAGES_MAX;
	*c = (struct tree_copy){ .from = from, .to = to, .have_bytes = (pages + 1) * 8 };
	/* Of a large device only the parts that are in use take memory. */
	void *p = mmap(NULL, c->have_bytes, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return defect_set(why, "no memory");
	c->have = p;
	return 0;
}

void tree_copy_close(struct tree_copy *c)
{
	if (c->have)
		munmap(c->have, c->have_bytes);
	c->have = NULL;
}

/* ---- The first filling ---- */

static void ignore(void *of, uint64_t page, const char *what, const struct tree_range *r)
{
	(void)of;
	(void)page;
	(void)what;
	(void)r;
}

static bool bit(const uint8_t *map, uint64_t page)
{
	return map[page / 8] >> (page % 8) & 1;
}

/* What the map calls used, in long runs, as it comes: faster than by the tree, and proved by it afterwards. */
static void fill(struct tree_copy *c)
{
	struct tree t = { .disk = c->from, .state = c->state, .damage = ignore };
	uint8_t *bulk = malloc(DISK_BULK);
	const uint64_t most = DISK_BULK / TREE_PAGE;
	if (!bulk || tree_open(&t)) {
		free(bulk);
		return;
	}
	tree_map_read(&t);
	for (uint64_t page = AMP_BTREE_ROOTS, run; page < t.state.pages; page += run) {
		bool used = bit(t.map, page);
		for (run = 1;
		     run < most && page + run < t.state.pages && bit(t.map, page + run) == used;
		     run++)
			;
		if (used && disk_read(c->from, page * TREE_PAGE, bulk, run * TREE_PAGE))
			c->first &= disk_write(c->to, page * TREE_PAGE, bulk, run * TREE_PAGE);
	}
	tree_close(&t);
	free(bulk);
}

/* ---- A round ---- */

enum got { GOT, WRONG_SUM, FAILED };

/* The page that a pointer means, from the target or from the source; it is in the target then. */
static enum got get(struct tree_copy *c, struct tree_pointer p, uint8_t *page, struct defect *why)
{
	uint64_t at = p.page * TREE_PAGE;
	if (p.page < AMP_BTREE_ROOTS || p.page >= c->state.pages)
		return WRONG_SUM;
	if (c->first && disk_read(c->to, at, page, TREE_PAGE) &&
	    amp_btree_page_sum(page, p.page) == p.sum)
		return GOT;
	c->read++;
	if (!disk_read(c->from, at, page, TREE_PAGE)) {
		defect_set(why, "page %llu of %s cannot be read: %s", (unsigned long long)p.page,
		           c->from->path, strerror(errno));
		return FAILED;
	}
	if (amp_btree_page_sum(page, p.page) != p.sum) {
		c->bad = p.page;
		c->bad_count++;
		return WRONG_SUM;
	}
	c->have[p.page] = 0; /* what it was is gone, with what was below it */
	if (disk_write(c->to, at, page, TREE_PAGE))
		return GOT;
	defect_set(why, "%s cannot be written: %s", c->to->path, strerror(errno));
	return FAILED;
}

/* A page that leads to no other. */
static enum got copy_plain(struct tree_copy *c, struct tree_pointer p, struct defect *why)
{
	uint8_t page[TREE_PAGE];
	if (p.page < c->state.pages && p.sum && c->have[p.page] == p.sum)
		return GOT;
	enum got got = get(c, p, page, why);
	if (got == GOT)
		c->have[p.page] = p.sum;
	return got;
}

static enum got copy_node(struct tree_copy *c, struct tree_pointer p, uint32_t level,
                          struct defect *why)
{
	uint8_t page[TREE_PAGE];
	bool whole = true;
	if (c->have[p.page] == p.sum)
		return GOT;
	enum got got = get(c, p, page, why);
	if (got != GOT)
		return got;
	const char *flaw = tree_node_flaw(page, level, c->state.pages);
	if (flaw) {
		defect_set(why, "page %llu of %s is %s: `ampoule store check` tells more",
		           (unsigned long long)p.page, c->from->path, flaw);
		return FAILED;
	}
	for (uint32_t k = 0; k < tree_node_count(page) && c->bad_count < BAD_MAX; k++) {
		struct tree_cell cell = tree_node_cell(page, k);
		uint32_t count = level ? 1 : cell.pointers ? tree_value_pages(cell.value_size) : 0;
		for (uint32_t n = 0; n < count; n++) {
			struct tree_pointer to =
			        tree_pointer_load(cell.pointers + AMP_BTREE_POINTER * n);
			got = level ? copy_node(c, to, level - 1, why) : copy_plain(c, to, why);
			if (got == FAILED)
				return FAILED;
			whole &= got == GOT;
		}
	}
	if (!whole || c->bad_count >= BAD_MAX)
		return WRONG_SUM;
	c->have[p.page] = p.sum;
	return GOT;
}

static enum got copy_map(struct tree_copy *c, struct defect *why)
{
	uint64_t maps = (c->state.pages + AMP_BTREE_MAP_BITS - 1) / AMP_BTREE_MAP_BITS;
	enum got all = GOT;
	for (uint64_t k = 0; k < maps; k += AMP_BTREE_MAP_POINTERS) {
		struct tree_pointer p = c->state.dirs[k / AMP_BTREE_MAP_POINTERS];
		uint8_t dir[TREE_PAGE];
		uint64_t count =
		        maps - k < AMP_BTREE_MAP_POINTERS ? maps - k : AMP_BTREE_MAP_POINTERS;
		enum got got = get(c, p, dir, why);
		for (uint64_t n = 0; got == GOT && n < count; n++)
			got = copy_plain(c, tree_pointer_load(dir + AMP_BTREE_POINTER * n), why);
		if (got == FAILED)
			return FAILED;
		all = got == GOT ? all : got;
	}
	return all;
}

enum tree_copied tree_copy_round(struct tree_copy *c, struct defect *why)
{
	struct tree_root roots[AMP_BTREE_ROOTS];
	enum tree_found found;
	bool begins = !c->state.pages;
	if (!tree_roots(c->from, roots, &found, &c->state)) {
		defect_set(why, "%s cannot be read: %s", c->from->path, strerror(errno));
		return TREE_NOT_COPIED;
	}
	if (found != TREE_FOUND) {
		defect_set(why, "%s has no root that is whole: `ampoule store check` tells more",
		           c->from->path);
		return TREE_NOT_COPIED;
	}
	if (c->state.pages > c->from->size / TREE_PAGE) {
		defect_set(why, "%s has %llu bytes, the store on it needs %llu: it was shrunk",
		           c->from->path, (unsigned long long)c->from->size,
		           (unsigned long long)c->state.pages * TREE_PAGE);
		return TREE_NOT_COPIED;
	}
	c->read = c->bad_count = 0;
	c->bad = 0;
	c->first = begins;
	if (begins)
		fill(c);
	enum got map = copy_map(c, why),
	         tree = map == FAILED ? FAILED : copy_node(c, c->state.root, c->state.level, why);
	c->first = false;
	return map == FAILED || tree == FAILED ? TREE_NOT_COPIED
	       : map == GOT && tree == GOT     ? TREE_COPIED
	                                       : TREE_MOVED_ON;
}

/* ---- The end ---- */

static void remember(void *of, uint64_t page, const char *what, const struct tree_range *r)
{
	struct defect *why = of;
	(void)r;
	if (!*why->text)
		defect_set(why, "page %llu of the copy is %s", (unsigned long long)page, what);
}

int tree_copy_end(struct tree_copy *c, struct defect *why)
{
	uint8_t page[TREE_PAGE];
	struct tree t = { .disk = c->to, .state = c->state, .damage = remember, .of = why };
	if (tree_open(&t))
		return defect_set(why, "no memory");
	*why->text = 0;
	tree_check(&t);
	tree_close(&t);
	if (*why->text)
		return -1;
	tree_root_write(page, &c->state);
	if (disk_flush(c->to) &&
	    disk_write(c->to, c->state.generation % AMP_BTREE_ROOTS * TREE_PAGE, page, TREE_PAGE) &&
	    disk_flush(c->to))
		return 0;
	return defect_set(why, "%s cannot be written: %s", c->to->path, strerror(errno));
}
