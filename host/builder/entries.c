/* SPDX-License-Identifier: ISC */
/*
 * Finds the functions whose addresses archives take (entries.h). The link map says which addresses are whose. The linked file
 * has a relocation for each word that holds an address; code is decoded function by function for `lea`, which is how code
 * that can move takes an address. Addresses amid a function (labels that code jumps to) and of data count for nothing.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include <builder/audit.h>
#include <builder/codegen.h>
#include <builder/entries.h>
#include <builder/symbols.h>
#include <builder/text.h>

#define HEAD 8u /* bytes before the first entry */

struct range {
	uint64_t from, to;
};

struct finder {
	uint8_t *bytes;
	size_t size;
	Elf64_Phdr phdrs[32];
	unsigned phdr_count;
	struct symbols symbols;
	uint64_t *starts; /* of functions, ascending */
	size_t start_count;
	struct range *ranges; /* of archives, ascending */
	size_t range_count, range_room;
	uint64_t *taken;
	size_t taken_count, taken_room;
};

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int by_from(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* The address's bytes up to the end of its segment. */
static uint8_t *bytes_at(const struct finder *f, uint64_t address, uint64_t *left, bool *is_code)
{
	for (unsigned i = 0; i < f->phdr_count; i++) {
		const Elf64_Phdr *p = &f->phdrs[i];

		if (p->p_type != PT_LOAD || address < p->p_vaddr ||
		    address - p->p_vaddr >= p->p_filesz || p->p_offset > f->size ||
		    p->p_filesz > f->size - p->p_offset)
			continue;
		*left = p->p_filesz - (address - p->p_vaddr);
		*is_code = p->p_flags & PF_X;
		return f->bytes + p->p_offset + (address - p->p_vaddr);
	}
	return NULL;
}

static bool is_start(const struct finder *f, uint64_t address)
{
	return f->start_count &&
	       bsearch(&address, f->starts, f->start_count, sizeof address, by_value);
}

static void take(struct finder *f, uint64_t address)
{
	if (!is_start(f, address))
		return;
	if (f->taken_count == f->taken_room) {
		uint64_t *more = keep_array(f->taken_room * 2 + 1024, sizeof *more);

		if (f->taken_count)
			memcpy(more, f->taken, f->taken_count * sizeof *more);
		f->taken_room = f->taken_room * 2 + 1024;
		f->taken = more;
	}
	f->taken[f->taken_count++] = address;
}

/* ---- whose addresses are whose ---- */

static void add_range(struct finder *f, uint64_t from, uint64_t size)
{
	if (f->range_count == f->range_room) {
		struct range *more = keep_array(f->range_room * 2 + 1024, sizeof *more);

		if (f->range_count)
			memcpy(more, f->ranges, f->range_count * sizeof *more);
		f->range_room = f->range_room * 2 + 1024;
		f->ranges = more;
	}
	f->ranges[f->range_count++] = (struct range){ from, from + size };
}

/* "ARCHIVE(MEMBER):(SECTION)", or the linker's own table, which archives find addresses through. */
static bool is_archive(const struct manifest *m, const char *file)
{
	if (strncmp(file, "<internal>:(.got", 16) == 0)
		return true;
	for (unsigned i = 0; i < m->archive_count; i++) {
		size_t n = strlen(m->archives[i]->path);

		if (strncmp(file, m->archives[i]->path, n) == 0 && file[n] == '(')
			return true;
	}
	return false;
}

/* Lines of VMA LMA SIZE ALIGN, then the input section. */
static void read_map(struct finder *f, const char *map, const struct manifest *m)
{
	for (const char *line = map, *end; *line; line = *end ? end + 1 : end) {
		char *at;
		uint64_t from = strtoull(line, &at, 16), size;

		end = line + strcspn(line, "\n");
		if (at == line || at >= end)
			continue;
		strtoull(at, &at, 16);
		size = strtoull(at, &at, 16);
		strtoull(at, &at, 10);
		at += strspn(at, " ");
		if (at < end && size && is_archive(m, at))
			add_range(f, from, size);
	}
	if (f->range_count)
		qsort(f->ranges, f->range_count, sizeof *f->ranges, by_from);
}

static bool in_ranges(const struct finder *f, uint64_t address)
{
	size_t low = 0, high = f->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (f->ranges[middle].from <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < f->ranges[low - 1].to;
}

/* ---- who takes addresses ---- */

static void read_words(struct finder *f)
{
	uint64_t at = 0, size = 0, left;
	bool is_code;

	for (unsigned i = 0; i < f->phdr_count; i++) {
		const Elf64_Phdr *p = &f->phdrs[i];

		if (p->p_type != PT_DYNAMIC || p->p_offset > f->size ||
		    p->p_filesz > f->size - p->p_offset)
			continue;
		for (uint64_t k = 0; k + sizeof(Elf64_Dyn) <= p->p_filesz; k += sizeof(Elf64_Dyn)) {
			Elf64_Dyn d;

			memcpy(&d, f->bytes + p->p_offset + k, sizeof d);
			if (d.d_tag == DT_RELA)
				at = d.d_un.d_ptr;
			if (d.d_tag == DT_RELASZ)
				size = d.d_un.d_val;
		}
	}
	const uint8_t *table = size ? bytes_at(f, at, &left, &is_code) : NULL;
	if (!table || size > left)
		return;
	for (uint64_t i = 0; i + sizeof(Elf64_Rela) <= size; i += sizeof(Elf64_Rela)) {
		Elf64_Rela r;

		memcpy(&r, table + i, sizeof r);
		if (in_ranges(f, r.r_offset))
			take(f, (uint64_t)r.r_addend);
	}
}

static void read_code(struct finder *f, uint64_t from, uint64_t to)
{
	uint64_t left;
	bool is_code;
	const uint8_t *bytes = bytes_at(f, from, &left, &is_code);

	if (!bytes || !is_code)
		return;
	if (to - from < left)
		left = to - from;
	for (uint64_t at = 0; at < left;) {
		uint64_t target;
		unsigned length;

		if (audit_takes(bytes + at, (size_t)(left - at), from + at, &length, &target))
			take(f, target);
		at += length ? length : 1; /* data among code */
	}
}

/* From each function's start to the next one's. */
static void read_functions(struct finder *f)
{
	for (size_t i = 0; i < f->start_count; i++)
		if (in_ranges(f, f->starts[i])) {
			uint64_t end = i + 1 < f->start_count ? f->starts[i + 1] : UINT64_MAX;

			read_code(f, f->starts[i], end);
		}
}

static bool write_list(struct finder *f, uint64_t table, uint64_t room, const char *shown,
                       struct report *report)
{
	uint64_t left;
	bool is_code;
	uint32_t count = 0;
	uint8_t *to = bytes_at(f, table, &left, &is_code);

	if (!to || room > left || room < HEAD) {
		report_at(report, shown, 0, 0,
		          "has no room for the functions that archives hand out");
		return false;
	}
	if (f->taken_count)
		qsort(f->taken, f->taken_count, sizeof *f->taken, by_value);
	/* Code lies below: the nearest comes first. */
	for (size_t i = f->taken_count; i-- > 0;) {
		uint64_t below = table - f->taken[i];
		uint32_t entry = (uint32_t)below;

		if (i + 1 < f->taken_count && f->taken[i] == f->taken[i + 1])
			continue;
		if (f->taken[i] >= table || below > UINT32_MAX ||
		    HEAD + (count + 1) * sizeof entry > room) {
			report_at(report, shown, 0, 0,
			          "its archives take the addresses of more functions than the list "
			          "has room for (%llu bytes): leave an archive out",
			          (unsigned long long)room);
			return false;
		}
		memcpy(to + HEAD + count++ * sizeof entry, &entry, sizeof entry);
	}
	memcpy(to, &count, sizeof count);
	return true;
}

bool entries_fill(uint8_t *linked, size_t size, const char *map, const struct manifest *m,
                  const char *shown, struct report *report)
{
	struct finder f = { .bytes = linked, .size = size };
	uint64_t table = 0, end = 0, left;
	const char *why = symbols_read(&f.symbols, linked, size);
	Elf64_Ehdr e;
	bool is_code;

	if (why || size < sizeof e) {
		report_at(report, shown, 0, 0, "%s", why ? why : "is too short for an ELF file");
		return false;
	}
	memcpy(&e, linked, sizeof e);
	f.phdr_count = e.e_phnum;
	if (e.e_phnum > sizeof f.phdrs / sizeof *f.phdrs || e.e_phoff > size ||
	    e.e_phnum * sizeof *f.phdrs > size - e.e_phoff) {
		report_at(report, shown, 0, 0, "has no readable program headers");
		return false;
	}
	memcpy(f.phdrs, linked + e.e_phoff, e.e_phnum * sizeof *f.phdrs);
	f.starts = keep_array(f.symbols.count + 1, sizeof *f.starts);
	for (size_t i = 0; i < f.symbols.count; i++) {
		const struct symbol *s = &f.symbols.list[i];

		if (strcmp(s->name, CODEGEN_ENTRIES) == 0)
			table = s->address;
		else if (strcmp(s->name, CODEGEN_ENTRIES "_end") == 0)
			end = s->address;
		else if (s->function && bytes_at(&f, s->address, &left, &is_code) && is_code &&
		         (!f.start_count || f.starts[f.start_count - 1] != s->address))
			f.starts[f.start_count++] = s->address;
	}
	read_map(&f, map, m);
	read_words(&f);
	read_functions(&f);
	return write_list(&f, table, end - table, shown, report);
}
