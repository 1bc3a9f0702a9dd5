/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <builder/text.h>
#include <cli/use.h>

struct use_process {
	pid_t pid, parent;
	uint64_t ticks, pages;
};

static bool read_text(int folder, const char *path, char *to, size_t size)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);
	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = 0;
	return n > 0;
}

static int by_parent(const void *a, const void *b)
{
	const struct use_process *x = a, *y = b;
	return x->parent < y->parent ? -1 : x->parent > y->parent;
}

struct use_table use_read(void)
{
	struct use_table t = { 0 };
	unsigned room = 0;
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[sizeof e->d_name + 8], text[1024];
		snprintf(path, sizeof path, "%s/stat", e->d_name);
		if (*e->d_name < '0' || *e->d_name > '9' ||
		    !read_text(dirfd(d), path, text, sizeof text))
			continue;
		unsigned long long user, kernel;
		long pages;
		int parent;
		const char *at = strrchr(text, ')');
		/* proc(5): state, ppid, ... utime (14), stime (15), ... rss (24) */
		if (!at || sscanf(at + 1,
		                  " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d "
		                  "%*d %*d %*d %*d %*u %*u %ld",
		                  &parent, &user, &kernel, &pages) != 4)
			continue;
		if (t.count == room) {
			struct use_process *more = keep_array(room = room * 2 + 256, sizeof *more);
			if (t.count)
				memcpy(more, t.processes, t.count * sizeof *more);
			t.processes = more;
		}
		t.processes[t.count++] = (struct use_process){ atoi(e->d_name), parent,
			                                       user + kernel, (uint64_t)pages };
	}
	if (d)
		closedir(d);
	if (t.count)
		qsort(t.processes, t.count, sizeof *t.processes, by_parent);
	return t;
}

/* kB of proc(5), smaps_rollup. */
static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void add(struct use *u, const struct use_process *p, bool pages)
{
	char path[40], text[2048];
	u->ticks += p->ticks;
	u->memory += p->pages * (uint64_t)sysconf(_SC_PAGESIZE);
	u->processes++;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", p->pid);
	if (!pages || !read_text(AT_FDCWD, path, text, sizeof text))
		return;
	u->private += field(text, "Private_Clean:") + field(text, "Private_Dirty:");
	u->shared += field(text, "Shared_Clean:") + field(text, "Shared_Dirty:");
}

/* The first process of this parent, or of a later one. */
static unsigned first_of(const struct use_table *t, pid_t parent)
{
	unsigned low = 0, high = t->count;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (t->processes[middle].parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct use use_of(const struct use_table *t, pid_t root, bool pages)
{
	struct use u = { 0 };
	/* Those whose children are still to be looked for. Each process has one parent, so none comes twice. */
	pid_t *open = keep_array(t->count + 1, sizeof *open);
	unsigned count = 0;
	for (unsigned i = 0; i < t->count && root > 0; i++)
		if (t->processes[i].pid == root) {
			add(&u, &t->processes[i], pages);
			open[count++] = root;
		}
	while (count) {
		pid_t parent = open[--count];
		for (unsigned i = first_of(t, parent);
		     i < t->count && t->processes[i].parent == parent && count < t->count; i++) {
			add(&u, &t->processes[i], pages);
			open[count++] = t->processes[i].pid;
		}
	}
	return u;
}
