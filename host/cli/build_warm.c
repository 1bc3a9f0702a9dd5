/* SPDX-License-Identifier: ISC */
/*
 * Nobody has rights or a network where images are built. So a network that the words do not name is one without anybody else on
 * it: a pair of sockets, whose other end we read and throw away. A clone gets a network of its own anyway.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/build_warm.h>
#include <tender/image.h>

static const char snapshot_end[] = ".snap", image_end[] = ".amp";

static const char *snapshot_name(const char *output)
{
	size_t n = strlen(output), end = sizeof image_end - 1;
	n -= n > end && !strcmp(output + n - end, image_end) ? end : 0;
	return keep_format("%.*s%s", (int)n, output, snapshot_end);
}

/* "--net NAME=..." or "--net=NAME=..." */
static bool is_given(const char *name, char **words, int count)
{
	static const char option[] = "--net";
	size_t n = strlen(name), long_as = sizeof option - 1;
	for (int i = 0; i < count; i++) {
		const char *text = NULL;
		if (!strcmp(words[i], option) && i + 1 < count)
			text = words[i + 1];
		else if (!strncmp(words[i], option, long_as) && words[i][long_as] == '=')
			text = words[i] + long_as + 1;
		if (text && !strncmp(text, name, n) && text[n] == '=')
			return true;
	}
	return false;
}

/* The ends that we read; how many. What the image gets is said in `line`. */
static unsigned make_networks(const struct image *image, char **words, int count,
                              struct pollfd ours[AMP_DEVICES_MAX], int theirs[AMP_DEVICES_MAX],
                              const char ***line, unsigned *line_count)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < image->note.device_count; i++) {
		const struct amp_note_device *d = &image->devices[i];
		int pair[2];
		if (d->type != AMP_DEVICE_NET || d->flags & AMP_NOTE_DEVICE_OPTIONAL ||
		    is_given(d->name, words, count))
			continue;
		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair))
			die(AMP_EXIT_TENDER, "--warm: no socket: %s", strerror(errno));
		ours[n] = (struct pollfd){ pair[0], POLLIN, 0 };
		theirs[n++] = pair[1];
		list_add(line, line_count, "--net");
		list_add(line, line_count, keep_format("%s=fd:%d", d->name, pair[1]));
	}
	return n;
}

/* Until the process has ended, what it sends is thrown away: nobody is to wait for room. */
static void be_nobody(pid_t child, struct pollfd *ours, unsigned n)
{
	char frame[1];
	ours[n] = (struct pollfd){ (int)syscall(SYS_pidfd_open, child, 0), POLLIN, 0 };
	if (ours[n].fd < 0)
		return;
	while (!ours[n].revents) {
		if (poll(ours, n + 1, -1) < 0 && errno != EINTR)
			break;
		for (unsigned i = 0; i < n; i++)
			while (recv(ours[i].fd, frame, sizeof frame, 0) >= 0)
				;
	}
	close(ours[n].fd);
}

static _Noreturn void become_run(const char **line)
{
	const char *command = getenv("AMPOULE_COMMAND");
	if (command)
		execv(command, (char **)(uintptr_t)line);
	else
		execvp("ampoule", (char **)(uintptr_t)line);
	die(AMP_EXIT_TENDER, "--warm: cannot run ampoule: %s", strerror(errno));
}

int build_warm(const char *output, const char *timeout, char **words, int count)
{
	static struct image image;
	struct pollfd ours[AMP_DEVICES_MAX + 1];
	int theirs[AMP_DEVICES_MAX], status = 0;
	const char **line = NULL, *snapshot = snapshot_name(output);
	struct defect why;
	unsigned n = 0;
	if (image_open(&image, output, &why) < 0)
		die(AMP_EXIT_TENDER, "%s %s", output, why.text);
	static const char *const head[] = { "ampoule", "run", "--warm" };
	for (unsigned i = 0; i < sizeof head / sizeof *head; i++)
		list_add(&line, &n, head[i]);
	list_add(&line, &n, snapshot);
	list_add(&line, &n, "--warm-timeout");
	list_add(&line, &n, timeout);
	unsigned networks = make_networks(&image, words, count, ours, theirs, &line, &n);
	for (int i = 0; i < count; i++)
		list_add(&line, &n, words[i]);
	list_add(&line, &n, "--");
	list_add(&line, &n, output);
	list_add(&line, &n, NULL);
	image_close(&image);
	fflush(NULL);
	pid_t child = fork();
	if (child < 0)
		die(AMP_EXIT_TENDER, "--warm: no process: %s", strerror(errno));
	if (!child) {
		for (unsigned i = 0; i < networks; i++)
			close(ours[i].fd);
		become_run(line);
	}
	for (unsigned i = 0; i < networks; i++)
		close(theirs[i]);
	signal(SIGINT, SIG_IGN); /* what the terminal sends ends the child, and so us */
	be_nobody(child, ours, networks);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	int result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (result)
		tell("%s was built, and has no snapshot: see above", output);
	return result;
}
