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

#include <tender/leave.h>
#include <tender/picture.h>
#include <tender/picture_file.h>
#include <tender/renewal.h>
#include <tender/rights.h>
#include <tender/snapshot.h>
#include <tender/space_memory.h>
#include <tender/written.h>

/* Pages that may be left for the time that the image stands still, and rounds after which it does so in any case. */
#define FEW_PAGES  256u
#define ROUNDS_MAX 8u
/* How long an image that has little left may stay busy. */
#define BUSY_MAX_NS 2000000000u
/* The least between its rounds. */
#define REST_NS 2000000u

volatile sig_atomic_t picture_asked;

static int control = -1, slot = -1, nothing = -1, page_map = -1, processes = -1;
static bool has_swap;     /* a shared page that is not resident may be there all the same */
static bool when_warm;    /* the file is in `slot`, and the image is not warm yet */
static bool is_taken;     /* a picture is */
static bool wanted, ends; /* a request is there; the image is to end behind it */
static bool forks;        /* ... it is for a fork */
static struct space *space;
/* Somebody else has the heap's base, or may: it stays as it is for good. */
static bool is_lent;
/* What is left to do behind pictures, a step at a time. */
static enum { NOTHING, TO_JOIN, TO_DROP } behind;

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
/* Likewise. Behind a round each page's first write is a fault: an image that has one round behind the other gets nowhere, and so
 * never to its wait. It has as long without one as one takes. */
static uint64_t round_from, rest_until;
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
	if (nothing < 0 || slot < 0 || renewal_open(nothing) || sigaction(SIGIO, &a, NULL) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETOWN, getpid()) ||
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC))
		return;
	signal(SIGCHLD, SIG_IGN); /* the writers of pictures are waited for by nobody */
	control = fd;
}

bool picture_forks(void)
{
	return control >= 0;
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

void picture_room(struct space *of)
{
	space = of;
	if (slot >= 0)
		picture_file_room(space);
	if (control >= 0 && space->base.fd >= 0)
		rights_send(control, PICTURE_BASE, strlen(PICTURE_BASE), space->base.fd,
		            MSG_NOSIGNAL | MSG_DONTWAIT);
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

/* Moving page tables from one place to another, the base's private mapping, and taking down what was moved away. */
static void allow_parting(struct filter *f)
{
	const struct filter_arg move[] = { { 3, FILTER_EQUAL, MREMAP_MAYMOVE | MREMAP_FIXED } },
	                        part[] = {
		                        { 0, FILTER_EQUAL,
		                          (uint64_t)space_region(space, REGION_HEAP, 0)->host },
		                        { 1, FILTER_EQUAL, space->base.size },
		                        { 2, FILTER_EQUAL, PROT_READ | PROT_WRITE },
		                        { 3, FILTER_EQUAL,
		                          MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE },
		                        { 4, FILTER_EQUAL, (uint64_t)space->base.fd },
		                        { 5, FILTER_EQUAL, 0 },
	                        };
	filter_allow_if(f, SYS_mremap, move, 1);
	filter_allow_if(f, SYS_mmap, part, 6);
	filter_allow(f, SYS_munmap);
}

void picture_allow(struct filter *f, const struct image *image, bool sees)
{
	const struct filter_arg to_slot[] = { { 1, FILTER_EQUAL, (uint64_t)slot },
		                              { 2, FILTER_EQUAL, O_CLOEXEC } },
	                        fork[] = { { 0, FILTER_EQUAL, SIGCHLD }, { 1, FILTER_EQUAL, 0 } };
	if (slot < 0)
		return;
	filter_allow_on(f, SYS_recvmsg, control, NULL, 0);
	filter_allow_on(f, SYS_sendto, control, NULL, 0);
	picture_file_allow(f, space, slot);
	filter_allow_on(f, SYS_pread64, image->fd, NULL, 0);
	filter_allow_on(f, SYS_pread64, page_map, NULL, 0);
	filter_keep(f, nothing);
	filter_allow_if(f, SYS_dup3, to_slot, 2);
	renewal_allow(f);
	filter_allow(f, SYS_close);
	if (sees)
		filter_allow_if(f, SYS_clone, fork, 2);
	else
		written_allow(f, page_map);
	if (sees && space->base.own)
		allow_parting(f);
}

/* ---- Requests ---- */

static void request_done(void)
{
	dup3(nothing, slot, O_CLOEXEC);
	wanted = false;
	phase = NOT_BEGUN;
	picture_asked = behind != NOTHING;
	leave_over();
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
		int fd;
		picture_asked = 0;
		if (rights_receive(control, text, sizeof text - 1, &fd,
		                   MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		bool cancels = fd < 0 && !strcmp(text, PICTURE_CANCEL);
		if (cancels)
			renewal_cancel();
		if (cancels && wanted)
			request_done();
		if (fd < 0 && !strcmp(text, PICTURE_DONE) && !is_lent && space->base.view)
			behind = TO_JOIN;
		const char *done = fd < 0 ? renewal_done() : NULL;
		if (done)
			tell(done);
		if (fd < 0)
			continue;
		if (!strcmp(text, PICTURE_SECRETS)) {
			const char *wrong = renewal_take(fd);
			if (wrong)
				tell(wrong);
			close(fd);
			continue;
		}
		wanted = dup3(fd, slot, O_CLOEXEC) == slot;
		phase = NOT_BEGUN;
		ends = !strcmp(text, PICTURE_STOP);
		forks = !strcmp(text, PICTURE_FORK);
		close(fd);
	}
}

bool picture_wanted(void)
{
	if (control >= 0)
		take_requests();
	if (wanted || behind != NOTHING)
		picture_asked = 1;
	return wanted;
}

/* An image that writes a picture at its own word (picture_when_warm) has nothing to lose by it. */
uint64_t picture_due(void)
{
	return control >= 0 && picture_wanted() && ends ? leave_due() : 0;
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
	if (picture_file_begin(of, slot, page_map, has_swap, forks))
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
	little_since = round_from = 0;
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

static bool is_resting(void)
{
	return phase == WRITTEN && little_since && clock_mono() < rest_until;
}

/* A step of one. True: it has ended, and little is left. */
static bool end_of_round(void)
{
	if (!round_from)
		round_from = clock_mono();
	if (picture_file_written(true, &found))
		return false;
	uint64_t now = clock_mono(), took = now - round_from;
	bool little = little_since || is_little_left();
	rest_until = now + (took > REST_NS ? took : REST_NS);
	round_from = found = 0;
	return little;
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
	if (phase == AT_ONCE)
		return true;
	if (phase != NOT_BEGUN && picture_file_error(&error)) {
		answer_done();
		return false;
	}
	if (phase == IMAGE && !picture_file_image()) {
		phase = TOUCHED;
	} else if (phase == TOUCHED && !picture_file_touched(true)) {
		phase = WRITTEN;
		found = 0;
	} else if (phase == WRITTEN) {
		return (is_resting() || end_of_round()) && !is_too_busy();
	}
	return false;
}

bool picture_is_busy(void)
{
	return phase >= IMAGE && !is_resting();
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

bool picture_behind(void)
{
	bool more = behind == TO_JOIN   ? space_memory_join(space, page_map)
	            : behind == TO_DROP ? space_memory_drop(space)
	                                : false;
	if (behind != NOTHING && !more) {
		behind = NOTHING;
		picture_asked = wanted;
	}
	return more;
}

/* The image has had its heap parted from what its clone, which begins already, has of it: or does not go on. */
static void must(int parted)
{
	if (!parted)
		return;
	say("its memory cannot be parted from its clone's: %s", strerrordesc_np(errno));
	_exit(AMP_EXIT_TENDER);
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
	while (behind == TO_JOIN && picture_behind())
		;
	const struct space_base *base = &of->space->base;
	bool ahead = phase == WRITTEN, apart = !of->child && !ends;
	/* A fork has nothing to read from a heap that is its base: that is parted while the picture is written. */
	bool parts = base->own && !base->parted && (forks || apart), late = parts && forks;
	if (!ahead && !begin(of))
		return false;
	if (parts && !late && of->part(of)) {
		answer("its memory cannot be parted from its picture's");
		return false;
	}
	is_lent |= base->own && forks;
	picture_file_point(of, entry, ends);
	if (apart && !write_apart()) {
		if (late) {
			must(of->part(of));
			behind = TO_DROP;
		}
		picture_asked = behind != NOTHING;
		return false;
	}
	pause_ns = clock_mono() - began;
	if (ahead)
		write_rest();
	else
		write_all();
	if (!apart)
		pause_ns = clock_mono() - began;
	if (late && of->child)
		must(of->part(of));
	if (of->child && !ends && !forks) { /* the rest is written while it goes on */
		phase = TABLE;
		return false;
	}
	while (picture_file_table())
		;
	picture_file_end();
	bool good = answer_done();
	if (apart)
		_exit(0);
	if (late)
		must(of->parted(of));
	is_taken = good;
	return ends && (is_taken || control < 0);
}
