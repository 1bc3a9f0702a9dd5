/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <standby/source.h>

static struct source *all;
static uint32_t descriptors; /* of all but the first */

static void note_addresses(struct source *s, const struct snapshot *from)
{
	for (uint32_t i = 0; i < s->image.note.arg_count && i < from->header.arg_count; i++)
		if (s->image.args[i].type == AMP_ARG_CIDR)
			s->ip4[s->ip4_count++] = (uint32_t)(from->args[i].number >> 8);
}

/* Takes the descriptor. */
static int open_snapshot(struct source *s, int fd, struct defect *why)
{
	struct source_opened *o =
	        mmap(NULL, sizeof *o, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (o == MAP_FAILED || madvise(o, sizeof *o, MADV_DONTFORK)) {
		close(fd);
		return defect_set(why, "no memory");
	}
	if (snapshot_open(&o->from, fd, why))
		goto fail;
	if (snapshot_verify(&o->from, why) || snapshot_image(&o->from, &s->image, s->path, why) ||
	    image_check(&s->image, why))
		goto close;
	o->image = s->image; /* as it lies in the snapshot */
	if (snapshot_fits(&o->from, &o->image, why)) {
		image_close(&s->image);
		goto close;
	}
	note_addresses(s, &o->from);
	s->opened = o;
	return 0;
close:
	snapshot_close(&o->from);
fail:
	munmap(o, sizeof *o);
	return -1;
}

bool source_lend(const struct source *s, bool is)
{
	return !s->opened ||
	       !madvise(s->opened, sizeof *s->opened, is ? MADV_DOFORK : MADV_DONTFORK);
}

static bool is_snapshot(int fd)
{
	uint64_t magic;
	return pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == SNAPSHOT_MAGIC;
}

static int fill(struct source *s, int fd, struct defect *why)
{
	if (is_snapshot(fd))
		return open_snapshot(s, fd, why);
	close(fd);
	return image_open(&s->image, s->path, why);
}

struct source *source_open(const char *path, struct defect *why)
{
	struct stat st;
	struct defect what;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st)) {
		defect_set(why, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	for (struct source *s = all; s; s = s->next)
		if (s->device == st.st_dev && s->inode == st.st_ino) {
			close(fd);
			return s;
		}
	struct source *s = calloc(1, sizeof *s);
	if (!s) {
		close(fd);
		defect_set(why, "no memory");
		return NULL;
	}
	*s = (struct source){ .device = st.st_dev, .inode = st.st_ino, .path = path, .next = all };
	if (fill(s, fd, &what)) {
		defect_set(why, "%s: %s", path, what.text);
		free(s);
		return NULL;
	}
	s->same = s;
	if (all)
		descriptors += s->opened ? 2 : 1;
	all = s;
	return s;
}

bool source_same_image(const struct source *a, struct source *b)
{
	uint8_t here[4096], there[sizeof here];
	ssize_t n = 1;
	if (!a->opened || !b->opened)
		return false;
	if (a->same == b->same)
		return true;
	for (off_t at = 0; n > 0; at += n) {
		n = pread(a->image.fd, here, sizeof here, at);
		if (n < 0 || pread(b->image.fd, there, sizeof there, at) != n ||
		    memcmp(here, there, (size_t)n))
			return false;
	}
	b->same = a->same;
	return true;
}

uint32_t source_descriptors(void)
{
	return descriptors;
}

const char *source_net(const struct source *s, const char *name, size_t size)
{
	for (uint32_t i = 0; i < s->image.note.device_count; i++) {
		const struct amp_note_device *d = &s->image.devices[i];
		if (d->type == AMP_DEVICE_NET &&
		    (!size || (strlen(d->name) == size && !memcmp(d->name, name, size))))
			return d->name;
	}
	return NULL;
}
