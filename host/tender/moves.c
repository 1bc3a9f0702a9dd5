/* SPDX-License-Identifier: ISC */
/*
 * The table is hostile as the rest of the file: each word has to lie in a segment that cannot be executed, so that the bytes
 * that the builder audited are the bytes that run; and there are no more of them than the table has bytes. What is added to
 * a word changes what the image finds there, which it could have had in its file in the first place.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <tender/moves.h>

/* The bytes from the first of segments and stacks to the last. */
static void extent(const struct image *image, uint64_t *low, uint64_t *high)
{
	*low = image->note.stack_base;
	*high = *low + image_stacks_size(image);
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		if (g->at < *low)
			*low = g->at;
		if (g->at + g->size > *high)
			*high = g->at + g->size;
	}
}

static void move(struct image *image, uint64_t moved)
{
	image->moved = moved;
	for (uint32_t i = 0; i < image->segment_count; i++)
		image->segments[i].at += image->moved;
	image->note.stack_base += image->moved;
	image->entry += image->moved;
}

void moves_draw(struct image *image)
{
	uint64_t low, high, draw;
	if (!image->movable)
		return;
	extent(image, &low, &high);
	/* As many as there are pages where it may begin; 2^64 draws are even enough. */
	uint64_t places = (AMP_IMAGE_HIGH - AMP_IMAGE_LOW - (high - low)) / AMP_PAGE + 1;
	if (getrandom(&draw, sizeof draw, 0) != sizeof draw)
		abort(); /* the kernel's generator cannot fail once it is up */
	move(image, AMP_IMAGE_LOW + draw % places * AMP_PAGE - low);
}

int moves_set(struct image *image, uint64_t moved, struct defect *why)
{
	uint64_t low, high;
	extent(image, &low, &high);
	uint64_t first = low + moved; /* modulo 2^64 */
	if (moved % AMP_PAGE || (moved && !image->movable) || first < AMP_IMAGE_LOW ||
	    first >= AMP_IMAGE_HIGH || high - low > AMP_IMAGE_HIGH - first)
		return defect_set(why, "has its image where that cannot lie");
	move(image, moved);
	return 0;
}

/* The next difference; false: the table ends amid it, or it has more than 64 bits. */
static bool read_number(const uint8_t **at, const uint8_t *end, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
		uint8_t byte = *(*at)++;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Where the word at the address lies in this process; null: not in data. */
static uint8_t *word_at(const struct space *s, const struct region **last, uint64_t at)
{
	const struct region *r = *last;
	if (!r || at < r->at || at - r->at > r->size - sizeof(uint64_t))
		*last = r = space_find(s, at);
	if (!r || r->kind != REGION_SEGMENT || r->rights & RIGHT_X ||
	    at - r->at > r->size - sizeof(uint64_t))
		return NULL;
	return r->host + (at - r->at);
}

static int apply(struct space *s, const struct image *image, const uint8_t *table,
                 struct defect *why)
{
	const uint8_t *at = table, *end = table + image->moves_size;
	const struct region *last = NULL;
	uint64_t address = image->segments[0].at, more, word;
	while (at < end) {
		if (!read_number(&at, end, &more))
			return defect_set(why, "has a table of addresses that ends amid a number");
		address += more;
		uint8_t *to = word_at(s, &last, address);
		if (to && s->from && last->rights & RIGHT_W)
			continue; /* the snapshot has it */
		if (!to)
			return defect_set(why, "names a word at 0x%llx that lies in no data",
			                  (unsigned long long)(address - image->moved));
		memcpy(&word, to, sizeof word);
		word += image->moved;
		memcpy(to, &word, sizeof word);
	}
	return 0;
}

int moves_apply(struct space *s, const struct image *image, struct defect *why)
{
	if (!image->moved || !image->moves_size)
		return 0;
	uint8_t *table = malloc(image->moves_size);
	bool there = table && !image_read(image, table, image->moves_size, image->moves_at, why);
	int result = there ? apply(s, image, table, why)
	                   : defect_set(why, "has a table of addresses that cannot be read");
	free(table);
	return result;
}
