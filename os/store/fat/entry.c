/* SPDX-License-Identifier: ISC */
/*
 * Slots of a directory. A name is a short slot, and before it those of its long name, last part
 * first, tied to it by a sum. Slots that do not belong to a short slot in that way are skipped, or
 * erased when a volume is mended.
 */
#include <store/fat/internal.h>

#include <core/clock.h>

#define PART       13u /* units of a slot */
#define LAST       0x40u
#define PARTS_MAX  20u
#define ERASED     0xe5u
#define HASH_TRIES 64u

static const uint8_t unit_at[PART] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };

void fat_scan_open(struct scan *s, struct fat *f, uint32_t directory)
{
	*s = (struct scan){ .fat = f, .limit = SLOTS_MAX };
	fat_chain_open(&s->chain, directory);
}

int fat_scan_slot(struct scan *s, uint32_t slot, struct unit **u, uint8_t **raw)
{
	struct fat *f = s->fat;
	uint64_t at, end, offset = (uint64_t)slot * SLOT;
	if (slot >= s->limit)
		return ERR_ABSENT;
	if (!s->chain.first) {
		if (slot >= f->root_slots)
			return ERR_ABSENT;
		at = f->root_at + offset;
		end = f->root_at + (uint64_t)f->root_slots * SLOT;
	} else {
		uint32_t cluster;
		int error =
		        fat_chain_get(f, &s->chain, (uint32_t)(offset / f->cluster_size), &cluster);
		if (error)
			return error;
		at = fat_cluster_at(f, cluster) + offset % f->cluster_size;
		end = fat_cluster_at(f, cluster) + f->cluster_size;
	}
	int error = fat_cache_get(f, at, end, false, u);
	if (!error)
		*raw = (*u)->bytes + (at - (*u)->at);
	return error;
}

static int erase(struct scan *s, uint32_t first, uint32_t end)
{
	struct unit *u;
	uint8_t *raw;
	int error = OK;
	for (uint32_t slot = first; slot < end && !error; slot++) {
		error = fat_scan_slot(s, slot, &u, &raw);
		if (!error) {
			raw[0] = ERASED;
			fat_cache_dirty(s->fat, u);
		}
	}
	if (error) /* half a name */
		s->fat->refuses = error;
	return error;
}

/* Parts of a long name from `first` on that have no short slot. */
static int orphans(struct scan *s, uint32_t first, uint32_t end)
{
	if (!s->mend || first == end)
		return OK;
	s->mended++;
	return erase(s, first, end);
}

/* A long name as it is put together. */
struct parts {
	uint32_t expect; /* number of the next; 0: complete */
	uint32_t first;  /* slot */
	bool any;
	uint8_t sum;
};

/* False: it does not belong to those before it, nor begins a name. */
static bool part_take(struct parts *p, struct entry *e, const uint8_t *raw, uint32_t slot)
{
	uint32_t number = raw[0] & 0x3fu;
	if (raw[0] & LAST) {
		if (!number || number > PARTS_MAX)
			return false;
		*p = (struct parts){ .expect = number, .first = slot, .any = true, .sum = raw[13] };
		e->units_count = number * PART;
	}
	if (!p->any || !number || number != p->expect || p->sum != raw[13])
		return false;
	p->expect--;
	for (uint32_t k = 0; k < PART; k++)
		e->units[(number - 1) * PART + k] = fat_load16(raw + unit_at[k]);
	return true;
}

static void long_name_end(struct entry *e)
{
	uint32_t size = 0;
	while (size < e->units_count && e->units[size])
		size++;
	e->units_count = size <= NAME_UNITS && fat_name_clean(e->units, size) ? size : 0;
}

int fat_scan_next(struct scan *s, struct entry *e)
{
	struct parts p = { .any = false };
	uint32_t pending = s->slot; /* from there on: parts of a long name so far */
	e->units_count = 0;
	for (;;) {
		struct unit *u;
		uint8_t *raw;
		uint32_t slot = s->slot;
		int error = fat_scan_slot(s, slot, &u, &raw);
		if (error == ERR_ABSENT || (!error && !raw[0])) {
			error = orphans(s, pending, slot);
			return error ? error : ERR_ABSENT;
		}
		if (error)
			return error;
		s->slot++;
		if (raw[0] != ERASED && (raw[11] & 0x3f) == ATTR_LONG) {
			bool begins = raw[0] & LAST;
			if (begins) {
				error = orphans(s, pending, slot);
				pending = slot;
				if (!error)
					error = fat_scan_slot(s, slot, &u, &raw);
				if (error)
					return error;
			}
			if (!part_take(&p, e, raw, slot)) {
				p.any = false;
				error = orphans(s, pending, slot + 1);
				pending = slot + 1;
			}
			if (error)
				return error;
			continue;
		}
		if (raw[0] != ERASED) {
			memcpy(e->raw, raw, SLOT);
			e->at = u->at + (uint64_t)(raw - u->bytes);
			e->slot = slot;
			e->first = slot;
			if (p.any && !p.expect && p.sum == fat_name_sum(raw)) {
				e->first = p.first;
				long_name_end(e);
				return OK;
			}
			e->units_count = 0;
			return orphans(s, pending, slot);
		}
		error = orphans(s, pending, slot);
		if (error)
			return error;
		p.any = false;
		pending = slot + 1;
	}
}

bool fat_entry_is_named(const struct entry *e, const struct name *name)
{
	uint16_t units[12];
	if (e->raw[11] & ATTR_LABEL || fat_entry_is_dot(e->raw))
		return false;
	if (e->units_count && fat_name_equal(e->units, e->units_count, name->units, name->size))
		return true;
	uint32_t size = fat_name_from_short(e->raw, e->raw[12], units);
	return fat_name_equal(units, size, name->units, name->size);
}

int fat_scan_find(struct scan *s, const struct name *name, struct entry *e)
{
	struct index *x = fat_index_of(s);
	bool asked = false;
	int error;
	if (x)
		return fat_index_find(x, s, name, e);
	while (!(error = fat_scan_next(s, e))) {
		if (fat_entry_is_named(e, name))
			return OK;
		if (s->slot > INDEX_FROM && !asked) {
			asked = true;
			x = fat_index_make(s);
			if (x)
				return fat_index_find(x, s, name, e);
		}
	}
	return error;
}

/* The names that a slot goes by. */
static uint64_t marks(const uint8_t raw[SLOT], const uint16_t *units, uint32_t size)
{
	uint16_t letters[12];
	uint32_t n = fat_name_from_short(raw, 0, letters);
	return fat_name_mark(letters, n) | (size ? fat_name_mark(units, size) : 0);
}

int fat_entry_erase(struct scan *s, const struct entry *e)
{
	s->fat->erased |= marks(e->raw, e->units, e->units_count);
	fat_index_erased(s, e);
	return erase(s, e->first, e->slot + 1);
}

int fat_entry_empty(struct fat *f, uint32_t directory)
{
	struct scan s;
	struct entry e;
	int error;
	fat_scan_open(&s, f, directory);
	while (!(error = fat_scan_next(&s, &e)))
		if (!fat_entry_is_dot(e.raw))
			return ERR_INVALID;
	return error == ERR_ABSENT ? OK : error;
}

/* ---- Making one ---- */

/* Which tails the directory has: bit 0 the name without one, 1 to 9; `probe`: bit 10. */
static int taken(struct scan *s, const struct name *name, const uint8_t probe[11], uint32_t *bits)
{
	uint8_t with[10][11];
	struct entry e;
	int error;
	fat_name_to_short(name, with[0]);
	for (uint32_t k = 1; k < 10; k++)
		fat_name_tail(name, with[k], k);
	*bits = 0;
	const struct index *x = fat_index_of(s);
	if (x) {
		for (uint32_t k = 0; k < 10; k++)
			*bits |= (uint32_t)fat_index_has_short(x, with[k]) << k;
		*bits |= (uint32_t)(probe && fat_index_has_short(x, probe)) << 10;
		return OK;
	}
	s->slot = 0;
	while (!(error = fat_scan_next(s, &e))) {
		for (uint32_t k = 0; k < 10; k++)
			*bits |= (uint32_t)(memcmp(e.raw, with[k], 11) == 0) << k;
		*bits |= (uint32_t)(probe && memcmp(e.raw, probe, 11) == 0) << 10;
	}
	return error == ERR_ABSENT ? OK : error;
}

static int choose_short(struct scan *s, const struct name *name, uint8_t raw[11], bool *exact)
{
	uint32_t bits;
	*exact = fat_name_to_short(name, raw);
	int error = taken(s, name, NULL, &bits);
	if (error || !(bits & 1))
		return error;
	*exact = false;
	for (uint32_t k = 1; k < 10; k++) {
		if (!(bits >> k & 1)) {
			fat_name_tail(name, raw, k);
			return OK;
		}
	}
	for (uint32_t k = 10; k < 10 + HASH_TRIES; k++) {
		fat_name_tail(name, raw, k);
		error = taken(s, name, raw, &bits);
		if (error || !(bits >> 10))
			return error;
	}
	return ERR_TOO_BIG;
}

/* So many free slots in a row; the directory grows if it has to. *ended: from that slot on nothing
 * had been in use. */
static int find_room(struct scan *s, uint32_t need, uint32_t *at, uint32_t *ended)
{
	struct unit *u;
	uint8_t *raw;
	uint32_t run = 0, slot = fat_index_room(s, need);
	int error;
	*ended = SLOTS_MAX;
	for (;; slot++) {
		error = fat_scan_slot(s, slot, &u, &raw);
		if (error)
			break;
		if (!raw[0] && *ended > slot)
			*ended = slot;
		run = slot >= *ended || raw[0] == ERASED ? run + 1 : 0;
		if (run == need) {
			*at = slot + 1 - need;
			return OK;
		}
	}
	if (error != ERR_ABSENT)
		return error;
	*at = slot - run;
	if (*at + need > SLOTS_MAX)
		return ERR_TOO_BIG;
	for (error = OK; slot < *at + need && !error; slot += s->fat->cluster_size / SLOT)
		error = fat_directory_grow(s);
	return error;
}

static void part_make(uint8_t raw[SLOT], const struct name *name, uint32_t number, uint8_t sum)
{
	memset(raw, 0, SLOT);
	raw[0] = (uint8_t)(number | (number * PART >= name->size ? LAST : 0));
	raw[11] = ATTR_LONG;
	raw[13] = sum;
	for (uint32_t k = 0; k < PART; k++) {
		uint32_t at = (number - 1) * PART + k;
		fat_store16(raw + unit_at[k], at < name->size    ? name->units[at]
		                              : at == name->size ? 0
		                                                 : 0xffff);
	}
}

static int put_slot(struct scan *s, uint32_t slot, const uint8_t from[SLOT], uint64_t *at)
{
	struct unit *u;
	uint8_t *raw;
	int error = fat_scan_slot(s, slot, &u, &raw);
	if (error)
		return error;
	memcpy(raw, from, SLOT);
	fat_cache_dirty(s->fat, u);
	*at = u->at + (uint64_t)(raw - u->bytes);
	return OK;
}

int fat_entry_make(struct scan *s, const struct name *name, const uint8_t raw[SLOT],
                   struct entry *e)
{
	struct fat *f = s->fat;
	struct unit *u;
	uint8_t part[SLOT], *after;
	uint32_t first, ended, parts;
	bool exact;
	memcpy(e->raw, raw, SLOT);
	int error = choose_short(s, name, e->raw, &exact);
	if (error)
		return error;
	e->raw[12] = 0;
	/* A name that was erased comes again only when the device knows: else a cut may leave both.
	 */
	if (f->erased & marks(e->raw, name->units, name->size))
		error = fat_commit(f, false);
	if (error)
		return error;
	parts = exact ? 0 : (name->size + PART - 1) / PART;
	error = find_room(s, parts + 1, &first, &ended);
	if (error)
		return error;
	e->first = first;
	e->slot = first + parts;
	e->units_count = exact ? 0 : name->size;
	memcpy(e->units, name->units, e->units_count * sizeof *e->units);
	/* Behind the end there may be anything. */
	if (e->slot >= ended) {
		error = fat_scan_slot(s, e->slot + 1, &u, &after);
		if (!error && after[0]) {
			after[0] = 0;
			fat_cache_dirty(f, u);
		}
		error = error == ERR_ABSENT ? OK : error;
	}
	for (uint32_t k = 0; k < parts && !error; k++) {
		part_make(part, name, parts - k, fat_name_sum(e->raw));
		error = put_slot(s, first + k, part, &e->at);
	}
	if (!error)
		error = put_slot(s, e->slot, e->raw, &e->at);
	if (error) {
		f->refuses = error;
		fat_index_drop(f, s->chain.first);
		return error;
	}
	fat_index_added(s, e);
	fat_index_taken(s, parts + 1, first);
	return OK;
}

/* ---- Times ---- */

#define EPOCH_1980 315532800ll
#define EPOCH_2108 4354819199ll
#define DAY        86400ll

static bool leap(uint32_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static uint32_t month_days(uint32_t year, uint32_t month)
{
	static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return days[month - 1] + (month == 2 && leap(year));
}

static void to_dos(int64_t seconds, uint32_t *date, uint32_t *time)
{
	seconds = seconds < EPOCH_1980 ? EPOCH_1980 : seconds > EPOCH_2108 ? EPOCH_2108 : seconds;
	uint32_t days = (uint32_t)((seconds - EPOCH_1980) / DAY), s = (uint32_t)(seconds % DAY);
	uint32_t year = 1980, month = 1;
	for (; days >= 365u + leap(year); year++)
		days -= 365u + leap(year);
	for (; days >= month_days(year, month); month++)
		days -= month_days(year, month);
	*date = (year - 1980) << 9 | month << 5 | (days + 1);
	*time = s / 3600 << 11 | s / 60 % 60 << 5 | s % 60 / 2;
}

static int64_t from_dos(uint32_t date, uint32_t time)
{
	uint32_t year = 1980 + (date >> 9), month = date >> 5 & 15, day = date & 31, days;
	uint32_t hour = time >> 11, minute = time >> 5 & 63, second = time % 32 * 2;
	if (!month || month > 12 || !day || day > month_days(year, month) || hour > 23 ||
	    minute > 59 || second > 59)
		return 0;
	days = day - 1;
	for (uint32_t y = 1980; y < year; y++)
		days += 365u + leap(y);
	for (uint32_t m = 1; m < month; m++)
		days += month_days(year, m);
	return EPOCH_1980 + days * DAY + hour * 3600 + minute * 60 + second;
}

int64_t fat_entry_now(void)
{
	return clock_wall() / (int64_t)NS_PER_S;
}

void fat_entry_stamp(uint8_t raw[SLOT], int64_t seconds, bool created)
{
	uint32_t date, time;
	to_dos(seconds, &date, &time);
	if (created) {
		raw[13] = (uint8_t)(seconds & 1 ? 100 : 0);
		fat_store16(raw + 14, time);
		fat_store16(raw + 16, date);
	}
	fat_store16(raw + 18, date);
	fat_store16(raw + 22, time);
	fat_store16(raw + 24, date);
}

void fat_entry_info(const struct entry *e, struct fat_info *to)
{
	const uint8_t *raw = e->raw;
	uint16_t units[12];
	uint32_t size = fat_name_from_short(raw, 0, units);
	memset(to, 0, sizeof *to);
	fat_name_print(units, size, to->short_name, sizeof to->short_name);
	size = fat_name_from_short(raw, raw[12], units);
	if (e->units_count)
		fat_name_print(e->units, e->units_count, to->name, sizeof to->name);
	else
		fat_name_print(units, size, to->name, sizeof to->name);
	to->directory = raw[11] & ATTR_DIRECTORY;
	to->attributes = raw[11] & (FAT_READ_ONLY | FAT_HIDDEN | FAT_SYSTEM | FAT_ARCHIVE);
	to->size = to->directory ? 0 : fat_load32(raw + 28);
	to->created = from_dos(fat_load16(raw + 16), fat_load16(raw + 14));
	to->modified = from_dos(fat_load16(raw + 24), fat_load16(raw + 22));
	to->accessed = from_dos(fat_load16(raw + 18), 0);
}
