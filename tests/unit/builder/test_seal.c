/* SPDX-License-Identifier: ISC */
/* Sealing and auditing, on crafted linked files: what must be refused is, and what is sealed is an
 * image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ampoule_abi.h>
#include <builder/audit.h>
#include <builder/seal.h>
#include <builder/symbols.h>
#include <builder/text.h>
#include <tender/digest.h>
#include <tender/image.h>

#include "elf_make.h"
#include "folder.h"

/* push rbp; mov rbp, rsp; ud2 */
static const uint8_t code[] = { 0x55, 0x48, 0x89, 0xe5, 0x0f, 0x0b };
static struct elf_make elf;

static char *report_text(const struct report *report)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_print(report, f);
	fclose(f);
	char *kept = keep_text(text, size);
	free(text);
	return kept;
}

static bool seal_it(struct sealed *s, uint64_t seed, char **why)
{
	struct report report = { 0 };

	elf_make_finish(&elf);
	uint8_t *copy = keep(elf.size);
	memcpy(copy, elf.bytes, elf.size);
	bool fine = seal(s, copy, elf.size, seed, NULL, "x.amp", &report);
	*why = report_text(&report);
	assert_int_equal(fine, report.count == 0);
	return fine;
}

static void refused(const char *fragment)
{
	struct sealed s;
	char *why;

	assert_false(seal_it(&s, 1, &why));
	if (!strstr(why, fragment))
		fail_msg("wanted \"%s\", got: %s", fragment, why);
}

static void sealed_file_is_an_image(void **state)
{
	struct sealed s;
	struct image image;
	struct defect defect;
	char *why;

	(void)state;
	elf_make_good(&elf, code, sizeof code);
	assert_true(seal_it(&s, 1, &why));
	assert_true(file_write(folder_path("x.amp"), s.image, s.image_size, 0644));
	if (image_open(&image, folder_path("x.amp"), &defect) < 0)
		fail_msg("%s", defect.text);
	assert_int_equal(image.segment_count, 3);
	assert_int_equal(image.segments[0].at, ELF_BASE);
	assert_int_equal(image.segments[0].rights, RIGHT_R | RIGHT_X);
	assert_int_equal(image.entry, ELF_BASE);
	assert_memory_equal(image.note.build_id, s.build_id, 32);
	struct amp_digest digest;
	bool found;
	assert_int_equal(image.note.flags, AMP_NOTE_DIGEST);
	if (digest_check(&image, &found, &digest, &defect))
		fail_msg("%s", defect.text);
	assert_true(found);
	image_close(&image);
	/* The last page of code is filled with traps. */
	assert_memory_equal(s.code[0].bytes, code, sizeof code);
	assert_int_equal(s.code[0].size, AMP_PAGE);
	for (unsigned i = sizeof code; i < AMP_PAGE; i++)
		assert_int_equal(s.code[0].bytes[i], 0xcc);
}

static void build_id_depends_on_bytes_and_seed_only(void **state)
{
	struct sealed a, b, c, d;
	char *why;

	(void)state;
	elf_make_good(&elf, code, sizeof code);
	assert_true(seal_it(&a, 1, &why));
	elf_make_good(&elf, code, sizeof code);
	assert_true(seal_it(&b, 1, &why));
	assert_int_equal(a.image_size, b.image_size);
	assert_memory_equal(a.image, b.image, a.image_size);
	assert_memory_equal(a.debug, b.debug, a.debug_size);
	elf_make_good(&elf, code, sizeof code);
	assert_true(seal_it(&c, 2, &why));
	assert_memory_not_equal(a.build_id, c.build_id, 32);
	elf_make_good(&elf, code, sizeof code);
	elf_make_symbol(&elf, "other", STT_FUNC, ELF_BASE, 1);
	assert_true(seal_it(&d, 1, &why));
	assert_memory_not_equal(a.build_id, d.build_id, 32);
}

static void refuses_writable_and_executable(void **state)
{
	(void)state;
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[0].p_flags = PF_R | PF_W | PF_X;
	refused("writable and executable");
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[0].p_flags = PF_X;
	refused("not R, RX or RW");
}

static void refuses_overlapping_segments(void **state)
{
	(void)state;
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[1].p_vaddr = ELF_BASE;
	refused("overlaps the one before it");
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[3].p_vaddr = ELF_BASE + 0x4000; /* out of order */
	refused("overlaps the one before it");
}

static void refuses_segments_out_of_place(void **state)
{
	(void)state;
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[0].p_vaddr = 0x400000;
	refused("lies outside [0x200000000000");
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[3].p_vaddr = AMP_IMAGE_HIGH - AMP_PAGE;
	elf.phdrs[3].p_memsz = 2 * AMP_PAGE;
	refused("lies outside");
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[3].p_vaddr += 8;
	refused("does not begin a page");
	elf_make_good(&elf, code, sizeof code);
	for (unsigned i = 0; i < 7; i++)
		elf_make_add(&elf, PT_LOAD, PF_R, ELF_BASE + 0x20000 + i * AMP_PAGE, code, 1);
	refused("more than 8 segments");
}

static void refuses_dynamic_linking(void **state)
{
	const Elf64_Dyn needed[] = { { DT_NEEDED, { 1 } }, { DT_NULL, { 0 } } };

	(void)state;
	elf_make_good(&elf, code, sizeof code);
	elf_make_add(&elf, PT_INTERP, PF_R, ELF_BASE + 0x20000, "/lib/ld.so", 11);
	refused("PT_INTERP");
	elf_make_good(&elf, code, sizeof code);
	elf_make_add(&elf, PT_DYNAMIC, PF_R, ELF_BASE + 0x20000, needed, sizeof needed);
	refused("needs a shared library");
	elf_make_good(&elf, code, sizeof code);
	elf_make_symbol(&elf, "missing", STT_NOTYPE, 0, 0);
	refused("missing is used and not defined");
}

/* A dynamic section and one relocation, both in a segment that is left out of the image. */
static void add_relocation(uint64_t at, uint32_t type, int64_t addend)
{
	const uint64_t place = ELF_BASE + 0x20000;
	struct {
		Elf64_Dyn dynamic[3];
		Elf64_Rela rela;
	} d = { { { DT_RELA, { place + sizeof d.dynamic } },
		  { DT_RELASZ, { sizeof d.rela } },
		  { DT_NULL, { 0 } } },
		{ at, ELF64_R_INFO(0, type), addend } };

	const Elf64_Phdr *p = elf_make_add(&elf, PT_LOAD, PF_R, place, &d, sizeof d);
	elf.phdrs[elf.phdr_count++] = (Elf64_Phdr){ .p_type = PT_DYNAMIC,
		                                    .p_offset = p->p_offset,
		                                    .p_vaddr = place,
		                                    .p_filesz = sizeof d.dynamic,
		                                    .p_memsz = sizeof d.dynamic };
}

static void accepts_relocations_that_are_done_and_no_others(void **state)
{
	struct sealed s;
	char *why;
	const uint64_t data = ELF_BASE + 0x10000, value = ELF_BASE;

	(void)state;
	elf_make_good(&elf, code, sizeof code);
	memcpy(elf.bytes + elf.phdrs[3].p_offset, &value, sizeof value);
	add_relocation(data, R_X86_64_RELATIVE, (int64_t)value);
	assert_true(seal_it(&s, 1, &why));
	/* Not in the image: the segment that held the table. */
	assert_null(memmem(s.image, s.image_size, &(uint64_t){ ELF_BASE + 0x20000 }, 8));

	elf_make_good(&elf, code, sizeof code);
	add_relocation(data, R_X86_64_RELATIVE, (int64_t)value);
	refused("a dynamic relocation is left");
	elf_make_good(&elf, code, sizeof code);
	memcpy(elf.bytes + elf.phdrs[3].p_offset, &value, sizeof value);
	add_relocation(data, R_X86_64_IRELATIVE, (int64_t)value);
	refused("a dynamic relocation is left");
	elf_make_good(&elf, code, sizeof code);
	add_relocation(0x1000, R_X86_64_RELATIVE, 0);
	refused("a dynamic relocation is left");
	uint8_t absolute[16] = { 0x48, 0xb8 };
	memcpy(absolute + 2, &value, 8);
	elf_make_good(&elf, absolute, sizeof absolute);
	add_relocation(ELF_BASE + 2, R_X86_64_RELATIVE, (int64_t)value);
	refused("code holds an absolute address");
}

/* Two words of data, the second not aligned, one far behind the other. */
static void says_which_words_hold_addresses(void **state)
{
	struct sealed s;
	struct image image;
	struct defect defect;
	char *why;
	const uint64_t data = ELF_BASE + 0x10000, value = ELF_BASE;

	(void)state;
	elf_make_good(&elf, code, sizeof code);
	memcpy(elf.bytes + elf.phdrs[3].p_offset + 3, &value, sizeof value);
	add_relocation(data + 3, R_X86_64_RELATIVE, (int64_t)value);
	const uint16_t minor = 3;
	memcpy(elf.bytes + elf.phdrs[1].p_offset + 20 + offsetof(struct amp_note, abi_minor),
	       &minor, sizeof minor);
	assert_true(seal_it(&s, 1, &why));
	assert_true(s.movable);
	assert_true(file_write(folder_path("x.amp"), s.image, s.image_size, 0644));
	if (image_open(&image, folder_path("x.amp"), &defect) < 0)
		fail_msg("%s", defect.text);
	assert_true(image.movable);
	/* 0x10003 in ULEB128 */
	assert_int_equal(image.moves_size, 3);
	assert_memory_equal(s.image + image.moves_at, "\x83\x80\x04", 3);
	image_close(&image);

	/* Without relocations it is not known what would have to change. */
	elf_make_good(&elf, code, sizeof code);
	assert_true(seal_it(&s, 1, &why));
	assert_false(s.movable);
}

static void refuses_what_is_no_linked_file(void **state)
{
	struct sealed s;
	struct report report = { 0 };
	uint8_t bytes[100] = "not an ELF file";

	(void)state;
	assert_false(seal(&s, bytes, 10, 1, NULL, "x", &report));
	assert_false(seal(&s, bytes, sizeof bytes, 1, NULL, "x", &report));
	elf_make_good(&elf, code, sizeof code);
	elf.phdrs[1].p_filesz = 0x1000000;
	elf.phdrs[1].p_memsz = 0x1000000;
	refused("lies outside the file");
	elf_make_good(&elf, code, sizeof code);
	elf.bytes[elf.phdrs[1].p_offset + 12] = 'B';
	refused("has no Ampoule note");
}

/* Every truncation, and every byte flipped: refused or sealed, never a crash (the sanitizers
 * watch). */
static void survives_damage(void **state)
{
	struct sealed s;
	struct symbols symbols;

	(void)state;
	elf_make_good(&elf, code, sizeof code);
	add_relocation(ELF_BASE + 0x10000, R_X86_64_RELATIVE, 0);
	elf_make_finish(&elf);
	uint8_t *copy = malloc(elf.size);
	for (size_t n = 0; n < elf.size; n += 1 + n / 97) {
		struct report report = { 0 };
		uint8_t *cut = malloc(n ? n : 1);
		memcpy(cut, elf.bytes, n);
		seal(&s, cut, n, 1, NULL, "x", &report);
		symbols_read(&symbols, cut, n);
		free(cut);
	}
	/* Headers, tables, symbols: all but the segments' own bytes. */
	for (size_t n = 0; n < elf.size; n = n == sizeof(Elf64_Ehdr) ? elf.size - 1200 : n + 1)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			struct report report = { 0 };
			memcpy(copy, elf.bytes, elf.size);
			copy[n] ^= (uint8_t)(1 << bit);
			if (seal(&s, copy, elf.size, 1, NULL, "x", &report)) {
				struct audit a = { 0 };
				for (unsigned i = 0; i < s.code_count; i++)
					audit_code(&a, &s.code[i], &s.symbols);
			}
		}
	free(copy);
}

/* ---- the audit ---- */

struct instruction {
	const char *what; /* null: allowed */
	uint8_t bytes[12];
	unsigned size;
};

static const struct instruction instructions[] = {
	{ "syscall", { 0x0f, 0x05 }, 2 },
	{ "sysenter", { 0x0f, 0x34 }, 2 },
	{ "sysret", { 0x48, 0x0f, 0x07 }, 3 },
	{ "sysexit", { 0x0f, 0x35 }, 2 },
	{ "int", { 0xcd, 0x80 }, 2 },
	{ "int1", { 0xf1 }, 1 },
	{ "iretq", { 0x48, 0xcf }, 2 },
	{ "in", { 0xec }, 1 },
	{ "in", { 0xe4, 0x10 }, 2 },
	{ "out", { 0xef }, 1 },
	{ "insb", { 0x6c }, 1 },
	{ "outsd", { 0xf3, 0x6f }, 2 },
	{ "hlt", { 0xf4 }, 1 },
	{ "cli", { 0xfa }, 1 },
	{ "sti", { 0xfb }, 1 },
	{ "clts", { 0x0f, 0x06 }, 2 },
	{ "rdmsr", { 0x0f, 0x32 }, 2 },
	{ "wrmsr", { 0x0f, 0x30 }, 2 },
	{ "rdpmc", { 0x0f, 0x33 }, 2 },
	{ "mov cr", { 0x0f, 0x22, 0xd8 }, 3 },
	{ "mov cr", { 0x0f, 0x20, 0xc0 }, 3 },
	{ "mov dr", { 0x0f, 0x23, 0xf8 }, 3 },
	{ "lgdt", { 0x0f, 0x01, 0x10 }, 3 },
	{ "lidt", { 0x0f, 0x01, 0x18 }, 3 },
	{ "sgdt", { 0x0f, 0x01, 0x00 }, 3 },
	{ "lldt", { 0x0f, 0x00, 0xd0 }, 3 },
	{ "ltr", { 0x0f, 0x00, 0xd8 }, 3 },
	{ "lmsw", { 0x0f, 0x01, 0xf0 }, 3 },
	{ "swapgs", { 0x0f, 0x01, 0xf8 }, 3 },
	{ "invlpg", { 0x0f, 0x01, 0x38 }, 3 },
	{ "invd", { 0x0f, 0x08 }, 2 },
	{ "wbinvd", { 0x0f, 0x09 }, 2 },
	{ "vmcall", { 0x0f, 0x01, 0xc1 }, 3 },
	{ "vmmcall", { 0x0f, 0x01, 0xd9 }, 3 },
	{ "vmfunc", { 0x0f, 0x01, 0xd4 }, 3 },
	{ "xsetbv", { 0x0f, 0x01, 0xd1 }, 3 },
	{ "wrpkru", { 0x0f, 0x01, 0xef }, 3 },
	{ "wrgsbase", { 0xf3, 0x48, 0x0f, 0xae, 0xd8 }, 5 },
	{ "monitor", { 0x0f, 0x01, 0xc8 }, 3 },
	{ "far ret", { 0xcb }, 1 },
	{ "far jmp", { 0xff, 0x28 }, 2 },
	{ "far call", { 0x48, 0xff, 0x18 }, 3 },
	{ "a segment register's load", { 0x8e, 0xd8 }, 2 },
	{ "a segment register's load", { 0x0f, 0xa1 }, 2 },
	{ "lfs", { 0x0f, 0xb4, 0x00 }, 3 },
	{ "enclu", { 0x0f, 0x01, 0xd7 }, 3 },
	{ "getsec", { 0x0f, 0x37 }, 2 },
	{ "rsm", { 0x0f, 0xaa }, 2 },
	{ "bytes that are no instruction", { 0x06 }, 1 },
	/* sub rsp, 64K; add rsp, -64K; lea rsp, [rsp - 64K] */
	{ "a frame that steps over the guard of a stack", { 0x48, 0x81, 0xec, 0, 0, 1, 0 }, 7 },
	{ "a frame that steps over the guard of a stack",
	  { 0x48, 0x81, 0xc4, 0, 0, 0xff, 0xff },
	  7 },
	{ "a frame that steps over the guard of a stack",
	  { 0x48, 0x8d, 0xa4, 0x24, 0, 0, 0xff, 0xff },
	  8 },
	{ NULL, { 0x48, 0x81, 0xec, 0, 0x80, 0, 0 }, 7 }, /* sub rsp, 32K */
	{ NULL,
	  { 0x48, 0x8d, 0xa5, 0, 0, 0xff, 0xff },
	  7 }, /* lea rsp, [rbp - 64K]: the end of a frame */
	{ NULL, { 0x48, 0x81, 0xc4, 0, 0, 1, 0 }, 7 }, /* add rsp, 64K */
	{ NULL, { 0x0f, 0x0b }, 2 },                   /* ud2 */
	{ NULL, { 0x67, 0x0f, 0xb9, 0x40, 0x02 }, 5 }, /* ud1, clang's trap */
	{ NULL, { 0xcc }, 1 },                         /* int3, padding within jump tables */
	{ NULL, { 0x0f, 0x31 }, 2 },                   /* rdtsc */
	{ NULL, { 0xf3, 0x48, 0x0f, 0xae, 0xd0 }, 5 }, /* wrfsbase */
	{ NULL, { 0xf3, 0x48, 0x0f, 0xae, 0xc0 }, 5 }, /* rdfsbase */
	{ NULL, { 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0 }, 9 }, /* mov rax, fs:0 */
	{ NULL, { 0xff, 0xd0 }, 2 },                               /* call rax: the gate */
	{ NULL, { 0xc3 }, 1 },                                     /* ret */
	{ NULL, { 0xf3, 0xa4 }, 2 },                               /* rep movsb */
	{ NULL, { 0x8c, 0xd8 }, 2 },                               /* mov eax, ds */
	{ NULL, { 0x0f, 0xae, 0x10 }, 3 },                         /* ldmxcsr */
	{ NULL, { 0xc5, 0xf8, 0x77 }, 3 },                         /* vzeroupper */
};

static void knows_each_way_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
		unsigned length;
		const char *what =
		        audit_instruction(instructions[i].bytes, instructions[i].size, &length);

		if (!what != !instructions[i].what ||
		    (what && strcmp(what, instructions[i].what) != 0))
			fail_msg("instruction %zu: wanted %s, got %s", i, instructions[i].what,
			         what);
	}
}

static struct audit audit_bytes(const void *bytes, size_t size, struct symbols *s)
{
	struct audit a = { 0 };
	struct audit_code c = { bytes, ELF_BASE, size };

	audit_code(&a, &c, s);
	return a;
}

static void found_syscall(const struct audit *a, const char *function, uint64_t offset)
{
	assert_int_equal(a->finding_count, 1);
	assert_string_equal(a->findings[0].what, "syscall");
	assert_string_equal(a->findings[0].function, function);
	assert_int_equal(a->findings[0].offset, offset);
}

static void names_function_and_offset(void **state)
{
	static const uint8_t bytes[] = { 0x90, 0xc3, 0xcc, 0xcc, 0x55, 0x0f, 0x05, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 2, "first", true, false, NULL },
		                 { ELF_BASE + 4, 4, "second", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };
	struct audit a = audit_bytes(bytes, sizeof bytes, &s);

	(void)state;
	found_syscall(&a, "second", 1);
	assert_int_equal(a.functions, 2);
	assert_int_equal(a.padding, 2);
	assert_int_equal(a.hidden[PATTERN_SYSCALL], 1);
}

static void code_between_functions_is_refused(void **state)
{
	static const uint8_t bytes[] = { 0xc3, 0x66, 0x90, 0xcc, 0x50, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 1, "first", true, false, NULL },
		                 { ELF_BASE + 5, 1, "second", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };
	struct audit a = audit_bytes(bytes, sizeof bytes, &s);

	(void)state;
	assert_int_equal(a.finding_count, 1);
	assert_int_equal(a.findings[0].address, ELF_BASE + 4);
	assert_string_equal(a.findings[0].what, "code that belongs to no function");
	/* And so is code behind the last one. */
	s.count = 1;
	assert_int_equal(audit_bytes(bytes, sizeof bytes, &s).finding_count, 1);
}

/* Of two names for the same bytes. */
static void a_finding_is_of_the_function_that_begins_last(void **state)
{
	static const uint8_t bytes[] = { 0xeb, 0x00, 0xcc, 0xcc, 0x55, 0x0f, 0x05, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 8, "table", true, false, NULL },
		                 { ELF_BASE + 4, 4, "behind", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };
	struct audit a = audit_bytes(bytes, sizeof bytes, &s);

	(void)state;
	found_syscall(&a, "behind", 1);
}

/* A name whose size reaches into the padding behind the next function. */
static void a_size_that_ends_amid_an_instruction_hides_nothing(void **state)
{
	/* jmp; int3, int3 | ret; nop of 4 bytes; then a function, or bytes of nobody */
	static const uint8_t bytes[] = { 0xeb, 0x00, 0xcc, 0xcc, 0xc3, 0x0f,
		                         0x1f, 0x40, 0x00, 0x50, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 7, "table", true, false, NULL },
		                 { ELF_BASE + 4, 1, "short", true, false, NULL },
		                 { ELF_BASE + 9, 2, "next", true, false, NULL } };
	struct symbols s = { .list = list, .count = 3 };

	(void)state;
	assert_int_equal(audit_bytes(bytes, sizeof bytes, &s).finding_count, 0);
	s.count = 2;
	struct audit a = audit_bytes(bytes, sizeof bytes, &s);
	assert_int_equal(a.finding_count, 1);
	assert_int_equal(a.findings[0].address, ELF_BASE + 9);
}

static void functions_without_size_reach_to_the_next(void **state)
{
	static const uint8_t bytes[] = { 0x50, 0x50, 0xf4, 0xc3, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 0, "assembly", true, false, NULL },
		                 { ELF_BASE + 4, 1, "next", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };
	struct audit a = audit_bytes(bytes, sizeof bytes, &s);

	(void)state;
	assert_int_equal(a.finding_count, 1);
	assert_string_equal(a.findings[0].what, "hlt");
	assert_string_equal(a.findings[0].function, "assembly");
	assert_int_equal(a.findings[0].offset, 2);
}

static void hidden_patterns_are_counted_not_refused(void **state)
{
	/* mov eax, 0x050f; mov ecx, 0x80cd */
	static const uint8_t bytes[] = { 0xb8, 0x0f, 0x05, 0, 0, 0xb9, 0xcd, 0x80, 0, 0, 0xc3 };
	struct symbol list[] = { { ELF_BASE, sizeof bytes, "f", true, false, NULL } };
	struct symbols s = { .list = list, .count = 1 };
	struct audit a = audit_bytes(bytes, sizeof bytes, &s);

	(void)state;
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.hidden[PATTERN_SYSCALL], 1);
	assert_int_equal(a.hidden[PATTERN_INT80], 1);
	assert_int_equal(audit_bytes(bytes, sizeof bytes, NULL).finding_count, 0);
}

/* ---- tables among code ---- */

static struct audit audit_ranges(const void *bytes, size_t size, struct symbols *s,
                                 struct audit_range range)
{
	struct audit a = { 0 };
	struct audit_code c = { bytes, ELF_BASE, size, &range, 1 };

	audit_code(&a, &c, s);
	return a;
}

static void an_archives_table_is_named_and_anybody_elses_refused(void **state)
{
	/* ret; bytes that are no instruction, and outsb; then a function */
	static const uint8_t bytes[] = { 0xc3, 0x06, 0x6e, 0x98, 0x50, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 1, "first", true, false, NULL },
		                 { ELF_BASE + 4, 2, "second", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };
	struct audit a = audit_ranges(bytes, sizeof bytes, &s, (struct audit_range){ ELF_BASE, 6 });

	(void)state;
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.table_count, 1);
	assert_int_equal(a.tables[0].address, ELF_BASE + 1);
	assert_int_equal(a.tables[0].size, 3);
	/* Not all of it lies where one may. */
	a = audit_ranges(bytes, sizeof bytes, &s, (struct audit_range){ ELF_BASE, 3 });
	assert_int_equal(a.table_count, 0);
	assert_string_equal(a.findings[0].what, "code that belongs to no function");
	assert_int_equal(audit_bytes(bytes, sizeof bytes, &s).finding_count, 1);
	/* Inside of a function with a size nothing is a table. */
	list[0].size = 4;
	a = audit_ranges(bytes, sizeof bytes, &s, (struct audit_range){ ELF_BASE, 6 });
	assert_int_equal(a.table_count, 0);
	assert_string_equal(a.findings[0].what, "bytes that are no instruction");
	/* Without symbols what the file names is not decoded. */
	a = audit_ranges(bytes, sizeof bytes, NULL, (struct audit_range){ ELF_BASE + 1, 3 });
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.table_count, 1);
}

/* One member ends with a table, and the next begins with one, as the order of a build may have it. */
static void tables_of_two_members_may_meet(void **state)
{
	static const uint8_t bytes[] = { 0xc3, 0x06, 0x6e, 0xcc, 0xcc, 0x06, 0x98, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 1, "first", true, false, NULL },
		                 { ELF_BASE + 7, 1, "second", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };
	const struct audit_range members[] = { { ELF_BASE, 3 }, { ELF_BASE + 5, 3 } };
	struct audit_code c = { bytes, ELF_BASE, sizeof bytes, members, 2 };
	struct audit a = { 0 };

	(void)state;
	audit_code(&a, &c, &s);
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.table_count, 2);
	assert_int_equal(a.tables[0].size, 2);
	assert_int_equal(a.tables[1].address, ELF_BASE + 5);
	assert_int_equal(a.tables[1].size, 2);
}

/* What has no size is not of the member behind it, which may begin with a table. */
static void a_label_ends_with_its_member(void **state)
{
	static const uint8_t bytes[] = { 0x50, 0xc3, 0x06, 0x98, 0xc3 };
	struct symbol list[] = {
		{ .address = ELF_BASE, .name = "loop", .function = true, .label = true },
		{ ELF_BASE + 4, 1, "second", true, false, NULL }
	};
	struct symbols s = { .list = list, .count = 2 };
	const struct audit_range members[] = { { ELF_BASE, 2 }, { ELF_BASE + 2, 3 } };
	const struct audit_range table = { ELF_BASE + 2, 2 };
	struct audit_code c = { bytes, ELF_BASE, sizeof bytes, members, 2 };

	(void)state;
	/* Of an archive; of our own, or where the table is all that the file names. */
	for (unsigned i = 0; i < 2; i++) {
		struct audit a = { 0 };

		audit_code(&a, &c, &s);
		assert_int_equal(a.finding_count, 0);
		assert_int_equal(a.functions, 2);
		assert_int_equal(a.table_count, 1);
		assert_int_equal(a.tables[0].address, ELF_BASE + 2);
		assert_int_equal(a.tables[0].size, 2);
		c.ranges = &table;
		c.range_count = 1;
	}
	/* Where nobody may have a table, it is a function to the next one. */
	assert_string_equal(audit_bytes(bytes, sizeof bytes, &s).findings[0].what,
	                    "bytes that are no instruction");
}

/* Each name of a control-flow jump table has the size of all of it, and an archive's table may lie behind. */
static void a_jump_table_ends_where_its_first_name_says(void **state)
{
	static const uint8_t bytes[] = { 0xeb, 0x00, 0xcc, 0xcc, 0xeb, 0x00,
		                         0xcc, 0xcc, 0x06, 0x98, 0xc3 };
	struct symbol list[] = { { ELF_BASE, 8, "one", true, false, NULL },
		                 { ELF_BASE + 4, 8, "two", true, false, NULL },
		                 { ELF_BASE + 10, 1, "archives", true, false, NULL } };
	struct symbols s = { .list = list, .count = 3 };
	struct audit a =
	        audit_ranges(bytes, sizeof bytes, &s, (struct audit_range){ ELF_BASE + 8, 3 });

	(void)state;
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.functions, 3);
	assert_int_equal(a.tables[0].address, ELF_BASE + 8);
	assert_int_equal(a.tables[0].size, 2);
	/* Of two functions of other sizes, the second one reaches as far as it says. */
	list[1].size = 6;
	a = audit_ranges(bytes, sizeof bytes, &s, (struct audit_range){ ELF_BASE + 8, 3 });
	assert_string_equal(a.findings[0].what, "bytes that are no instruction");
}

static void a_table_is_searched_at_every_byte(void **state)
{
	static const struct {
		uint8_t bytes[4];
		const char *what;
	} ways[] = {
		{ { 0x0f, 0x05 }, "syscall" },
		{ { 0x0f, 0x34 }, "sysenter" },
		{ { 0xcd, 0x80 }, "int 0x80" },
		{ { 0x0f, 0x01, 0xc1 }, "vmcall" },
		{ { 0x0f, 0x01, 0xd9 }, "vmmcall" },
		{ { 0x0f, 0x01, 0xef }, "wrpkru" },
		{ { 0xcd, 0x81 }, NULL },
		{ { 0x6e, 0xec, 0xf4 }, NULL },
	};
	struct symbol list[] = { { ELF_BASE, 1, "first", true, false, NULL },
		                 { ELF_BASE + 8, 1, "second", true, false, NULL } };
	struct symbols s = { .list = list, .count = 2 };

	(void)state;
	for (unsigned at = 2; at < 5; at++)
		for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
			uint8_t bytes[] = { 0xc3, 6, 6, 6, 6, 6, 6, 6, 0xc3 };
			memcpy(bytes + at, ways[i].bytes, ways[i].bytes[2] ? 3 : 2);
			struct audit a = audit_ranges(bytes, sizeof bytes, &s,
			                              (struct audit_range){ ELF_BASE, 9 });
			assert_int_equal(a.finding_count, ways[i].what != NULL);
			if (!ways[i].what)
				continue;
			assert_int_equal(a.findings[0].address, ELF_BASE + at);
			assert_memory_equal(a.findings[0].what, ways[i].what, strlen(ways[i].what));
		}
}

static void a_label_before_what_is_no_code_is_a_table(void **state)
{
	static const uint8_t bytes[] = { 0xc3, 0x06, 0x6e, 0x98, 0x50, 0xc3 };
	struct symbol list[] = {
		{ ELF_BASE, 1, "first", true, false, NULL },
		{ .address = ELF_BASE + 1, .name = "K", .function = true, .label = true },
		{ .address = ELF_BASE + 4, .name = "code", .function = true, .label = true }
	};
	struct symbols s = { .list = list, .count = 3 };
	struct audit a = audit_ranges(bytes, sizeof bytes, &s, (struct audit_range){ ELF_BASE, 6 });

	(void)state;
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.table_count, 1);
	assert_int_equal(a.tables[0].size, 3);
	assert_int_equal(a.functions, 2);
	/* Of our own code, a label is a function. */
	assert_true(audit_bytes(bytes, sizeof bytes, &s).finding_count > 0);
}

/* A map of lld's that says: all of the code is an archive's. */
static const char map_of_archive[] =
        "             VMA              LMA     Size Align Out     In      Symbol\n"
        "    2345677e0000     2345677e0000    40000     1         /lib/libx.a(x.o):(.text)\n";

static void whole_pages_of_a_table_cannot_be_executed(void **state)
{
	enum { SIZE = 0x13000, BEHIND = 0x12800 };
	const uint64_t CODE = ELF_BASE - 0x20000;
	static uint8_t text[SIZE];
	struct report report = { 0 };
	struct sealed s;
	struct audit a = { 0 };

	(void)state;
	memset(text, 0x06, sizeof text);
	text[0] = 0xc3;
	text[0x4000] = 0x0f, text[0x4001] = 0x05; /* a system call, amid the table */
	memset(text + BEHIND, 0xc3, SIZE - BEHIND);
	elf_make_good(&elf, text, 1);
	/* The text lies below the other segments instead. */
	elf.phdrs[0].p_offset = elf.size;
	elf.phdrs[0].p_vaddr = elf.entry = CODE;
	elf.phdrs[0].p_filesz = elf.phdrs[0].p_memsz = SIZE;
	memcpy(elf.bytes + elf.size, text, SIZE);
	elf.size += SIZE;
	elf_make_symbol(&elf, "first", STT_FUNC, CODE, 1);
	elf_make_symbol(&elf, "behind", STT_FUNC, CODE + BEHIND, SIZE - BEHIND);
	elf_make_finish(&elf);
	uint8_t *copy = keep(elf.size);
	memcpy(copy, elf.bytes, elf.size);
	if (!seal(&s, copy, elf.size, 1, map_of_archive, "x.amp", &report))
		fail_msg("%s", report_text(&report));
	assert_int_equal(s.code_count, 2);
	assert_int_equal(s.code[0].size, AMP_PAGE);
	assert_int_equal(s.code[1].address, CODE + 0x12000);
	assert_int_equal(s.table_count, 2);
	for (unsigned i = 0; i < s.code_count; i++)
		audit_code(&a, &s.code[i], &s.symbols);
	assert_int_equal(a.finding_count, 0);
	assert_int_equal(a.hidden[PATTERN_SYSCALL], 0);
}

static void sealed_syscall_is_found(void **state)
{
	static const uint8_t bad[] = { 0x55, 0x0f, 0x05, 0x0f, 0x0b };
	struct sealed s;
	struct audit a = { 0 };
	char *why;

	(void)state;
	elf_make_good(&elf, bad, sizeof bad);
	assert_true(seal_it(&s, 1, &why));
	audit_code(&a, &s.code[0], &s.symbols);
	assert_int_equal(a.finding_count, 1);
	assert_string_equal(a.findings[0].function, "_start");
	assert_int_equal(a.findings[0].address, ELF_BASE + 1);
}

static int clean_up(void **state)
{
	(void)state;
	folder_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_file_is_an_image),
		cmocka_unit_test(build_id_depends_on_bytes_and_seed_only),
		cmocka_unit_test(refuses_writable_and_executable),
		cmocka_unit_test(refuses_overlapping_segments),
		cmocka_unit_test(refuses_segments_out_of_place),
		cmocka_unit_test(refuses_dynamic_linking),
		cmocka_unit_test(says_which_words_hold_addresses),
		cmocka_unit_test(accepts_relocations_that_are_done_and_no_others),
		cmocka_unit_test(refuses_what_is_no_linked_file),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(knows_each_way_out),
		cmocka_unit_test(names_function_and_offset),
		cmocka_unit_test(a_finding_is_of_the_function_that_begins_last),
		cmocka_unit_test(code_between_functions_is_refused),
		cmocka_unit_test(a_size_that_ends_amid_an_instruction_hides_nothing),
		cmocka_unit_test(functions_without_size_reach_to_the_next),
		cmocka_unit_test(hidden_patterns_are_counted_not_refused),
		cmocka_unit_test(an_archives_table_is_named_and_anybody_elses_refused),
		cmocka_unit_test(tables_of_two_members_may_meet),
		cmocka_unit_test(a_label_ends_with_its_member),
		cmocka_unit_test(a_jump_table_ends_where_its_first_name_says),
		cmocka_unit_test(a_table_is_searched_at_every_byte),
		cmocka_unit_test(a_label_before_what_is_no_code_is_a_table),
		cmocka_unit_test(whole_pages_of_a_table_cannot_be_executed),
		cmocka_unit_test(sealed_syscall_is_found),
	};

	return cmocka_run_group_tests_name("seal", tests, NULL, clean_up);
}
