/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <supervisor/network.h>

#define CHILDREN_MAX 4096u /* bytes of their numbers */

static size_t read_text(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);
	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = 0;
	return n > 0 ? (size_t)n : 0;
}

/* Its name is its program's: passt, or passt.avx2 where the processor has that. */
static bool is_network(pid_t pid)
{
	char path[40], name[32];
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	return read_text(path, name, sizeof name) &&
	       (!strcmp(name, "passt\n") || !strncmp(name, "passt.", 6));
}

void network_end(void)
{
	char path[64], text[CHILDREN_MAX], *at = text, *end;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	/* A kernel without CONFIG_PROC_CHILDREN leaves them to themselves. */
	read_text(path, text, sizeof text);
	for (long pid; (pid = strtol(at, &end, 10)) > 0 && end != at; at = end)
		if (*end == ' ' && is_network((pid_t)pid))
			kill((pid_t)pid, SIGKILL);
}
