/* SPDX-License-Identifier: ISC */
/* The image as a module: bytes that the loader has put into memory, in place of a file. */
#include <string.h>

#include <boot/module.h>
#include <tender/args_file.h>
#include <tender/image_file.h>

static struct range module;

void module_set(const struct range *m)
{
	module = *m;
}

int image_file_size(const struct image *image, uint64_t *size, struct defect *why)
{
	(void)image;
	(void)why;
	*size = module.size;
	return 0;
}

int image_file_read(const struct image *image, void *to, uint64_t size, uint64_t at)
{
	(void)image;
	if (at > module.size || size > module.size - at)
		return -1;
	memcpy(to, (const void *)(module.at + at), size);
	return 0;
}

void image_close(struct image *image)
{
	(void)image;
}

int args_file_read(const char *path, char text[AMP_TEXT_MAX], struct defect *why)
{
	(void)text;
	return defect_set(
	        why, "%s: there are no files here; a value that begins with @ is written @@", path);
}

int args_file_secret(struct args *args, uint32_t i, const char *path, struct defect *why)
{
	(void)args;
	(void)i;
	return defect_set(why, "%s: there are no files here, and so no secrets", path);
}
