/* SPDX-License-Identifier: ISC */
/*
 * Times programs from before their process exists to the first byte of their output and to their
 * end:
 *
 *   boottime ROUNDS COMMAND... [-- COMMAND...]...
 *
 * The commands take turns, so that a disturbance of the host meets all alike; the first WARM_ROUNDS
 * rounds are not printed. One JSON object a run: command (its number), first_ns (null without
 * output), exit_ns, status, bytes, user_ns, system_ns. Standard output is a pipe that this
 * program reads; standard error is inherited. The clock starts before posix_spawn(), which is vfork
 * and exec: the caller's size does not count.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16
#define WARM_ROUNDS  3
#define TIMEOUT_MS   10000

extern char **environ;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "boottime: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

static void run(int number, char **command, int print)
{
	posix_spawn_file_actions_t actions;
	uint64_t start, first = 0, end;
	struct rusage usage;
	size_t bytes = 0;
	int pipes[2], status, error;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		die("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	start = now();
	error = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	if (error) {
		errno = error;
		die(command[0]);
	}
	close(pipes[1]);
	for (;;) {
		struct pollfd ready = { .fd = pipes[0], .events = POLLIN };
		char data[4096];
		ssize_t n = 0;

		if (poll(&ready, 1, TIMEOUT_MS) == 0) {
			kill(pid, SIGKILL);
			fprintf(stderr, "boottime: %s: no end within %d s\n", command[0],
			        TIMEOUT_MS / 1000);
			exit(1);
		}
		n = read(pipes[0], data, sizeof data);
		if (n > 0 && !first)
			first = now();
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		bytes += n > 0 ? (size_t)n : 0;
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		die("wait");
	end = now();
	close(pipes[0]);
	posix_spawn_file_actions_destroy(&actions);
	if (!print)
		return;
	printf("{\"command\": %d, \"first_ns\": ", number);
	if (first)
		printf("%lu", first - start);
	else
		printf("null");
	printf(", \"exit_ns\": %lu, \"status\": %d, \"bytes\": %zu, \"user_ns\": %lu, "
	       "\"system_ns\": %lu}\n",
	       end - start, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), bytes,
	       ns(usage.ru_utime), ns(usage.ru_stime));
}

int main(int argc, char **argv)
{
	char **commands[COMMANDS_MAX];
	int count = 0, rounds = argc > 1 ? atoi(argv[1]) : 0;

	for (int i = 2; i < argc && count < COMMANDS_MAX; i++) {
		commands[count++] = &argv[i];
		while (i < argc && strcmp(argv[i], "--") != 0)
			i++;
		if (i < argc)
			argv[i] = NULL;
		if (!commands[count - 1][0])
			count = 0, i = argc;
	}
	if (rounds < 1 || count < 1) {
		fprintf(stderr, "usage: boottime ROUNDS COMMAND... [-- COMMAND...]...\n");
		return 2;
	}
	for (int round = -WARM_ROUNDS; round < rounds; round++)
		for (int i = 0; i < count; i++)
			run(i, commands[i], round >= 0);
	return 0;
}
