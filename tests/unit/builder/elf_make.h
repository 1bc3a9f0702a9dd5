/* SPDX-License-Identifier: ISC */
/* Crafted linked files: segments, symbols, relocations as a test wants them. */
#ifndef TEST_ELF_MAKE_H
#define TEST_ELF_MAKE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BASE 0x234567800000ull

struct elf_make {
	Elf64_Phdr phdrs[16];
	unsigned phdr_count;
	Elf64_Sym symbols[16];
	char names[512];
	unsigned symbol_count, names_size;
	uint8_t bytes[0x20000];
	size_t size;
	uint16_t type;
	uint64_t entry;
};

/* Code at ELF_BASE, constants with a note in the next page, data in the one after. */
void elf_make_good(struct elf_make *, const void *code, size_t size);
/* Adds bytes as a segment of that type; returns its program header for the test to spoil. */
Elf64_Phdr *elf_make_add(struct elf_make *, uint32_t type, uint32_t flags, uint64_t address,
                         const void *bytes, size_t size);
void elf_make_symbol(struct elf_make *, const char *name, unsigned type, uint64_t address,
                     uint64_t size);
/* Writes headers and symbols into bytes; size is then the whole file's. */
void elf_make_finish(struct elf_make *);

#endif
