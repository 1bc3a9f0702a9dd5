/* SPDX-License-Identifier: ISC */
/* Options are written as most stacks write them, aligned to words: MSS; SACK-permitted with
 * timestamps; window scale. */
#include <net/tcp/segment.h>

#include <core/bytes.h>
#include <core/cold.h>
#include <core/panic.h>
#include <net/wire.h>

_Static_assert(sizeof(struct tcp_header) == TCP_HEADER_SIZE, "RFC 9293 §3.1");
_Static_assert(TCP_HEADER_MAX == 15 * 4, "what the data offset can say");
_Static_assert(TCP_HEADER_SIZE + 4 + 8 * TCP_SACK_BLOCKS_MAX <= TCP_HEADER_MAX,
               "that many blocks fit where nothing else does");

enum option {
	OPTION_END,
	OPTION_NOTHING,
	OPTION_MSS,
	OPTION_SCALE,
	OPTION_SACK_PERMITTED,
	OPTION_SACK,
	OPTION_TIMESTAMPS = 8
};

/*@ requires \valid(s) && s->sack_count <= TCP_SACK_BLOCKS_MAX && bytes_in_holds(body);
    assigns *s;
    ensures s->sack_count <= TCP_SACK_BLOCKS_MAX; */
static void parse_option(struct tcp_segment *s, uint8_t kind, struct bytes_in body)
{
	uint32_t size = bytes_left(&body);
	bool syn = s->flags & TCP_SYN;
	switch (kind) {
	case OPTION_MSS:
		if (size == 2 && syn) {
			s->has_mss = true;
			s->mss = bytes_get_u16(&body);
		}
		break;
	case OPTION_SCALE:
		if (size == 1 && syn) {
			uint8_t scale = bytes_get_u8(&body);
			s->has_scale = true;
			s->scale =
			        scale > TCP_SCALE_MAX ? TCP_SCALE_MAX : scale; /* RFC 7323 §2.3 */
		}
		break;
	case OPTION_SACK_PERMITTED:
		if (size == 0 && syn)
			s->sack_permitted = true;
		break;
	case OPTION_SACK:
		if (size % 8 || syn)
			break;
		/*@ loop invariant bytes_in_holds(body) && s->sack_count <= TCP_SACK_BLOCKS_MAX;
		    loop assigns body.at, body.failed, *s; */
		while (bytes_left(&body) && s->sack_count < TCP_SACK_BLOCKS_MAX) {
			s->sacks[s->sack_count][0] = bytes_get_u32(&body);
			s->sacks[s->sack_count++][1] = bytes_get_u32(&body);
		}
		break;
	case OPTION_TIMESTAMPS:
		if (size == 8) {
			s->has_timestamps = true;
			s->value = bytes_get_u32(&body);
			s->echo = bytes_get_u32(&body);
		}
		break;
	default:
		break;
	}
}

/*@ requires \valid(s) && s->sack_count <= TCP_SACK_BLOCKS_MAX && bytes_in_holds(options);
    assigns *s; */
static COLD void parse_options(struct tcp_segment *s, struct bytes_in options)
{
	/*@ loop invariant bytes_in_holds(options) && s->sack_count <= TCP_SACK_BLOCKS_MAX;
	    loop assigns options.at, options.failed, *s; */
	while (bytes_left(&options)) {
		uint8_t kind = bytes_get_u8(&options);
		if (kind == OPTION_END)
			break;
		if (kind == OPTION_NOTHING)
			continue;
		uint8_t length = bytes_get_u8(&options);
		if (length < 2)
			break;
		struct bytes_in body = bytes_slice(&options, length - 2u);
		if (body.failed)
			break;
		parse_option(s, kind, body);
	}
}

/* What nearly all segments have for options: timestamps, aligned as RFC 7323 appendix A advises. */
#define TIMESTAMPS_ALONE                                                                           \
	(OPTION_NOTHING << 24 | OPTION_NOTHING << 16 | OPTION_TIMESTAMPS << 8 | 10u)

bool tcp_segment_parse(struct tcp_segment *s, const uint8_t *message, uint32_t size)
{
	struct bytes_in in = bytes_in(message, size);
	const struct tcp_header *h = (const void *)bytes_get(&in, sizeof *h);
	if (!h)
		return false;
	uint32_t header = (uint32_t)(h->size >> 4) * 4;
	if (header < sizeof *h || header > size)
		return false;
	*s = (struct tcp_segment){ .seq = bytes_load_u32(h->seq),
		                   .ack = bytes_load_u32(h->ack),
		                   .source = bytes_load_u16(h->source),
		                   .destination = bytes_load_u16(h->destination),
		                   .window = bytes_load_u16(h->window),
		                   .flags = h->flags,
		                   .header_size = (uint8_t)header,
		                   .size = size - header };
	struct bytes_in options = bytes_slice(&in, header - (uint32_t)sizeof *h);
	if (header == TCP_HEADER_SIZE + TCP_TIMESTAMP_SIZE &&
	    bytes_load_u32(options.base) == TIMESTAMPS_ALONE) {
		s->has_timestamps = true;
		s->value = bytes_load_u32(options.base + 4);
		s->echo = bytes_load_u32(options.base + 8);
		return true;
	}
	if (bytes_left(&options))
		parse_options(s, options);
	return true;
}

uint32_t tcp_segment_header_size(struct tcp_segment *s)
{
	uint32_t size = TCP_HEADER_SIZE;
	size += s->has_mss ? 4 : 0;
	size += s->has_timestamps ? TCP_TIMESTAMP_SIZE : 0;
	size += s->sack_permitted && !s->has_timestamps ? 4 : 0;
	size += s->has_scale ? 4 : 0;
	if (s->sack_count) {
		uint32_t most = (TCP_HEADER_MAX - size - 4) / 8;
		if (s->sack_count > most)
			s->sack_count = (uint8_t)most;
		size += s->sack_count ? 4 + 8u * s->sack_count : 0;
	}
	ensure(size <= TCP_HEADER_MAX && size % 4 == 0);
	s->header_size = (uint8_t)size;
	return size;
}

static COLD void write_options(const struct tcp_segment *s, struct bytes_out *out)
{
	if (s->has_mss) {
		bytes_put_u16(out, OPTION_MSS << 8 | 4);
		bytes_put_u16(out, s->mss);
	}
	if (s->has_timestamps || s->sack_permitted) {
		bytes_put_u16(out, s->sack_permitted ? OPTION_SACK_PERMITTED << 8 | 2
		                                     : OPTION_NOTHING << 8 | OPTION_NOTHING);
		bytes_put_u16(out, s->has_timestamps ? OPTION_TIMESTAMPS << 8 | 10
		                                     : OPTION_NOTHING << 8 | OPTION_NOTHING);
	}
	if (s->has_timestamps) {
		bytes_put_u32(out, s->value);
		bytes_put_u32(out, s->echo);
	}
	if (s->has_scale) {
		bytes_put_u16(out, OPTION_NOTHING << 8 | OPTION_SCALE);
		bytes_put_u16(out, (uint16_t)(3 << 8 | s->scale));
	}
	if (s->sack_count) {
		bytes_put_u16(out, OPTION_NOTHING << 8 | OPTION_NOTHING);
		bytes_put_u16(out, (uint16_t)(OPTION_SACK << 8 | (2 + 8 * s->sack_count)));
		for (uint32_t k = 0; k < s->sack_count; k++) {
			bytes_put_u32(out, s->sacks[k][0]);
			bytes_put_u32(out, s->sacks[k][1]);
		}
	}
	ensure(!out->failed && out->at == s->header_size);
}

void tcp_segment_write(const struct tcp_segment *s, uint8_t *to)
{
	struct bytes_out out = bytes_out(to, s->header_size);
	struct tcp_header *h = (void *)bytes_put(&out, sizeof *h);
	ensure(h);
	bytes_store_u16(h->source, s->source);
	bytes_store_u16(h->destination, s->destination);
	bytes_store_u32(h->seq, s->seq);
	bytes_store_u32(h->ack, s->ack);
	h->size = (uint8_t)(s->header_size / 4 << 4);
	h->flags = s->flags;
	bytes_store_u16(h->window, s->window);
	memset(h->checksum, 0, sizeof h->checksum);
	memset(h->urgent, 0, sizeof h->urgent);
	if (s->header_size == TCP_HEADER_SIZE + TCP_TIMESTAMP_SIZE && s->has_timestamps) {
		uint8_t *options = bytes_put(&out, TCP_TIMESTAMP_SIZE);
		bytes_store_u32(options, TIMESTAMPS_ALONE);
		bytes_store_u32(options + 4, s->value);
		bytes_store_u32(options + 8, s->echo);
		return;
	}
	write_options(s, &out);
}
