/* SPDX-License-Identifier: ISC */
/*
 * Times a DNS server from before its process exists to its first answer, and from SIGTERM to its
 * end:
 *
 *   answertime ROUNDS ADDRESS NAME COMMAND...
 *
 * Asks for NAME's A record at ADDRESS port 53 every ASK_NS, over one socket, until the first answer
 * comes. One JSON object a run: answer_ns, stop_ns; the first run is not printed. It is run in a
 * network namespace where the server is to appear; the neighbour entry must come from the server's
 * own announcement (arp_accept), since a retried ARP request of the kernel would add a second.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ASK_NS     50000u
#define TIMEOUT_NS 10000000000u
#define SETTLE_NS                                                                                  \
	20000000 /* between two runs, so that one's end does not meet the next's start             \
	          */

extern char **environ;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what, int error)
{
	fprintf(stderr, "answertime: %s: %s\n", what, strerror(error));
	exit(1);
}

/* NAME without escapes, type A. Returns the size. */
static size_t make_query(uint8_t *query, const char *name)
{
	size_t at = 12, label = 12;

	memset(query, 0, 12);
	query[5] = 1;
	for (at++; *name; name++) {
		if (*name == '.') {
			query[label] = (uint8_t)(at - label - 1);
			label = at++;
		} else {
			query[at++] = (uint8_t)*name;
		}
	}
	query[label] = (uint8_t)(at - label - 1);
	memcpy(query + at, "\0\0\1\0\1", 5);
	return at + 5;
}

static void run(const struct sockaddr_in *server, const char *name, char **command, int print)
{
	struct timespec settle = { .tv_nsec = SETTLE_NS };
	static uint16_t serial;
	uint8_t query[300], answer[4096];
	size_t size = make_query(query, name);
	uint64_t start, asked = 0, answered = 0, stop, end;
	posix_spawn_file_actions_t actions;
	int status, error, fd;
	pid_t pid;

	serial++;
	query[0] = (uint8_t)(serial >> 8);
	query[1] = (uint8_t)serial;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof *server) < 0)
		die("socket", errno);
	start = now();
	error = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	if (error)
		die(command[0], error);
	while (!answered) {
		uint64_t at = now();
		ssize_t n;

		if (at - asked > ASK_NS) {
			(void)!send(fd, query, size, 0); /* refused until somebody listens */
			asked = at;
		}
		n = recv(fd, answer, sizeof answer, 0);
		if (n >= 12 && !memcmp(answer, query, 2) && answer[2] & 0x80 && !(answer[3] & 15) &&
		    answer[7])
			answered = now();
		else if (waitpid(pid, &status, WNOHANG) == pid || at - start > TIMEOUT_NS) {
			fprintf(stderr, "answertime: %s: %s\n", command[0],
			        at - start > TIMEOUT_NS ? "no answer" : "it ended");
			kill(pid, SIGKILL);
			exit(1);
		}
	}
	stop = now();
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) != pid)
		die("wait", errno);
	end = now();
	close(fd);
	posix_spawn_file_actions_destroy(&actions);
	if (print)
		printf("{\"answer_ns\": %lu, \"stop_ns\": %lu}\n", answered - start, end - stop);
	/* Its children are ours now; they may hold its port a little longer. */
	while (waitpid(-1, NULL, WNOHANG) >= 0 && now() - end < TIMEOUT_NS)
		nanosleep(&settle, NULL);
	nanosleep(&settle, NULL);
}

int main(int argc, char **argv)
{
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53) };
	int rounds = argc > 4 ? atoi(argv[1]) : 0;

	if (rounds < 1 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1 ||
	    strlen(argv[3]) > 250) {
		fprintf(stderr, "usage: answertime ROUNDS ADDRESS NAME COMMAND...\n");
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int round = -1; round < rounds; round++)
		run(&server, argv[3], argv + 4, round >= 0);
	return 0;
}
