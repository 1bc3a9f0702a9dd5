/* SPDX-License-Identifier: ISC */
/*
 * The loader's checks, each for itself: any ELF header, program header, note and tables. That the note's counts are within
 * their bounds when tables and stacks are looked at is what check_note() has seen to.
 */
// eva: -eva-precision 0 -eva-slevel 60 -plevel 500
#include <prove.h>

#include <tender/image.c>

static struct image image;
static struct desc desc;

int main(void)
{
	struct defect why;
	Elf64_Ehdr header;
	Elf64_Phdr program;
	uint64_t file, offset, at, size;
	prove_any(image.segments);
	prove_any(image.devices);
	prove_any(image.args);
	prove_any(image.libraries);
	prove_any(image.note);
	prove_any(desc);
	prove_any(header);
	prove_any(program);
	prove_any(file);
	prove_any(offset);
	prove_any(at);
	prove_any(size);
	image.segment_count = prove_number(0, AMP_SEGMENTS_MAX);
	switch (prove_number(0, 5)) {
	case 0:
		check_header(&header, &why);
		break;
	case 1:
		check_load(&image, &program, file, &why);
		break;
	case 2:
		in_segment(&image, offset, at, size, prove_number(0, 1));
		break;
	case 3:
		check_note(&image, &desc, size, &why);
		break;
	case 4:
		check_stacks(&image, &why);
		break;
	default:
		image.note.device_count = prove_number(0, AMP_DEVICES_MAX);
		image.note.arg_count = prove_number(0, AMP_ARGS_MAX);
		image.note.library_count = prove_number(0, AMP_LIBRARIES_MAX);
		check_tables(&image, &why);
	}
	return 0;
}
