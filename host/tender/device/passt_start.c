/* SPDX-License-Identifier: ISC */
/*
 * The process that we start has ended well when the one in its background listens. Until then it writes to a pipe what is
 * wrong, a line.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tender/device/passt_start.h>
#include <tender/device/undo.h>
#include <tender/process.h>

#define SOCKET     3    /* its number in passt */
#define GRACE_MS   1000 /* what passt gets to end in by itself */
#define ARGS_MAX   (32u + 2 * PASST_PUBLISH_MAX)
#define ARG_MAX_   96u
#define BUFFERS    (4 << 20) /* bytes; the host gives what it allows */
#define ROUTER_MAC "02:61:6d:70:00:01"

struct words {
	char *argv[ARGS_MAX + 1];
	char text[ARGS_MAX][ARG_MAX_];
	uint32_t count;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *w, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vsnprintf(w->text[w->count], ARG_MAX_, format, list);
	va_end(list);
	w->argv[w->count] = w->text[w->count];
	w->count++;
}

static void say_address(struct words *w, const char *option, const struct net_ip *a)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (!a->family)
		return;
	inet_ntop(a->family == NET_IP6 ? AF_INET6 : AF_INET, a->bytes, text, sizeof text);
	add(w, "%s", option);
	add(w, "%s", text);
}

static void say_family(struct words *w, const struct passt_family *f)
{
	if (!f->on)
		return;
	say_address(w, "-a", &f->address);
	say_address(w, "-g", &f->gateway);
	say_address(w, "--dns-forward", &f->resolver);
}

static void publish(struct words *w, const struct publish *p)
{
	char address[PUBLISH_ADDRESS_MAX];
	const char *slash = *publish_address(p, address) ? "/" : "";
	add(w, p->udp ? "-u" : "-t");
	if (p->first == p->last)
		add(w, "%s%s%u:%u", address, slash, p->first, p->to);
	else
		add(w, "%s%s%u-%u:%u-%u", address, slash, p->first, p->last, p->to,
		    p->to + (p->last - p->first));
}

static void say_all(struct words *w, const struct passt_setup *s)
{
	/* It writes its process number to the pipe of its errors. */
	static const char *const fixed[] = { "passt",           "-q", "-P",
		                             "/proc/self/fd/2", "-M", ROUTER_MAC };
	for (uint32_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
		add(w, "%s", fixed[k]);
	if (!s->ip4.on || !s->ip6.on)
		add(w, s->ip4.on ? "-4" : "-6");
	if (!s->loopback)
		add(w, "--no-map-gw");
	add(w, "-F");
	add(w, "%d", SOCKET);
	say_family(w, &s->ip4);
	if (s->ip4.on) {
		add(w, "-n");
		add(w, "%u", s->prefix);
	}
	say_family(w, &s->ip6);
	add(w, "-m");
	add(w, "%u", s->mtu);
	if (*s->interface) {
		add(w, "-i");
		add(w, "%s", s->interface);
	}
	for (uint32_t k = 0; k < s->count; k++)
		publish(w, &s->publish[k]);
}

static int explain(int error, struct defect *why)
{
	if (error == ENOENT)
		return defect_set(why,
		                  "passt is not installed, which is the network of users without "
		                  "root: install the package passt (apt install passt), or "
		                  "have root give a TAP device (man ampoule-run)");
	return defect_set(why, "cannot start passt: %s", strerror(error));
}

/* passt reads the rest of a frame that it has a part of in one go: that has to wait for all of it. */
static void prepare(int ours, int its)
{
	int size = BUFFERS, whole = 1 << 20;
	setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(its, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(its, SOL_SOCKET, SO_RCVLOWAT, &whole, sizeof whole);
}

static int spawn(struct passt_process *p, struct words *w, int its, int errors)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	extern char **environ;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, errors, 2);
	posix_spawn_file_actions_adddup2(&files, its, SOCKET);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_addclosefrom_np(&files, SOCKET + 1);
	posix_spawnattr_init(&how);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int error = posix_spawnp(&p->pid, "passt", &files, &how, w->argv, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	if (error)
		p->pid = 0;
	return error;
}

/* ---- Its end ---- */

/* The process in the background, as soon as it is known. A number alone may be another's by then. */
struct passt_life {
	pid_t pid;
	unsigned long long start; /* as in /proc/PID/stat */
};

static void end_it(const void *of)
{
	const struct passt_life *l = of;
	if (l->pid <= 0)
		return;
	int pidfd = (int)syscall(SYS_pidfd_open, l->pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	if (process_start(l->pid) != l->start)
		return;
	if (pidfd < 0) {
		/* A kernel before 5.3. */
		struct timespec grace = { .tv_sec = GRACE_MS / 1000 };
		nanosleep(&grace, NULL);
		if (process_start(l->pid) == l->start)
			kill(l->pid, SIGKILL);
	} else if (poll(&end, 1, GRACE_MS) <= 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	}
}

static int watch_it(struct passt_process *p, struct defect *why)
{
	p->life = mmap(NULL, sizeof *p->life, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	               -1, 0);
	if (p->life == MAP_FAILED) {
		p->life = NULL;
		return defect_set(why, "no memory for passt: %s", strerror(errno));
	}
	p->undo = undo_at_end(end_it, p->life, why);
	return p->undo < 0 ? -1 : 0;
}

/* In what it said, the line that is its number. */
static void tell_life(struct passt_life *l, const char *said)
{
	while (said && *said) {
		size_t n = strspn(said, "0123456789");
		pid_t pid = n && n < 10 && said[n] == '\n' ? atoi(said) : 0;
		if (pid > 0) {
			l->start = process_start(pid);
			__atomic_store_n(&l->pid, l->start ? pid : 0, __ATOMIC_RELEASE);
		}
		said = strchr(said, '\n');
		said += said != NULL;
	}
}

int passt_start(struct passt_process *p, const struct passt_setup *s, struct defect *why)
{
	static struct words words;
	int pair[2], pipes[2];
	words.count = 0;
	say_all(&words, s);
	words.argv[words.count] = NULL;
	*p = (struct passt_process){ .errors = -1, .undo = -1 };
	if (watch_it(p, why))
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return explain(errno, why);
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK)) {
		int error = errno;
		close(pair[0]);
		close(pair[1]);
		return explain(error, why);
	}
	fchmod(pipes[1], 0622); /* root's passt is nobody when it opens it */
	prepare(pair[0], pair[1]);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	int error = spawn(p, &words, pair[1], pipes[1]);
	close(pair[1]);
	close(pipes[1]);
	p->errors = pipes[0];
	if (!error)
		return pair[0];
	close(pair[0]);
	passt_give_up(p);
	return explain(error, why);
}

/* What it said last, but for the syslog that it may not have reached. */
static void last_line(char *text, char *to, size_t size)
{
	char *rest = text;
	*to = 0;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && strncmp(line, "Failed to send", 14))
			snprintf(to, size, "%s", line);
}

int passt_wait(struct passt_process *p, struct defect *why)
{
	if (!p->pid)
		return 0;
	int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0), status = 0;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	/* A kernel without pidfds (before 5.3) waits without a bound. */
	bool ended = pidfd < 0 || poll(&end, 1, PASST_START_MS) > 0;
	if (pidfd >= 0)
		close(pidfd);
	if (!ended) {
		passt_give_up(p);
		return defect_set(why,
		                  "passt does not start within %d s: see whether `passt -f` does",
		                  PASST_START_MS / 1000);
	}
	pid_t pid = p->pid;
	p->pid = 0;
	char text[2048], said[300] = "";
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	ssize_t n = read(p->errors, text, sizeof text - 1);
	text[n > 0 ? n : 0] = 0;
	if (status)
		last_line(text, said, sizeof said);
	else
		tell_life(p->life, text);
	passt_give_up(p);
	if (!status)
		return 0;
	/* It confines itself by one, and does not run without. */
	return defect_set(
	        why, "passt does not start: %s%s", *said ? said : "it says no reason",
	        !strstr(said, "user namespace")
	                ? ""
	                : ": this user may make none here, in a chroot or by the host's settings "
	                  "(user.max_user_namespaces, kernel.unprivileged_userns_clone, "
	                  "kernel.apparmor_restrict_unprivileged_userns)");
}

void passt_give_up(struct passt_process *p)
{
	int status;
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (p->errors >= 0)
		close(p->errors);
	if (p->life)
		munmap(p->life, sizeof *p->life);
	*p = (struct passt_process){ .errors = -1, .undo = p->undo };
}
