/* SPDX-License-Identifier: ISC */
/*
 * SYN cookies (RFC 4987 §3.6): when too many connections are half open, the SYN-ACK's sequence
 * number says all that we would have to remember: 5 bits of time (64 s each), 3 bits of MSS, 24
 * bits of a keyed hash over these, the addresses and the peer's ISN. What else the SYN offered lies
 * in the low bits of our timestamp, which the peer echoes.
 */
#include <net/tcp/internal.h>

#include <core/clone.h>
#include <core/hash.h>
#include <core/random.h>

#define SLOT_NS   (64 * NS_PER_S)
#define SLOTS_OLD 1u /* a cookie is good for 64 to 128 s */

/* The low bits of the timestamp: the scale (15: none), SACK, ECN. */
#define STAMP_BITS  6u
#define STAMP_MASK  ((1u << STAMP_BITS) - 1)
#define STAMP_SCALE 15u
#define STAMP_SACK  16u
#define STAMP_ECN   32u

static const uint16_t sizes[8] = { TCP_COOKIE_MSS_MIN, 536, 1024, 1200, 1360, 1400, 1440, 1460 };

_Static_assert(sizeof sizes / sizeof *sizes == 1u << 3, "what three bits can say");
_Static_assert(STAMP_SCALE > TCP_SCALE_MAX && STAMP_SCALE < STAMP_SACK, "15 is no scale");
_Static_assert((STAMP_SCALE | STAMP_SACK | STAMP_ECN) == STAMP_MASK, "all of the bits, none twice");

static uint64_t key[2]; /* zero: to be drawn when next used */

static void key_forget(void)
{
	if (!clone_is_moved())
		memset(key, 0, sizeof key);
}

static uint32_t make(const struct tcp_address *a, uint32_t irs, uint32_t slot, uint32_t size)
{
	ON_CLONE_WITH_THIS(150, key_forget);
	struct {
		struct tcp_address address;
		uint32_t irs, slot, size;
	} what = { ip6_is(a->remote) ? tcp_secret_address(a) : *a, irs, slot, size };
	if (!key[0])
		random_bytes(key, sizeof key);
	return slot << 27 | size << 24 | (hash_bytes_keyed(key, &what, sizeof what) & 0xffffff);
}

uint32_t tcp_cookie_make(const struct tcp_address *a, const struct tcp_segment *syn, uint64_t now,
                         uint32_t *timestamp)
{
	uint32_t size = 7;
	uint16_t mss = tcp_segment_mss(syn, a->remote);
	ensure(mss >= sizes[0]);
	while (size && sizes[size] > mss)
		size--;
	if (syn->has_timestamps) {
		uint32_t bits = syn->has_scale ? syn->scale : STAMP_SCALE;
		bits |= syn->sack_permitted ? STAMP_SACK : 0;
		bits |= (syn->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR) ? STAMP_ECN : 0;
		uint32_t stamp = (*timestamp & ~STAMP_MASK) | bits;
		*timestamp = seq_lt(*timestamp, stamp) ? stamp - (STAMP_MASK + 1)
		                                       : stamp; /* never in the future */
	}
	return make(a, syn->seq, (uint32_t)(now / SLOT_NS) & 31, size);
}

bool tcp_cookie_check(const struct tcp_address *a, const struct tcp_segment *ack, uint64_t now,
                      struct tcp_segment *syn)
{
	uint32_t cookie = ack->ack - 1, irs = ack->seq - 1, slot = cookie >> 27,
	         size = cookie >> 24 & 7;
	uint32_t age = ((uint32_t)(now / SLOT_NS) - slot) & 31;
	if (age > SLOTS_OLD || make(a, irs, slot, size) != cookie)
		return false;
	*syn = (struct tcp_segment){
		.seq = irs, .flags = TCP_SYN, .has_mss = true, .mss = sizes[size]
	};
	if (ack->has_timestamps) {
		syn->has_timestamps = true;
		syn->value = ack->value;
		syn->sack_permitted = ack->echo & STAMP_SACK;
		syn->scale = ack->echo & STAMP_SCALE;
		syn->has_scale = syn->scale != STAMP_SCALE;
		syn->flags |= ack->echo & STAMP_ECN ? TCP_ECE | TCP_CWR : 0;
	}
	return true;
}
