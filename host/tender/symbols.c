/* SPDX-License-Identifier: ISC */
/* A small symbol table reader: section headers, the note, .symtab and its strings; nothing else of
 * the file. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/symbols.h>

#define SECTIONS_MAX    4096u
#define TABLE_BYTES_MAX (64u << 20)
#define NAME_SHOWN      96 /* bytes of a name that are printed */

int symbols_open(const char *image_path)
{
	char path[4096];
	size_t n = strlen(image_path);
	if (n > 4 && !strcmp(image_path + n - 4, ".amp"))
		n -= 4;
	int length = snprintf(path, sizeof path, "%.*s.debug", (int)n, image_path);
	if (length < 0 || length >= (int)sizeof path)
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A copy of a part of the file, or null. */
static void *part(int fd, uint64_t at, uint64_t size)
{
	if (!size || size > TABLE_BYTES_MAX || at > (1ull << 40))
		return NULL;
	char *copy = malloc(size);
	uint64_t done = 0;
	while (copy && done < size) {
		ssize_t n = pread(fd, copy + done, size - done, (off_t)(at + done));
		if (n <= 0) {
			free(copy);
			return NULL;
		}
		done += (uint64_t)n;
	}
	return copy;
}

static bool is_our_note(int fd, const Elf64_Shdr *s, const struct image *image)
{
	uint32_t head[5];
	struct amp_note note;
	if (s->sh_type != SHT_NOTE || s->sh_size < sizeof head + sizeof note ||
	    s->sh_offset > (1ull << 40) ||
	    pread(fd, head, sizeof head, (off_t)s->sh_offset) != sizeof head ||
	    pread(fd, &note, sizeof note, (off_t)(s->sh_offset + sizeof head)) != sizeof note)
		return false;
	return head[0] == 8 && head[2] == AMP_NOTE_TYPE && !memcmp(head + 3, AMP_NOTE_NAME, 8) &&
	       !memcmp(note.build_id, image->note.build_id, sizeof note.build_id) &&
	       !memcmp(note.name, image->note.name, sizeof note.name);
}

static bool take(struct symbols *s, int fd, const Elf64_Shdr *table, const Elf64_Shdr *strings)
{
	uint64_t count = table->sh_size / sizeof(Elf64_Sym);
	Elf64_Sym *all = part(fd, table->sh_offset, count * sizeof *all);
	s->names = part(fd, strings->sh_offset, strings->sh_size);
	s->list = all ? calloc(count, sizeof *s->list) : NULL;
	if (!all || !s->names || !s->list) {
		free(all);
		return false;
	}
	s->names_size = strings->sh_size;
	s->names[s->names_size - 1] = 0;
	for (uint64_t i = 0; i < count; i++)
		if (ELF64_ST_TYPE(all[i].st_info) == STT_FUNC && all[i].st_name < s->names_size &&
		    all[i].st_shndx != SHN_UNDEF)
			s->list[s->count++] =
			        (struct symbol){ all[i].st_value, all[i].st_size, all[i].st_name };
	free(all);
	return s->count;
}

bool symbols_load(struct symbols *s, int fd, const struct image *image)
{
	Elf64_Ehdr e;
	bool ours = false, found = false;
	memset(s, 0, sizeof *s);
	if (fd < 0 || pread(fd, &e, sizeof e, 0) != sizeof e ||
	    memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_shentsize != sizeof(Elf64_Shdr) || e.e_shnum > SECTIONS_MAX)
		return false;
	Elf64_Shdr *sections = part(fd, e.e_shoff, e.e_shnum * sizeof *sections);
	if (!sections)
		return false;
	for (unsigned i = 0; i < e.e_shnum && !ours; i++)
		ours = is_our_note(fd, &sections[i], image);
	for (unsigned i = 0; ours && i < e.e_shnum && !found; i++)
		if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < e.e_shnum &&
		    sections[sections[i].sh_link].sh_type == SHT_STRTAB) {
			symbols_free(s);
			found = take(s, fd, &sections[i], &sections[sections[i].sh_link]);
		}
	free(sections);
	if (!found)
		symbols_free(s);
	return found;
}

void symbols_free(struct symbols *s)
{
	free(s->list);
	free(s->names);
	memset(s, 0, sizeof *s);
}

bool symbols_name(const struct symbols *s, uint64_t address, char *to, size_t size)
{
	/* The last symbol at or below the address. Few addresses are looked up, and the list is not
	 * sorted for them: glibc's qsort makes a system call that the filter kills. */
	const struct symbol *y = NULL;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->list[i].at <= address && (!y || s->list[i].at > y->at))
			y = &s->list[i];
	if (!y)
		return false;
	uint64_t offset = address - y->at;
	if (offset >= y->size && (y->size || offset > 65536))
		return false;
	char name[NAME_SHOWN + 1];
	snprintf(name, sizeof name, "%s", s->names + y->name);
	for (unsigned char *c = (unsigned char *)name; *c; c++)
		if (*c < 0x21 || *c > 0x7e)
			*c = '?';
	snprintf(to, size, "%s+0x%llx", *name ? name : "?", (unsigned long long)offset);
	return true;
}
