/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <store/bytes.h>
#include <store/volume.h>

#define HEAD 100u /* of a database (sqlite.org/fileformat.html, section 1.3) */

/* ---- SipHash-1-3 ---- */

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
}

uint64_t sip_hash(const uint64_t key[2], const void *bytes, size_t size)
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		          key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	const uint8_t *s = bytes;
	size_t at = 0;
	for (; at + 8 <= size; at += 8) {
		uint64_t m;
		memcpy(&m, s + at, 8);
		sip_word(v, le64toh(m));
	}
	uint64_t m = (uint64_t)size << 56;
	for (unsigned k = 0; at + k < size; k++)
		m |= (uint64_t)s[at + k] << (8 * k);
	sip_word(v, m);
	v[2] ^= 0xff;
	for (int k = 0; k < 3; k++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t root_sum(const struct amp_volume_root *r)
{
	static const uint64_t key[2] = AMP_VOLUME_KEY;
	return sip_hash(key, r, offsetof(struct amp_volume_root, sum));
}

/* ---- Roots ---- */

static bool is_zero(const uint8_t *bytes, size_t size)
{
	uint8_t any = 0;
	for (size_t k = 0; k < size; k++)
		any |= bytes[k];
	return !any;
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Do both files have room beside each other, and is all of it on the device? */
static bool fits(const struct amp_volume_root *r, uint64_t device)
{
	if (r->version != AMP_VOLUME_VERSION || r->end > device || r->end % AMP_VOLUME_UNIT ||
	    r->end < AMP_VOLUME_MIN)
		return false;
	uint64_t room = r->end - AMP_VOLUME_DATABASE, database = r->size[AMP_VOLUME_FILE_DATABASE],
	         journal = r->size[AMP_VOLUME_FILE_JOURNAL];
	if (database > room || journal > room)
		return false;
	journal = round_up(journal, AMP_VOLUME_CHUNK);
	return journal <= room && round_up(database, AMP_VOLUME_UNIT) <= room - journal;
}

bool volume_look(struct volume *v, struct disk *d, enum volume_found *found)
{
	uint8_t bytes[2 * AMP_VOLUME_ROOT] = { 0 };
	size_t n = d->size < sizeof bytes ? (size_t)d->size : sizeof bytes;
	*v = (struct volume){ .disk = d };
	*found = VOLUME_NONE;
	if (!disk_read(d, 0, bytes, n))
		return false;
	for (int k = 0; k < 2; k++) {
		struct amp_volume_root r;
		memcpy(&r, bytes + k * AMP_VOLUME_ROOT, sizeof r);
		v->named[k] = !memcmp(r.magic, AMP_VOLUME_MAGIC, sizeof r.magic);
		v->whole[k] = v->named[k] && r.sum == root_sum(&r) && r.sequence;
		v->sequence[k] = v->whole[k] ? r.sequence : 0;
		if (v->whole[k] && r.sequence > v->root.sequence)
			v->root = r;
	}
	if (v->root.sequence)
		*found = fits(&v->root, d->size) ? VOLUME_FOUND : VOLUME_DAMAGED;
	else if (is_zero(bytes + AMP_VOLUME_ROOT, AMP_VOLUME_ROOT) &&
	         (v->named[0] || is_zero(bytes, AMP_VOLUME_ROOT)))
		*found = VOLUME_BLANK;
	else if (v->named[0] || v->named[1])
		*found = VOLUME_DAMAGED;
	return true;
}

/* ---- Files ---- */

static uint64_t place(const struct volume *v, int file, uint64_t chunk)
{
	return file == AMP_VOLUME_FILE_DATABASE ? AMP_VOLUME_DATABASE + chunk * AMP_VOLUME_CHUNK
	                                        : v->root.end - (chunk + 1) * AMP_VOLUME_CHUNK;
}

bool volume_read(struct volume *v, int file, uint64_t at, void *to, size_t size)
{
	uint8_t *bytes = to;
	if (at > v->root.size[file] || size > v->root.size[file] - at) {
		errno = EIO;
		return false;
	}
	while (size) {
		uint64_t chunk = at / AMP_VOLUME_CHUNK, in = at % AMP_VOLUME_CHUNK;
		size_t n = AMP_VOLUME_CHUNK - in < size ? (size_t)(AMP_VOLUME_CHUNK - in) : size;
		if (!disk_read(v->disk, place(v, file, chunk) + in, bytes, n))
			return false;
		bytes += n;
		at += n;
		size -= n;
	}
	return true;
}

bool volume_is_amid(struct volume *v)
{
	/* sqlite.org/fileformat.html, section 3 */
	static const uint8_t magic[8] = { 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7 };
	uint8_t head[8];
	if (v->root.size[AMP_VOLUME_FILE_JOURNAL] < sizeof head)
		return false;
	return !volume_read(v, AMP_VOLUME_FILE_JOURNAL, 0, head, sizeof head) ||
	       !memcmp(head, magic, sizeof head);
}

int volume_dump(struct volume *v, int file, FILE *to, struct defect *why)
{
	static uint8_t bytes[AMP_VOLUME_CHUNK];
	for (uint64_t at = 0, size = v->root.size[file]; at < size;) {
		size_t n = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
		if (!volume_read(v, file, at, bytes, n))
			return defect_set(why, "%s cannot be read at byte %llu of its %s: %s",
			                  v->disk->path, (unsigned long long)at,
			                  file == AMP_VOLUME_FILE_DATABASE ? "database" : "journal",
			                  strerror(errno));
		if (fwrite(bytes, 1, n, to) != n)
			return defect_set(why, "the output cannot be written: %s", strerror(errno));
		at += n;
	}
	return 0;
}

/* ---- Checking ---- */

const char *volume_database_flaw(const uint8_t head[HEAD], uint64_t size)
{
	uint32_t page = load_u16(head + 16);
	page = page == 1 ? 65536 : page;
	if (memcmp(head, "SQLite format 3", 16) != 0)
		return "a database that does not begin as SQLite's do";
	if (page < 512 || page & (page - 1))
		return "a database with an impossible page size";
	if (size % page)
		return "a database that is no whole number of its pages";
	/* The count is valid if this says so: older versions of SQLite do not keep it. */
	if (load_u32(head + 24) == load_u32(head + 92) &&
	    (uint64_t)load_u32(head + 28) * page != size)
		return "a database that counts other pages than it has";
	return NULL;
}

void volume_check(struct volume *v, void (*damage)(void *, const char *), void *of)
{
	static const char *const roots[2] = { "root 0, whose sum is wrong",
		                              "root 1, whose sum is wrong" };
	uint64_t size = v->root.size[AMP_VOLUME_FILE_DATABASE];
	uint8_t head[HEAD];
	for (int k = 0; k < 2; k++) {
		if (v->named[k] && !v->whole[k])
			damage(of, roots[k]);
		if (v->whole[k] && (v->sequence[k] - 1) % 2 != (uint64_t)k)
			damage(of, k ? "root 1, which is not in its place"
			             : "root 0, which is not in its place");
	}
	/* Amid a transaction the database is what the journal makes of it. */
	if (!size || volume_is_amid(v))
		return;
	const char *flaw = "a database shorter than its head";
	if (size >= HEAD)
		flaw = volume_read(v, AMP_VOLUME_FILE_DATABASE, 0, head, HEAD)
		               ? volume_database_flaw(head, size)
		               : "a database that cannot be read";
	if (flaw)
		damage(of, flaw);
}

/* ---- Making ---- */

static int cannot_write(const struct disk *d, struct defect *why)
{
	return defect_set(why, "%s cannot be written: %s", d->path, strerror(errno));
}

static int root_write(struct disk *d, struct amp_volume_root *r, struct defect *why)
{
	uint8_t page[AMP_VOLUME_ROOT] = { 0 };
	r->sum = root_sum(r);
	memcpy(page, r, sizeof *r);
	/* A whole page: what is behind the sector is nobody's. */
	if (!disk_write(d, (r->sequence - 1) % 2 * AMP_VOLUME_ROOT, page, sizeof page) ||
	    !disk_flush(d))
		return cannot_write(d, why);
	return 0;
}

uint64_t volume_size_for(uint64_t database)
{
	return round_up(AMP_VOLUME_MIN + 2 * database, 1 << 20);
}

int volume_make(struct disk *d, FILE *from, uint64_t size, struct defect *why)
{
	static uint8_t bytes[AMP_VOLUME_CHUNK];
	struct amp_volume_root r = { .version = AMP_VOLUME_VERSION, .sequence = 1 };
	memcpy(r.magic, AMP_VOLUME_MAGIC, sizeof r.magic);
	r.end = d->size - d->size % AMP_VOLUME_UNIT;
	r.size[AMP_VOLUME_FILE_DATABASE] = size;
	if (!fits(&r, d->size))
		return defect_set(why,
		                  "%s has %llu bytes, which is too little for a database of %llu: "
		                  "give --size, or a larger file or device",
		                  d->path, (unsigned long long)d->size, (unsigned long long)size);
	for (int k = 0; k < 2; k++)
		if (!disk_write(d, k * AMP_VOLUME_ROOT, bytes, AMP_VOLUME_ROOT))
			return cannot_write(d, why);
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
		if (fread(bytes, 1, n, from) != n)
			return defect_set(why, "the dump cannot be read: %s",
			                  ferror(from) ? strerror(errno) : "it became shorter");
		if (!disk_write(d, AMP_VOLUME_DATABASE + at, bytes, n))
			return cannot_write(d, why);
		at += n;
	}
	memset(bytes, 0, sizeof bytes);
	return disk_flush(d) ? root_write(d, &r, why) : cannot_write(d, why);
}

int volume_grow(struct volume *v, struct defect *why)
{
	struct amp_volume_root r = v->root;
	r.sequence++;
	r.end = v->disk->size - v->disk->size % AMP_VOLUME_UNIT;
	r.size[AMP_VOLUME_FILE_JOURNAL] = 0; /* what is left of one is of no use */
	return root_write(v->disk, &r, why);
}
