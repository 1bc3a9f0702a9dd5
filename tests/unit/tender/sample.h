/* SPDX-License-Identifier: ISC */
/* A good image, built in memory, for tests to break. */
#ifndef TEST_SAMPLE_H
#define TEST_SAMPLE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>

#define SAMPLE_BASE 0x2a5a12300000ull

struct sample {
	Elf64_Ehdr elf;
	Elf64_Phdr text, rodata, data, note_header, tls, stack;
	uint8_t pad[AMP_PAGE - sizeof(Elf64_Ehdr) - 6 * sizeof(Elf64_Phdr)];
	uint8_t code[AMP_PAGE];
	struct {
		uint32_t name_size, desc_size, type;
		char name[8];
		struct amp_note note;
		struct amp_note_device devices[2];
		struct amp_note_arg args[3];
		struct amp_note_library libraries[2];
	} __attribute__((packed)) note;
	uint8_t rest[AMP_PAGE]; /* part of it belongs to rodata, so that the file has more than one
	                           page */
};

void sample_make(struct sample *);

/* Bytes of the file that the segments of a good sample need. */
#define SAMPLE_SIZE sizeof(struct sample)

/* Writes bytes to a fresh file and opens it as image: the path, to be removed by sample_remove. */
const char *sample_write(const void *bytes, size_t size);
void sample_remove(void);

#endif
