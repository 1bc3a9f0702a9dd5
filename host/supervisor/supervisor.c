/* SPDX-License-Identifier: ISC */
/*
 * One loop over poll(2): signals by a descriptor, the tender's two pipes, its word that the image has started, requests, a
 * question about its health. Whatever has no descriptor has a time in `struct supervisor`.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <supervisor/child.h>
#include <supervisor/control.h>
#include <supervisor/log.h>
#include <supervisor/supervisor.h>
#include <tender/picture_request.h>
#include <tender/rights.h>

#define NEVER      UINT64_MAX
#define WORDS_KEPT 4096u /* bytes of what the first start says, for whoever waits for it */

struct supervisor {
	struct supervisor_order *order;
	struct record *record;
	struct log log;
	struct child child;
	int signals, control, notify, waiter; /* waiter: who waits for the first start */
	struct sockaddr_un notify_at;
	bool is_stopping, is_restarting,
	        has_ended; /* asked to stop; asked to restart; all is over */
	bool is_sick;      /* it is ended since it does not answer */
	uint64_t began, kill_at, start_at, answer_at, hang_at;
	struct {
		int fd;     /* 0: free */
		bool waits; /* for a restart */
	} clients[CONTROL_CLIENTS_MAX];
	int painter; /* the client that waits for a picture, or until secrets are taken; -1: none does */
	bool painter_stops;         /* ... and for the end with it */
	char painted[PICTURE_TEXT]; /* what it is told when that has come */
	bool painter_forks;         /* it is a fork's picture that it waits for */
	bool painter_renews;        /* it is secrets that it waits for */
	uint64_t again_at;          /* when the tender is told once more that it does */
	uint64_t again_ms;
	size_t said;
	char words[WORDS_KEPT];
};

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void keep_record(struct supervisor *s)
{
	struct supervisor_order *o = s->order;
	s->record->health_status = health_status_name(o->health.status);
	if (record_write(o->folder, s->record))
		log_note(&s->log, "its state cannot be written: %s", strerror(errno));
}

/* ---- Who waits for a start ---- */

static void answer_start(struct supervisor *s, int status)
{
	if (s->waiter < 0)
		return;
	char head[16];
	int n = snprintf(head, sizeof head, "%d\n", status);
	/* Nobody reads it any more: then nobody needs it. */
	if (send(s->waiter, head, (size_t)n, MSG_NOSIGNAL) == n && status)
		send(s->waiter, s->words, s->said, MSG_NOSIGNAL);
	close(s->waiter);
	s->waiter = -1;
	s->answer_at = NEVER;
}

static void answer_with(struct supervisor *s, unsigned client, const char *text, int fd)
{
	control_send(s->clients[client].fd, text, fd);
	close(s->clients[client].fd);
	s->clients[client].fd = 0;
}

static void answer(struct supervisor *s, unsigned client, const char *text)
{
	answer_with(s, client, text, -1);
}

static void answer_restarts(struct supervisor *s, const char *text)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (s->clients[i].fd && s->clients[i].waits)
			answer(s, i, text);
}

/* ---- Pictures ---- */

#define AGAIN_FIRST_MS 10u
#define AGAIN_MAX_MS   1000u /* ... until it is given up */

static void answer_picture(struct supervisor *s, const char *text)
{
	if (s->painter < 0)
		return;
	int client = s->painter;
	s->painter = -1;
	s->again_at = NEVER;
	bool is_taken = !strncmp(text, "ok", 2);
	if (s->painter_stops && !is_taken)
		s->is_stopping = false;
	if (is_taken && !s->painter_forks && !s->painter_stops && !s->painter_renews &&
	    s->child.pictures >= 0)
		control_send(s->child.pictures, PICTURE_DONE, -1);
	answer_with(s, (unsigned)client, text, is_taken && s->painter_forks ? s->child.base : -1);
}

static void ask_the_tender(struct supervisor *s, unsigned client, int fd, const char *what)
{
	bool stops = !strcmp(what, PICTURE_STOP);
	if (fd < 0)
		answer(s, client, "no file came with the request");
	else if (s->painter >= 0)
		answer(s, client,
		       "another picture of it is being taken, or it is handed secrets: try again");
	else if (s->record->status != RECORD_RUNNING || s->child.pictures < 0)
		answer(s, client, "it does not run at the moment");
	else if (!control_send(s->child.pictures, what, fd))
		answer(s, client, "it does not take requests");
	else {
		s->painter = (int)client;
		s->painter_stops = stops;
		s->painter_forks = !strcmp(what, PICTURE_FORK);
		s->painter_renews = !strcmp(what, PICTURE_SECRETS);
		s->again_ms = AGAIN_FIRST_MS;
		s->again_at = now_ms() + s->again_ms;
		if (stops) /* it is not started again */
			s->is_stopping = true;
	}
}

/* It comes before the first picture; whatever else has a descriptor is of no use. */
static bool take_base(struct supervisor *s, const char *text, int fd)
{
	bool is_base = !strcmp(text, PICTURE_BASE);
	if (is_base && fd >= 0 && s->child.base < 0)
		s->child.base = fd;
	else if (fd >= 0)
		close(fd);
	return is_base;
}

static void take_picture(struct supervisor *s)
{
	char text[PICTURE_TEXT];
	ssize_t n;
	int with;
	while ((n = rights_receive(s->child.pictures, text, sizeof text - 1, &with,
	                           MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) > 0) {
		text[n] = 0;
		if (take_base(s, text, with))
			continue;
		/* Whoever goes on in its place needs its devices. */
		bool waits_for_end = s->painter_stops && s->child.pid && !strncmp(text, "ok", 2);
		if (waits_for_end)
			snprintf(s->painted, sizeof s->painted, "%s", text);
		if (waits_for_end || !strcmp(text, PICTURE_BEGUN))
			s->again_at = NEVER;
		else
			answer_picture(s, text);
	}
	if (!n) {
		close(s->child.pictures);
		s->child.pictures = -1;
	}
}

/* ---- Beginning and end of the tender ---- */

static void end_all(struct supervisor *s)
{
	s->has_ended = true;
	s->record->status = RECORD_EXITED;
}

static void start(struct supervisor *s)
{
	struct defect why;
	s->start_at = s->kill_at = s->hang_at = NEVER;
	s->began = now_ms();
	s->is_sick = false;
	if (child_start(&s->child, s->order->words, s->notify_at.sun_path, s->record->watchdog_ms,
	                &why)) {
		log_note(&s->log, "cannot be started: %s", why.text);
		s->said =
		        (size_t)snprintf(s->words, sizeof s->words, "%s%s\n", say_prefix, why.text);
		s->record->exit_status = AMP_EXIT_TENDER;
		answer_restarts(s, why.text);
		end_all(s);
		return;
	}
	s->record->tender = record_process(s->child.pid);
	s->record->status = RECORD_STARTING;
	s->record->finished = 0;
	keep_record(s);
}

/* Its loop has turned just now. */
static void hangs_at(struct supervisor *s)
{
	if (s->record->watchdog_ms && s->record->status == RECORD_RUNNING)
		s->hang_at = now_ms() + s->record->watchdog_ms;
}

static void started(struct supervisor *s)
{
	if (s->record->status != RECORD_STARTING)
		return;
	s->record->status = RECORD_RUNNING;
	s->record->started = record_now();
	hangs_at(s);
	health_begin(&s->order->health, now_ms());
	keep_record(s);
	answer_start(s, 0);
	answer_restarts(s, "ok");
}

static void ask_to_end(struct supervisor *s, uint64_t in_ms)
{
	uint64_t now = now_ms();
	if (!s->child.pid)
		return;
	s->record->status = RECORD_STOPPING;
	s->hang_at = NEVER;
	health_stop(
	        &s->order->health); /* its descriptor would be waited for, and nobody look at it */
	s->kill_at = in_ms < NEVER - now ? now + in_ms : NEVER;
	kill(s->child.pid, in_ms ? SIGTERM : SIGKILL);
	keep_record(s);
}

static void read_stream(struct supervisor *s, enum log_stream stream, int *fd)
{
	static char bytes[64 << 10];
	ssize_t n = *fd < 0 ? -1 : read(*fd, bytes, sizeof bytes);
	if (n > 0) {
		log_bytes(&s->log, stream, bytes, (size_t)n);
		size_t room = sizeof s->words - s->said, more = (size_t)n < room ? (size_t)n : room;
		if (s->waiter >= 0 && stream == LOG_STDERR) {
			memcpy(s->words + s->said, bytes, more);
			s->said += more;
		}
	} else if (!n) {
		close(*fd);
		*fd = -1;
	}
}

/* What is still in the pipes. Others may hold their ends: what is there now is all. */
static void drain(struct supervisor *s)
{
	struct pollfd p[2] = { { s->child.out, POLLIN, 0 }, { s->child.err, POLLIN, 0 } };
	for (unsigned turn = 0; turn < 64 && poll(p, 2, 0) > 0; turn++) {
		if (p[0].revents)
			read_stream(s, LOG_STDOUT, &s->child.out);
		if (p[1].revents)
			read_stream(s, LOG_STDERR, &s->child.err);
		p[0].fd = s->child.out;
		p[1].fd = s->child.err;
	}
	if (s->child.pictures >= 0)
		take_picture(s);
	answer_picture(s, *s->painted ? s->painted : "it ended meanwhile");
	s->painted[0] = 0;
	child_close(&s->child);
	log_end(&s->log);
}

static void ended(struct supervisor *s, int status)
{
	struct record *r = s->record;
	bool never_started = r->status == RECORD_STARTING;
	uint64_t now = now_ms();
	uint32_t pause;
	s->child.pid = 0;
	s->kill_at = s->hang_at = NEVER;
	drain(s);
	health_stop(&s->order->health);
	r->tender.pid = 0;
	r->exit_status = status;
	r->finished = record_now();
	if (never_started && s->waiter >= 0) {
		end_all(s);
	} else if (s->is_restarting) {
		s->is_restarting = false;
		r->restarts++;
		start(s);
		return;
	} else if (s->is_stopping) {
		end_all(s);
	} else if (restart_next(&r->restart, s->is_sick && !status ? AMP_EXIT_TENDER : status,
	                        now - s->began, &pause)) {
		log_note(&s->log, "ended with status %d; starts again in %u ms", status, pause);
		r->status = RECORD_RESTARTING;
		r->restarts++;
		s->start_at = now + pause;
		if (never_started)
			answer_restarts(s, "it could not be started: `ampoule logs` says why");
	} else {
		end_all(s);
	}
	if (s->has_ended)
		answer_restarts(s, "it could not be started: `ampoule logs` says why");
	keep_record(s);
}

/* ---- What comes in ---- */

static void stop(struct supervisor *s, int64_t ms)
{
	s->is_stopping = true;
	s->is_restarting = false;
	if (s->child.pid)
		ask_to_end(s, ms < 0 ? s->record->stop_ms + SUPERVISOR_STOP_MORE_MS : (uint64_t)ms);
	else
		end_all(s);
}

static void restart(struct supervisor *s, int64_t ms)
{
	if (s->child.pid) {
		s->is_restarting = true;
		ask_to_end(s, ms < 0 ? s->record->stop_ms + SUPERVISOR_STOP_MORE_MS : (uint64_t)ms);
	} else {
		s->record->restarts++;
		start(s);
	}
}

static void take_request(struct supervisor *s, unsigned client)
{
	char text[CONTROL_TEXT_MAX];
	int with = -1;
	ssize_t n = rights_receive(s->clients[client].fd, text, sizeof text - 1, &with,
	                           MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close(s->clients[client].fd);
		s->clients[client].fd = 0;
		return;
	}
	text[n] = 0;
	struct control_request r = control_parse(text);
	if (r.verb == CONTROL_NONE) {
		answer(s, client, "no such request");
	} else if (r.verb == CONTROL_KILL) {
		bool sent = s->child.pid && !kill(s->child.pid, (int)r.number);
		/* Whoever kills it does not want it back, as docker has it. */
		if (sent && (r.number == SIGKILL || r.number == SIGTERM || r.number == SIGINT))
			s->is_stopping = true;
		answer(s, client, sent ? "ok" : "it does not run at the moment");
	} else if (r.verb == CONTROL_STOP) {
		answer(s, client, "ok");
		stop(s, r.number);
	} else if (s->is_stopping) {
		answer(s, client, "it is being stopped");
	} else if (r.verb == CONTROL_SNAPSHOT) {
		ask_the_tender(s, client, with,
		               r.number == 1   ? PICTURE_STOP
		               : r.number == 2 ? PICTURE_FORK
		                               : PICTURE_TAKE);
	} else if (r.verb == CONTROL_SECRETS) {
		ask_the_tender(s, client, with, PICTURE_SECRETS);
	} else {
		s->clients[client].waits = true;
		restart(s, r.number);
	}
	if (with >= 0)
		close(with);
}

static void take_client(struct supervisor *s)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (s->clients[i].fd)
			continue;
		int fd = accept4(s->control, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		s->clients[i].fd = fd;
		s->clients[i].waits = false;
	}
}

/* sd_notify(3): lines of NAME=VALUE. */
static void take_word(struct supervisor *s)
{
	char text[512];
	ssize_t n;
	while ((n = recv(s->notify, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
		text[n] = 0;
		for (const char *line = text; line;
		     line = strchr(line, '\n'), line = line ? line + 1 : NULL)
			if (!strncmp(line, "READY=1", 7) && (!line[7] || line[7] == '\n'))
				started(s);
			else if (!strncmp(line, "WATCHDOG=1", 10) &&
			         (!line[10] || line[10] == '\n'))
				hangs_at(s);
	}
}

static void take_signals(struct supervisor *s)
{
	struct signalfd_siginfo i;
	int status;
	while (read(s->signals, &i, sizeof i) == sizeof i)
		if (i.ssi_signo != SIGCHLD)
			stop(s, -1);
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == s->child.pid) {
			take_word(s);
			ended(s, child_exit_status(status));
		}
}

static void take_time(struct supervisor *s)
{
	uint64_t now = now_ms();
	struct health *h = &s->order->health;
	if (now >= s->answer_at)
		answer_start(s, 0);
	if (now >= s->kill_at && s->child.pid) {
		s->kill_at = NEVER;
		kill(s->child.pid, SIGKILL);
	}
	if (now >= s->again_at && s->child.pictures >= 0) {
		bool ends = s->again_ms > AGAIN_MAX_MS;
		control_send(s->child.pictures, ends ? PICTURE_CANCEL : PICTURE_AGAIN, -1);
		s->again_ms *= 2;
		s->again_at = now + s->again_ms;
		if (ends)
			answer_picture(s,
			               s->painter_renews
			                       ? "its image has not taken them within 2 s: "
			                         "it is busy, or its program does not listen"
			                       : "its image is busy, and has not waited for 2 s");
	}
	if (now >= s->start_at)
		start(s);
	if (now >= s->hang_at && s->child.pid) {
		/* What hangs does not hear that it should end. */
		s->hang_at = NEVER;
		log_note(&s->log, "its loop has not turned for %u ms: it is killed",
		         s->record->watchdog_ms);
		kill(s->child.pid, SIGKILL);
	}
	if (s->record->status != RECORD_RUNNING || !health_turn(h, now))
		return;
	keep_record(s);
	if (h->status != HEALTH_UNHEALTHY)
		return;
	log_note(&s->log, "does not answer as %s asks", s->record->health);
	if (s->record->restart.when != RESTART_NO) {
		s->is_sick = true;
		ask_to_end(s, s->record->stop_ms + SUPERVISOR_STOP_MORE_MS);
	}
}

static int timeout(const struct supervisor *s)
{
	uint64_t at = s->kill_at, now = now_ms();
	uint64_t health =
	        s->record->status == RECORD_RUNNING ? health_due(&s->order->health) : NEVER;
	at = s->start_at < at ? s->start_at : at;
	at = s->answer_at < at ? s->answer_at : at;
	at = s->again_at < at ? s->again_at : at;
	at = health < at ? health : at;
	at = s->hang_at < at ? s->hang_at : at;
	return at == NEVER ? -1 : at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);
}

static void turn(struct supervisor *s)
{
	enum { SIGNALS, NOTIFY, CONTROL, OUT, ERR, HEALTH, PICTURES, CLIENTS };
	struct pollfd p[CLIENTS + CONTROL_CLIENTS_MAX];
	bool has_room = false;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		bool waits = s->clients[i].waits || s->painter == (int)i;
		has_room |= !s->clients[i].fd;
		p[CLIENTS + i] =
		        (struct pollfd){ s->clients[i].fd && !waits ? s->clients[i].fd : -1, POLLIN,
			                 0 };
	}
	p[SIGNALS] = (struct pollfd){ s->signals, POLLIN, 0 };
	p[NOTIFY] = (struct pollfd){ s->notify, POLLIN, 0 };
	p[CONTROL] = (struct pollfd){ has_room ? s->control : -1, POLLIN, 0 };
	p[OUT] = (struct pollfd){ s->child.out, POLLIN, 0 };
	p[ERR] = (struct pollfd){ s->child.err, POLLIN, 0 };
	p[HEALTH] = (struct pollfd){ s->order->health.fd, health_events(&s->order->health), 0 };
	p[PICTURES] = (struct pollfd){ s->child.pictures, POLLIN, 0 };
	if (poll(p, sizeof p / sizeof *p, timeout(s)) < 0 && errno != EINTR)
		end_all(s);
	if (p[NOTIFY].revents)
		take_word(s);
	if (p[PICTURES].revents && s->child.pictures >= 0)
		take_picture(s);
	if (p[OUT].revents)
		read_stream(s, LOG_STDOUT, &s->child.out);
	if (p[ERR].revents)
		read_stream(s, LOG_STDERR, &s->child.err);
	if (p[SIGNALS].revents)
		take_signals(s);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX && !s->has_ended; i++)
		if (p[CLIENTS + i].revents)
			take_request(s, i);
	if (p[CONTROL].revents)
		take_client(s);
	if (!s->has_ended) {
		/* A health question goes on with its descriptor too, not only when its time has come. */
		take_time(s);
		if (p[HEALTH].revents && s->order->health.fd >= 0)
			take_time(s);
	}
}

/* ---- The process ---- */

static bool notify_listen(struct supervisor *s)
{
	struct supervisor_order *o = s->order;
	s->notify_at.sun_family = AF_UNIX;
	size_t n = (size_t)snprintf(s->notify_at.sun_path, sizeof s->notify_at.sun_path,
	                            "%s/%s/" PLACE_NOTIFY, o->root_path, o->record.name);
	/* A socket's path is short (unix(7)): another way to the same. */
	if (n >= sizeof s->notify_at.sun_path)
		snprintf(s->notify_at.sun_path, sizeof s->notify_at.sun_path,
		         "/proc/%d/fd/%d/" PLACE_NOTIFY, getpid(), o->folder);
	unlinkat(o->folder, PLACE_NOTIFY, 0);
	s->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return s->notify >= 0 &&
	       !bind(s->notify, (struct sockaddr *)&s->notify_at, sizeof s->notify_at);
}

/* Where a tender may leave what `ampoule ps` reads. */
static void tell_folder(const struct supervisor_order *o)
{
	char path[PLACE_PATH_MAX + PLACE_NAME_MAX];
	snprintf(path, sizeof path, "%s/%s", o->root_path, o->record.name);
	setenv(PLACE_VARIABLE, path, 1);
}

static bool keep_words(const struct supervisor_order *o)
{
	int fd = openat(o->folder, PLACE_WORDS,
	                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return false;
	fwrite(o->record.folder, 1, strlen(o->record.folder) + 1, f);
	for (char *const *word = o->again; *word; word++)
		fwrite(*word, 1, strlen(*word) + 1, f);
	for (char *const *word = o->words + 2; *word; word++)
		fwrite(*word, 1, strlen(*word) + 1, f);
	bool failed = ferror(f);
	return !fclose(f) && !failed;
}

static void be_nobodys_child(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	setsid();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	prctl(PR_SET_NAME, "ampoule-super");
	signal(SIGPIPE, SIG_IGN);
}

/* A shell's own descriptors are not to live as long as an appliance; those of `--net NAME=fd:N` are. */
static void close_others(const struct supervisor_order *o, int waiter)
{
	for (char *const *word = o->words; *word; word++)
		if (strstr(*word, "=fd:") || !strncmp(*word, "fd:", 3))
			return;
	for (int fd = 3; fd < 1024; fd++)
		if (fd != o->root && fd != o->folder && fd != o->lock && fd != waiter)
			close(fd);
}

static void supervise(struct supervisor_order *o, int waiter)
{
	static struct supervisor s;
	sigset_t mine;
	/* What the tender starts and lets go, a network of passt's, stays below us: stats counts it. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	close_others(o, waiter);
	tell_folder(o);
	s.order = o;
	s.record = &o->record;
	s.waiter = waiter;
	s.child.out = s.child.err = s.child.pictures = -1;
	s.painter = -1;
	s.again_at = NEVER;
	s.kill_at = s.start_at = s.hang_at = NEVER;
	s.answer_at = now_ms() + SUPERVISOR_START_MAX_MS;
	sigemptyset(&mine);
	for (unsigned i = 0; i < 4; i++)
		sigaddset(&mine, (const int[]){ SIGCHLD, SIGTERM, SIGINT, SIGHUP }[i]);
	sigprocmask(SIG_SETMASK, &mine, NULL);
	signal(SIGCHLD, SIG_DFL);
	s.signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	s.control = control_listen(o->folder);
	log_open(&s.log, o->folder, o->log_size);
	o->record.supervisor = record_process(getpid());
	o->health.next = NEVER;
	if (s.signals < 0 || s.control < 0 || s.log.fd < 0 || !notify_listen(&s) ||
	    !keep_words(o)) {
		s.said =
		        (size_t)snprintf(s.words, sizeof s.words, "%scannot write to %s/%s: %s\n",
		                         say_prefix, o->root_path, o->record.name, strerror(errno));
		o->record.exit_status = AMP_EXIT_TENDER;
		end_all(&s);
	} else {
		start(&s);
	}
	while (!s.has_ended)
		turn(&s);
	if (s.child.pid) {
		kill(s.child.pid, SIGKILL);
		waitpid(s.child.pid, NULL, 0);
	}
	unlinkat(o->folder, PLACE_CONTROL, 0);
	unlinkat(o->folder, PLACE_NOTIFY, 0);
	o->record.supervisor.pid = o->record.tender.pid = 0;
	keep_record(&s);
	if (s.waiter >= 0 || o->remove)
		place_remove(o->root, o->record.name, o->folder);
	/* The lock goes with this process; nobody must hear of a failed start before its folder is gone. */
	answer_start(&s, o->record.exit_status ? o->record.exit_status : AMP_EXIT_TENDER);
}

static int wait_for_start(int fd)
{
	char text[WORDS_KEPT + 16];
	size_t used = 0;
	ssize_t n;
	while (used < sizeof text - 1 && ((n = read(fd, text + used, sizeof text - 1 - used)) > 0 ||
	                                  (n < 0 && errno == EINTR)))
		used += n > 0 ? (size_t)n : 0;
	text[used] = 0;
	const char *end = strchr(text, '\n');
	if (!end) {
		say("the supervisor has ended before the image has started");
		return AMP_EXIT_TENDER;
	}
	if (end[1])
		fputs(end + 1, stderr);
	return atoi(text);
}

static int not_begun(const struct supervisor_order *o, const char *what)
{
	say("%s: %s", what, strerror(errno));
	place_remove(o->root, o->record.name, o->folder);
	return AMP_EXIT_TENDER;
}

int supervisor_start(struct supervisor_order *o)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return not_begun(o, "no socket");
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		close(pair[0]);
		be_nobodys_child();
		pid_t own = fork();
		if (!own)
			supervise(o, pair[1]);
		_exit(own < 0);
	}
	if (child < 0)
		return not_begun(o, "no process");
	close(pair[1]);
	close(o->lock);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	int status = wait_for_start(pair[0]);
	close(pair[0]);
	return status;
}
