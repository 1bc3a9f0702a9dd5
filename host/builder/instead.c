/* SPDX-License-Identifier: ISC */
/* A table (instead.h): functions by what they are for. A name ends with * for all that begin so. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <builder/instead.h>

static const struct {
	const char *text;
	const char *names[24];
} purposes[] = {
	{ "tasks are spawned by task_spawn (core/task.h), and only one runs at a time",
	  { "pthread_create", "thrd_*", "fork", "vfork", "clone", "call_once", "pthread_once",
	    "pthread_join", "pthread_detach", "pthread_exit", "pthread_self" } },
	{ "tasks wait for each other by a task_queue (core/task.h), and only one runs at a time",
	  { "mtx_*", "cnd_*", "tss_*", "pthread_cond_*", "pthread_rwlock_*", "pthread_barrier_*",
	    "sem_*", "pthread_key_*", "pthread_getspecific", "pthread_setspecific" } },
	{ "files are compiled in (`files`, file_find of core/file.h) or lie in a store: "
	  "store/fat, store/btree",
	  { "fopen",  "fdopen", "freopen", "fclose", "tmpfile", "tmpnam", "tempnam",  "mkstemp",
	    "remove", "rename", "unlink",  "open",   "openat",  "creat",  "close",    "read",
	    "pread",  "lseek",  "stat",    "fstat",  "lstat",   "access", "ftruncate" } },
	{ "folders are those of a store: store/fat",
	  { "opendir", "readdir", "closedir", "mkdir", "rmdir", "scandir", "chdir", "getcwd",
	    "realpath", "glob", "ftw", "nftw" } },
	{ "output leaves by printf, fwrite and fputs on stdout and stderr",
	  { "write", "writev", "dprintf" } },
	{ "TCP is tcp_connect and tcp_listen (net/tcp.h), UDP udp_open (net/udp.h)",
	  { "socket", "bind", "listen", "accept", "accept4", "connect", "send", "sendto", "sendmsg",
	    "recv", "recvfrom", "recvmsg", "shutdown", "setsockopt", "getsockopt", "getsockname",
	    "getpeername", "socketpair" } },
	{ "events come to handlers and tasks (net/tcp.h, net/udp.h, core/timer.h)",
	  { "poll", "ppoll", "select", "pselect", "epoll_*", "pipe", "pipe2", "eventfd" } },
	{ "names are resolved by resolver_lookup (net/resolver.h)",
	  { "getaddrinfo", "getnameinfo", "gethostby*", "getserv*", "res_*" } },
	{ "memory is the heap's: malloc, or heap_alloc_aligned (core/heap.h)",
	  { "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "sbrk", "shm_*" } },
	{ "there are no signals: an appliance ends by exit() or abort()",
	  { "signal", "sigaction", "raise", "kill", "sigprocmask", "sigwait*", "pause",
	    "sigsuspend", "pthread_kill", "pthread_sigmask" } },
	{ "timers are core/timer.h's", { "alarm", "setitimer", "timer_create", "timerfd_*" } },
	{ "there is no other program to run",
	  { "system", "popen", "exec*", "posix_spawn*", "wait", "waitpid", "wait4" } },
	{ "what is set when an appliance runs is an argument of its manifest",
	  { "getuid", "geteuid", "getpw*", "getgr*", "gethostname", "uname", "sysconf" } },
};

static int matches(const char *name, const char *pattern)
{
	size_t n = strlen(pattern);

	return pattern[n - 1] == '*' ? strncmp(name, pattern, n - 1) == 0
	                             : strcmp(name, pattern) == 0;
}

static const char *find(const char *function)
{
	for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++)
		for (size_t k = 0; k < sizeof purposes[i].names / sizeof *purposes[i].names; k++)
			if (purposes[i].names[k] && matches(function, purposes[i].names[k]))
				return purposes[i].text;
	return NULL;
}

const char *instead_of(const char *function)
{
	const char *text = find(function);

	return text ? text : "leave that call out";
}

bool instead_is_known(const char *function)
{
	return find(function) != NULL;
}
