/* SPDX-License-Identifier: ISC */
/* Where an image's bytes are: a file of the host's (image_file.c), or what a boot loader has put into memory (boot/module.c). */
#ifndef TENDER_IMAGE_FILE_H
#define TENDER_IMAGE_FILE_H

#include <tender/image.h>

/* Bytes of the file. -1 with a defect: it is none. */
int image_file_size(const struct image *, uint64_t *size, struct defect *why);

/* 0, an errno, or -1: the file ends before. */
int image_file_read(const struct image *, void *to, uint64_t size, uint64_t at);

#endif
