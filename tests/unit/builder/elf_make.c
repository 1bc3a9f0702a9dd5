/* SPDX-License-Identifier: ISC */
/* Crafted linked files (elf_make.h). */
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>

#include "elf_make.h"

Elf64_Phdr *elf_make_add(struct elf_make *e, uint32_t type, uint32_t flags, uint64_t address,
                         const void *bytes, size_t size)
{
	Elf64_Phdr *p = &e->phdrs[e->phdr_count++];

	e->size = (e->size + AMP_PAGE - 1) / AMP_PAGE * AMP_PAGE;
	if (size > sizeof e->bytes - 4 * AMP_PAGE - e->size)
		abort();
	*p = (Elf64_Phdr){ .p_type = type,
		           .p_flags = flags,
		           .p_offset = e->size,
		           .p_vaddr = address,
		           .p_filesz = size,
		           .p_memsz = size,
		           .p_align = AMP_PAGE };
	memcpy(e->bytes + e->size, bytes, size);
	e->size += size;
	return p;
}

void elf_make_symbol(struct elf_make *e, const char *name, unsigned type, uint64_t address,
                     uint64_t size)
{
	e->symbols[e->symbol_count++] =
	        (Elf64_Sym){ .st_name = e->names_size,
		             .st_info = (unsigned char)ELF64_ST_INFO(STB_GLOBAL, type),
		             .st_shndx = address ? 1 : SHN_UNDEF,
		             .st_value = address,
		             .st_size = size };
	strcpy(e->names + e->names_size, name);
	e->names_size += (unsigned)strlen(name) + 1;
}

void elf_make_good(struct elf_make *e, const void *code, size_t size)
{
	struct {
		uint32_t head[3];
		char name[8];
		struct amp_note note;
	} __attribute__((packed)) note = { { 8, sizeof(struct amp_note), AMP_NOTE_TYPE },
		                           AMP_NOTE_NAME,
		                           { .abi_major = AMP_ABI_MAJOR,
		                             .abi_minor = AMP_ABI_MINOR,
		                             .size = sizeof(struct amp_note),
		                             .name = "x",
		                             .version = "1",
		                             .stack_base = ELF_BASE + 0x100000,
		                             .stack_size = 16384,
		                             .stack_count = 1,
		                             .cpu_level = 3 } };
	const char data[64] = "data";

	memset(e, 0, sizeof *e);
	e->type = ET_DYN;
	e->entry = ELF_BASE;
	e->size = sizeof(Elf64_Ehdr);
	e->symbol_count = 1; /* the first is none */
	e->names_size = 1;
	elf_make_add(e, PT_LOAD, PF_R | PF_X, ELF_BASE, code, size);
	const Elf64_Phdr *constants =
	        elf_make_add(e, PT_LOAD, PF_R, ELF_BASE + 0x8000, &note, sizeof note);
	e->phdrs[e->phdr_count++] = (Elf64_Phdr){ .p_type = PT_NOTE,
		                                  .p_flags = PF_R,
		                                  .p_offset = constants->p_offset,
		                                  .p_vaddr = constants->p_vaddr,
		                                  .p_filesz = sizeof note,
		                                  .p_memsz = sizeof note,
		                                  .p_align = 4 };
	elf_make_add(e, PT_LOAD, PF_R | PF_W, ELF_BASE + 0x10000, data, sizeof data);
	elf_make_symbol(e, "_start", STT_FUNC, ELF_BASE, size);
}

void elf_make_finish(struct elf_make *e)
{
	static const char names[] = "\0.symtab\0.strtab\0.shstrtab";
	Elf64_Shdr sections[5] = { 0 };
	Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		         .e_type = e->type,
		         .e_machine = EM_X86_64,
		         .e_version = EV_CURRENT,
		         .e_entry = e->entry,
		         .e_ehsize = sizeof h,
		         .e_phentsize = sizeof(Elf64_Phdr),
		         .e_phnum = (uint16_t)e->phdr_count,
		         .e_shentsize = sizeof(Elf64_Shdr),
		         .e_shnum = 5,
		         .e_shstrndx = 4 };

	e->size = (e->size + 15) / 16 * 16;
	sections[2] = (Elf64_Shdr){ .sh_name = 1,
		                    .sh_type = SHT_SYMTAB,
		                    .sh_offset = e->size,
		                    .sh_link = 3,
		                    .sh_size = e->symbol_count * sizeof(Elf64_Sym),
		                    .sh_entsize = sizeof(Elf64_Sym) };
	memcpy(e->bytes + e->size, e->symbols, sections[2].sh_size);
	e->size += sections[2].sh_size;
	sections[3] = (Elf64_Shdr){
		.sh_name = 9, .sh_type = SHT_STRTAB, .sh_offset = e->size, .sh_size = e->names_size
	};
	memcpy(e->bytes + e->size, e->names, e->names_size);
	e->size += e->names_size;
	sections[4] = (Elf64_Shdr){
		.sh_name = 17, .sh_type = SHT_STRTAB, .sh_offset = e->size, .sh_size = sizeof names
	};
	memcpy(e->bytes + e->size, names, sizeof names);
	e->size += sizeof names;
	h.e_shoff = e->size;
	memcpy(e->bytes + e->size, sections, sizeof sections);
	e->size += sizeof sections;
	h.e_phoff = e->size;
	memcpy(e->bytes + e->size, e->phdrs, e->phdr_count * sizeof *e->phdrs);
	e->size += e->phdr_count * sizeof *e->phdrs;
	memcpy(e->bytes, &h, sizeof h);
}
