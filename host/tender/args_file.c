/* SPDX-License-Identifier: ISC */
/* Files that hold values: those that --set names, and a service manager's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tender/args_file.h>
#include <tender/image.h>

/* What there is of a file, up to `room` bytes: how many, or -1 with a defect. */
static ssize_t file_read(const char *path, void *to, size_t room, struct defect *why)
{
	size_t size = 0;
	ssize_t n = 1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return defect_set(why, "%s cannot be opened: %s", path, strerror(errno));
	while (size < room && (n = read(fd, (uint8_t *)to + size, room - size)) != 0) {
		if (n > 0)
			size += (size_t)n;
		else if (errno != EINTR)
			break;
	}
	int error = errno;
	close(fd);
	if (n < 0)
		return defect_set(why, "%s cannot be read: %s", path, strerror(error));
	return (ssize_t)size;
}

int args_file_read(const char *path, char text[AMP_TEXT_MAX], struct defect *why)
{
	char bytes[AMP_TEXT_MAX + 2]; /* one value, "\r\n", and no more */
	ssize_t got = file_read(path, bytes, sizeof bytes, why);
	if (got < 0)
		return -1;
	size_t size = (size_t)got;
	if (size && bytes[size - 1] == '\n')
		size -= size > 1 && bytes[size - 2] == '\r' ? 2 : 1;
	if (size >= AMP_TEXT_MAX)
		return defect_set(why, "what %s holds is longer than %u bytes", path,
		                  AMP_TEXT_MAX - 1);
	if (memchr(bytes, 0, size))
		return defect_set(why, "%s holds a zero byte, which no value has", path);
	memcpy(text, bytes, size);
	text[size] = 0;
	return 0;
}

int args_file_secret(struct args *args, uint32_t i, const char *path, struct defect *why)
{
	const size_t room = AMP_SECRET_MAX + 1;
	uint8_t *bytes = malloc(room);
	if (!bytes)
		return defect_set(why, "%s cannot be read: %s", path, strerror(ENOMEM));
	ssize_t size = file_read(path, bytes, room, why);
	if (size > 0 && (size_t)size < room) {
		args->values[i].secret = bytes;
		args->values[i].secret_size = (uint32_t)size;
		args->values[i].set = 1;
		return 0;
	}
	explicit_bzero(bytes, room);
	free(bytes);
	if (size < 0)
		return -1;
	return size ? defect_set(why, "what %s holds is longer than %u bytes", path, AMP_SECRET_MAX)
	            : defect_set(why, "%s is empty", path);
}

void args_forget(struct args *args)
{
	for (uint32_t i = 0; i < AMP_ARGS_MAX; i++) {
		if (!args->values[i].secret)
			continue;
		explicit_bzero(args->values[i].secret, args->values[i].secret_size);
		free(args->values[i].secret);
		args->values[i].secret = NULL;
	}
}

int args_credentials(struct args *args, const struct image *image, const char *directory,
                     struct defect *why)
{
	char path[4096], value[AMP_TEXT_MAX];
	struct defect what;
	for (uint32_t i = 0; directory && i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		if (!(a->flags & AMP_NOTE_ARG_DYNAMIC) || args->values[i].set)
			continue;
		int n = snprintf(path, sizeof path, "%s/ampoule.%s", directory, a->name);
		if (n < 0 || (size_t)n >= sizeof path || access(path, F_OK))
			continue;
		bool is_secret = a->type == AMP_ARG_SECRET;
		if (is_secret ? args_file_secret(args, i, path, &what)
		              : args_file_read(path, value, &what))
			return defect_set(why, "credential ampoule.%s: %s", a->name, what.text);
		if (is_secret)
			continue;
		if (args_take(args, image, i, value, path, "credential of", why))
			return -1;
	}
	return 0;
}
