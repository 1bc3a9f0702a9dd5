/* SPDX-License-Identifier: ISC */
/* The tender cannot rename what it has written: it is a child. A file of that name is there only when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/warm.h>

#define MS_NS 1000000u

/* True: it has not ended in that time, and was ended. */
static bool is_late(pid_t child, uint64_t limit)
{
	uint64_t ms = (limit + MS_NS - 1) / MS_NS;
	struct pollfd p = { (int)syscall(SYS_pidfd_open, child, 0), POLLIN, 0 };
	int n = p.fd < 0 ? -1 : poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms);
	if (!n)
		kill(child, SIGKILL);
	else if (n < 0)
		say("--warm-timeout: not kept to: %s", strerror(errno));
	if (p.fd >= 0)
		close(p.fd);
	return !n;
}

int warm_run(struct tender_options *o, const char *file, uint64_t limit)
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
	bool late = child > 0 && limit && is_late(child, limit);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	int result = child < 0             ? AMP_EXIT_TENDER
	             : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
	                                   : WEXITSTATUS(status);
	if (late) {
		say("--warm: the image has not said that it is warm (clone_ready) in %llu ms, and "
		    "was ended: "
		    "--warm-timeout",
		    (unsigned long long)(limit / MS_NS));
		result = AMP_EXIT_TENDER;
	}
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
