/* SPDX-License-Identifier: ISC */
/* A small symbol table reader: section headers, the note, .symtab and its strings; nothing else of
 * the file (symbols_file.c maps it). */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include <tender/symbols.h>

#define SECTIONS_MAX    4096u
#define TABLE_BYTES_MAX (64u << 20)
#define NAME_SHOWN      96 /* bytes of a name that are printed */

static bool holds(const struct symbols *s, uint64_t at, uint64_t size)
{
	return at <= s->size && size <= s->size - at;
}

/* Copies a part of the file; false: it has none there. */
static bool part(const struct symbols *s, uint64_t at, void *to, uint64_t size)
{
	if (!holds(s, at, size))
		return false;
	memcpy(to, s->file + at, size);
	return true;
}

static bool is_our_note(const struct symbols *s, const Elf64_Shdr *section,
                        const struct image *image)
{
	uint32_t head[5];
	struct amp_note note;
	if (section->sh_type != SHT_NOTE || section->sh_size < sizeof head + sizeof note ||
	    !part(s, section->sh_offset, head, sizeof head) ||
	    !part(s, section->sh_offset + sizeof head, &note, sizeof note))
		return false;
	return head[0] == 8 && head[2] == AMP_NOTE_TYPE && !memcmp(head + 3, AMP_NOTE_NAME, 8) &&
	       !memcmp(note.build_id, image->note.build_id, sizeof note.build_id) &&
	       !memcmp(note.name, image->note.name, sizeof note.name);
}

static bool is_function(const struct symbols *s, const Elf64_Sym *y)
{
	return ELF64_ST_TYPE(y->st_info) == STT_FUNC && y->st_shndx != SHN_UNDEF &&
	       y->st_name < s->names_size;
}

static bool take(struct symbols *s, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
	Elf64_Sym y;
	bool any = false;
	if (table->sh_size > TABLE_BYTES_MAX || strings->sh_size > TABLE_BYTES_MAX ||
	    !strings->sh_size || !holds(s, table->sh_offset, table->sh_size) ||
	    !holds(s, strings->sh_offset, strings->sh_size))
		return false;
	s->list = table->sh_offset;
	s->count = table->sh_size / sizeof y;
	s->names = strings->sh_offset;
	s->names_size = strings->sh_size;
	for (uint64_t i = 0; i < s->count && !any; i++)
		any = part(s, s->list + i * sizeof y, &y, sizeof y) && is_function(s, &y);
	return any;
}

bool symbols_find(struct symbols *s, const struct image *image)
{
	Elf64_Ehdr e;
	Elf64_Shdr section, strings;
	bool ours = false;
	s->count = 0;
	if (!part(s, 0, &e, sizeof e) || memcmp(e.e_ident, ELFMAG, SELFMAG) ||
	    e.e_ident[EI_CLASS] != ELFCLASS64 || e.e_shentsize != sizeof section ||
	    e.e_shnum > SECTIONS_MAX || !holds(s, e.e_shoff, e.e_shnum * sizeof section))
		return false;
	for (unsigned i = 0; i < e.e_shnum && !ours; i++)
		ours = part(s, e.e_shoff + i * sizeof section, &section, sizeof section) &&
		       is_our_note(s, &section, image);
	for (unsigned i = 0; ours && i < e.e_shnum; i++)
		if (part(s, e.e_shoff + i * sizeof section, &section, sizeof section) &&
		    section.sh_type == SHT_SYMTAB && section.sh_link < e.e_shnum &&
		    part(s, e.e_shoff + section.sh_link * sizeof section, &strings,
		         sizeof strings) &&
		    strings.sh_type == SHT_STRTAB && take(s, &section, &strings))
			return true;
	s->count = 0;
	return false;
}

bool symbols_name(const struct symbols *s, uint64_t address, char *to, size_t size)
{
	/* The last function at or below the address. Few addresses are looked up: the list is not sorted for them. */
	Elf64_Sym best = { 0 }, y;
	bool any = false;
	for (uint64_t i = 0; i < s->count; i++) {
		if (!part(s, s->list + i * sizeof y, &y, sizeof y) || !is_function(s, &y) ||
		    y.st_value > address || (any && y.st_value <= best.st_value))
			continue;
		best = y;
		any = true;
	}
	if (!any)
		return false;
	uint64_t offset = address - best.st_value;
	if (offset >= best.st_size && (best.st_size || offset > 65536))
		return false;
	/* The table of names need not end with a zero. */
	char name[NAME_SHOWN + 1] = "";
	uint64_t most = s->names_size - best.st_name;
	part(s, s->names + best.st_name, name, most < NAME_SHOWN ? most : NAME_SHOWN);
	for (unsigned char *c = (unsigned char *)name; *c; c++)
		if (*c < 0x21 || *c > 0x7e)
			*c = '?';
	snprintf(to, size, "%s+0x%llx", *name ? name : "?", (unsigned long long)offset);
	return true;
}
