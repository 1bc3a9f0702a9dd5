/* SPDX-License-Identifier: ISC */
/* The good image. Three segments (RX, R with the note, RW with bss), two devices, three arguments.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sample.h"

static char path[64];

void sample_make(struct sample *s)
{
	memset(s, 0, sizeof *s);
	memcpy(s->elf.e_ident, ELFMAG, SELFMAG);
	s->elf.e_ident[EI_CLASS] = ELFCLASS64;
	s->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	s->elf.e_ident[EI_VERSION] = EV_CURRENT;
	s->elf.e_type = ET_EXEC;
	s->elf.e_machine = EM_X86_64;
	s->elf.e_version = EV_CURRENT;
	s->elf.e_entry = SAMPLE_BASE + 16;
	s->elf.e_phoff = offsetof(struct sample, text);
	s->elf.e_ehsize = sizeof s->elf;
	s->elf.e_phentsize = sizeof s->text;
	s->elf.e_phnum = 6;

	s->text = (Elf64_Phdr){ .p_type = PT_LOAD,
		                .p_flags = PF_R | PF_X,
		                .p_offset = AMP_PAGE,
		                .p_vaddr = SAMPLE_BASE,
		                .p_filesz = AMP_PAGE,
		                .p_memsz = AMP_PAGE };
	s->rodata = (Elf64_Phdr){ .p_type = PT_LOAD,
		                  .p_flags = PF_R,
		                  .p_offset = 2 * AMP_PAGE,
		                  .p_vaddr = SAMPLE_BASE + AMP_PAGE,
		                  .p_filesz = sizeof s->note + 100,
		                  .p_memsz = sizeof s->note + 100 };
	s->data = (Elf64_Phdr){ .p_type = PT_LOAD,
		                .p_flags = PF_R | PF_W,
		                .p_offset = 2 * AMP_PAGE,
		                .p_vaddr = SAMPLE_BASE + 4 * AMP_PAGE,
		                .p_filesz = 256,
		                .p_memsz = 3 * AMP_PAGE + 8 };
	s->note_header = (Elf64_Phdr){ .p_type = PT_NOTE,
		                       .p_flags = PF_R,
		                       .p_offset = 2 * AMP_PAGE,
		                       .p_vaddr = SAMPLE_BASE + AMP_PAGE,
		                       .p_filesz = sizeof s->note,
		                       .p_memsz = sizeof s->note };
	s->tls = (Elf64_Phdr){ .p_type = PT_TLS,
		               .p_flags = PF_R,
		               .p_offset = 2 * AMP_PAGE,
		               .p_vaddr = SAMPLE_BASE + 4 * AMP_PAGE,
		               .p_memsz = 64 };
	s->stack = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	memset(s->code, 0xcc, sizeof s->code);

	s->note.name_size = 8;
	s->note.type = AMP_NOTE_TYPE;
	memcpy(s->note.name, AMP_NOTE_NAME, 8);
	s->note.desc_size = sizeof s->note - 20;
	s->note.note = (struct amp_note){ .abi_major = AMP_ABI_MAJOR,
		                          .abi_minor = AMP_ABI_MINOR,
		                          .size = sizeof s->note - 20,
		                          .name = "sample",
		                          .version = "1.0",
		                          .build_id = { 1, 2, 3 },
		                          .memory_min = 1 << 20,
		                          .memory_default = 5 << 20,
		                          .stack_base = SAMPLE_BASE + (1 << 20),
		                          .stack_size = 16384,
		                          .stack_count = 5,
		                          .cpu_level = 1,
		                          .device_count = 2,
		                          .arg_count = 3,
		                          .library_count = 2 };
	s->note.devices[0] = (struct amp_note_device){
		.name = "service", .type = AMP_DEVICE_NET, .ring_size = 64, .frame_count = 256
	};
	s->note.devices[1] = (struct amp_note_device){ .name = "control",
		                                       .type = AMP_DEVICE_NET,
		                                       .flags = AMP_NOTE_DEVICE_OPTIONAL,
		                                       .ring_size = 1024,
		                                       .frame_count = 4096 };
	s->note.args[0] =
	        (struct amp_note_arg){ .name = "port", .type = AMP_ARG_U16, .value = "53" };
	s->note.args[1] = (struct amp_note_arg){ .name = "address",
		                                 .type = AMP_ARG_CIDR,
		                                 .flags = AMP_NOTE_ARG_DYNAMIC,
		                                 .value = "10.0.0.2/24",
		                                 .help = "where it listens" };
	s->note.args[2] = (struct amp_note_arg){ .name = "greeting",
		                                 .type = AMP_ARG_STRING,
		                                 .flags = AMP_NOTE_ARG_DYNAMIC,
		                                 .value = "Gr\xc3\xbc\xc3\x9f" };
	memcpy(s->note.libraries[0].name, "core", 5);
	memcpy(s->note.libraries[1].name, "app/dns", 8);
}

const char *sample_write(const void *bytes, size_t size)
{
	sample_remove();
	strcpy(path, "/tmp/ampoule-sample-XXXXXX");
	int fd = mkstemp(path);
	assert(fd >= 0);
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)bytes + done, size - done);
		assert(n > 0);
		done += (size_t)n;
	}
	close(fd);
	return path;
}

void sample_remove(void)
{
	if (*path)
		unlink(path);
	*path = 0;
}
