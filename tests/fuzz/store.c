/* SPDX-License-Identifier: ISC */
/*
 * A file that somebody has made who knows the formats, given to the host's tool. Bytes of a small store, or of a volume, are
 * changed, and a store's sums made right again on the way up to the root, so that what is wrong is not hidden behind them; or the
 * input is a dump. The tool may refuse; it may not crash, hang, or take memory beyond a bit a page.
 *
 * Input: 1 byte: 0 a dump, the rest of it; 1 a store whose sums are made right; 2 a store as it is; 3 a volume; 4 the head of
 * anything. Then records of 4: page, offset 2, value.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <store/format.h>
#include <store/spool.h>
#include <store/tree_copy.h>

#define PAGES 96u
#define SIZE  ((uint64_t)PAGES * TREE_PAGE)
#define KEYS  150u

static uint8_t *tree_seed, *volume_seed;

static void make_tree(void)
{
	static uint8_t value[9000];
	struct disk d;
	struct defect why;
	tree_seed = calloc(1, SIZE);
	disk_memory(&d, tree_seed, SIZE);
	struct tree_build *b = tree_build_new(&d, PAGES);
	for (uint32_t k = 0; k < KEYS; k++) {
		uint8_t key[AMP_BTREE_KEY_MAX];
		uint32_t size = k % 5 ? 3 : 700;
		memset(key, (int)('a' + k % 26), size);
		key[0] = (uint8_t)(k >> 8);
		key[1] = (uint8_t)k;
		const struct tree_entry e = { { key, size }, value, k % 30 ? k : 9000 };
		if (tree_build_add(b, &e, &why))
			abort();
	}
	if (tree_build_end(b, &why))
		abort();
	tree_build_free(b);
}

static void make_volume(void)
{
	struct disk d;
	struct defect why;
	FILE *f = tmpfile();
	uint8_t head[1024] = "SQLite format 3";
	head[16] = 2; /* pages of 512 bytes, two */
	head[31] = 2;
	volume_seed = calloc(1, SIZE);
	disk_memory(&d, volume_seed, SIZE);
	if (!f || fwrite(head, 1, sizeof head, f) != sizeof head || fseek(f, 0, SEEK_SET) ||
	    volume_make(&d, f, sizeof head, &why))
		abort();
	fclose(f);
}

/* ---- Making the sums right ---- */

static uint32_t count_of(const uint8_t *page)
{
	uint32_t n = tree_node_count(page);
	return n < TREE_PAGE / 2 ? n : 0;
}

/* Where a cell's pointers are, however wrong it is: 0 if not in the page. */
static uint32_t pointers_of(const uint8_t *page, uint32_t at, uint32_t level, uint32_t *count)
{
	uint32_t cell = load_u16(page + AMP_BTREE_NODE_HEAD + 2 * at), head = level ? 2 : 8;
	if (AMP_BTREE_NODE_HEAD + 2 * at + 2 > TREE_PAGE || cell + head > TREE_PAGE)
		return 0;
	uint32_t size = level ? 0 : load_u32(page + cell + 4),
	         from = cell + head + load_u16(page + cell);
	*count = level ? 1 : size & AMP_BTREE_LARGE ? tree_value_pages(size & ~AMP_BTREE_LARGE) : 0;
	return *count < 20 && from + *count * AMP_BTREE_POINTER <= TREE_PAGE ? from : 0;
}

static void mend(uint8_t *bytes, uint8_t *pointer, uint32_t level, bool node, uint32_t *steps)
{
	struct tree_pointer p = tree_pointer_load(pointer);
	if (p.page >= PAGES || ++*steps > 2000)
		return;
	uint8_t *page = bytes + p.page * TREE_PAGE;
	for (uint32_t k = 0; node && k < count_of(page); k++) {
		uint32_t count = 0, from = pointers_of(page, k, level, &count);
		for (uint32_t n = 0; from && n < count; n++)
			mend(bytes, page + from + AMP_BTREE_POINTER * n, level ? level - 1 : 0,
			     level, steps);
	}
	tree_pointer_store(pointer,
	                   (struct tree_pointer){ p.page, amp_btree_page_sum(page, p.page) });
}

static void mend_all(uint8_t *bytes)
{
	uint8_t *record = bytes + TREE_PAGE; /* generation 1 */
	uint32_t steps = 0, level = load_u32(record + AMP_BTREE_AT_LEVEL);
	struct tree_pointer dir = tree_pointer_load(record + AMP_BTREE_AT_DIRS);
	if (dir.page < PAGES)
		mend(bytes, bytes + dir.page * TREE_PAGE, 0, false, &steps);
	mend(bytes, record + AMP_BTREE_AT_DIRS, 0, false, &steps);
	mend(bytes, record + AMP_BTREE_AT_ROOT, level < AMP_BTREE_LEVELS ? level : 0, true, &steps);
	store_u64(record + AMP_BTREE_AT_SUM, amp_btree_record_sum(record));
	memcpy(record + TREE_PAGE - AMP_BTREE_RECORD, record, AMP_BTREE_RECORD);
}

/* ---- Everything that the tool does ---- */

static FILE *nowhere;

static void damaged(void *of, uint64_t page, const char *what, const struct tree_range *r)
{
	char text[KEY_TEXT_MAX];
	(void)of;
	fprintf(nowhere, "%llu%s", (unsigned long long)page, what ? what : "");
	if (r)
		fputs(key_text(text, r->low), nowhere);
	if (r && r->high.bytes)
		fputs(key_text(text, r->high), nowhere);
}

static void entry(void *of, struct key key, const uint8_t *value, uint32_t size)
{
	(void)of;
	if (value) {
		dump_json(nowhere, key, value, size);
		dump_raw(nowhere, key, value, size);
	}
}

static void told(void *of, const char *what)
{
	(void)of;
	fputs(what, nowhere);
}

static void copy(struct disk *d)
{
	static uint8_t bytes[SIZE];
	struct disk to;
	struct tree_copy c;
	struct defect why;
	disk_memory(&to, bytes, SIZE);
	if (tree_copy_open(&c, d, &to, &why))
		abort();
	if (tree_copy_round(&c, &why) == TREE_COPIED)
		tree_copy_end(&c, &why);
	tree_copy_close(&c);
}

static void do_all(uint8_t *bytes)
{
	struct disk d;
	struct content c;
	struct defect why;
	disk_memory(&d, bytes, SIZE);
	if (format_look(&c, &d, &why))
		abort();
	if (c.format == FORMAT_BTREE && c.tree_found == TREE_FOUND && c.state.pages <= PAGES) {
		struct tree t = { .disk = &d, .state = c.state, .damage = damaged, .entry = entry };
		if (tree_open(&t))
			abort();
		tree_check(&t);
		if (t.keys > SIZE / 10)
			abort();
		tree_orphans_find(&t);
		memset(t.seen, 0, t.state.pages / 8 + 1);
		t.salvage = true;
		tree_walk(&t);
		tree_close(&t);
		copy(&d);
	}
	if (c.volume_found == VOLUME_FOUND) {
		volume_check(&c.volume, told, NULL);
		volume_dump(&c.volume, AMP_VOLUME_FILE_DATABASE, nowhere, &why);
		volume_dump(&c.volume, AMP_VOLUME_FILE_JOURNAL, nowhere, &why);
	}
}

static void load(const uint8_t *data, size_t size)
{
	struct dump_reader r;
	struct spool s;
	struct defect why;
	FILE *f = size ? fmemopen((void *)data, size, "r") : NULL;
	if (!f)
		return;
	if (!dump_reader_open(&r, f, "input", &why)) {
		spool_fill(&s, &r, &why);
		spool_close(&s);
		dump_reader_close(&r);
	}
	fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[SIZE];
	if (!tree_seed) {
		nowhere = fopen("/dev/null", "w");
		make_tree();
		make_volume();
	}
	if (!size)
		return 0;
	uint8_t what = data[0] % 5;
	if (!what) {
		load(data + 1, size - 1);
		return 0;
	}
	memcpy(bytes, what == 3 ? volume_seed : tree_seed, SIZE);
	if (what == 4) {
		memset(bytes, 0, SIZE);
		memcpy(bytes, data + 1, size - 1 < SIZE ? size - 1 : SIZE);
	}
	for (size_t k = 1; what != 4 && k + 4 <= size; k += 4)
		bytes[data[k] % PAGES * TREE_PAGE + (data[k + 1] << 8 | data[k + 2]) % TREE_PAGE] =
		        data[k + 3];
	if (what == 1)
		mend_all(bytes);
	if (what == 3) { /* a sum that is right */
		struct amp_volume_root r;
		const uint64_t key[2] = AMP_VOLUME_KEY;
		memcpy(&r, bytes, sizeof r);
		r.sum = sip_hash(key, &r, offsetof(struct amp_volume_root, sum));
		memcpy(bytes, &r, sizeof r);
	}
	do_all(bytes);
	return 0;
}
