/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <supervisor/child.h>
#include <tender/picture_request.h>

static _Noreturn void become(pid_t parent, int out, int err, int pictures, char *const *words,
                             const char *notify, uint32_t watchdog_ms)
{
	char number[16];
	int own = pictures < 0 ? -1 : fcntl(pictures, F_DUPFD, 3); /* which it inherits */
	sigset_t none;
	char usec[16];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(AMP_EXIT_TENDER);
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it has died in between */
		_exit(AMP_EXIT_TENDER);
	setenv("NOTIFY_SOCKET", notify, 1);
	if (watchdog_ms) {
		snprintf(usec, sizeof usec, "%u000", watchdog_ms);
		setenv("WATCHDOG_USEC", usec, 1);
	}
	snprintf(number, sizeof number, "%d", own);
	if (own >= 0)
		setenv(PICTURE_SOCKET, number, 1);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", words);
	dprintf(2, "ampoule: cannot be started again: %s\n", strerror(errno));
	_exit(AMP_EXIT_TENDER);
}

int child_start(struct child *c, char *const *words, const char *notify, uint32_t watchdog_ms,
                struct defect *why)
{
	int out[2], err[2], pictures[2] = { -1, -1 };
	pid_t self = getpid();
	if (pipe2(out, O_CLOEXEC))
		return defect_set(why, "no pipe: %s", strerror(errno));
	if (pipe2(err, O_CLOEXEC)) {
		defect_set(why, "no pipe: %s", strerror(errno));
		close(out[0]);
		close(out[1]);
		return -1;
	}
	/* Without it there are no pictures, and all else. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pictures))
		pictures[0] = pictures[1] = -1;
	c->pid = fork();
	if (!c->pid)
		become(self, out[1], err[1], pictures[1], words, notify, watchdog_ms);
	int error = errno;
	close(out[1]);
	close(err[1]);
	if (pictures[1] >= 0)
		close(pictures[1]);
	c->pictures = pictures[0];
	c->base = -1;
	c->out = out[0];
	c->err = err[0];
	if (c->pid < 0) {
		c->pid = 0;
		child_close(c);
		return defect_set(why, "no process: %s", strerror(error));
	}
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	return 0;
}

void child_close(struct child *c)
{
	if (c->out >= 0)
		close(c->out);
	if (c->err >= 0)
		close(c->err);
	if (c->pictures >= 0)
		close(c->pictures);
	if (c->base >= 0)
		close(c->base);
	c->out = c->err = c->pictures = c->base = -1;
}

int child_exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
