/* SPDX-License-Identifier: ISC */
/*
 * Looks into an archive before the linker does (archive.h), for a clear word: what is no archive, or holds code for another
 * processor. The format is System V's: a magic word, then members of a header of 60 bytes, in text, and their bytes.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <builder/archive.h>
#include <builder/text.h>

#define MAGIC       "!<arch>\n"
#define MAGIC_THIN  "!<thin>\n"
#define HEADER      60u
#define HEADER_SIZE 48u /* where a member's size stands, in ten digits */
#define NAME_BYTES  16u

static const char *machine_name(unsigned machine)
{
	static const struct {
		unsigned machine;
		const char *name;
	} known[] = { { EM_386, "32-bit x86" },  { EM_ARM, "ARM" },
		      { EM_AARCH64, "AArch64" }, { EM_RISCV, "RISC-V" },
		      { EM_PPC64, "PowerPC" },   { EM_S390, "S/390" },
		      { EM_MIPS, "MIPS" },       { EM_LOONGARCH, "LoongArch" } };

	for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].machine == machine)
			return known[i].name;
	return keep_format("another processor (ELF machine %u)", machine);
}

/* "adler32.o" of a header; long names stand elsewhere, as an offset into a member of their own. */
static const char *member_name(const char *header, const char *names, size_t names_size)
{
	size_t n = 0;

	if (header[0] == '/' && header[1] >= '0' && header[1] <= '9' && names) {
		size_t at = strtoul(header + 1, NULL, 10);

		if (at >= names_size)
			return "?";
		n = strcspn(names + at, "/\n");
		return keep_text(names + at, n < names_size - at ? n : names_size - at);
	}
	while (n < NAME_BYTES && header[n] != '/' && header[n] != ' ')
		n++;
	return keep_text(header, n);
}

/* Of one member's bytes. */
static const char *member_defect(const uint8_t *bytes, size_t size, const char *name)
{
	Elf64_Ehdr e;

	/* What is no ELF file is the linker's to judge: bitcode, or text that somebody put in. */
	if (size < sizeof e || memcmp(bytes, ELFMAG, SELFMAG) != 0)
		return NULL;
	memcpy(&e, bytes, sizeof e);
	if (e.e_ident[EI_CLASS] == ELFCLASS64 && e.e_machine == EM_X86_64)
		return NULL;
	return keep_format("holds code for %s (%s): an image needs one that was made for x86-64",
	                   machine_name(e.e_machine), name);
}

const char *archive_defect(const char *path)
{
	const char *names = NULL, *why;
	size_t size, names_size = 0;
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return "is no file: name a static library, libNAME.a";
	const uint8_t *bytes = file_read(path, &size);
	if (!bytes)
		return keep_format("cannot be read: %s", strerror(errno));
	if (size >= strlen(MAGIC) && memcmp(bytes, MAGIC_THIN, strlen(MAGIC)) == 0)
		return "is a thin archive, which only names its members: make it without ar's T";
	if (size < strlen(MAGIC) || memcmp(bytes, MAGIC, strlen(MAGIC)) != 0)
		return size > SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0
		               ? "is no archive but an ELF file: images are static, so name "
		                 "libNAME.a and no libNAME.so"
		               : "is no archive: a static library is what ar makes of objects";
	for (size_t at = strlen(MAGIC); at < size;) {
		const char *header = (const char *)bytes + at;
		char digits[11] = { 0 };

		if (size - at < HEADER)
			return "ends amid a member: it was not copied whole";
		memcpy(digits, header + HEADER_SIZE, 10);
		size_t n = strtoul(digits, NULL, 10);
		at += HEADER;
		if (n > size - at)
			return "ends amid a member: it was not copied whole";
		if (header[0] == '/' && header[1] == '/') {
			names = (const char *)bytes + at;
			names_size = n;
		} else if ((why = member_defect(bytes + at, n,
		                                member_name(header, names, names_size))) != NULL) {
			return why;
		}
		at += n + n % 2;
	}
	return NULL;
}
