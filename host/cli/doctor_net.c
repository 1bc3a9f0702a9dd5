/* SPDX-License-Identifier: ISC */
/*
 * Network devices, seen by `ampoule doctor`: a TAP device in a throw-away network namespace, with
 * what one packet costs in each direction, AF_XDP sockets, and the table of neighbours. The namespace dies with the
 * probe's process.
 */
#include "doctor_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS        500
#define PACKET_SIZE    80     /* a short DNS query with its headers */
#define ETHERTYPE      0x88b5 /* IEEE 802: local experiments; nobody answers */
#define XDP_FRAMES     64
#define XDP_FRAME_SIZE 2048
#define NEIGHBOURS_FEW 4096 /* Linux has room for 1,024 unless it is told */

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif

static int write_map(const char *path, const char *format, unsigned id)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CLOEXEC), length = snprintf(text, sizeof text, format, id);
	ssize_t n = fd < 0 ? -1 : write(fd, text, (size_t)length);

	if (fd >= 0)
		close(fd);
	return n == length ? 0 : -1;
}

int doctor_enter_network(void)
{
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -1;
	write_map("/proc/self/setgroups", "deny", 0);
	if (write_map("/proc/self/uid_map", "0 %u 1", uid) < 0)
		return -1;
	write_map("/proc/self/gid_map", "0 %u 1", gid);
	return 0;
}

/* A raw socket that sends on and hears from the device. */
static int packet_socket(const char *name)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		                  .sll_protocol = htons(ETHERTYPE),
		                  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int set_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
	result = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &ifr);
	if (fd >= 0)
		close(fd);
	return result;
}

/* Times PACKETS writes to and reads from the TAP, one by one. Packets of others (the kernel's own
 * router solicitations) are read past. 0, or -1 with errno. */
static int time_packets(int tap, int packets, double *write_ns, double *read_ns)
{
	uint8_t frame[PACKET_SIZE] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,           2,
		0,    0,    0,    0,    1,    ETHERTYPE >> 8, ETHERTYPE & 0xff
	};
	uint8_t got[2048];
	uint64_t writes = 0, reads = 0;

	for (int i = 0; i < PACKETS; i++) {
		uint64_t start = doctor_ns(), middle;
		ssize_t n;

		if (write(tap, frame, sizeof frame) != (ssize_t)sizeof frame)
			return -1;
		writes += doctor_ns() - start;
		if (recv(packets, got, sizeof got, 0) != (ssize_t)sizeof frame)
			return -1;
		if (send(packets, frame, sizeof frame, 0) != (ssize_t)sizeof frame)
			return -1;
		do {
			middle = doctor_ns();
			n = read(tap, got, sizeof got);
			if (n < 0)
				return -1;
		} while (n != (ssize_t)sizeof frame || got[12] != ETHERTYPE >> 8);
		reads += doctor_ns() - middle;
	}
	*write_ns = (double)writes / PACKETS;
	*read_ns = (double)reads / PACKETS;
	return 0;
}

void doctor_tap(struct doctor_report *report)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI, .ifr_name = "doctor%d" };
	bool root = geteuid() == 0;
	double write_ns, read_ns;
	struct doctor_line *line;
	const char *step = "network namespace";
	int tap, packets;
	uint64_t start;

	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0) {
		int error = errno;

		line = doctor_line(report, "net.tap", DOCTOR_MISSING, 0, NULL, "/dev/net/tun: %s",
		                   strerror(error));
		if (error == EACCES || error == EPERM)
			doctor_remedy(
			        line,
			        "use -p, which needs no TAP device; or let this user alone open "
			        "it: sudo setfacl -m u:$USER:rw /dev/net/tun");
		else
			doctor_remedy(line, "load the module: sudo modprobe tun (containers: "
			                    "--device /dev/net/tun)");
		return;
	}
	close(tap); /* it belongs to the namespace it was opened in */
	if (doctor_enter_network() < 0)
		goto fail;
	step = "/dev/net/tun in the namespace";
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0)
		goto fail;
	step = "TUNSETIFF";
	start = doctor_ns();
	if (ioctl(tap, TUNSETIFF, &ifr) < 0)
		goto fail;
	step = "interface up";
	if (set_up(ifr.ifr_name) < 0)
		goto fail;
	start = doctor_ns() - start;
	doctor_line(report, "net.tap", DOCTOR_OK, (double)start / 1e6, "ms",
	            "TAP devices work%s; making one takes %.2f ms",
	            root ? "" : " in a namespace; outside, root makes them", (double)start / 1e6);
	packets = packet_socket(ifr.ifr_name);
	if (packets < 0 || time_packets(tap, packets, &write_ns, &read_ns) < 0) {
		doctor_remedy(doctor_line(report, "net.packet", DOCTOR_WARNING, 0, NULL,
		                          "no packet passes through a TAP device: %s",
		                          strerror(errno)),
		              "see whether a firewall drops all of EtherType %#x", ETHERTYPE);
		return;
	}
	doctor_line(report, "net.packet", DOCTOR_OK, write_ns + read_ns, "ns",
	            "%.0f ns to write a packet to a TAP, %.0f ns to read one", write_ns, read_ns);
	return;
fail:
	line = doctor_line(report, "net.tap", DOCTOR_MISSING, 0, NULL,
	                   "a TAP device cannot be made: %s: %s", step, strerror(errno));
	doctor_remedy(
	        line,
	        root ? "give this process CAP_NET_ADMIN and CAP_SYS_ADMIN (containers: --cap-add)"
	             : "run as root");
}

void doctor_xdp(struct doctor_report *report)
{
	struct xdp_umem_reg umem = { .len = XDP_FRAMES * XDP_FRAME_SIZE,
		                     .chunk_size = XDP_FRAME_SIZE };
	bool root = geteuid() == 0;
	uint64_t start = doctor_ns();
	struct doctor_line *line;
	const char *step = "socket";
	void *area;
	int fd, error;

	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		step = "frame area";
		area = mmap(NULL, umem.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		            0);
		umem.addr = (uintptr_t)area;
		if (area != MAP_FAILED &&
		    setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem) == 0) {
			double us = (double)(doctor_ns() - start) / 1e3;

			doctor_line(report, "net.xdp", DOCTOR_OK, us, "us",
			            "AF_XDP sockets work: %.0f us for one with a frame area", us);
			close(fd);
			return;
		}
	}
	error = errno;
	line = doctor_line(report, "net.xdp", DOCTOR_NOTE, 0, NULL, "no AF_XDP socket: %s: %s",
	                   step, strerror(error));
	doctor_remedy(line, error == EAFNOSUPPORT ? "use a kernel with CONFIG_XDP_SOCKETS"
	                    : error == ENOBUFS    ? "raise the limit on locked memory (ulimit -l)"
	                    : root                ? "give this process CAP_NET_RAW"
	                                          : "run as root, or with CAP_NET_RAW");
}

/* A neighbour that the kernel has no room for hears nothing from this host, not even an answer to its own question. Only the host's
 * own network namespace has the figure. */
void doctor_neighbours(struct doctor_report *report)
{
	struct doctor_line *line;
	char text[32];
	double room;

	doctor_read("/proc/sys/net/ipv4/neigh/default/gc_thresh3", text, sizeof text);
	if (!text[0])
		return;
	room = atof(text);
	line = doctor_line(
	        report, "net.neighbours", room < NEIGHBOURS_FEW ? DOCTOR_NOTE : DOCTOR_OK, room,
	        "neighbours",
	        "the kernel has room for %.0f neighbours, in all network namespaces together",
	        room);
	if (room < NEIGHBOURS_FEW)
		doctor_remedy(line,
		              "where more appliances than that are to be reached from this host: "
		              "sudo sysctl net.ipv4.neigh.default.gc_thresh3=65536, "
		              "and net.ipv6's");
}
