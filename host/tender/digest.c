/* SPDX-License-Identifier: ISC */
/*
 * The file is read in pieces that stay in the cache. What is read is what the page cache has: a file that changes while it
 * runs is nobody's whom the tender trusts, and a signature's check works on a copy (trust.c).
 */
#include <string.h>

#include <tender/blake3.h>
#include <tender/digest.h>
#include <tender/image_file.h>

/* Small: a page that is touched for the first time costs more than another call. */
#define PIECE 8192u
#define OLDER 0x7473656769646d61ull /* "amdigest", SHA-256: what ABI 1.3 had at first */

static int compare(const struct image *image, const struct amp_digest *d, struct defect *why)
{
	static uint8_t piece[PIECE] __attribute__((aligned(4096)));
	static struct blake3 h;
	uint8_t is[BLAKE3_SIZE];
	blake3_start(&h);
	for (uint64_t at = 0; at < d->size;) {
		uint64_t n = d->size - at < PIECE ? d->size - at : PIECE;
		if (image_read(image, piece, n, at, why))
			return -1;
		blake3_add(&h, piece, n);
		at += n;
	}
	blake3_end(&h, is);
	if (!memcmp(is, d->blake3, sizeof is))
		return 0;
	return defect_set(why,
	                  "is damaged: its bytes do not match its digest: copy or build it again");
}

int digest_check(const struct image *image, bool *found, struct amp_digest *d, struct defect *why)
{
	bool promised = image->note.flags & AMP_NOTE_DIGEST;
	uint64_t file;
	*found = false;
	if (image_file_size(image, &file, why))
		return -1;
	if (file < sizeof *d)
		return defect_set(why, "is cut short");
	if (file > IMAGE_FILE_MAX) /* or reading it would take for ever */
		return defect_set(why, "is larger than %llu MiB", IMAGE_FILE_MAX >> 20);
	if (image_read(image, d, sizeof *d, file - sizeof *d, why))
		return -1;
	if (d->magic == OLDER)
		return defect_set(why,
		                  "ends with a digest of an older kind (SHA-256): build it again");
	if (d->magic != AMP_DIGEST_MAGIC)
		return promised ? defect_set(why,
		                             "is damaged: it does not end with its digest: copy or "
		                             "build it again")
		                : 0;
	if (d->size != file - sizeof *d)
		return defect_set(
		        why, "is damaged: its digest is of %llu bytes, and %llu come before it",
		        (unsigned long long)d->size, (unsigned long long)(file - sizeof *d));
	for (uint32_t i = 0; i < image->segment_count; i++)
		if (image->segments[i].file_offset + image->segments[i].file_size > d->size)
			return defect_set(why, "segment %u goes on into the digest", i);
	*found = true;
	return compare(image, d, why);
}

struct amp_digest digest_of(const void *bytes, size_t size)
{
	struct amp_digest d = { .size = size, .magic = AMP_DIGEST_MAGIC };
	struct blake3 h;
	blake3_start(&h);
	blake3_add(&h, bytes, size);
	blake3_end(&h, d.blake3);
	return d;
}
