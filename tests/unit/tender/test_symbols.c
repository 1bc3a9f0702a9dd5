/* SPDX-License-Identifier: ISC */
/* NAME.debug: names found, and hostile files survived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <tender/symbols.h>

#include "sample.h"

static struct debug {
	Elf64_Ehdr elf;
	Elf64_Shdr sections[4];
	struct {
		uint32_t name_size, desc_size, type;
		char name[8];
		struct amp_note note;
	} __attribute__((packed)) note;
	char pad[4];
	Elf64_Sym symbols[4];
	char names[32];
} good;
static const struct image image = { .note = { .name = "sample", .build_id = { 1, 2, 3 } } };

static void make(void)
{
	memcpy(good.elf.e_ident, ELFMAG, SELFMAG);
	good.elf.e_ident[EI_CLASS] = ELFCLASS64;
	good.elf.e_shentsize = sizeof(Elf64_Shdr);
	good.elf.e_shnum = 4;
	good.elf.e_shoff = offsetof(struct debug, sections);
	good.sections[1] = (Elf64_Shdr){ .sh_type = SHT_NOTE,
		                         .sh_offset = offsetof(struct debug, note),
		                         .sh_size = sizeof good.note };
	good.sections[2] = (Elf64_Shdr){ .sh_type = SHT_SYMTAB,
		                         .sh_link = 3,
		                         .sh_offset = offsetof(struct debug, symbols),
		                         .sh_size = sizeof good.symbols };
	good.sections[3] = (Elf64_Shdr){ .sh_type = SHT_STRTAB,
		                         .sh_offset = offsetof(struct debug, names),
		                         .sh_size = sizeof good.names };
	good.note.name_size = 8;
	good.note.type = AMP_NOTE_TYPE;
	memcpy(good.note.name, AMP_NOTE_NAME, 8);
	good.note.note = image.note;
	memcpy(good.names, "\0second\0first\0esc\x1b[31m", 22);
	good.symbols[1] = (Elf64_Sym){ 1, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x2000, 0x10 };
	good.symbols[2] = (Elf64_Sym){ 8, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x1000, 0x100 };
	good.symbols[3] = (Elf64_Sym){ 14, ELF64_ST_INFO(STB_LOCAL, STT_FUNC), 0, 1, 0x3000, 0x10 };
}

static bool load(const struct debug *d, size_t size, struct symbols *s)
{
	int fd = open(sample_write(d, size), O_RDONLY);
	symbols_map(s, fd);
	close(fd);
	bool loaded = symbols_find(s, &image);
	sample_remove();
	return loaded;
}

static void finds_functions(void **state)
{
	(void)state;
	struct symbols s;
	char name[64];
	assert_true(load(&good, sizeof good, &s));
	assert_true(symbols_name(&s, 0x1012, name, sizeof name));
	assert_string_equal(name, "first+0x12");
	assert_true(symbols_name(&s, 0x2000, name, sizeof name));
	assert_string_equal(name, "second+0x0");
	assert_false(symbols_name(&s, 0xfff, name, sizeof name));
	assert_false(symbols_name(&s, 0x1100, name, sizeof name));
	assert_false(symbols_name(&s, UINT64_MAX, name, sizeof name));
	assert_true(symbols_name(&s, 0x3001, name, sizeof name));
	assert_null(strchr(name, '\x1b'));
	symbols_free(&s);
}

static void refuses_another_build(void **state)
{
	(void)state;
	struct debug d = good;
	struct symbols s;
	d.note.note.build_id[31] = 1;
	assert_false(load(&d, sizeof d, &s));
	symbols_free(&s);
	d = good;
	d.sections[1].sh_type = SHT_PROGBITS;
	assert_false(load(&d, sizeof d, &s));
	assert_int_equal(s.count, 0);
	symbols_free(&s);
	symbols_map(&s, -1);
	assert_false(symbols_find(&s, &image));
}

static void survives_every_flipped_bit(void **state)
{
	(void)state;
	for (size_t bit = 0; bit < sizeof good * 8; bit++) {
		struct debug d = good;
		struct symbols s;
		char name[64];
		((uint8_t *)&d)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (load(&d, sizeof d, &s))
			for (uint64_t at = 0; at < 0x4000; at += 0x3f)
				symbols_name(&s, at, name, sizeof name);
		symbols_free(&s);
	}
}

static void survives_every_truncation(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof good - sizeof good.names; size++) {
		struct symbols s;
		assert_false(load(&good, size, &s));
		symbols_free(&s);
	}
}

static void finds_the_file_beside_the_image(void **state)
{
	(void)state;
	char directory[] = "/tmp/ampoule-debug-XXXXXX", path[64];
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/x.debug", directory);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	char amp[64];
	snprintf(amp, sizeof amp, "%s/x.amp", directory);
	fd = symbols_open(amp);
	assert_true(fd >= 0);
	close(fd);
	snprintf(amp, sizeof amp, "%s/y.amp", directory);
	assert_int_equal(symbols_open(amp), -1);
	unlink(path);
	rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_functions),
		cmocka_unit_test(refuses_another_build),
		cmocka_unit_test(survives_every_flipped_bit),
		cmocka_unit_test(survives_every_truncation),
		cmocka_unit_test(finds_the_file_beside_the_image),
	};
	make();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
