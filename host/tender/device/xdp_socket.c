/* SPDX-License-Identifier: ISC */
/*
 * The kernel's order: socket, frame area, the sizes of the rings, bind; the same but for the area
 * for each further queue; and only then map entries and a program: packets never come before there
 * is a place for them. linux/if_xdp.h and linux/bpf.h, by system calls: libbpf would bring an ELF
 * reader along for five instructions, and start-up counts.
 *
 * The driver's own XDP where it has it, else the kernel's generic one; zero-copy where the driver
 * has that. NEED_WAKEUP always: the image's doorbell is the only thing that makes the kernel look
 * at tx.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/link.h>
#include <tender/device/memory.h>
#include <tender/device/xdp_socket.h>

#define QUEUES_MAX 4096u /* that a number is believed to name */
#define CHUNK_MAX  4096u
#define BUSY_TRIES 200u
#define BUSY_US    10000u
/* Entries of a further queue's completion ring, which the kernel wants and nothing comes to. */
#define UNUSED_RING 64u
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17: packets that one doorbell sends; 32 before */
#endif

_Static_assert(sizeof(struct xdp_desc) == sizeof(struct amp_desc), "the rings are AF_XDP's");
_Static_assert(XDP_RING_NEED_WAKEUP == AMP_RING_NEED_WAKEUP, "the rings are AF_XDP's");
_Static_assert(AMP_FRAME_HEADROOM == 256, "XDP_PACKET_HEADROOM: where the kernel puts a packet");

static int make_socket(int *fd, struct defect *why)
{
	*fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd >= 0)
		return 0;
	return defect_set(why, "no AF_XDP socket: %s%s", strerror(errno),
	                  errno == EPERM ? ": run as root, or use tap:"
	                  : errno == EAFNOSUPPORT
	                          ? ": use a kernel with CONFIG_XDP_SOCKETS, or tap:"
	                          : "");
}

static int learn_layout(struct xdp *x, struct defect *why)
{
	struct xdp_mmap_offsets o;
	socklen_t size = sizeof o;
	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &o, &size) || size != sizeof o)
		return defect_set(
		        why,
		        "AF_XDP of this kernel is too old: Linux 5.4 or newer is needed, or tap:");
	const struct xdp_ring_offset *from[XDP_RINGS] = { [XDP_RING_FILL] = &o.fr,
		                                          [XDP_RING_COMPLETION] = &o.cr,
		                                          [XDP_RING_TX] = &o.tx,
		                                          [XDP_RING_RX] = &o.rx };
	for (unsigned i = 0; i < XDP_RINGS; i++)
		x->layout[i] = (struct xdp_layout){ from[i]->producer, from[i]->consumer,
			                            from[i]->flags, from[i]->desc };
	return 0;
}

/* The checksums of packets that a veth's other end sends are finished by hardware that never comes.
 */
static bool is_veth(int s, struct ifreq *r)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	r->ifr_data = (char *)&info;
	return !ioctl(s, SIOCETHTOOL, r) && !strcmp(info.driver, "veth");
}

/* How many receive queues there are; *kind is the word that ethtool has for them. A driver that
 * knows nothing of channels has one, or as many as it hashes to. */
static uint32_t count_queues(int s, struct ifreq *r, const char **kind)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_rxnfc rings = { .cmd = ETHTOOL_GRXRINGS };
	*kind = "combined";
	r->ifr_data = (char *)&channels;
	if (!ioctl(s, SIOCETHTOOL, r) && channels.combined_count + channels.rx_count) {
		if (!channels.combined_count)
			*kind = "rx";
		return channels.combined_count + channels.rx_count;
	}
	r->ifr_data = (char *)&rings;
	if (!ioctl(s, SIOCETHTOOL, r) && rings.data && rings.data < QUEUES_MAX)
		return (uint32_t)rings.data;
	return 1;
}

/* All of the interface's queues, if there are not too many. */
static int take_queues(struct xdp *x, int s, struct ifreq *r, uint32_t most, struct defect *why)
{
	const char *kind;
	uint32_t count = x->queue_count = count_queues(s, r, &kind);
	if (count <= most)
		return 0;
	return defect_set(
	        why,
	        "interface %s has %u receive queues, more than %u: ethtool -L %s %s %u, or add "
	        ",queue=NUMBER",
	        x->name, count, most, x->name, kind, most);
}

/* most: see xdp_open; 0: the one queue that it has been told. */
static int learn_interface(struct xdp *x, uint32_t most, struct defect *why)
{
	struct ifreq r = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), failed;
	memcpy(r.ifr_name, x->name, sizeof x->name);
	failed = s < 0 || ioctl(s, SIOCGIFINDEX, &r);
	if (failed)
		defect_set(why,
		           errno == ENODEV ? "there is no network interface %s"
		                           : "interface %s: %s",
		           x->name, strerror(errno));
	x->interface = failed ? 0 : (uint32_t)r.ifr_ifindex;
	if (!failed &&
	    (failed = ioctl(s, SIOCGIFHWADDR, &r) || r.ifr_hwaddr.sa_family != ARPHRD_ETHER))
		defect_set(why, "interface %s is not an Ethernet interface", x->name);
	if (!failed)
		memcpy(x->mac, r.ifr_hwaddr.sa_data, sizeof x->mac);
	if (!failed && (failed = ioctl(s, SIOCGIFFLAGS, &r) || !(r.ifr_flags & IFF_UP)))
		defect_set(why, "interface %s is down: ip link set %s up", x->name, x->name);
	if (!failed && (failed = ioctl(s, SIOCGIFMTU, &r)))
		defect_set(why, "interface %s: %s", x->name, strerror(errno));
	if (!failed) {
		x->mtu = (uint16_t)(r.ifr_mtu > UINT16_MAX ? UINT16_MAX : r.ifr_mtu);
		x->partial = is_veth(s, &r);
		x->queue_count = 1;
		failed = most && take_queues(x, s, &r, most, why);
	}
	if (s >= 0)
		close(s);
	return failed ? -1 : 0;
}

int xdp_open(struct xdp *x, const char *text, uint32_t most, struct defect *why)
{
	const char *comma = strchr(text, ',');
	size_t length = comma ? (size_t)(comma - text) : strlen(text);
	*x = (struct xdp){ .fd = -1, .watch = -1, .link = -1, .map = -1 };
	if (!length || length >= sizeof x->name || memchr(text, '/', length)) {
		defect_set(why, "'%.*s' is no name of a network interface (1 to %zu bytes)",
		           (int)length, text, sizeof x->name - 1);
		return XDP_WORDS;
	}
	memcpy(x->name, text, length);
	if (comma) {
		char *end = NULL;
		unsigned long queue = QUEUES_MAX;
		if (!strncmp(comma, ",queue=", 7) && comma[7] >= '0' && comma[7] <= '9')
			queue = strtoul(comma + 7, &end, 10);
		if (!end || *end || queue >= QUEUES_MAX) {
			defect_set(why, "'%s': want INTERFACE or INTERFACE,queue=NUMBER", text);
			return XDP_WORDS;
		}
		x->queue = (uint32_t)queue;
		most = 0;
	}
	x->watch = link_watch(why);
	if (x->watch < 0 || learn_interface(x, most, why) || make_socket(&x->fd, why))
		return -1;
	return learn_layout(x, why);
}

/* ---- Rings ---- */

static uint64_t entry_size(enum xdp_ring which)
{
	return which == XDP_RING_TX || which == XDP_RING_RX ? sizeof(struct xdp_desc)
	                                                    : sizeof(uint64_t);
}

static uint64_t ring_bytes(const struct xdp *x, enum xdp_ring which, uint32_t ring_size)
{
	return whole_pages(x->layout[which].entries + ring_size * entry_size(which));
}

uint64_t xdp_ring_at(const struct xdp *x, uint32_t k, enum xdp_ring which, uint32_t ring_size)
{
	uint64_t at = 0, fill = ring_bytes(x, XDP_RING_FILL, ring_size);
	for (unsigned i = 0; i < (k ? XDP_RINGS : which); i++)
		at += ring_bytes(x, i, ring_size);
	if (k)
		at += (k - 1) * (fill + ring_bytes(x, XDP_RING_RX, ring_size)) +
		      (which == XDP_RING_FILL ? 0 : fill);
	return at;
}

uint64_t xdp_rings_size(const struct xdp *x, uint32_t ring_size)
{
	return xdp_ring_at(x, x->queue_count, XDP_RING_FILL, ring_size);
}

/* Those of the k-th queue. */
static int make_rings(struct xdp *x, uint32_t k, uint8_t *rings, uint32_t ring_size,
                      struct defect *why)
{
	static const struct {
		int option;
		off_t at;
	} kernel[XDP_RINGS] = { [XDP_RING_FILL] = { XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING },
		                [XDP_RING_COMPLETION] = { XDP_UMEM_COMPLETION_RING,
		                                          XDP_UMEM_PGOFF_COMPLETION_RING },
		                [XDP_RING_TX] = { XDP_TX_RING, XDP_PGOFF_TX_RING },
		                [XDP_RING_RX] = { XDP_RX_RING, XDP_PGOFF_RX_RING } };
	int fd = xdp_socket(x, k);
	uint32_t unused = UNUSED_RING;
	for (unsigned i = 0; i < XDP_RINGS; i++) {
		if (k && (i == XDP_RING_TX || i == XDP_RING_COMPLETION))
			continue;
		uint64_t size = ring_bytes(x, i, ring_size);
		uint8_t *at = rings + xdp_ring_at(x, k, i, ring_size);
		if (setsockopt(fd, SOL_XDP, kernel[i].option, &ring_size, sizeof ring_size) ||
		    mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
		         fd, kernel[i].at) == MAP_FAILED)
			return defect_set(why, "no AF_XDP rings of %u entries: %s", ring_size,
			                  strerror(errno));
	}
	if (k && setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &unused, sizeof unused))
		return defect_set(why, "no AF_XDP ring: %s", strerror(errno));
	if (!k)
		setsockopt(fd, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, &ring_size, sizeof ring_size);
	return 0;
}

/* ---- Packets to the sockets ---- */

static int bpf(int command, union bpf_attr *a, size_t size)
{
	return (int)syscall(SYS_bpf, command, a, size);
}

static int make_program(int map)
{
	const struct bpf_insn code[] = {
		/* return bpf_redirect_map(&map, context->rx_queue_index, XDP_PASS) */
		{ .code = BPF_LDX | BPF_MEM | BPF_W,
		  .dst_reg = 2,
		  .src_reg = 1,
		  .off = offsetof(struct xdp_md, rx_queue_index) },
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD,
		  .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_XDP;
	a.insns = (uintptr_t)code;
	a.insn_cnt = sizeof code / sizeof *code;
	a.license = (uintptr_t)"ISC";
	return bpf(BPF_PROG_LOAD, &a, sizeof a);
}

static int steer(struct xdp *x, struct defect *why)
{
	union bpf_attr a;
	memset(&a, 0, sizeof a);
	a.map_type = BPF_MAP_TYPE_XSKMAP;
	a.key_size = a.value_size = sizeof(int);
	a.max_entries = x->queue + x->queue_count;
	x->map = bpf(BPF_MAP_CREATE, &a, sizeof a);
	bool failed = x->map < 0;
	for (uint32_t k = 0; !failed && k < x->queue_count; k++) {
		uint32_t queue = x->queue + k;
		int fd = xdp_socket(x, k);
		memset(&a, 0, sizeof a);
		a.map_fd = (uint32_t)x->map;
		a.key = (uintptr_t)&queue;
		a.value = (uintptr_t)&fd;
		failed = bpf(BPF_MAP_UPDATE_ELEM, &a, sizeof a);
	}
	int program = -1;
	if (failed || (program = make_program(x->map)) < 0)
		return defect_set(why, "the kernel does not take a program that steers packets: %s",
		                  strerror(errno));
	memset(&a, 0, sizeof a);
	a.link_create.prog_fd = (uint32_t)program;
	a.link_create.target_ifindex = x->interface;
	a.link_create.attach_type = BPF_XDP;
	x->link = bpf(BPF_LINK_CREATE, &a, sizeof a);
	int error = errno;
	close(program);
	if (x->link >= 0)
		return 0;
	if (error == EBUSY || error == EEXIST)
		return defect_set(why,
		                  "interface %s is taken: another XDP program steers its packets",
		                  x->name);
	if (error == ERANGE)
		return defect_set(
		        why,
		        "interface %s: its MTU, or that of its other end, is too large for XDP: "
		        "ip link set %s mtu 1500",
		        x->name, x->name);
	return defect_set(why, "interface %s takes no XDP program: %s", x->name, strerror(error));
}

/* The k-th of its queues. The further ones do as the first does: the kernel takes no flags there.
 */
static int bind_queue(struct xdp *x, uint32_t k, struct defect *why)
{
	struct sockaddr_xdp to = { .sxdp_family = AF_XDP,
		                   .sxdp_flags = k ? XDP_SHARED_UMEM : XDP_USE_NEED_WAKEUP,
		                   .sxdp_ifindex = x->interface,
		                   .sxdp_queue_id = x->queue + k,
		                   .sxdp_shared_umem_fd = k ? (uint32_t)x->fd : 0 };
	/* The kernel takes a while to let go of the socket of who has just ended. */
	int failed;
	for (unsigned tries = 0;
	     (failed = bind(xdp_socket(x, k), (struct sockaddr *)&to, sizeof to)); tries++) {
		if (errno != EBUSY || tries == BUSY_TRIES)
			break;
		usleep(BUSY_US);
	}
	if (!failed)
		return 0;
	if (errno == EBUSY)
		return defect_set(why, "interface %s, queue %u: another AF_XDP socket has it",
		                  x->name, to.sxdp_queue_id);
	if (k)
		return defect_set(
		        why,
		        "interface %s: its queue %u takes no AF_XDP socket beside queue %u's "
		        "(%s): Linux 5.10 or newer is needed, or add ,queue=NUMBER",
		        x->name, to.sxdp_queue_id, x->queue, strerror(errno));
	if (errno == EINVAL)
		return defect_set(why, "interface %s has no queue %u", x->name, x->queue);
	return defect_set(why, "interface %s takes no AF_XDP socket: %s", x->name, strerror(errno));
}

static void let_go(struct xdp *x)
{
	int *fds[] = { &x->link, &x->map, &x->fd };
	for (unsigned i = 0; i < 3; i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
	for (uint32_t k = 0; k < x->further_count; k++)
		close(x->further[k]);
	x->further_count = 0;
}

static int bind_further(struct xdp *x, uint8_t *rings, uint32_t ring_size, struct defect *why)
{
	for (uint32_t k = 1; k < x->queue_count; k++) {
		if (make_socket(&x->further[k - 1], why))
			return -1;
		x->further_count = k;
		if (make_rings(x, k, rings, ring_size, why) || bind_queue(x, k, why))
			return -1;
	}
	return 0;
}

void xdp_close(struct xdp *x)
{
	let_go(x);
	if (x->watch >= 0)
		close(x->watch);
	x->watch = -1;
}

int xdp_bind(struct xdp *x, uint8_t *frames, uint64_t frames_size, uint32_t frame_size,
             uint8_t *rings, uint32_t ring_size, struct defect *why)
{
	if (x->bound || x->fd < 0) {
		let_go(x);
		if (make_socket(&x->fd, why))
			return -1;
	}
	x->bound = true;
	struct xdp_umem_reg area = { .addr = (uintptr_t)frames,
		                     .len = frames_size,
		                     .chunk_size = frame_size };
	if (frame_size > CHUNK_MAX)
		return defect_set(why, "interface %s: its MTU of %u is too large for AF_XDP",
		                  x->name, x->mtu);
	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &area, sizeof area))
		return defect_set(
		        why, "AF_XDP does not take %llu KiB of frames: %s%s",
		        (unsigned long long)(frames_size >> 10), strerror(errno),
		        errno == ENOBUFS ? ": raise the limit on locked memory (ulimit -l)" : "");
	return make_rings(x, 0, rings, ring_size, why) || bind_queue(x, 0, why) ||
	                       bind_further(x, rings, ring_size, why) || steer(x, why)
	               ? -1
	               : 0;
}
