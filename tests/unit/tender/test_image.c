/* SPDX-License-Identifier: ISC */
/* Hostile image files: each one is refused with one line that says why, or is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/image.h>
#include <tender/space.h>

#include "sample.h"

static struct sample good;

static int open_bytes(const void *bytes, size_t size, struct image *image, struct defect *why)
{
	memset(why, 0, sizeof *why);
	int result = image_open(image, sample_write(bytes, size), why);
	sample_remove();
	return result;
}

static void assert_one_line(const struct defect *why)
{
	assert_true(strlen(why->text) > 5);
	assert_null(strchr(why->text, '\n'));
}

static void opens_a_good_image(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	if (open_bytes(&good, sizeof good, &image, &why))
		fail_msg("%s", why.text);
	assert_int_equal(image.segment_count, 3);
	assert_int_equal(image.entry, SAMPLE_BASE + 16);
	assert_int_equal(image.segments[2].size, 4 * AMP_PAGE);
	assert_string_equal(image.note.name, "sample");
	assert_string_equal(image.devices[1].name, "control");
	assert_string_equal(image.args[1].value, "10.0.0.2/24");
	assert_string_equal(image.libraries[1].name, "app/dns");
	image_close(&image);
}

/* ---- One defect each ---- */

struct broken {
	const char *what;
	const char *says; /* part of the line */
	size_t at, size;  /* the field */
	uint64_t value;
};
#define TEXT(macro_)      TEXT_OF(macro_)
#define TEXT_OF(text_)    #text_
#define FIELD(member_)    offsetof(struct sample, member_), sizeof(((struct sample *)0)->member_)
#define BYTE(member_, i_) offsetof(struct sample, member_) + (i_), 1

static const struct broken broken[] = {
	{ "magic", "not an ELF", BYTE(elf.e_ident, 0), 0 },
	{ "32 bits", "64-bit", BYTE(elf.e_ident, EI_CLASS), ELFCLASS32 },
	{ "big-endian", "little-endian", BYTE(elf.e_ident, EI_DATA), ELFDATA2MSB },
	{ "identification version", "version", BYTE(elf.e_ident, EI_VERSION), 2 },
	{ "version", "version", FIELD(elf.e_version), 0 },
	{ "relocatable", "ET_EXEC", FIELD(elf.e_type), ET_REL },
	{ "shared object", "ET_EXEC", FIELD(elf.e_type), ET_DYN },
	{ "other machine", "x86-64", FIELD(elf.e_machine), EM_AARCH64 },
	{ "header size", "unknown sizes", FIELD(elf.e_ehsize), 63 },
	{ "program header size", "unknown sizes", FIELD(elf.e_phentsize), 57 },
	{ "program header size 0", "unknown sizes", FIELD(elf.e_phentsize), 0 },
	{ "no program header", "program headers", FIELD(elf.e_phnum), 0 },
	{ "too many program headers", "program headers", FIELD(elf.e_phnum), 65535 },
	{ "one program header too many", "program headers", FIELD(elf.e_phnum), 13 },
	{ "program headers far away", "program header", FIELD(elf.e_phoff), UINT64_MAX },
	{ "program headers at the sign bit", "program header", FIELD(elf.e_phoff), 1ull << 63 },
	{ "program headers at the end", "cut short", FIELD(elf.e_phoff),
	  sizeof(struct sample) - 8 },
	{ "program headers past the end", "cut short", FIELD(elf.e_phoff), 1 << 30 },
	{ "entry in data", "entry point", FIELD(elf.e_entry), SAMPLE_BASE + 4 * AMP_PAGE },
	{ "entry in read-only data", "entry point", FIELD(elf.e_entry), SAMPLE_BASE + AMP_PAGE },
	{ "entry zero", "entry point", FIELD(elf.e_entry), 0 },
	{ "entry at the end of text", "entry point", FIELD(elf.e_entry), SAMPLE_BASE + AMP_PAGE },
	{ "entry before text", "entry point", FIELD(elf.e_entry), SAMPLE_BASE - 1 },
	{ "entry in the host", "entry point", FIELD(elf.e_entry), UINT64_MAX },
	{ "dynamic section", "type 0x2", FIELD(stack.p_type), PT_DYNAMIC },
	{ "relro", "type 0x6474e552", FIELD(stack.p_type), PT_GNU_RELRO },
	{ "program headers as a segment", "type 0x6", FIELD(stack.p_type), PT_PHDR },
	{ "unknown program header", "type 0xffffffff", FIELD(stack.p_type), UINT32_MAX },
	{ "two notes", "two program headers", FIELD(tls.p_type), PT_NOTE },
	{ "two thread-local templates", "two program headers", FIELD(stack.p_type), PT_TLS },
	{ "no note", "no note", FIELD(note_header.p_type), PT_GNU_STACK },
	{ "no text", "entry point", FIELD(text.p_type), PT_GNU_STACK },
	{ "note's segment missing", "outside", FIELD(rodata.p_type), PT_GNU_STACK },
	{ "unaligned address", "not page-aligned", FIELD(text.p_vaddr), SAMPLE_BASE + 8 },
	{ "unaligned offset", "not page-aligned", FIELD(text.p_offset), AMP_PAGE + 8 },
	{ "empty segment", "empty", FIELD(text.p_memsz), 0 },
	{ "more in the file than in memory", "larger in the file", FIELD(text.p_memsz),
	  AMP_PAGE - 1 },
	{ "segment past the end", "past the end", FIELD(text.p_offset), 1 << 20 },
	{ "segment's offset far away", "past the end", FIELD(text.p_offset), ~0xfffull },
	{ "segment's offset at the sign bit", "past the end", FIELD(text.p_offset), 1ull << 63 },
	{ "segment's offset wraps", "past the end", FIELD(rodata.p_offset), ~0xfffull },
	{ "segment's file size huge", "larger in the file", FIELD(text.p_filesz), UINT64_MAX },
	{ "segment at page zero", "outside", FIELD(text.p_vaddr), 0 },
	{ "segment below the range", "outside", FIELD(text.p_vaddr), AMP_IMAGE_LOW - AMP_PAGE },
	{ "segment at the end of the range", "outside", FIELD(data.p_vaddr), AMP_IMAGE_HIGH },
	{ "segment across the end of the range", "outside", FIELD(data.p_vaddr),
	  AMP_IMAGE_HIGH - AMP_PAGE },
	{ "segment in the kernel", "outside", FIELD(data.p_vaddr), 0xffffffff80000000 },
	{ "segment at the last page", "outside", FIELD(data.p_vaddr), ~0xfffull },
	{ "huge bss", "outside", FIELD(data.p_memsz), 1ull << 60 },
	{ "endless bss", "outside", FIELD(data.p_memsz), UINT64_MAX },
	{ "bss of 5 GiB", "larger than", FIELD(data.p_memsz), 5ull << 30 },
	{ "bss of 40 TiB", "larger than", FIELD(data.p_memsz), 1ull << 44 },
	{ "write and execute", "rights", FIELD(text.p_flags), PF_R | PF_W | PF_X },
	{ "execute only", "rights", FIELD(text.p_flags), PF_X },
	{ "write only", "rights", FIELD(data.p_flags), PF_W },
	{ "no rights", "rights", FIELD(data.p_flags), 0 },
	{ "write and execute, not read", "rights", FIELD(data.p_flags), PF_W | PF_X },
	{ "unknown rights", "rights", FIELD(data.p_flags), PF_R | PF_W | 0x100000 },
	{ "overlapping segments", "overlaps", FIELD(rodata.p_vaddr), SAMPLE_BASE },
	{ "segments out of order", "out of order", FIELD(rodata.p_vaddr),
	  SAMPLE_BASE - (16 << 20) },
	{ "segments that share a page", "overlaps", FIELD(text.p_memsz), AMP_PAGE + 1 },
	{ "segment over the next", "overlaps", FIELD(text.p_memsz), 64 * AMP_PAGE },
	{ "segment over the stacks", "overlap", FIELD(data.p_memsz), 2 << 20 },
	{ "note outside segments", "outside", FIELD(note_header.p_vaddr), SAMPLE_BASE - AMP_PAGE },
	{ "note's offset another", "outside", FIELD(note_header.p_offset), AMP_PAGE },
	{ "note longer than its segment", "outside", FIELD(note_header.p_filesz), 64 << 10 },
	{ "note endless", "outside", FIELD(note_header.p_filesz), UINT64_MAX },
	{ "note too short", "too short", FIELD(note_header.p_filesz), 100 },
	{ "note empty", "too short", FIELD(note_header.p_filesz), 0 },
	{ "note shorter than it says", "impossible size", FIELD(note_header.p_filesz), 300 },
	{ "thread-local template outside", "thread-local", FIELD(tls.p_vaddr),
	  SAMPLE_BASE + (8 << 20) },
	{ "thread-local template endless", "thread-local", FIELD(tls.p_memsz), UINT64_MAX },
	{ "note's name size", "not named", FIELD(note.name_size), 7 },
	{ "note's type", "not named", FIELD(note.type), 2 },
	{ "note's name", "not named", BYTE(note.name, 0), 'a' },
	{ "note's desc size 0", "impossible size", FIELD(note.desc_size), 0 },
	{ "note's desc size huge", "impossible size", FIELD(note.desc_size), UINT32_MAX },
	{ "note's desc size one less", "note is", FIELD(note.desc_size), sizeof(good.note) - 21 },
	{ "note's desc size one more", "impossible size", FIELD(note.desc_size),
	  sizeof(good.note) - 19 },
	{ "other ABI", "needs ABI 2." TEXT(AMP_ABI_MINOR) ";", FIELD(note.note.abi_major), 2 },
	{ "no ABI", "needs ABI 0." TEXT(AMP_ABI_MINOR) ";", FIELD(note.note.abi_major), 0 },
	{ "newer ABI", "; this tender has 1." TEXT(AMP_ABI_MINOR) ":", FIELD(note.note.abi_minor),
	  AMP_ABI_MINOR + 1 },
	{ "note's own size", "note is", FIELD(note.note.size), 8 },
	{ "note's own size huge", "note is", FIELD(note.note.size), UINT32_MAX },
	{ "name empty", "appliance name", BYTE(note.note.name, 0), 0 },
	{ "name with a slash", "appliance name", BYTE(note.note.name, 0), '/' },
	{ "name with a dot first", "appliance name", BYTE(note.note.name, 0), '.' },
	{ "name with an escape", "appliance name", BYTE(note.note.name, 1), 27 },
	{ "name in capitals", "appliance name", BYTE(note.note.name, 0), 'S' },
	{ "name not padded", "appliance name", BYTE(note.note.name, 31), 'x' },
	{ "version with a newline", "printable", BYTE(note.note.version, 1), '\n' },
	{ "version with 8 bits", "printable", BYTE(note.note.version, 1), 0x9b },
	{ "version not padded", "version", BYTE(note.note.version, 31), 'x' },
	{ "memory not in pages", "memory", FIELD(note.note.memory_min), 4097 },
	{ "memory less than the least", "memory", FIELD(note.note.memory_default), AMP_PAGE },
	{ "memory default not in pages", "memory", FIELD(note.note.memory_default), (5 << 20) + 1 },
	{ "stacks below the range", "stacks", FIELD(note.note.stack_base), AMP_PAGE },
	{ "stacks not page-aligned", "stacks", FIELD(note.note.stack_base),
	  SAMPLE_BASE + (1 << 20) + 1 },
	{ "stacks past the range", "stacks", FIELD(note.note.stack_base),
	  AMP_IMAGE_HIGH - AMP_PAGE },
	{ "stacks at the end of addresses", "stacks", FIELD(note.note.stack_base), ~0xfffull },
	{ "stacks over text", "overlap", FIELD(note.note.stack_base), SAMPLE_BASE },
	{ "stacks into text", "overlap", FIELD(note.note.stack_base), SAMPLE_BASE - AMP_PAGE },
	{ "no stacks", "stacks", FIELD(note.note.stack_count), 0 },
	{ "too many stacks", "stacks", FIELD(note.note.stack_count), AMP_STACKS_MAX + 1 },
	{ "countless stacks", "stacks", FIELD(note.note.stack_count), UINT32_MAX },
	{ "empty stacks", "stacks", FIELD(note.note.stack_size), 0 },
	{ "stacks not in pages", "stacks", FIELD(note.note.stack_size), 5000 },
	{ "huge stacks", "stacks", FIELD(note.note.stack_size), AMP_STACK_SIZE_MAX + AMP_PAGE },
	{ "CPU level 0", "level", FIELD(note.note.cpu_level), 0 },
	{ "CPU level 5", "level", FIELD(note.note.cpu_level), 5 },
	{ "unknown flags", "flags", FIELD(note.note.flags), 1 },
	{ "guards not in pages", "guards", FIELD(note.note.stack_guard), 5000 },
	{ "huge guards", "guards", FIELD(note.note.stack_guard), AMP_STACK_GUARD_MAX + AMP_PAGE },
	{ "too many devices", "counts", FIELD(note.note.device_count), 17 },
	{ "countless devices", "counts", FIELD(note.note.device_count), UINT32_MAX },
	{ "one device more than there is", "tables", FIELD(note.note.device_count), 3 },
	{ "no device though there are", "tables", FIELD(note.note.device_count), 0 },
	{ "too many arguments", "counts", FIELD(note.note.arg_count), 65 },
	{ "countless arguments", "counts", FIELD(note.note.arg_count), UINT32_MAX },
	{ "countless libraries", "counts", FIELD(note.note.library_count), UINT32_MAX },
	{ "device without name", "device 0", BYTE(note.devices[0].name, 0), 0 },
	{ "device with a bad name", "device 1", BYTE(note.devices[1].name, 0), '%' },
	{ "device of type 0", "type 0", FIELD(note.devices[0].type), 0 },
	{ "device of type 99", "type 99", FIELD(note.devices[0].type), 99 },
	{ "device with unknown flags", "flags", FIELD(note.devices[0].flags), 2 },
	{ "device with reserved bits", "reserved", FIELD(note.devices[1].size_min), 1 },
	{ "rings of 0", "rings of 0", FIELD(note.devices[0].ring_size), 0 },
	{ "rings of 63", "rings of 63", FIELD(note.devices[0].ring_size), 63 },
	{ "rings of 32", "rings of 32", FIELD(note.devices[0].ring_size), 32 },
	{ "rings of 65536", "rings of 65536", FIELD(note.devices[0].ring_size), 65536 },
	{ "rings of 2^31", "rings of", FIELD(note.devices[0].ring_size), 1u << 31 },
	{ "no frames", "frames", FIELD(note.devices[0].frame_count), 0 },
	{ "too many frames", "frames", FIELD(note.devices[0].frame_count), 262145 },
	{ "countless frames", "frames", FIELD(note.devices[0].frame_count), UINT32_MAX },
	{ "argument without name", "argument 0", BYTE(note.args[0].name, 0), 0 },
	{ "argument of type 0", "type or flags", FIELD(note.args[0].type), 0 },
	{ "argument of type 99", "type or flags", FIELD(note.args[0].type), 99 },
	{ "a secret that is compiled in", "comes from", FIELD(note.args[0].type), AMP_ARG_SECRET },
	{ "argument of type -1", "type or flags", FIELD(note.args[0].type), UINT32_MAX },
	{ "argument with unknown flags", "type or flags", FIELD(note.args[0].flags), 4 },
	{ "number that is renewable", "type or flags", FIELD(note.args[0].flags), 2 },
	{ "number too large", "'99999'", offsetof(struct sample, note.args[0].value), 8,
	  0x3939393939 },
	{ "port that is none", "0 to 65535", BYTE(note.args[0].value, 0), 'x' },
	{ "value without end", "no text", BYTE(note.args[0].value, 127), '1' },
	{ "address that is none", "prefix length", BYTE(note.args[1].value, 7), '/' },
	{ "value that is no UTF-8", "UTF-8", BYTE(note.args[2].value, 2), 0xff },
	{ "help with an escape", "no text", BYTE(note.args[1].help, 3), 27 },
	{ "library without name", "library 0", BYTE(note.libraries[0].name, 0), 0 },
	{ "library with a bad path", "library 1", BYTE(note.libraries[1].name, 4), '/' },
	{ "library above", "library 0", BYTE(note.libraries[0].name, 0), '.' },
};

static void refuses_each_defect(void **state)
{
	(void)state;
	unsigned refused = 0;
	for (unsigned i = 0; i < sizeof broken / sizeof *broken; i++) {
		static struct sample s;
		struct image image;
		struct defect why;
		s = good;
		memcpy((uint8_t *)&s + broken[i].at, &broken[i].value, broken[i].size);
		if (!open_bytes(&s, sizeof s, &image, &why))
			fail_msg("accepted: %s", broken[i].what);
		assert_one_line(&why);
		if (!strstr(why.text, broken[i].says))
			fail_msg("%s: says '%s', not '%s'", broken[i].what, why.text,
			         broken[i].says);
		assert_int_equal(image.fd, -1);
		refused++;
	}
	assert_true(refused >= 100);
}

static void refuses_names_given_twice(void **state)
{
	(void)state;
	static struct sample s;
	struct image image;
	struct defect why;
	s = good;
	memcpy(s.note.devices[1].name, s.note.devices[0].name, AMP_NAME_MAX);
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_string_equal(why.text, "two devices are named service");
	s = good;
	memcpy(s.note.args[2].name, s.note.args[0].name, AMP_NAME_MAX);
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_string_equal(why.text, "two arguments are named port");
}

/* The second device as a block device: what is good, and each way to be broken. */
static void checks_block_devices(void **state)
{
	(void)state;
	static const struct {
		const char *line; /* null: it is good */
		struct amp_note_device d;
	} rows[] = {
		{ NULL, { .ring_size = 64 } },
		{ NULL,
		  { .flags = AMP_NOTE_DEVICE_READ_ONLY | AMP_NOTE_DEVICE_OPTIONAL,
		    .ring_size = 32768,
		    .size_min = UINT64_MAX,
		    .format = "a-b.c_9" } },
		{ "flags", { .flags = AMP_NOTE_DEVICE_IP6, .ring_size = 64 } },
		{ "flags", { .flags = 16, .ring_size = 64 } },
		{ "1 frames, not 0", { .ring_size = 64, .frame_count = 1 } },
		{ "rings of 32", { .ring_size = 32 } },
		{ "rings of 96", { .ring_size = 96 } },
		{ "rings of 65536", { .ring_size = 65536 } },
		{ "format",
		  { .ring_size = 64, .format = { 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' } } },
		{ "format", { .ring_size = 64, .format = "a b" } },
		{ "format", { .ring_size = 64, .format = "\033[2J" } },
		{ "format", { .ring_size = 64, .format = "\xff" } },
		{ "format", { .ring_size = 64, .format = ".a" } },
		{ "format", { .ring_size = 64, .format = { 'a', 0, 'b' } } },
		{ "format", { .ring_size = 64, .format = { 0, 'b' } } },
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		static struct sample s;
		struct image image;
		struct defect why;
		s = good;
		s.note.devices[1] = rows[i].d;
		s.note.devices[1].type = AMP_DEVICE_BLOCK;
		strcpy(s.note.devices[1].name, "data");
		int result = open_bytes(&s, sizeof s, &image, &why);
		if (!rows[i].line) {
			assert_int_equal(result, 0);
			image_close(&image);
		} else if (!result || !strstr(why.text, rows[i].line)) {
			fail_msg("row %u: %s", i, result ? why.text : "accepted");
		} else {
			assert_one_line(&why);
		}
	}
}

/* The sample's rodata ends last in its file. */
static void refuses_tables_of_addresses_that_are_not_there(void **state)
{
	(void)state;
	static struct sample s;
	struct image image;
	struct defect why;
	const uint64_t at = good.rodata.p_offset + good.rodata.p_filesz;
	static const uint32_t sizes[] = { UINT32_MAX, AMP_MOVES_MAX + 1, 0x80000000u, sizeof s };
	uint32_t size = 8;
	s = good;
	s.note.note.flags = AMP_NOTE_MOVES;
	memcpy((uint8_t *)&s + at, &size, sizeof size);
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), 0);
	assert_true(image.movable && image.moves_size == 8 && image.moves_at == at + 4);
	image_close(&image);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memcpy((uint8_t *)&s + at, &sizes[i], sizeof size);
		assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
		assert_non_null(strstr(why.text, "table of addresses"));
	}
	memcpy((uint8_t *)&s + at, &size, sizeof size);
	for (size_t cut = 0; cut < 12; cut++) {
		assert_int_equal(open_bytes(&s, at + cut, &image, &why), -1);
		assert_non_null(strstr(why.text, "table of addresses"));
	}
	s.note.note.abi_minor = 2;
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_non_null(strstr(why.text, "flags"));
}

static void refuses_names_of_tables_that_lie_in_no_code(void **state)
{
	(void)state;
	static struct sample s;
	struct image image;
	struct defect why;
	const uint64_t at = good.rodata.p_offset + good.rodata.p_filesz, code = good.text.p_vaddr,
	               size = good.text.p_filesz;
	const struct {
		uint32_t count;
		struct amp_table t[2];
		bool fine;
	} rows[] = {
		{ 0, { { 0, 0 } }, true },
		{ 1, { { code, size } }, true },
		{ 2, { { code, 1 }, { code + 1, 2 } }, true },
		{ 2, { { code, 2 }, { code + 1, 2 } }, false },
		{ 2, { { code + 4, 1 }, { code, 1 } }, false },
		{ 1, { { code, 0 } }, false },
		{ 1, { { code, size + 1 } }, false },
		{ 1, { { code + 1, UINT64_MAX } }, false },
		{ 1, { { good.rodata.p_vaddr, 1 } }, false },
		{ AMP_TABLES_MAX + 1, { { code, 1 } }, false },
		{ UINT32_MAX, { { code, 1 } }, false },
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		s = good;
		s.note.note.flags = AMP_NOTE_TABLES;
		memcpy((uint8_t *)&s + at, &rows[i].count, 4);
		memcpy((uint8_t *)&s + at + 4, rows[i].t, sizeof rows[i].t);
		int result = open_bytes(&s, sizeof s, &image, &why);
		if (result == 0) {
			assert_int_equal(image.table_count, rows[i].count);
			image_close(&image);
		}
		if (rows[i].fine != !result)
			fail_msg("row %u: %s", i, result ? why.text : "accepted");
		if (result)
			assert_non_null(strstr(why.text, "table"));
	}
	s.note.note.abi_minor = 2;
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_non_null(strstr(why.text, "flags"));
}

/* Until minor 3 the field was reserved. */
static void refuses_guards_of_an_image_that_knows_of_none(void **state)
{
	(void)state;
	static struct sample s;
	struct image image;
	struct defect why;
	s = good;
	s.note.note.abi_minor = 2;
	s.note.note.stack_guard = 65536;
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_non_null(strstr(why.text, "reserved"));
}

static void refuses_too_large_stacks(void **state)
{
	(void)state;
	static struct sample s;
	struct image image;
	struct defect why;
	s = good;
	s.note.note.stack_count = AMP_STACKS_MAX;
	s.note.note.stack_size = AMP_STACK_SIZE_MAX;
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_non_null(strstr(why.text, "stacks are larger"));
}

/* Cut anywhere: refused, but for the bytes that no segment claims. */
static void refuses_every_truncation(void **state)
{
	(void)state;
	size_t needed = 2 * AMP_PAGE + sizeof good.note + 100;
	for (size_t size = 0; size < needed; size += size < 600 || size > 2 * AMP_PAGE ? 7 : 251) {
		struct image image;
		struct defect why;
		if (!open_bytes(&good, size, &image, &why))
			fail_msg("accepted when cut to %zu bytes", size);
		assert_one_line(&why);
	}
}

/* What got through the checks must be mappable, or refused in words. */
static void try_to_map(const struct image *image)
{
	struct space space;
	struct defect why = { "" };
	struct space_need need = { .heap = 1 << 20, .boot = 4096 };
	if (space_make(&space, SPACE_GUEST, image, &need, &why)) {
		assert_one_line(&why);
		return;
	}
	assert_true(space_is_valid(&space));
	space_free(&space);
}

static void survives_every_flipped_bit(void **state)
{
	(void)state;
	unsigned accepted = 0, refused = 0;
	const size_t ranges[][2] = { { 0, offsetof(struct sample, pad) },
		                     { offsetof(struct sample, note),
		                       offsetof(struct sample, note) + sizeof good.note } };
	for (unsigned r = 0; r < 2; r++) {
		for (size_t bit = ranges[r][0] * 8; bit < ranges[r][1] * 8; bit++) {
			static struct sample s;
			struct image image;
			struct defect why;
			s = good;
			((uint8_t *)&s)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (open_bytes(&s, sizeof s, &image, &why)) {
				assert_one_line(&why);
				refused++;
			} else {
				if (!r)
					try_to_map(&image);
				image_close(&image);
				accepted++;
			}
		}
	}
	assert_true(refused > 1000);
	assert_true(accepted > 100); /* build_id, unused ELF fields */
}

static void survives_random_bytes(void **state)
{
	(void)state;
	uint64_t x = 88172645463325252ull;
	for (unsigned i = 0; i < 3000; i++) {
		static struct sample s;
		struct image image;
		struct defect why;
		s = good;
		for (unsigned n = 0; n < 1 + i % 16; n++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			size_t at =
			        x % 3 ? offsetof(struct sample, elf.e_phoff) + (x >> 8) % 390
			              : offsetof(struct sample, note) + (x >> 8) % sizeof good.note;
			((uint8_t *)&s)[at] = (uint8_t)(x >> 48);
		}
		if (open_bytes(&s, sizeof s, &image, &why)) {
			assert_one_line(&why);
		} else {
			try_to_map(&image);
			image_close(&image);
		}
	}
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	struct image image;
	struct defect why;
	assert_int_equal(image_open(&image, "/tmp", &why), -1);
	assert_one_line(&why);
	assert_int_equal(image_open(&image, "/dev/null", &why), -1);
	assert_string_equal(why.text, "is not a regular file");
	assert_int_equal(image_open(&image, "/nonexistent/image.amp", &why), -1);
	assert_one_line(&why);
	char fifo[] = "/tmp/ampoule-fifo-XXXXXX";
	assert_non_null(mkdtemp(fifo));
	char path[64];
	strcpy(path, fifo);
	strcat(path, "/x");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(image_open(&image, path, &why), -1); /* and does not wait for a writer */
	assert_string_equal(why.text, "is not a regular file");
	unlink(path);
	rmdir(fifo);
}

/* Behind the libraries, where flags say so. */
static void health_is_taken_and_each_defect_of_it_refused(void **state)
{
	static const struct amp_note_health well = { .kind = AMP_HEALTH_HTTP,
		                                     .port = 80,
		                                     .retries = 3,
		                                     .interval_ms = 5000,
		                                     .timeout_ms = 2000,
		                                     .what = "/" };
	struct amp_note_health bad[16];
	unsigned count = 0;
	(void)state;
#define BAD(field_, value_) (bad[count] = well, bad[count].field_ = (value_), count++)
	BAD(kind, 0);
	BAD(kind, 5);
	BAD(kind, AMP_HEALTH_TCP);     /* with a path */
	BAD(kind, AMP_HEALTH_DNS);     /* of the name / */
	BAD(kind, AMP_HEALTH_COMMAND); /* without an answer */
	BAD(port, 0);
	BAD(port_arg, 2); /* an address */
	BAD(port_arg, 99);
	BAD(retries, 0);
	BAD(interval_ms, 0);
	BAD(timeout_ms, AMP_HEALTH_MS_MAX + 1);
	BAD(start_ms, UINT32_MAX);
	BAD(what[0], 'x');
	BAD(what[1], '\n');
	BAD(what[100], 'x'); /* behind its end */
#undef BAD
	for (unsigned i = 0; i <= count; i++) {
		static struct sample s;
		struct image image;
		struct defect why;
		s = good;
		memcpy(s.rest, i < count ? &bad[i] : &well, sizeof well);
		s.note.note.flags = AMP_NOTE_HEALTH;
		s.note.note.size += sizeof well;
		s.note.desc_size += sizeof well;
		s.rodata.p_filesz = s.rodata.p_memsz += sizeof well;
		s.note_header.p_filesz = s.note_header.p_memsz += sizeof well;
		int failed = open_bytes(&s, sizeof s, &image, &why);
		if (i < count && !failed)
			fail_msg("defect %u is taken", i);
		if (i == count && failed)
			fail_msg("%s", why.text);
		if (failed) {
			assert_one_line(&why);
			continue;
		}
		assert_memory_equal(&image.health, &well, sizeof well);
		image_close(&image);
		s.note.note.abi_minor = 2; /* which does not know of it */
		assert_true(open_bytes(&s, sizeof s, &image, &why));
	}
}

/* It is the host's kernel that reads it. Since minor 3, and once. */
static void an_interpreter_is_ignored(void **state)
{
	(void)state;
	struct sample s = good;
	struct image image;
	struct defect why;
	s.stack =
	        (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 1ull << 60, .p_filesz = UINT64_MAX };
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), 0);
	image_close(&image);
	s.note.note.abi_minor = 2;
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_non_null(strstr(why.text, "type 0x3, which no image of ABI 1.2 has"));
	s.note.note.abi_minor = AMP_ABI_MINOR;
	s.tls = s.stack;
	assert_int_equal(open_bytes(&s, sizeof s, &image, &why), -1);
	assert_non_null(strstr(why.text, "two program headers of type 3"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_a_good_image),
		cmocka_unit_test(an_interpreter_is_ignored),
		cmocka_unit_test(refuses_each_defect),
		cmocka_unit_test(health_is_taken_and_each_defect_of_it_refused),
		cmocka_unit_test(refuses_names_given_twice),
		cmocka_unit_test(checks_block_devices),
		cmocka_unit_test(refuses_tables_of_addresses_that_are_not_there),
		cmocka_unit_test(refuses_names_of_tables_that_lie_in_no_code),
		cmocka_unit_test(refuses_guards_of_an_image_that_knows_of_none),
		cmocka_unit_test(refuses_too_large_stacks),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_bit),
		cmocka_unit_test(survives_random_bytes),
		cmocka_unit_test(refuses_what_is_no_file),
	};
	sample_make(&good);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
