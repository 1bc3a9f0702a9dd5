/* SPDX-License-Identifier: ISC */
/* What of ELF (System V ABI, chapters 4 and 5) images and their symbols have. */
#ifndef LIBC_ELF_H
#define LIBC_ELF_H

#include <stdint.h>

#define EI_CLASS         4
#define EI_DATA          5
#define EI_VERSION       6
#define EI_NIDENT        16
#define ELFMAG           "\177ELF"
#define SELFMAG          4
#define ELFCLASS64       2
#define ELFDATA2LSB      1
#define EV_CURRENT       1
#define ET_EXEC          2
#define EM_X86_64        62
#define PT_LOAD          1
#define PT_INTERP        3
#define PT_NOTE          4
#define PT_TLS           7
#define PT_GNU_STACK     0x6474e551
#define PF_X             1u
#define PF_W             2u
#define PF_R             4u
#define SHT_SYMTAB       2
#define SHT_STRTAB       3
#define SHT_NOTE         7
#define SHN_UNDEF        0
#define STT_FUNC         2
#define ELF64_ST_TYPE(i) ((i) & 15)

typedef struct {
	unsigned char e_ident[EI_NIDENT];
	uint16_t e_type, e_machine;
	uint32_t e_version;
	uint64_t e_entry, e_phoff, e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
} Elf64_Ehdr;

typedef struct {
	uint32_t p_type, p_flags;
	uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
} Elf64_Phdr;

typedef struct {
	uint32_t sh_name, sh_type;
	uint64_t sh_flags, sh_addr, sh_offset, sh_size;
	uint32_t sh_link, sh_info;
	uint64_t sh_addralign, sh_entsize;
} Elf64_Shdr;

typedef struct {
	uint32_t st_name;
	unsigned char st_info, st_other;
	uint16_t st_shndx;
	uint64_t st_value, st_size;
} Elf64_Sym;

#endif
