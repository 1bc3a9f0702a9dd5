/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <store/spool.h>

#define HEAD 8u /* key size 4, value size 4 */

static FILE *temporary(void)
{
	const char *folder = getenv("TMPDIR");
	int fd =
	        open(folder && *folder ? folder : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? tmpfile() : fdopen(fd, "w+");
	if (!f && fd >= 0)
		close(fd);
	return f;
}

static int add(struct spool *s, const struct tree_entry *e)
{
	uint8_t head[HEAD];
	if (!(s->count & (s->count - 1))) {
		uint64_t *at = reallocarray(s->at, s->count ? 2 * s->count : 1, sizeof *at);
		if (!at)
			return -1;
		s->at = at;
	}
	s->at[s->count++] = s->size;
	store_u32(head, e->key.size);
	store_u32(head + 4, e->value_size);
	s->size += HEAD + e->key.size + e->value_size;
	return fwrite(head, 1, HEAD, s->file) == HEAD &&
	                       fwrite(e->key.bytes, 1, e->key.size, s->file) == e->key.size &&
	                       fwrite(e->value, 1, e->value_size, s->file) == e->value_size
	               ? 0
	               : -1;
}

struct tree_entry spool_entry(const struct spool *s, uint64_t k)
{
	const uint8_t *at = s->bytes + s->at[k];
	struct tree_entry e = { { at + HEAD, load_u32(at) }, NULL, load_u32(at + 4) };
	e.value = e.key.bytes + e.key.size;
	return e;
}

static int by_key(const void *a, const void *b, void *bytes)
{
	const uint8_t *x = (const uint8_t *)bytes + *(const uint64_t *)a,
	              *y = (const uint8_t *)bytes + *(const uint64_t *)b;
	return key_compare((struct key){ x + HEAD, load_u32(x) },
	                   (struct key){ y + HEAD, load_u32(y) });
}

static int twice(const struct dump_reader *r, struct key key, struct defect *why)
{
	char text[KEY_TEXT_MAX];
	return defect_set(why, "%s: the key %s comes twice", r->name, key_text(text, key));
}

static int sort(struct spool *s, const struct dump_reader *r, struct defect *why)
{
	if (!s->unordered)
		return 0;
	qsort_r(s->at, s->count, sizeof *s->at, by_key, (void *)s->bytes);
	for (uint64_t k = 1; k < s->count; k++) {
		struct key key = spool_entry(s, k).key;
		if (!key_compare(spool_entry(s, k - 1).key, key))
			return twice(r, key, why);
	}
	return 0;
}

int spool_fill(struct spool *s, struct dump_reader *r, struct defect *why)
{
	struct tree_entry e;
	int what;
	*s = (struct spool){ .file = temporary() };
	if (!s->file)
		return defect_set(why, "no temporary file: %s", strerror(errno));
	while ((what = dump_next(r, &e, why)) == DUMP_ENTRY) {
		int order = key_compare((struct key){ s->last, s->last_size }, e.key);
		if (s->count && !order)
			return twice(r, e.key, why);
		s->unordered |= s->count && order > 0;
		memcpy(s->last, e.key.bytes, e.key.size);
		s->last_size = e.key.size;
		if (add(s, &e))
			return defect_set(why, "no room for a temporary file (in $TMPDIR): %s",
			                  strerror(errno));
	}
	if (what == DUMP_BAD)
		return -1;
	if (fflush(s->file))
		return defect_set(why, "no room for a temporary file (in $TMPDIR): %s",
		                  strerror(errno));
	if (!s->size)
		return 0;
	void *bytes = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, fileno(s->file), 0);
	if (bytes == MAP_FAILED)
		return defect_set(why, "a temporary file cannot be read: %s", strerror(errno));
	s->bytes = bytes;
	return sort(s, r, why);
}

void spool_close(struct spool *s)
{
	if (s->bytes)
		munmap((void *)s->bytes, s->size);
	if (s->file)
		fclose(s->file);
	free(s->at);
	*s = (struct spool){ .file = NULL };
}
