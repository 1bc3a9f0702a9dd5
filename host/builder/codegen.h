/* SPDX-License-Identifier: ISC */
/* The files that `ampoule build` writes for the compiler: appliance.h, the configuration, the note, the
 * files, the layout. */
#ifndef BUILD_CODEGEN_H
#define BUILD_CODEGEN_H

#include <stdint.h>

#include <builder/manifest.h>
#include <builder/text.h>

void codegen_header(const struct manifest *, struct text *); /* appliance.h */
void codegen_config(const struct manifest *,
                    struct text *); /* config.c: stacks, interfaces, count of files */
void codegen_note(const struct manifest *, struct text *); /* note.s */
/* files.s: the table and the bytes. Compiled files lie in work/compiled/N, N counting from 0 as in
 * the manifest. */
void codegen_files(const struct manifest *, const char *work, struct text *);
void codegen_layout(const struct manifest *, uint64_t base, struct text *); /* image.ld */

/* The base address of the image, drawn from the seed: page-aligned, with room up to AMP_IMAGE_HIGH for all
 * that follows. */
uint64_t codegen_base(uint64_t seed);

/* The linker's symbols. */
#define CODEGEN_ENTRIES    "archive_table" /* the list of core/archive.h, in an image with archives */
#define CODEGEN_STACK_BASE "ampoule_stack_base"
#define CODEGEN_STACKS     "ampoule_stacks" /* the same, moved with the image */
#define CODEGEN_IMAGE_END  "ampoule_image_end"

#endif
