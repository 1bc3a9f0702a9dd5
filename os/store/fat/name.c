/* SPDX-License-Identifier: ISC */
/*
 * Names. Long ones are UTF-16, short ones eight and three letters of code page 850 (mtools' and
 * mkfs.fat's default). Names made here have ASCII only in their short form; others' short names are
 * shown as what they mean there.
 */
#include <store/fat/internal.h>

#define REPLACEMENT 0xfffdu

static const uint16_t cp850[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8,
	0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2,
	0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00f8, 0x00a3, 0x00d8, 0x00d7, 0x0192, 0x00e1,
	0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x00ae, 0x00ac, 0x00bd,
	0x00bc, 0x00a1, 0x00ab, 0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x00c1, 0x00c2,
	0x00c0, 0x00a9, 0x2563, 0x2551, 0x2557, 0x255d, 0x00a2, 0x00a5, 0x2510, 0x2514, 0x2534,
	0x252c, 0x251c, 0x2500, 0x253c, 0x00e3, 0x00c3, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560,
	0x2550, 0x256c, 0x00a4, 0x00f0, 0x00d0, 0x00ca, 0x00cb, 0x00c8, 0x0131, 0x00cd, 0x00ce,
	0x00cf, 0x2518, 0x250c, 0x2588, 0x2584, 0x00a6, 0x00cc, 0x2580, 0x00d3, 0x00df, 0x00d4,
	0x00d2, 0x00f5, 0x00d5, 0x00b5, 0x00fe, 0x00de, 0x00da, 0x00db, 0x00d9, 0x00fd, 0x00dd,
	0x00af, 0x00b4, 0x00ad, 0x00b1, 0x2017, 0x00be, 0x00b6, 0x00a7, 0x00f7, 0x00b8, 0x00b0,
	0x00a8, 0x00b7, 0x00b9, 0x00b3, 0x00b2, 0x25a0, 0x00a0,
};

static bool surrogate_high(uint32_t u)
{
	return u >= 0xd800 && u < 0xdc00;
}

static bool surrogate_low(uint32_t u)
{
	return u >= 0xdc00 && u < 0xe000;
}

/* Characters that no name may contain, by the FAT specification. */
static bool forbidden(uint32_t u)
{
	return u < 0x20 || u == 0x7f || (u < 0x80 && strchr("\"*/:<>?\\|", (int)u));
}

/* One character of UTF-8 (RFC 3629). Bytes taken; 0: it is none. */
static uint32_t utf8_get(const uint8_t *p, uint32_t size, uint32_t *to)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t n = *p < 0x80                 ? 1
	             : *p >= 0xc2 && *p < 0xe0 ? 2
	             : *p >> 4 == 14           ? 3
	             : *p >> 3 == 30           ? 4
	                                       : 0;
	if (!n || n > size)
		return 0;
	uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);
	for (uint32_t k = 1; k < n; k++) {
		if (p[k] >> 6 != 2)
			return 0;
		c = c << 6 | (p[k] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*to = c;
	return n;
}

int fat_name_parse(struct name *name, const char *utf8, uint32_t size)
{
	const uint8_t *p = (const uint8_t *)utf8;
	name->size = 0;
	for (uint32_t at = 0; at < size;) {
		uint32_t c, n = utf8_get(p + at, size - at, &c);
		if (!n || forbidden(c))
			return ERR_INVALID;
		at += n;
		if (name->size + (c >= 0x10000) >= NAME_UNITS)
			return ERR_TOO_BIG;
		if (c >= 0x10000) {
			name->units[name->size++] = (uint16_t)(0xd7c0 + (c >> 10));
			c = 0xdc00 | (c & 0x3ff);
		}
		name->units[name->size++] = (uint16_t)c;
	}
	/* Other systems drop dots and spaces at the end: two names would be one. This has . and ..
	 * in it. */
	if (!name->size || name->units[name->size - 1] == '.' || name->units[name->size - 1] == ' ')
		return ERR_INVALID;
	return OK;
}

uint32_t fat_name_print(const uint16_t *units, uint32_t size, char *to, uint32_t room)
{
	uint32_t at = 0;
	for (uint32_t k = 0; k < size; k++) {
		uint32_t c = units[k];
		if (surrogate_high(c) && k + 1 < size && surrogate_low(units[k + 1]))
			c = 0x10000 + ((c & 0x3ff) << 10) + (units[++k] & 0x3ff);
		uint32_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		if (at + n >= room)
			break;
		for (uint32_t j = n; j-- > 1; c >>= 6)
			to[at + j] = (char)(0x80 | (c & 0x3f));
		to[at] = (char)(n == 1 ? c : (0xf00u >> n & 0xf0) | c);
		at += n;
	}
	to[at] = 0;
	return at;
}

bool fat_name_clean(uint16_t *units, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++) {
		if (forbidden(units[k]))
			return false;
		if (surrogate_high(units[k]) && k + 1 < size && surrogate_low(units[k + 1]))
			k++;
		else if (surrogate_high(units[k]) || surrogate_low(units[k]))
			units[k] = REPLACEMENT;
	}
	return size && !(units[0] == '.' && (size == 1 || (size == 2 && units[1] == '.')));
}

/* Simple capitals of the alphabets that have them in one block: Latin, Greek, Cyrillic. */
static uint32_t upper(uint32_t u)
{
	if (u < 0x80)
		return u >= 'a' && u <= 'z' ? u - 32 : u;
	if ((u >= 0xe0 && u <= 0xfe && u != 0xf7) || (u >= 0x3b1 && u <= 0x3c9 && u != 0x3c2) ||
	    (u >= 0x430 && u <= 0x44f))
		return u - 32;
	if (u == 0xff)
		return 0x178;
	if ((u >= 0x100 && u <= 0x137 && u != 0x131) || (u >= 0x14a && u <= 0x177) ||
	    (u >= 0x460 && u <= 0x481) || (u >= 0x48a && u <= 0x4bf))
		return u & ~1u;
	if ((u >= 0x139 && u <= 0x148) || (u >= 0x179 && u <= 0x17e))
		return u & 1 ? u : u - 1;
	if (u >= 0x450 && u <= 0x45f)
		return u - 80;
	return u;
}

bool fat_name_equal(const uint16_t *a, uint32_t a_size, const uint16_t *b, uint32_t b_size)
{
	if (a_size != b_size)
		return false;
	for (uint32_t k = 0; k < a_size; k++)
		if (upper(a[k]) != upper(b[k]))
			return false;
	return true;
}

uint32_t fat_name_hash(const uint16_t *units, uint32_t size)
{
	uint64_t h = size;
	for (uint32_t k = 0; k < size; k++) {
		h = (h ^ upper(units[k])) * 0x9e3779b97f4a7c15u;
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

uint64_t fat_name_mark(const uint16_t *units, uint32_t size)
{
	return 1ull << (fat_name_hash(units, size) >> 26);
}

/* ---- Short names ---- */

uint8_t fat_name_sum(const uint8_t raw[11])
{
	uint8_t sum = 0;
	for (uint32_t k = 0; k < 11; k++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + raw[k]);
	return sum;
}

static uint32_t part(const uint8_t *raw, uint32_t size, bool lower, uint16_t *to)
{
	while (size && raw[size - 1] == ' ')
		size--;
	for (uint32_t k = 0; k < size; k++) {
		uint32_t u = raw[k] < 0x80 ? raw[k] : cp850[raw[k] - 0x80];
		if (forbidden(u))
			u = '_';
		to[k] = (uint16_t)(lower && u >= 'A' && u <= 'Z' ? u + 32 : u);
	}
	return size;
}

/* cases: Windows NT's and Linux's bits 3 and 4: name, extension are of small letters. */
uint32_t fat_name_from_short(const uint8_t raw[11], uint8_t cases, uint16_t units[12])
{
	uint8_t copy[11];
	memcpy(copy, raw, 11);
	if (copy[0] == 0x05) /* stands for 0xe5, which would be an erased slot */
		copy[0] = 0xe5;
	uint32_t size = part(copy, 8, cases & 8, units);
	uint32_t more = part(copy + 8, 3, cases & 16, units + size + 1);
	if (more) {
		units[size] = '.';
		size += 1 + more;
	}
	return size;
}

static uint8_t short_letter(uint32_t u, bool *exact, bool *fits)
{
	if (u >= 'a' && u <= 'z') {
		*exact = false;
		return (uint8_t)(u - 32);
	}
	if ((u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') ||
	    (u > 0x20 && u < 0x7f && strchr("!#$%&'()-@^_`{}~", (int)u)))
		return (uint8_t)u;
	*exact = *fits = false;
	return '_';
}

/* fits: but for small letters it is the name. */
static bool shorten(const struct name *name, uint8_t raw[11], bool *fits)
{
	uint32_t dot = name->size, at = 0, start = 0;
	bool exact = true;
	*fits = true;
	memset(raw, ' ', 11);
	while (start < name->size && (name->units[start] == '.' || name->units[start] == ' '))
		start++;
	for (uint32_t k = start; k < name->size; k++)
		if (name->units[k] == '.')
			dot = k;
	if (start)
		*fits = false;
	for (uint32_t k = start; k < name->size; k++) {
		uint32_t u = name->units[k], end = k < dot ? 8 : 11;
		if (k == dot) {
			at = 8;
			continue;
		}
		if (u == '.' || u == ' ') { /* left out */
			*fits = false;
			continue;
		}
		if (at == end)
			*fits = false;
		else
			raw[at++] = short_letter(u, &exact, fits);
	}
	if (raw[0] == ' ') {
		raw[0] = '_';
		*fits = false;
	}
	return exact && *fits;
}

bool fat_name_to_short(const struct name *name, uint8_t raw[11])
{
	bool fits, exact = shorten(name, raw, &fits);
	if (!fits)
		fat_name_tail(name, raw, 1);
	return exact;
}

void fat_name_tail(const struct name *name, uint8_t raw[11], uint32_t number)
{
	uint8_t tail[6];
	uint32_t tail_size = 2, length = 0;
	bool fits;
	shorten(name, raw, &fits);
	if (number <= 9) {
		tail[0] = '~';
		tail[1] = (uint8_t)('0' + number);
	} else { /* two letters of the name, four of a hash */
		uint32_t hash = number * 0x9e3779b9u;
		for (uint32_t k = 0; k < name->size; k++)
			hash = (hash ^ name->units[k]) * 0x01000193u;
		hash ^= hash >> 16;
		for (uint32_t k = 0; k < 4; k++)
			tail[k] = (uint8_t)"0123456789ABCDEF"[hash >> 4 * k & 15];
		tail[4] = '~';
		tail[5] = '1';
		tail_size = 6;
	}
	while (length < 8 - tail_size && raw[length] != ' ')
		length++;
	memcpy(raw + length, tail, tail_size);
	memset(raw + length + tail_size, ' ', 8 - length - tail_size);
}
