/* SPDX-License-Identifier: ISC */
/* A TCP segment's header, decoded: what came, or what is to go. RFC 9293 §3.1, 3.2; options 7323, 2018. */
#ifndef NET_TCP_SEGMENT_H
#define NET_TCP_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <net/ip6/ip6.h>
#include <net/tcp.h>

#define TCP_FIN 1u
#define TCP_SYN 2u
#define TCP_RST 4u
#define TCP_PSH 8u
#define TCP_ACK 16u
#define TCP_URG 32u
#define TCP_ECE 64u
#define TCP_CWR 128u

#define TCP_HEADER_SIZE     20u
#define TCP_HEADER_MAX      60u
#define TCP_TIMESTAMP_SIZE  12u /* of the option, padding included */
#define TCP_SCALE_MAX       14u /* RFC 7323 §2.3 */
#define TCP_SACK_BLOCKS_MAX 4u
#define TCP_OPTIONS_MSS_MIN 64u /* a smaller MSS leaves no room for timestamps and SACK blocks */

struct tcp_segment {
	uint32_t seq, ack;
	uint16_t source, destination; /* ports */
	uint16_t window;              /* as on the wire: not scaled */
	uint8_t flags;                /* TCP_* */
	uint8_t header_size;
	uint32_t size; /* of the payload; the caller's to set */
	bool has_mss, has_scale, sack_permitted, has_timestamps;
	uint16_t mss;
	uint8_t scale;        /* at most TCP_SCALE_MAX */
	uint32_t value, echo; /* TSval, TSecr */
	uint8_t sack_count;
	uint32_t sacks[TCP_SACK_BLOCKS_MAX][2];
};

/* Sequence numbers that it takes. */
static inline uint32_t tcp_segment_length(const struct tcp_segment *s)
{
	return s->size + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
}

/* What may be sent to an address that has not said. */
static inline uint16_t tcp_mss_default(uint32_t remote)
{
	return ip6_is(remote) ? TCP_MSS_DEFAULT6 : TCP_MSS_DEFAULT;
}

/* What a SYN allows the other side to send, options included; the default if it does not say, or says 0. */
static inline uint16_t tcp_segment_mss(const struct tcp_segment *s, uint32_t remote)
{
	return s->has_mss && s->mss ? s->mss : tcp_mss_default(remote);
}

/* Decodes a header of a message of `size` bytes. False: it does not parse. An option of a wrong length is ignored; one
 * that runs over the header's end makes the rest ignored (RFC 9293 §3.1: be lenient where nothing depends on it). */
bool tcp_segment_parse(struct tcp_segment *, const uint8_t *message, uint32_t size);

/* The size that tcp_segment_write needs; sack_count is cut to what fits into it. A multiple of 4. */
uint32_t tcp_segment_header_size(struct tcp_segment *);
/* Writes the header, header_size set by tcp_segment_header_size, checksum zero. */
void tcp_segment_write(const struct tcp_segment *, uint8_t *to);

#endif
