/* SPDX-License-Identifier: ISC */
/* The descriptor is one end of a pipe; nobody writes, and its end is the sign. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/device/undo.h>

static _Noreturn void wait_and_do(int pipe, void (*what)(const void *), const void *of)
{
	char none;
	sigset_t all;
	/* A terminal's signals, and those to a group, are for the tender. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	dup2(pipe, 3);
	syscall(SYS_close_range, 4, ~0u, 0);
	int nothing = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(nothing, fd);
	close(nothing);
	prctl(PR_SET_NAME, "ampoule-undo");
	while (read(3, &none, 1) < 0 && errno == EINTR)
		;
	what(of);
	_exit(0);
}

int undo_at_end(void (*what)(const void *), const void *of, struct defect *why)
{
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC))
		return defect_set(why, "cannot make a pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid < 0) {
		defect_set(why, "cannot make a process: %s", strerror(errno));
		close(pipes[0]);
		close(pipes[1]);
		return -1;
	}
	if (!pid) {
		close(pipes[1]);
		/* An orphan: nobody has to wait for it. */
		if (fork())
			_exit(0);
		wait_and_do(pipes[0], what, of);
	}
	close(pipes[0]);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return pipes[1];
}
