/* SPDX-License-Identifier: ISC */
/*
 * Half of the frames wait in the fill ring, half are for sending. UDP checksums are sent as zero,
 * which means "none" (RFC 768), and are not looked at in answers: who sends them is measured, not
 * we.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <tender/device/xdp_socket.h>

#include "packets.h"

#define RING     2048u
#define FRAMES   (2 * RING)
#define BATCH    64u
#define CHANNELS 64u
#define HEADERS  (14u + sizeof(struct iphdr) + sizeof(struct udphdr))
#define START    AMP_FRAME_HEADROOM /* of a packet in its frame, both ways */

struct ring {
	uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t mine;
};

static struct xdp xdp;
static uint8_t *frames;
static struct ring fill, completion, tx, rx;
static uint64_t spare[RING]; /* frames for sending */
static uint32_t spare_count, unsent;
static uint8_t header[HEADERS];
static uint32_t server_address, own_address;
static uint16_t server_port, first_port;
static uint64_t reserved;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "dnsload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void ring_view(struct ring *r, uint8_t *rings, enum xdp_ring which)
{
	const struct xdp_layout *l = &xdp.layout[which];
	uint8_t *at = rings + xdp_ring_at(&xdp, 0, which, RING);
	*r = (struct ring){ (uint32_t *)(at + l->producer), (uint32_t *)(at + l->consumer),
		            (uint32_t *)(at + l->flags), at + l->entries, 0 };
}

/* The server's link address, which the kernel knows once it has sent something there. */
static void resolve(const char *interface, const struct sockaddr_in *server, uint8_t mac[6])
{
	struct arpreq r = { 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(&r.arp_pa, server, sizeof *server);
	((struct sockaddr_in *)&r.arp_pa)->sin_port = 0;
	strncpy(r.arp_dev, interface, sizeof r.arp_dev - 1);
	for (int tries = 0; tries < 200; tries++) {
		sendto(s, "", 1, 0, (const struct sockaddr *)server, sizeof *server);
		usleep(5000);
		if (!ioctl(s, SIOCGARP, &r) && r.arp_flags & ATF_COM) {
			memcpy(mac, r.arp_ha.sa_data, 6);
			close(s);
			return;
		}
	}
	errno = EHOSTUNREACH;
	die("the server's link address");
}

static uint32_t address_of(const char *interface)
{
	struct ifreq r = { 0 };
	struct sockaddr_in a;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	strncpy(r.ifr_name, interface, sizeof r.ifr_name - 1);
	if (ioctl(s, SIOCGIFADDR, &r))
		die(interface);
	memcpy(&a, &r.ifr_addr, sizeof a);
	close(s);
	return a.sin_addr.s_addr;
}

void packets_open(const char *interface, const struct sockaddr_in *server, uint16_t port)
{
	struct defect why;
	server_address = server->sin_addr.s_addr;
	server_port = server->sin_port;
	first_port = port;
	own_address = address_of(interface);
	resolve(interface, server, header);
	if (xdp_open(&xdp, interface, 1, &why)) {
		fprintf(stderr, "dnsload: %s\n", why.text);
		exit(1);
	}
	size_t size = (size_t)FRAMES * AMP_FRAME_SIZE;
	frames = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *rings = mmap(NULL, xdp_rings_size(&xdp, RING), PROT_NONE,
	                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (frames == MAP_FAILED || rings == MAP_FAILED)
		die("memory");
	if (xdp_bind(&xdp, frames, size, AMP_FRAME_SIZE, rings, RING, &why)) {
		fprintf(stderr, "dnsload: %s\n", why.text);
		exit(1);
	}
	ring_view(&fill, rings, XDP_RING_FILL);
	ring_view(&completion, rings, XDP_RING_COMPLETION);
	ring_view(&tx, rings, XDP_RING_TX);
	ring_view(&rx, rings, XDP_RING_RX);
	for (uint32_t i = 0; i < RING; i++) {
		((uint64_t *)fill.entries)[i] = (uint64_t)i * AMP_FRAME_SIZE;
		spare[i] = (uint64_t)(RING + i) * AMP_FRAME_SIZE;
	}
	fill.mine = spare_count = RING;
	__atomic_store_n(fill.producer, fill.mine, __ATOMIC_RELEASE);

	memcpy(header + 6, xdp.mac, 6);
	header[12] = 8;
	struct iphdr *ip = (struct iphdr *)(header + 14);
	*ip = (struct iphdr){ .version = 4,
		              .ihl = 5,
		              .ttl = 64,
		              .protocol = IPPROTO_UDP,
		              .frag_off = htons(IP_DF),
		              .saddr = own_address,
		              .daddr = server_address };
}

static void reap(void)
{
	uint32_t n = __atomic_load_n(completion.producer, __ATOMIC_ACQUIRE) - completion.mine;
	for (uint32_t i = 0; i < n; i++)
		spare[spare_count++] =
		        ((uint64_t *)completion.entries)[(completion.mine + i) & (RING - 1)] &
		        ~(uint64_t)(AMP_FRAME_SIZE - 1);
	completion.mine += n;
	__atomic_store_n(completion.consumer, completion.mine, __ATOMIC_RELEASE);
}

uint8_t *packets_reserve(unsigned channel)
{
	if (!spare_count)
		reap();
	if (!spare_count)
		return NULL;
	reserved = spare[spare_count - 1];
	uint8_t *f = frames + reserved + START;
	memcpy(f, header, HEADERS);
	uint16_t port = htons((uint16_t)(first_port + channel));
	memcpy(f + 34, &port, 2);
	return f + HEADERS;
}

static void put_u16(uint8_t *to, size_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

void packets_add(size_t size)
{
	uint8_t *f = frames + reserved + START;
	uint32_t sum = 0;
	uint16_t word;
	spare_count--;
	put_u16(f + 16, size + HEADERS - 14);
	for (int i = 14; i < 34; i += 2) {
		memcpy(&word, f + i, 2);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	word = (uint16_t)~((sum & 0xffff) + (sum >> 16));
	memcpy(f + 24, &word, 2);
	memcpy(f + 36, &server_port, 2);
	put_u16(f + 38, size + 8);
	put_u16(f + 40, 0);
	((struct amp_desc *)tx.entries)[(tx.mine + unsent++) & (RING - 1)] =
	        (struct amp_desc){ .addr = reserved + START, .len = (uint32_t)(size + HEADERS) };
}

void packets_flush(void)
{
	tx.mine += unsent;
	unsent = 0;
	__atomic_store_n(tx.producer, tx.mine, __ATOMIC_RELEASE);
	if (__atomic_load_n(tx.consumer, __ATOMIC_ACQUIRE) != tx.mine)
		sendto(xdp.fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
	reap();
}

static void answer_arp(const uint8_t *request)
{
	uint8_t *f;
	if (memcmp(request + 20, "\0\1", 2) || memcmp(request + 38, &own_address, 4) ||
	    !(f = packets_reserve(0)))
		return;
	f -= HEADERS;
	memcpy(f, request + 6, 6);
	memcpy(f + 6, xdp.mac, 6);
	memcpy(f + 12, request + 12, 8);
	put_u16(f + 20, 2);
	memcpy(f + 22, xdp.mac, 6);
	memcpy(f + 28, &own_address, 4);
	memcpy(f + 32, request + 22, 10);
	spare_count--;
	((struct amp_desc *)tx.entries)[(tx.mine + unsent++) & (RING - 1)] =
	        (struct amp_desc){ .addr = reserved + START, .len = 42 };
	packets_flush();
}

int packets_receive(packets_take_fn *take, uint64_t (*now)(void))
{
	uint32_t n = __atomic_load_n(rx.producer, __ATOMIC_ACQUIRE) - rx.mine;
	int taken = 0;
	if (!n)
		return 0;
	n = n < BATCH ? n : BATCH;
	uint64_t at = now();
	for (uint32_t i = 0; i < n; i++) {
		struct amp_desc d = ((struct amp_desc *)rx.entries)[(rx.mine + i) & (RING - 1)];
		const uint8_t *f = frames + d.addr;
		uint16_t port = (uint16_t)(f[36] << 8 | f[37]),
		         length = (uint16_t)(f[38] << 8 | f[39]);
		if (d.len >= 42 && f[12] == 8 && f[13] == 6)
			answer_arp(f);
		if (d.len >= HEADERS + 12 && f[12] == 8 && !f[13] && f[14] == 0x45 &&
		    f[23] == IPPROTO_UDP && !memcmp(f + 26, &server_address, 4) &&
		    !memcmp(f + 34, &server_port, 2) && (uint16_t)(port - first_port) < CHANNELS &&
		    length >= 8 && length <= d.len - 34) {
			take((unsigned)(port - first_port), f + HEADERS, length - 8u, at);
			taken++;
		}
		((uint64_t *)fill.entries)[(fill.mine + i) & (RING - 1)] =
		        d.addr & ~(uint64_t)(AMP_FRAME_SIZE - 1);
	}
	rx.mine += n;
	__atomic_store_n(rx.consumer, rx.mine, __ATOMIC_RELEASE);
	fill.mine += n;
	__atomic_store_n(fill.producer, fill.mine, __ATOMIC_RELEASE);
	return taken;
}
