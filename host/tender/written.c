/* SPDX-License-Identifier: ISC */
/*
 * The kernel binds such a descriptor to the address space of whoever makes it, so the image's process has to; it goes to the
 * tender by a socket pair. There it waits until the first picture, so that no start waits for it, and gets a number that was
 * chosen before, so that the filter can name it.
 *
 * Structures and constants are the kernel's (linux/userfaultfd.h, linux/fs.h), which older headers do not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/rights.h>
#include <tender/written.h>

#define FEATURE_WP_ASYNC (1ull << 15)
#define USER_MODE_ONLY   1

/* PAGEMAP_SCAN */
#define IS_WRITTEN  (1ull << 1)
#define IS_OF_FILE  (1ull << 2)
#define IS_PRESENT  (1ull << 3)
#define IS_SWAPPED  (1ull << 4)
#define WP_MATCHING (1ull << 0)
struct scan {
	uint64_t size, flags;
	uint64_t start, end, walk_end;
	uint64_t vec, vec_count, max_pages;
	uint64_t inverted, mask, any_of, wanted;
};
#define SCAN _IOWR('f', 16, struct scan)

static int mine = -1, theirs = -1; /* of the socket pair */
static int slot = -1; /* the number of the descriptor, which is an eventfd until it has come */
static bool has_come;

void written_prepare(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return;
	mine = pair[0];
	theirs = pair[1];
	has_come = false;
	slot = eventfd(0, EFD_CLOEXEC);
}

static int make(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURE_WP_ASYNC };
	if (fd < 0 || !ioctl(fd, UFFDIO_API, &api))
		return fd;
	close(fd);
	return -1;
}

void written_give(void)
{
	int fd = theirs < 0 ? -1 : make();
	if (fd >= 0)
		rights_send(theirs, "", 1, fd, MSG_NOSIGNAL);
}

void written_allow(struct filter *f, int page_map)
{
	const struct filter_arg to_slot[] = { { 1, FILTER_EQUAL, (uint64_t)slot },
		                              { 2, FILTER_EQUAL, O_CLOEXEC } },
	                        watch = { 1, FILTER_EQUAL, UFFDIO_REGISTER },
	                        scan = { 1, FILTER_EQUAL, SCAN };
	if (slot < 0 || page_map < 0)
		return;
	filter_allow_on(f, SYS_recvmsg, mine, NULL, 0);
	filter_allow_if(f, SYS_dup3, to_slot, 2);
	filter_allow(f, SYS_close);
	filter_allow_on(f, SYS_ioctl, slot, &watch, 1);
	filter_allow_on(f, SYS_ioctl, page_map, &scan, 1);
}

/* The descriptor, if the image's process has sent one. */
static bool come(void)
{
	char byte;
	int fd;
	if (has_come || slot < 0)
		return has_come;
	if (rights_receive(mine, &byte, sizeof byte, &fd, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0 ||
	    fd < 0)
		return false;
	has_come = dup3(fd, slot, O_CLOEXEC) == slot;
	close(fd);
	return has_come;
}

bool written_watch(int page_map, uint64_t at, uint64_t size)
{
	struct uffdio_register r = { .range = { at, size }, .mode = UFFDIO_REGISTER_MODE_WP };
	return page_map >= 0 && come() && !ioctl(slot, UFFDIO_REGISTER, &r);
}

int written_scan(int page_map, uint64_t *at, uint64_t end, uint64_t pages, bool again, bool own,
                 struct written_range ranges[WRITTEN_RANGES])
{
	struct scan s = { .size = sizeof s,
		          .flags = again ? WP_MATCHING : 0,
		          .start = *at,
		          .end = end,
		          .vec = (uint64_t)ranges,
		          .vec_count = WRITTEN_RANGES,
		          .max_pages = pages,
		          .inverted = own ? IS_OF_FILE : 0,
		          .mask = IS_WRITTEN | (own ? IS_OF_FILE : 0),
		          .any_of = IS_PRESENT | IS_SWAPPED,
		          .wanted = IS_WRITTEN };
	int count = ioctl(page_map, SCAN, &s);
	if (count < 0)
		return errno == EINTR ? 0 : -1;
	*at = s.walk_end;
	return count;
}
