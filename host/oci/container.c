/* SPDX-License-Identifier: ISC */
/*
 * The making, step by step: the process is forked and enters its namespaces; it is put in its control group and written down;
 * hooks run; it answers that it waits. At each step a byte goes over a socket pair, and text means that it failed. If the
 * runtime is killed meanwhile, the process sees the socket's end and goes, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <oci/command.h>
#include <oci/console.h>
#include <oci/container.h>
#include <oci/group.h>
#include <oci/hooks.h>
#include <oci/log.h>
#include <oci/spaces.h>
#include <tender/process.h>

#define DONE      '+'
#define START_MS  120000 /* until the process has become the tender; hooks run in it */
#define KILLED_MS 10000

struct making {
	const struct container_wish *wish;
	struct bundle bundle;
	struct state state;
	struct command command;
	struct group_limits limits;
	char group[PATH_MAX]; /* "": none has been made */
	int start, begun;     /* the FIFOs' ends of the process; -1: not open */
	int console;          /* -1: none */
	int line;             /* this side's of the socket pair */
	pid_t pid;
};

/* ---- The process ---- */

static _Noreturn void fail(int line, const char *text)
{
	if (write(line, text, strlen(text)) < 0)
		log_error(text);
	_exit(AMP_EXIT_TENDER);
}

static void step(int line)
{
	char byte = DONE;
	if (send(line, &byte, 1, MSG_NOSIGNAL) != 1 || recv(line, &byte, 1, 0) != 1)
		_exit(AMP_EXIT_TENDER);
}

static void set_oom_score(const struct bundle *b)
{
	char text[32];
	int fd = b->oom_score ? open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	int n = snprintf(text, sizeof text, "%lld", (long long)json_integer_value(b->oom_score));
	if (write(fd, text, (size_t)n) != n)
		log_warning("process.oomScoreAdj cannot be %s: %s", text, strerror(errno));
	close(fd);
}

/* All but the standard ones and `kept`. */
static void close_others(int a, int b)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	if (low > 3)
		syscall(SYS_close_range, 3, low - 1, 0);
	if (high > low + 1)
		syscall(SYS_close_range, low + 1, high - 1, 0);
	syscall(SYS_close_range, high + 1, ~0u, 0);
}

/* A pod's first container: it is there, so that the others' namespaces stay. Nothing of its image is run. */
static _Noreturn void hold_pod(void)
{
	sigset_t ends;
	int signal;
	close_others(0, 1);
	prctl(PR_SET_NAME, "ampoule-pod");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || setresgid(65534, 65534, 65534) ||
	    setresuid(65534, 65534, 65534))
		log_warning("a pod's process keeps its user: %s", strerror(errno));
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	while (sigwait(&ends, &signal))
		;
	_exit(0);
}

static void wait_for_start(const struct making *m)
{
	struct pollfd p = { .fd = m->start, .events = POLLIN };
	char byte;
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	/* Whoever wanted to start it was killed before it did. */
	if (read(m->start, &byte, 1) != 1)
		_exit(AMP_EXIT_TENDER);
}

static _Noreturn void be_container(struct making *m, int line)
{
	struct defect why;
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (m->console >= 0 && console_take(m->console, &why))
		fail(line, why.text);
	if (spaces_enter(&m->bundle, &why))
		fail(line, why.text);
	/* What is known now is told now; interfaces may come until `start`. */
	if (spaces_network_is_own() && command_networks(&m->command, true, &why))
		fail(line, why.text);
	set_oom_score(&m->bundle);
	step(line);
	if (hooks_run(&m->bundle, "createContainer", &m->state, &why))
		fail(line, why.text);
	step(line);
	close_others(m->start, m->begun);
	wait_for_start(m);
	m->state.status = CREATED;
	if (hooks_run(&m->bundle, "startContainer", &m->state, &why))
		fail(m->begun, why.text);
	if (m->bundle.sandbox)
		hold_pod();
	if (!command_networks(&m->command, spaces_network_is_own(), &why))
		command_run(&m->command, &why);
	log_error(why.text);
	fail(m->begun, why.text);
}

/* ---- The runtime ---- */

/* Waits for the process's next step; answers, so that it goes on. */
static int hear(struct making *m, struct defect *why)
{
	char text[sizeof why->text];
	ssize_t n = recv(m->line, text, sizeof text - 1, 0);
	if (n == 1 && *text == DONE)
		return 0;
	if (n <= 0)
		return defect_set(why, "the container's process ended before it was made");
	text[n] = 0;
	return defect_set(why, "%s", text);
}

static int answer(struct making *m, struct defect *why)
{
	const char byte = DONE;
	return send(m->line, &byte, 1, MSG_NOSIGNAL) == 1
	               ? 0
	               : defect_set(why, "the container's process ended before it was made");
}

static int make_fifos(struct making *m, struct defect *why)
{
	if (mkfifoat(m->state.lock, STATE_START, 0600) ||
	    mkfifoat(m->state.lock, STATE_BEGUN, 0600) ||
	    (m->start = openat(m->state.lock, STATE_START, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) <
	            0 ||
	    (m->begun = openat(m->state.lock, STATE_BEGUN, O_RDWR | O_CLOEXEC)) < 0)
		return defect_set(why, "%s: %s", m->state.folder, strerror(errno));
	return 0;
}

static int make_process(struct making *m, struct defect *why)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return defect_set(why, "cannot make a socket: %s", strerror(errno));
	fflush(NULL);
	m->pid = fork();
	if (!m->pid) {
		close(pair[0]);
		be_container(m, pair[1]);
	}
	close(pair[1]);
	m->line = pair[0];
	return m->pid < 0 ? defect_set(why, "cannot make a process: %s", strerror(errno)) : 0;
}

static int write_down(struct making *m, bool made, struct defect *why)
{
	char when[32];
	time_t now = time(NULL);
	struct tm tm;
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_t *hooks = json_object_get(m->bundle.hooks, "poststop");
	json_t *o =
	        json_pack("{s:s, s:s, s:s, s:i, s:I, s:b, s:s, s:s, s:i}", "bundle", m->bundle.path,
	                  "rootfs", m->bundle.root, "created", when, "pid", (int)m->pid,
	                  "processStart", (json_int_t)process_start(m->pid), "made", (int)made,
	                  "group", m->group, "image", m->command.path, "owner", (int)getuid());
	if (!o)
		return defect_set(why, "%s is not UTF-8", m->bundle.path);
	if (m->bundle.annotations)
		json_object_set(o, "annotations", (json_t *)m->bundle.annotations);
	/* The bundle may be gone when these are to be run. */
	if (hooks)
		json_object_set_new(o, "hooks", json_pack("{s:O}", "poststop", hooks));
	m->state.pid = m->pid;
	return state_save(&m->state, o, why);
}

static int write_pid(const struct making *m, struct defect *why)
{
	char fresh[PATH_MAX], text[16];
	const char *path = m->wish->pid_file;
	if (!path)
		return 0;
	/* An engine that sees the file reads it at once. */
	if (snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid()) >= (int)sizeof fresh)
		return defect_set(why, "--pid-file: the path is too long");
	int n = snprintf(text, sizeof text, "%d", (int)m->pid);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int failed = fd < 0 || write(fd, text, (size_t)n) != n || rename(fresh, path);
	if (failed)
		defect_set(why, "--pid-file %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return failed ? -1 : 0;
}

/* It is written down before it is made: who is killed in between leaves nothing that `delete` does not know of. */
static int make_group(struct making *m, struct defect *why)
{
	char path[PATH_MAX];
	bool none;
	if (group_path(path, &m->bundle, m->wish->id, m->wish->systemd, why))
		return -1;
	/* Only what we make is ours to remove where the rest fails. */
	if (!group_is_there(path))
		strcpy(m->group, path);
	if (write_down(m, false, why) || group_enter(path, &m->limits, m->pid, &none, why))
		return -1;
	strcpy(m->group, none ? "" : path);
	return 0;
}

/* The limits have to be in the command line before the process is forked, which is in the group only after that: so whether
 * groups can be made is tried first. */
static bool has_groups(void)
{
	return !access("/sys/fs/cgroup/cgroup.procs", W_OK) ||
	       !access("/sys/fs/cgroup/memory/cgroup.procs", W_OK);
}

static int make_all(struct making *m, struct defect *why)
{
	const struct container_wish *w = m->wish;
	if (group_limits(&m->limits, &m->bundle, why) ||
	    command_make(&m->command, &m->bundle, m->state.lock, m->state.folder, why))
		return -1;
	if (!has_groups())
		command_limits(&m->command, &m->limits);
	if (m->bundle.terminal && !w->console && !w->own_terminal)
		return defect_set(why, "process.terminal is true: --console-socket has to say who "
		                       "gets the terminal");
	if (!m->bundle.terminal && w->console)
		return defect_set(why, "--console-socket is given, and process.terminal is false");
	if (w->console && (m->console = console_make(&m->bundle, w->console, why)) < 0)
		return -1;
	m->state.status = CREATING;
	if (make_fifos(m, why) || make_process(m, why) || hear(m, why) || make_group(m, why) ||
	    hooks_run(&m->bundle, "prestart", &m->state, why) ||
	    hooks_run(&m->bundle, "createRuntime", &m->state, why) || answer(m, why) ||
	    hear(m, why) || write_down(m, true, why) || write_pid(m, why))
		return -1;
	return answer(m, why);
}

static void unmake(struct making *m)
{
	if (m->pid > 0) {
		kill(m->pid, SIGKILL);
		while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (*m->group)
		group_remove(m->group);
	m->state.status = STOPPED;
	hooks_run_all(&m->bundle, "poststop", &m->state);
	state_remove(&m->state);
}

int container_create(const struct container_wish *w, pid_t *pid, struct defect *why)
{
	static struct making m;
	m = (struct making){ .wish = w, .start = -1, .begun = -1, .console = -1, .line = -1 };
	if (state_check_id(w->id, why) || bundle_read(&m.bundle, w->bundle, why))
		return -1;
	if (state_make(&m.state, w->root, w->id, why)) {
		bundle_free(&m.bundle);
		return -1;
	}
	int failed = make_all(&m, why);
	if (failed)
		unmake(&m);
	*pid = m.pid;
	const int ends[] = { m.start, m.begun, m.console, m.line };
	for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	state_close(&m.state);
	bundle_free(&m.bundle);
	return failed;
}

/* ---- Start ---- */

static int hear_begun(int begun, struct defect *why)
{
	char text[sizeof why->text];
	struct pollfd p = { .fd = begun, .events = POLLIN };
	int n = poll(&p, 1, START_MS);
	if (n <= 0)
		return defect_set(why, "the container's process has not begun in %d s",
		                  START_MS / 1000);
	ssize_t size = read(begun, text, sizeof text - 1);
	if (size <= 0)
		return 0;
	text[size] = 0;
	return defect_set(why, "%s", text);
}

static int start(struct state *s, struct defect *why)
{
	if (s->status != CREATED)
		return defect_set(why,
		                  "container %s is %s: only one that is created can be started",
		                  s->id, status_names[s->status]);
	const char byte = DONE;
	int begun = openat(s->lock, STATE_BEGUN, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int go = openat(s->lock, STATE_START, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	/* The name goes first: nobody starts it twice. */
	int failed = begun < 0 || go < 0 || unlinkat(s->lock, STATE_START, 0) ||
	             unlinkat(s->lock, STATE_BEGUN, 0) || write(go, &byte, 1) != 1;
	if (failed)
		defect_set(why, "container %s cannot be started: %s", s->id,
		           errno == ENXIO ? "its process has ended" : strerror(errno));
	else
		failed = hear_begun(begun, why);
	if (begun >= 0)
		close(begun);
	if (go >= 0)
		close(go);
	return failed ? -1 : 0;
}

int container_start(const char *root, const char *id, struct defect *why)
{
	struct state s;
	int failed = state_open(&s, root, id, why) || start(&s, why);
	if (!failed) {
		const char *path = json_string_value(json_object_get(s.json, "bundle"));
		struct bundle b;
		struct defect what;
		s.status = RUNNING;
		if (path && !bundle_read(&b, path, &what)) {
			hooks_run_all(&b, "poststart", &s);
			bundle_free(&b);
		}
	}
	state_close(&s);
	return failed ? -1 : 0;
}

/* ---- The end ---- */

/* A descriptor of the process, which cannot come to mean another one; -1: it has ended. */
static int process_of(const struct state *s)
{
	int fd = s->pid > 0 ? (int)syscall(SYS_pidfd_open, s->pid, 0) : -1;
	unsigned long long start =
	        (unsigned long long)json_integer_value(json_object_get(s->json, "processStart"));
	if (fd >= 0 && process_start(s->pid) == start)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int container_kill(const char *root, const char *id, int signal, bool all, struct defect *why)
{
	struct state s;
	int failed = state_open(&s, root, id, why);
	int process = failed ? -1 : process_of(&s);
	/* containerd looks for these words. A tender's helpers end by themselves, once they have put the host right. */
	if (!failed && process < 0)
		failed = all ? 0
		             : defect_set(why, "container not running: %s is %s", id,
		                          status_names[s.status]);
	else if (!failed && syscall(SYS_pidfd_send_signal, process, signal, NULL, 0))
		failed = errno == ESRCH ? defect_set(why, "container not running: %s has ended", id)
		                        : defect_set(why, "signal %d to container %s: %s", signal,
		                                     id, strerror(errno));
	if (process >= 0)
		close(process);
	state_close(&s);
	return failed;
}

static int end_process(const struct state *s, struct defect *why)
{
	int process = process_of(s);
	if (process < 0)
		return 0;
	struct pollfd p = { .fd = process, .events = POLLIN };
	int ended = !syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) || errno == ESRCH;
	ended = ended && poll(&p, 1, KILLED_MS) == 1;
	close(process);
	return ended ? 0
	             : defect_set(why, "container %s: its process %d does not end", s->id,
	                          (int)s->pid);
}

int container_delete(const char *root, const char *id, bool force, struct defect *why)
{
	struct state s;
	struct stat there;
	int failed = state_open(&s, root, id, why);
	if (failed && force) {
		/* What is not there is deleted; what cannot be read goes. */
		failed = s.folder[0] && s.lock < 0 && !stat(s.folder, &there) ? -1 : 0;
		if (!failed && s.lock >= 0)
			state_remove(&s);
		failed = failed || !state_is_id(id) ? -1 : 0;
		state_close(&s);
		return failed;
	}
	if (!failed && s.status != STOPPED && !force)
		failed = defect_set(why, "container %s is %s: kill it first, or delete --force", id,
		                    status_names[s.status]);
	if (!failed)
		failed = end_process(&s, why);
	if (!failed) {
		const char *group = json_string_value(json_object_get(s.json, "group"));
		if (group && *group)
			group_remove(group);
		const struct bundle b = { .hooks = json_object_get(s.json, "hooks") };
		s.status = STOPPED;
		hooks_run_all(&b, "poststop", &s);
		state_remove(&s);
	}
	state_close(&s);
	return failed;
}
