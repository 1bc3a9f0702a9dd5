/* SPDX-License-Identifier: ISC */
/* The tender cannot rename what it has written: it is a child. A file of that name is there only when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/warm.h>

int warm_run(struct tender_options *o, const char *file)
{
	char part[PATH_MAX];
	struct stat st;
	int status = 0;
	if ((size_t)snprintf(part, sizeof part, "%s.part-%d", file, getpid()) >= sizeof part) {
		say("--warm %s: too long a path", file);
		return AMP_EXIT_USAGE;
	}
	int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		say("--warm %s: %s", file, strerror(errno));
		return AMP_EXIT_TENDER;
	}
	o->warm_fd = fd;
	fflush(NULL);
	pid_t child = fork();
	if (!child)
		_exit(tender_run(o));
	/* What the terminal sends comes to both: the child ends by it. */
	signal(SIGINT, SIG_IGN);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	int result = child < 0             ? AMP_EXIT_TENDER
	             : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
	                                   : WEXITSTATUS(status);
	if (!result && (fstat(fd, &st) || !st.st_size)) {
		say("--warm: the image has ended, and did not say that it is warm (clone_ready)");
		result = AMP_EXIT_TENDER;
	}
	if (!result && rename(part, file)) {
		say("--warm %s: %s", file, strerror(errno));
		result = AMP_EXIT_TENDER;
	}
	if (result)
		unlink(part);
	return result;
}
