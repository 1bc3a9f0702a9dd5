/* SPDX-License-Identifier: ISC */
/*
 * In: decode() checks the header, walk() the extension headers, up to bounds (RFC 8504 §5.3): so many headers, so many bytes,
 * so many options. All of them lie in the packet's first frame, and a fragment's too (RFC 7112). What comes out is a struct
 * ip4_packet, as IPv4's, with numbers for addresses, which are held while it is worked on.
 */
#include <net/ip6/internal.h>

/* What walk() has come to. */
struct walk {
	struct bytes_in in; /* behind the last header */
	uint32_t start;     /* of the IPv6 header, in `in` */
	uint32_t next_at;   /* of the field that names what follows, from `start` */
	uint8_t next;
	uint32_t count;
	bool group; /* to a group: fewer errors are told */
	/* The fragment header, if it ended there: */
	bool fragmented;
	uint16_t field; /* as IPv4's header would have it */
	uint32_t id;
};

enum verdict { GO_ON, DROP, TELL_FIELD, TELL_NEXT, TELL_OPTION, TELL_CHAIN };

uint8_t ip6_class(const uint8_t *header)
{
	return (uint8_t)(header[0] << 4 | header[1] >> 4);
}

/* No host has it as its own, on any wire. */
static bool odd_source(const uint8_t a[16])
{
	static const uint8_t loopback[16] = { [15] = 1 }, mapped[12] = { [10] = 0xff, [11] = 0xff };
	return a[0] == 0xff || memcmp(a, loopback, 16) == 0 || memcmp(a, mapped, 12) == 0;
}

/* Hop-by-hop and destination options (RFC 8200 §4.2): none is known here but padding; the first two bits say what to do
 * with another. *at: of the one that is told about, from the first. */
/*@ requires bytes_in_holds(in) && \valid(at);
    assigns *at, \result; */
static enum verdict options(struct bytes_in in, bool group, uint32_t *at)
{
	uint32_t base = in.at, count = 0, padding = 0;
	/*@ loop invariant bytes_in_holds(in);
	    loop assigns in, count, padding, *at; */
	while (bytes_left(&in)) {
		*at = in.at - base;
		uint8_t type = bytes_get_u8(&in);
		if (type == 0) {
			if (++padding > 7) /* RFC 8504 §5.3 */
				return DROP;
			continue;
		}
		uint8_t size = bytes_get_u8(&in);
		if (!bytes_skip(&in, size) || ++count > IP6_OPTIONS_MAX)
			return DROP;
		if (type == 1 && (padding += size + 2u) > 7)
			return DROP;
		if (type != 1)
			padding = 0;
		if (type == 1 || type == 5 /* router alert */ || type >> 6 == 0)
			continue;
		return type >> 6 == 2 || (type >> 6 == 3 && !group) ? TELL_OPTION : DROP;
	}
	return GO_ON;
}

/* Over extension headers. at: of what is told about, from the IPv6 header on. */
/*@ requires \valid(w) && \valid(at) && \separated(w, at) && bytes_in_holds(w->in);
    assigns *w, *at, \result;
    ensures bytes_in_holds(w->in); */
static enum verdict walk(struct walk *w, uint32_t *at)
{
	/*@ loop invariant bytes_in_holds(w->in);
	    loop assigns *w, *at; */
	for (;;) {
		uint32_t here = w->in.at - w->start;
		bool first = !w->count;
		*at = w->next_at;
		if (w->next == IP6_NEXT_NONE)
			return DROP;
		if (w->next == IP6_NEXT_HOPS && !first)
			return TELL_NEXT; /* RFC 8200 §4.1 */
		if (w->next != IP6_NEXT_HOPS && w->next != IP6_NEXT_OPTIONS &&
		    w->next != IP6_NEXT_ROUTING && w->next != IP6_NEXT_FRAGMENT)
			return GO_ON;
		if (++w->count > IP6_HEADERS_MAX)
			return DROP;
		const uint8_t *h = bytes_get(&w->in, 8);
		if (!h)
			return DROP;
		uint8_t kind = w->next;
		w->next = h[0];
		w->next_at = here;
		if (kind == IP6_NEXT_FRAGMENT) {
			uint16_t field = bytes_load_u16(h + 2);
			w->field = (uint16_t)(field >> 3 | (field & IP6_MORE ? IP4_MF : 0));
			w->id = bytes_load_u32(h + 4);
			if (!w->field)
				continue; /* atomic: RFC 6946 */
			w->fragmented = true;
			return GO_ON;
		}
		uint32_t size = 8u + 8u * h[1];
		if (here + size > sizeof(struct ip6_header) + IP6_HEADERS_SIZE ||
		    !bytes_skip(&w->in, size - 8))
			return DROP;
		if (kind == IP6_NEXT_ROUTING) { /* none is for us (RFC 5095) */
			*at = here + 2;
			if (h[3])
				return TELL_FIELD;
			continue;
		}
		uint32_t option;
		enum verdict v = options(bytes_in(h + 2, size - 2), w->group, &option);
		*at = here + 2 + option;
		if (v != GO_ON)
			return v;
	}
}

/* RFC 4443 §2.4(e.3): of what went to a group, options alone. */
static void tell(const struct ip4_packet *p, enum verdict v, uint32_t at)
{
	if (v == DROP || (p->group && v != TELL_OPTION))
		return;
	static const uint8_t codes[] = { [TELL_FIELD] = ICMP6_PARAMETER_FIELD,
		                         [TELL_NEXT] = ICMP6_PARAMETER_NEXT,
		                         [TELL_OPTION] = ICMP6_PARAMETER_OPTION,
		                         [TELL_CHAIN] = ICMP6_PARAMETER_CHAIN };
	ip6_icmp_error(p, ICMP6_PARAMETER, codes[v], at);
}

static void refuse(const struct ip4_packet *p, enum verdict v, uint32_t at)
{
	interface_count(p->interface, v == TELL_NEXT ? COUNT_RX_UNKNOWN_TYPE : COUNT_RX_BAD_OPTION);
	tell(p, v, at);
}

static void deliver(struct ip4_packet *p, bool bare, uint32_t next_at)
{
	uint64_t pseudo;
	switch (p->protocol) {
	case IP4_PROTOCOL_TCP:
	case IP4_PROTOCOL_UDP:
		ip4_deliver(p);
		break;
	case IP6_NEXT_ICMP:
		pseudo = ip6_pseudo(p->source, p->destination, IP6_NEXT_ICMP, p->size);
		if (p->rest || !checksum_good(checksum_add(pseudo, p->payload, p->size))) {
			interface_count(p->interface, COUNT_RX_BAD_CHECKSUM);
			return;
		}
		ip6_icmp_input(p, bare);
		break;
	default:
		interface_count(p->interface, COUNT_RX_UNKNOWN_TYPE);
		tell(p, TELL_NEXT, next_at);
	}
}

/* A first piece carries all headers, the transport's too (RFC 7112): ports cannot be hidden in the second. */
static bool first_piece_whole(const struct walk *w)
{
	if (w->field & IP4_OFFSET)
		return true;
	struct bytes_in in = w->in;
	uint8_t next = w->next;
	for (uint32_t n = w->count; next == IP6_NEXT_OPTIONS; n++) {
		const uint8_t *h = n < IP6_HEADERS_MAX ? bytes_get(&in, 8) : NULL;
		if (!h || !bytes_skip(&in, 8u * h[1]))
			return false;
		next = h[0];
	}
	uint32_t least = next == IP4_PROTOCOL_TCP ? (uint32_t)sizeof(struct tcp_header) : 8;
	return bytes_left(&in) >= least && next != IP6_NEXT_HOPS && next != IP6_NEXT_ROUTING &&
	       next != IP6_NEXT_FRAGMENT;
}

/* What whoever sent a piece is told about it (RFC 8200 §4.5). *at: where, from the IPv6 header on. */
static enum verdict piece_verdict(const struct ip4_packet *p, const struct walk *w, uint32_t *at)
{
	uint32_t start = (w->field & IP4_OFFSET) * 8u;
	*at = 4; /* the payload's length */
	if (w->field & IP4_MF && p->size % 8)
		return TELL_FIELD;
	*at = p->header_size - 6u; /* the offset */
	if (start + p->size > FRAGMENT_END6_MAX(p))
		return TELL_FIELD;
	*at = 0;
	return first_piece_whole(w) ? GO_ON : TELL_CHAIN;
}

/* Options for the destination may lie behind the fragment header, thus in what was put together. */
static bool walk_whole(struct ip4_packet *p)
{
	uint32_t count = 0;
	while (p->protocol == IP6_NEXT_OPTIONS) {
		uint32_t option;
		struct bytes_in in = bytes_in(p->payload, p->size);
		const uint8_t *h = bytes_get(&in, 8);
		uint32_t size = h ? 8u + 8u * h[1] : 0;
		if (!h || ++count > IP6_HEADERS_MAX || !bytes_skip(&in, size - 8) ||
		    size > IP6_HEADERS_SIZE ||
		    options(bytes_in(h + 2, size - 2), p->group, &option) != GO_ON) {
			interface_count(p->interface, COUNT_RX_BAD_OPTION);
			return false;
		}
		p->protocol = h[0];
		p->payload += size;
		p->size -= size;
		p->room -= size;
	}
	return true;
}

static void fragment(struct ip4_packet *p, const struct walk *w)
{
	struct interface *i = p->interface;
	uint32_t at = 0;
	interface_count(i, COUNT_FRAGMENTS);
	enum verdict v = p->rest ? DROP : piece_verdict(p, w, &at);
	if (v != GO_ON) {
		interface_count(i, COUNT_FRAGMENT_BAD);
		struct ip4_packet about = *p;
		if (w->field & IP4_OFFSET) /* what it begins with is no message's type */
			about.protocol = IP6_NEXT_FRAGMENT;
		tell(&about, v, at);
		return;
	}
	/* fragment_input() replaces *p; what is held is released by the caller's copy. */
	if (!fragment_input(p, w->field, w->id))
		return;
	interface_count(i, COUNT_REASSEMBLED);
	if (walk_whole(p))
		deliver(p, false, p->header_size - 8u);
	fragment_done(p);
}

/* Is it for us? *word: the destination, held. */
static bool ours(const struct interface *i, const struct ip6_header *h, bool link_group,
                 uint32_t *word)
{
	struct ip6_own *o;
	if (h->destination[0] == 0xff) {
		if (!ip6_group_has(i->ip6, h->destination))
			return false;
		*word = ip6_number(h->destination, i);
		return *word != 0;
	}
	o = link_group ? NULL : ip6_own_find(i->ip6, h->destination);
	if (!o || !ip6_own_usable(o))
		return false;
	*word = o->word;
	ip6_keep(*word);
	return true;
}

static void take(struct interface *i, struct frame *f, const struct ip6_header *h,
                 struct bytes_in in, bool link_group)
{
	struct walk w = { .in = in,
		          .start = in.at - (uint32_t)sizeof *h,
		          .next_at = 6,
		          .next = h->next,
		          .group = h->destination[0] == 0xff };
	struct ip4_packet p = { .interface = i, .frame = f, .header = (const uint8_t *)h };
	uint32_t source = ip6_number(h->source, i), destination = 0, at = 0;
	bool unspecified = memcmp(h->source, ip6_none, 16) == 0;
	if (!ours(i, h, link_group, &destination)) {
		interface_count(i, COUNT_RX_OTHER_ADDRESS);
		ip6_drop(source);
		return;
	}
	uint32_t total = (uint32_t)sizeof *h + bytes_load_u16(h->size);
	uint32_t in_frame = f->size - w.start;
	p.source = source;
	p.destination = destination;
	p.group = link_group || w.group;
	p.tos = ip6_class(p.header);
	p.checked = f->flags & FRAME_CHECKED;
	enum verdict v = walk(&w, &at);
	p.header_size = (uint8_t)(w.in.at - w.start < UINT8_MAX ? w.in.at - w.start : UINT8_MAX);
	p.protocol = w.next;
	p.at = (uint16_t)(f->start + w.in.at);
	p.payload = frame_base(f) + p.at;
	p.size = total - (w.in.at - w.start);
	if (i->device.rest && total > in_frame) {
		p.rest = i->device.rest;
		p.rest_size = total - in_frame;
		p.size -= p.rest_size;
	}
	uint32_t most = f->frames->frame_size - p.at, room = i->mtu - (uint32_t)sizeof *h;
	room = room > most ? most : room;
	p.room = room > p.size ? room : p.size;
	if (unspecified && (w.next != IP6_NEXT_ICMP || w.count > 1 || w.fragmented))
		interface_count(i, COUNT_RX_BAD_SOURCE);
	else if (unspecified)
		ip6_icmp_input(&p, !w.count);
	else if (!source)
		interface_count(i, COUNT_RX_QUEUE_FULL);
	else if (v != GO_ON)
		refuse(&p, v, at);
	else if (w.fragmented)
		fragment(&p, &w);
	else
		deliver(&p, !w.count, w.next_at);
	ip6_drop(source);
	ip6_drop(destination);
}

void ip6_input(struct interface *i, struct frame *f, bool link_group)
{
	struct bytes_in in = frame_in(f);
	bytes_skip(&in, sizeof(struct ethernet_header));
	const struct ip6_header *h = (const void *)bytes_get(&in, sizeof *h);
	if (!h) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	uint32_t size = bytes_load_u16(h->size), there = bytes_left(&in);
	if (h->version_class[0] >> 4 != 6) {
		interface_count(i, COUNT_RX_BAD_HEADER);
		return;
	}
	if (size > there + i->device.rest_size) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	/* Who has an address of ours, too, says so from this address: that is heard. */
	bool theirs = h->next == IP6_NEXT_ICMP && there && in.base[in.at] == ICMP6_NEIGHBOUR;
	if (odd_source(h->source) || (!theirs && ip6_own_find(i->ip6, h->source))) {
		interface_count(i, COUNT_RX_BAD_SOURCE);
		return;
	}
	in = bytes_in(in.base, in.at + (size < there ? size : there)); /* without padding */
	bytes_skip(&in, (uint32_t)sizeof(struct ethernet_header) + (uint32_t)sizeof *h);
	take(i, f, h, in, link_group);
}
