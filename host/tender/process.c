/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tender/process.h>

unsigned long long process_start(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;
	char letter = 'X';
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	/* The name, in brackets, may hold anything. proc(5): field 3 is the state, 22 the start. */
	char *at = strrchr(text, ')');
	if (!at || sscanf(at + 1,
	                  " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
	                  "%*d %llu",
	                  &letter, &start) != 2)
		return 0;
	return letter == 'Z' || letter == 'X' ? 0 : start;
}
