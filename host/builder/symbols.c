/* SPDX-License-Identifier: ISC */
/*
 * Reads .symtab, and of DWARF 5 just enough to say which compile unit an address belongs to:
 * .debug_aranges maps addresses to units, and a unit's first entry in .debug_info, read by its
 * abbreviation, holds its name (DWARF 5 sections 6.1.2, 7.5.1, 7.5.3).
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <builder/symbols.h>
#include <builder/text.h>

#define SYMBOLS_MAX 4000000u

/* A cursor over untrusted bytes; a read past the end gives zero and sets failed. */
struct view {
	const uint8_t *at, *end;
	bool failed;
};

static uint64_t get(struct view *v, unsigned bytes)
{
	uint64_t n = 0;

	if (v->failed || (size_t)(v->end - v->at) < bytes) {
		v->failed = true;
		return 0;
	}
	memcpy(&n, v->at, bytes);
	v->at += bytes;
	return n;
}

static void skip(struct view *v, uint64_t bytes)
{
	if (v->failed || (uint64_t)(v->end - v->at) < bytes)
		v->failed = true;
	else
		v->at += bytes;
}

static uint64_t get_leb(struct view *v)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint64_t byte = get(v, 1);
		n |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return n;
	}
	v->failed = true;
	return 0;
}

static struct view part(struct view whole, uint64_t at, uint64_t size)
{
	uint64_t all = whole.at ? (uint64_t)(whole.end - whole.at) : 0;

	if (at > all || size > all - at)
		return (struct view){ .failed = true };
	return (struct view){ whole.at + at, whole.at + at + size, false };
}

static struct view from(struct view whole, uint64_t at)
{
	uint64_t all = whole.at ? (uint64_t)(whole.end - whole.at) : 0;

	return at > all ? (struct view){ .failed = true }
	                : (struct view){ whole.at + at, whole.end, false };
}

/* The text at an offset, or null if it has no end. */
static const char *string(struct view strings, uint64_t at)
{
	struct view v = from(strings, at);

	return !v.failed && v.at && memchr(v.at, 0, (size_t)(v.end - v.at)) ? (const char *)v.at
	                                                                    : NULL;
}

struct sections {
	struct view note, symtab, strtab, info, abbrev, aranges, str, line_str, str_offsets;
};

static const char *find_sections(struct sections *s, struct view file)
{
	Elf64_Ehdr e;

	if ((size_t)(file.end - file.at) < sizeof e)
		return "is too short for an ELF file";
	memcpy(&e, file.at, sizeof e);
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_ident[EI_DATA] != ELFDATA2LSB || e.e_machine != EM_X86_64)
		return "is no ELF file for x86-64";
	if (e.e_shentsize != sizeof(Elf64_Shdr) || !e.e_shnum)
		return "has no sections";
	struct view table = part(file, e.e_shoff, (uint64_t)e.e_shnum * sizeof(Elf64_Shdr));
	if (table.failed || e.e_shstrndx >= e.e_shnum)
		return "has a section table outside the file";
	Elf64_Shdr h, names;
	memcpy(&names, table.at + e.e_shstrndx * sizeof names, sizeof names);
	struct view name_view = part(file, names.sh_offset, names.sh_size);
	const struct {
		const char *name;
		struct view *view;
	} wanted[] = {
		{ ".note.ampoule", &s->note },       { ".strtab", &s->strtab },
		{ ".debug_info", &s->info },         { ".debug_abbrev", &s->abbrev },
		{ ".debug_aranges", &s->aranges },   { ".debug_str", &s->str },
		{ ".debug_line_str", &s->line_str }, { ".debug_str_offsets", &s->str_offsets }
	};

	for (unsigned i = 0; i < e.e_shnum; i++) {
		memcpy(&h, table.at + i * sizeof h, sizeof h);
		struct view v = part(file, h.sh_offset, h.sh_type == SHT_NOBITS ? 0 : h.sh_size);
		const char *name = string(name_view, h.sh_name);

		if (v.failed || h.sh_flags & SHF_COMPRESSED)
			continue;
		if (h.sh_type == SHT_SYMTAB)
			s->symtab = v;
		for (unsigned j = 0; name && j < sizeof wanted / sizeof *wanted; j++)
			if (strcmp(name, wanted[j].name) == 0)
				*wanted[j].view = v;
	}
	return s->symtab.at ? NULL : "has no symbols";
}

/* Skips or reads one attribute of a unit's first entry; *text is set if it is a string. False:
 * unknown form. */
static bool read_form(const struct sections *s, struct view *v, uint64_t form, const char **text,
                      uint64_t str_offsets_base, uint64_t *number)
{
	uint64_t index = 0;
	bool indexed = false;

	*text = NULL;
	switch (form) {
	case 0x08: /* string */
		*text = string(*v, 0);
		if (!*text)
			return false;
		skip(v, strlen(*text) + 1);
		return !v->failed;
	case 0x0e: /* strp */
		*text = string(s->str, get(v, 4));
		return !v->failed;
	case 0x1f: /* line_strp */
		*text = string(s->line_str, get(v, 4));
		return !v->failed;
	case 0x1a: /* strx */
		index = get_leb(v), indexed = true;
		break;
	case 0x25: /* strx1 */
		index = get(v, 1), indexed = true;
		break;
	case 0x26: /* strx2 */
		index = get(v, 2), indexed = true;
		break;
	case 0x27: /* strx3 */
		index = get(v, 3), indexed = true;
		break;
	case 0x28: /* strx4 */
		index = get(v, 4), indexed = true;
		break;
	case 0x0b: /* data1 */
	case 0x0c: /* flag */
	case 0x29: /* addrx1 */
		*number = get(v, 1);
		break;
	case 0x05: /* data2 */
	case 0x2a: /* addrx2 */
		*number = get(v, 2);
		break;
	case 0x06: /* data4 */
	case 0x17: /* sec_offset */
	case 0x2c: /* addrx4 */
		*number = get(v, 4);
		break;
	case 0x07: /* data8 */
	case 0x01: /* addr */
		*number = get(v, 8);
		break;
	case 0x1e: /* data16 */
		skip(v, 16);
		break;
	case 0x0d: /* sdata */
	case 0x0f: /* udata */
	case 0x1b: /* addrx */
	case 0x22: /* loclistx */
	case 0x23: /* rnglistx */
		*number = get_leb(v);
		break;
	case 0x18: /* exprloc */
		skip(v, get_leb(v));
		break;
	case 0x19: /* flag_present */
		break;
	default:
		return false;
	}
	if (indexed && index < UINT32_MAX) {
		struct view o = from(s->str_offsets, str_offsets_base + index * 4);
		*text = string(s->str, get(&o, 4));
		if (o.failed)
			*text = NULL;
	}
	return !v->failed;
}

/* The name of the compile unit at an offset of .debug_info, or null. */
static const char *unit_name(const struct sections *s, uint64_t offset)
{
	struct view v = from(s->info, offset);
	uint64_t length = get(&v, 4), number = 0, base = 8;
	const char *name = NULL;

	if (v.failed || length >= 0xfffffff0 || length > (uint64_t)(v.end - v.at))
		return NULL;
	v.end = v.at + length;
	uint64_t version = get(&v, 2), abbrev_at;
	if (version == 5) {
		if (get(&v, 1) != 1) /* DW_UT_compile */
			return NULL;
		skip(&v, 1);
		abbrev_at = get(&v, 4);
	} else if (version == 4) {
		abbrev_at = get(&v, 4);
		skip(&v, 1);
	} else {
		return NULL;
	}
	uint64_t code = get_leb(&v);
	struct view a = from(s->abbrev, abbrev_at);

	/* Abbreviations: code, tag, children, then pairs up to 0 0. The unit's own is the first as
	 * a rule. */
	while (!a.failed && !v.failed) {
		uint64_t this = get_leb(&a);

		if (!this)
			return NULL;
		get_leb(&a);
		skip(&a, 1);
		/* The base of the string table may come after the name: two passes. */
		struct view pairs = a, values = v;
		for (unsigned pass = 0; pass < 2; pass++) {
			a = pairs;
			values = v;
			for (;;) {
				uint64_t attribute = get_leb(&a), form = get_leb(&a);
				const char *text = NULL;

				if (a.failed)
					return NULL;
				if (form == 0x21) /* implicit_const: the value stands here */
					get_leb(&a);
				if (!attribute && !form)
					break;
				if (this != code || form == 0x21)
					continue;
				if (!read_form(s, &values, form, &text, base, &number))
					return name;
				if (attribute == 0x72) /* DW_AT_str_offsets_base */
					base = number;
				if (attribute == 0x03) /* DW_AT_name */
					name = text;
			}
		}
		if (this == code)
			return name;
	}
	return NULL;
}

struct range {
	uint64_t from, to;
	const char *unit;
};

static int by_from(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

static struct range *read_ranges(const struct sections *s, size_t *count)
{
	struct view v = s->aranges;
	size_t room = v.at ? (size_t)(v.end - v.at) / 16 + 1 : 1;
	struct range *ranges = keep_array(room, sizeof *ranges);

	*count = 0;
	while (v.at && v.at < v.end && !v.failed) {
		const uint8_t *start = v.at;
		uint64_t length = get(&v, 4);

		if (v.failed || length >= 0xfffffff0 || length > (uint64_t)(v.end - v.at))
			break;
		struct view set = { v.at, v.at + length, false };
		v.at += length;
		uint64_t version = get(&set, 2), unit = get(&set, 4);
		if (version != 2 || get(&set, 1) != 8 || get(&set, 1) != 0)
			continue;
		/* Pairs are aligned to their own size, counted from the set's start. */
		skip(&set, (16 - (size_t)(set.at - start) % 16) % 16);
		const char *name = unit_name(s, unit);
		while (name && !set.failed) {
			uint64_t at = get(&set, 8), size = get(&set, 8);
			if (set.failed || (!at && !size))
				break;
			/* Dropped functions keep an entry at address 0. */
			if (at && size && at + size > at && *count < room)
				ranges[(*count)++] = (struct range){ at, at + size, name };
		}
	}
	qsort(ranges, *count, sizeof *ranges, by_from);
	return ranges;
}

static const char *range_unit(const struct range *r, size_t count, uint64_t address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (r[mid].from <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return low && address < r[low - 1].to ? r[low - 1].unit : NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

const char *symbols_read(struct symbols *out, const uint8_t *bytes, size_t size)
{
	struct sections s = { 0 };
	const char *why = find_sections(&s, (struct view){ bytes, bytes + size, false });

	*out = (struct symbols){ 0 };
	if (why)
		return why;
	struct view id = part(s.note, 20 + offsetof(struct amp_note, build_id), 32);
	out->build_id = id.failed ? NULL : id.at;
	size_t count = (size_t)(s.symtab.end - s.symtab.at) / sizeof(Elf64_Sym), range_count;
	if (count > SYMBOLS_MAX)
		return "has more symbols than any image";
	out->list = keep_array(count, sizeof *out->list);
	struct range *ranges = read_ranges(&s, &range_count);

	for (size_t i = 1; i < count; i++) {
		Elf64_Sym e;
		memcpy(&e, s.symtab.at + i * sizeof e, sizeof e);
		unsigned type = ELF64_ST_TYPE(e.st_info), bind = ELF64_ST_BIND(e.st_info);
		const char *name = string(s.strtab, e.st_name);

		if (!name || !*name || type == STT_SECTION || type == STT_FILE || type == STT_TLS)
			continue;
		if (e.st_shndx == SHN_UNDEF) {
			if (bind != STB_WEAK)
				list_add(&out->undefined, &out->undefined_count, name);
			continue;
		}
		if (e.st_shndx == SHN_ABS)
			continue;
		out->list[out->count++] =
		        (struct symbol){ e.st_value,
			                 e.st_size,
			                 name,
			                 type == STT_FUNC || type == STT_NOTYPE ||
			                         type == STT_GNU_IFUNC,
			                 type == STT_OBJECT,
			                 range_unit(ranges, range_count, e.st_value),
			                 type == STT_NOTYPE && !e.st_size };
	}
	qsort(out->list, out->count, sizeof *out->list, by_address);
	return NULL;
}
