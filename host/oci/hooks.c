/* SPDX-License-Identifier: ISC */
/* A hook that runs out of its time is killed. Its output is the container's standard error. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <oci/hooks.h>
#include <oci/log.h>

/* The strings of an array, and a null behind them; the caller's to free, the strings are not. */
static char **words(const json_t *array, const char *first)
{
	size_t n = json_array_size(array), at = 0;
	char **all = calloc(n + 2, sizeof *all);
	if (!all)
		return NULL;
	if (!n && first)
		all[at++] = (char *)first;
	for (size_t i = 0; i < n; i++)
		all[at++] = (char *)json_string_value(json_array_get(array, i));
	return all;
}

/* The state as a file: a hook that does not read it blocks nobody. */
static int state_file(const struct state *s)
{
	json_t *told = state_told(s);
	int fd = memfd_create("state", MFD_CLOEXEC);
	if (fd >= 0 && (json_dumpfd(told, fd, JSON_COMPACT) || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	json_decref(told);
	return fd;
}

static int wait_for(pid_t pid, long long seconds, int *status)
{
	int handle = (int)syscall(SYS_pidfd_open, pid, 0), ready = 1;
	if (seconds && handle >= 0) {
		struct pollfd p = { .fd = handle, .events = POLLIN };
		ready = poll(&p, 1, seconds > 2000000 ? -1 : (int)seconds * 1000);
	}
	if (handle >= 0)
		close(handle);
	if (!ready)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return ready ? 0 : -1;
}

static int run_one(const json_t *hook, const char *kind, const struct state *s, struct defect *why)
{
	const char *path = json_string_value(json_object_get(hook, "path"));
	long long timeout = json_integer_value(json_object_get(hook, "timeout"));
	char **args = words(json_object_get(hook, "args"), path);
	char **env = words(json_object_get(hook, "env"), NULL);
	int in = state_file(s), status = 0;
	pid_t pid = args && env && in >= 0 ? fork() : -1;
	if (!pid) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (dup2(in, 0) == 0 && dup2(2, 1) == 1)
			execve(path, args, env);
		_exit(127);
	}
	int failed = 0;
	if (pid < 0)
		failed = defect_set(why, "hook %s %s: %s", kind, path, strerror(errno));
	else if (wait_for(pid, timeout, &status))
		failed = defect_set(why, "hook %s %s has not ended in %lld s", kind, path, timeout);
	else if (WIFSIGNALED(status))
		failed = defect_set(why, "hook %s %s: ended by signal %d", kind, path,
		                    WTERMSIG(status));
	else if (WEXITSTATUS(status))
		failed = defect_set(why, "hook %s %s: exit status %d%s", kind, path,
		                    WEXITSTATUS(status),
		                    WEXITSTATUS(status) == 127 ? " (can it be run?)" : "");
	if (in >= 0)
		close(in);
	free(args);
	free(env);
	return failed;
}

int hooks_run(const struct bundle *b, const char *kind, const struct state *s, struct defect *why)
{
	json_t *hook;
	size_t i;
	json_array_foreach(json_object_get(b->hooks, kind), i, hook)
	{
		if (run_one(hook, kind, s, why))
			return -1;
	}
	return 0;
}

void hooks_run_all(const struct bundle *b, const char *kind, const struct state *s)
{
	struct defect why;
	json_t *hook;
	size_t i;
	json_array_foreach(json_object_get(b->hooks, kind), i, hook)
	{
		if (run_one(hook, kind, s, &why))
			log_warning("%s", why.text);
	}
}
