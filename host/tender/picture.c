/* SPDX-License-Identifier: ISC */
/*
 * Behind the seal nothing is allocated and nothing opened. A request's descriptor is moved to a number that was chosen
 * before (`slot`), so that the filter can name it. The header is written last: a file without one is no snapshot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tender/picture.h>
#include <tender/picture_file.h>
#include <tender/snapshot.h>
#include <tender/written.h>

/* Pages that may be left for the time that the image stands still, and rounds after which it does so in any case. */
#define FEW_PAGES  256u
#define ROUNDS_MAX 8u
/* How long an image that has little left may stay busy. */
#define BUSY_MAX_NS 2000000000u

volatile sig_atomic_t picture_asked;

static int control = -1, slot = -1, nothing = -1, page_map = -1, processes = -1;
static bool has_swap;     /* a shared page that is not resident may be there all the same */
static bool when_warm;    /* the file is in `slot`, and the image is not warm yet */
static bool is_taken;     /* a picture is */
static bool wanted, ends; /* a request is there; the image is to end behind it */

/* How far the picture is, of an image that goes on meanwhile. */
static enum {
	NOT_BEGUN,
	AT_ONCE, /* it is not to be had while the image goes on */
	IMAGE,   /* its file is copied, */
	TOUCHED, /* all of its memory, */
	WRITTEN, /* what it has written to meanwhile, in rounds */
	TABLE,   /* the image has stood still, and goes on */
} phase;
static uint32_t rounds;
static uint64_t found, found_last; /* pages: in this round, in the one before */
static uint64_t little_since;      /* CLOCK_MONOTONIC; 0: there is more left than a little */
static uint64_t pause_ns;

static void on_request(int signal)
{
	(void)signal;
	picture_asked = 1;
}

void picture_open(void)
{
	const char *text = getenv(PICTURE_SOCKET);
	struct sigaction a = { .sa_handler = on_request };
	struct stat st;
	if (!text)
		return;
	int fd = atoi(text);
	unsetenv(PICTURE_SOCKET);
	if (fd < 3 || fstat(fd, &st) || !S_ISSOCK(st.st_mode))
		return;
	struct sysinfo host;
	has_swap = sysinfo(&host) || host.totalswap;
	nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	slot = fcntl(nothing, F_DUPFD_CLOEXEC, 3);
	page_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (nothing < 0 || slot < 0 || sigaction(SIGIO, &a, NULL) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETOWN, getpid()) ||
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC))
		return;
	signal(SIGCHLD, SIG_IGN); /* the writers of pictures are waited for by nobody */
	control = fd;
}

bool picture_is_offered(void)
{
	return slot >= 0;
}

int picture_when_warm(int fd, struct defect *why)
{
	slot = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	page_map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (slot < 0 || nothing < 0)
		return defect_set(why, "no descriptor is left: %s", strerror(errno));
	when_warm = ends = true;
	return 0;
}

void picture_warm(void)
{
	if (!when_warm)
		return;
	when_warm = false;
	wanted = true;
	picture_asked = 1;
}

bool picture_awaits_warmth(void)
{
	return when_warm;
}

bool picture_is_taken(void)
{
	return is_taken;
}

void picture_prepare(void)
{
	signal(SIGCHLD,
	       SIG_DFL); /* here no writer is forked, and the image's stops are to be told */
	if (slot < 0)
		return;
	processes = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	written_prepare();
}

void picture_room(const struct space *space)
{
	if (slot >= 0)
		picture_file_room(space);
}

void picture_child(pid_t child)
{
	char path[32];
	if (slot < 0)
		return;
	if (page_map >= 0)
		close(page_map);
	snprintf(path, sizeof path, "%d/pagemap", child);
	page_map = processes < 0 ? -1 : openat(processes, path, O_RDONLY | O_CLOEXEC);
	if (processes >= 0)
		close(processes);
	processes = -1;
}

void picture_allow(struct filter *f, const struct image *image, bool forks)
{
	const struct filter_arg to_slot[] = { { 1, FILTER_EQUAL, (uint64_t)slot },
		                              { 2, FILTER_EQUAL, O_CLOEXEC } },
	                        fork[] = { { 0, FILTER_EQUAL, SIGCHLD }, { 1, FILTER_EQUAL, 0 } };
	if (slot < 0)
		return;
	filter_allow_on(f, SYS_recvmsg, control, NULL, 0);
	filter_allow_on(f, SYS_sendto, control, NULL, 0);
	picture_file_allow(f, slot);
	filter_allow_on(f, SYS_pread64, image->fd, NULL, 0);
	filter_allow_on(f, SYS_pread64, page_map, NULL, 0);
	filter_keep(f, nothing);
	filter_allow_if(f, SYS_dup3, to_slot, 2);
	filter_allow(f, SYS_close);
	if (forks)
		filter_allow_if(f, SYS_clone, fork, 2);
	else
		written_allow(f, page_map);
}

/* ---- Requests ---- */

static void request_done(void)
{
	dup3(nothing, slot, O_CLOEXEC);
	wanted = false;
	phase = NOT_BEGUN;
	picture_asked = 0;
}

static void tell(const char *text)
{
	if (control >= 0)
		sendto(control, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
	else if (strcmp(text, PICTURE_BEGUN) != 0 && strncmp(text, "ok", 2) != 0)
		say("no snapshot: %s", text);
}

static void answer(const char *text)
{
	tell(text);
	request_done();
}

/* Takes what has come. */
static void take_requests(void)
{
	for (;;) {
		char text[PICTURE_TEXT] = "";
		union {
			char bytes[CMSG_SPACE(sizeof(int))];
			struct cmsghdr head;
		} extra = { { 0 } };
		struct iovec v = { text, sizeof text - 1 };
		struct msghdr m = { .msg_iov = &v,
			            .msg_iovlen = 1,
			            .msg_control = &extra,
			            .msg_controllen = sizeof extra };
		int fd = -1;
		picture_asked = 0;
		if (recvmsg(control, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof fd);
		if (fd < 0 && wanted && !strcmp(text, PICTURE_CANCEL))
			request_done();
		if (fd < 0)
			continue;
		wanted = dup3(fd, slot, O_CLOEXEC) == slot;
		phase = NOT_BEGUN;
		ends = !strcmp(text, PICTURE_STOP);
		close(fd);
	}
}

bool picture_wanted(void)
{
	if (control >= 0)
		take_requests();
	if (wanted)
		picture_asked = 1;
	return wanted;
}

static bool read_word(const struct picture_subject *of, uint64_t at, uint64_t *word)
{
	uint64_t follow;
	const uint8_t *from = space_bytes(of->space, at, RIGHT_R | RIGHT_W, &follow);
	struct iovec to = { word, sizeof *word }, where = { (void *)at, sizeof *word };
	if (!from || follow < sizeof *word)
		return false;
	if (of->child)
		return process_vm_readv(of->child, &to, 1, &where, 1, 0) == sizeof *word;
	memcpy(word, from, sizeof *word);
	return true;
}

/* Microseconds, which `say` does not need: nothing here may allocate. True: it is a good one. */
static bool answer_done(void)
{
	char text[PICTURE_TEXT];
	int error;
	const char *what = picture_file_error(&error);
	if (what)
		snprintf(text, sizeof text, "%s: %s", what, strerrordesc_np(error));
	else
		snprintf(text, sizeof text, "ok %llu %llu", (unsigned long long)(pause_ns / 1000),
		         (unsigned long long)picture_file_pages());
	answer(text);
	return !what;
}

/* ---- Taking one ---- */

static bool begin(const struct picture_subject *of)
{
	if (picture_file_begin(of, slot, page_map, has_swap))
		return true;
	answer("there is no memory for it");
	return false;
}

static void begin_ahead(const struct picture_subject *of)
{
	phase = AT_ONCE;
	if (!of->child || control < 0 || !begin(of) || !picture_file_watch())
		return;
	tell(PICTURE_BEGUN); /* it may take longer than anybody waits for a first word */
	phase = IMAGE;
	rounds = 0;
	found_last = UINT64_MAX;
	little_since = 0;
}

/* The end of a round. Further ones are of use as long as each leaves much less than the one before. */
static bool is_little_left(void)
{
	bool enough = found <= FEW_PAGES || ++rounds >= ROUNDS_MAX || found > found_last / 4 * 3;
	found_last = found;
	return enough;
}

static bool is_too_busy(void)
{
	uint64_t now = clock_mono();
	if (!little_since)
		little_since = now;
	if (now - little_since < BUSY_MAX_NS)
		return false;
	answer("its image is busy, and has not waited for 2 s");
	return true;
}

bool picture_ahead(const struct picture_subject *of)
{
	int error;
	if (phase == TABLE) {
		if (picture_file_table())
			return false;
		picture_file_end();
		answer_done();
		return false;
	}
	if (!picture_wanted())
		return false;
	if (phase == NOT_BEGUN)
		begin_ahead(of);
	if (phase == AT_ONCE || picture_file_error(&error))
		return true;
	if (phase == IMAGE && !picture_file_image()) {
		phase = TOUCHED;
	} else if (phase == TOUCHED && !picture_file_touched(true)) {
		phase = WRITTEN;
		found = 0;
	} else if (phase == WRITTEN && !picture_file_written(true, &found)) {
		bool little = little_since || is_little_left();
		found = 0;
		return little && !is_too_busy();
	}
	return false;
}

bool picture_is_busy(void)
{
	return phase >= IMAGE;
}

/* Of an image whose memory this process sees: the image goes on, and a child of ours writes. */
static bool write_apart(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		answer("no process could be made to write it");
	if (pid > 0)
		request_done();
	return !pid;
}

static void write_all(void)
{
	while (picture_file_image())
		;
	while (picture_file_touched(false))
		;
}

static void write_rest(void)
{
	uint64_t pages = 0;
	while (picture_file_written(false, &pages))
		;
	picture_file_frames();
}

static const char *misfit(const struct picture_subject *of, uint64_t *entry)
{
	if (of->image->note.abi_minor < SNAPSHOT_MINOR_MIN)
		return "its image is older than snapshots: build it again";
	if (!of->resume)
		return "its image was built without clones in mind: build it again";
	if (of->resume % 16 || !read_word(of, of->resume, entry))
		return "its image waits where no clone can go on";
	return NULL;
}

bool picture_take(const struct picture_subject *of)
{
	uint64_t entry, began = of->since ? of->since : clock_mono();
	if (!wanted)
		return false;
	const char *why = misfit(of, &entry);
	if (why) {
		answer(why);
		return false;
	}
	tell(PICTURE_BEGUN);
	bool ahead = phase == WRITTEN, apart = !of->child && !ends;
	if (!ahead && !begin(of))
		return false;
	picture_file_point(of, entry, ends);
	if (apart && !write_apart())
		return false;
	pause_ns = clock_mono() - began;
	if (ahead)
		write_rest();
	else
		write_all();
	if (!apart)
		pause_ns = clock_mono() - began;
	if (of->child && !ends) { /* the rest is written while it goes on */
		phase = TABLE;
		return false;
	}
	while (picture_file_table())
		;
	picture_file_end();
	bool good = answer_done();
	if (apart)
		_exit(0);
	is_taken = good;
	return ends && (is_taken || control < 0);
}
