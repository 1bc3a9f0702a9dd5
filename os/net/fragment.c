/* SPDX-License-Identifier: ISC */
/*
 * Fragments wait in the frames that they came in, sorted by offset. The one that fills the last gap
 * has them copied into one buffer of the interface, which is lent to the delivery; the first
 * fragment's frame lives as long, since errors quote its header.
 */
#include <net/fragment.h>

#include <core/error.h>
#include <core/heap.h>
#include <net/icmp.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

#define WHOLE_PAGES ((IP4_TOTAL_MAX + AMP_PAGE) / AMP_PAGE)

static uint32_t piece_size(const struct frame *f)
{
	return f->start + f->size - (uint32_t)f->payload;
}

static void drop_frames(struct fragment_datagram *d)
{
	uint32_t dropped = frame_drop_queue(d->first);
	ensure(d->interface->fragments.held >= dropped);
	d->interface->fragments.held -= dropped;
	d->first = d->last = NULL;
}

static void release(struct fragment_datagram *d)
{
	drop_frames(d);
	timer_stop(&d->timer);
	list_move(&d->interface->fragments.free, &d->age);
	ip6_drop(d->source);
	ip6_drop(d->destination);
}

/* The packet that its first fragment is, for quoting. */
static struct ip4_packet first_packet(struct fragment_datagram *d)
{
	struct frame *f = d->first;
	struct bytes_in in = frame_in(f);
	bytes_skip(&in, sizeof(struct ethernet_header));
	uint32_t header = f->payload - f->start - in.at;
	const uint8_t *h = bytes_get(&in, header);
	return (struct ip4_packet){ .interface = d->interface,
		                    .frame = f,
		                    .header = h,
		                    .header_size = (uint8_t)header,
		                    .at = f->payload,
		                    .payload = frame_base(f) + f->payload,
		                    .size = piece_size(f),
		                    .source = d->source,
		                    .destination = d->destination,
		                    .protocol = d->protocol,
		                    .group = d->group,
		                    .tos = ip6_is(d->source)
		                                   ? ip6_class(h)
		                                   : ((const struct ip4_header *)h)->tos };
}

static void timed_out(struct timer *t)
{
	struct fragment_datagram *d = container_of(t, struct fragment_datagram, timer);
	if (!d->dead) {
		interface_count(d->interface, COUNT_FRAGMENT_TIMEOUT);
		if (d->first && d->first->offset == 0) { /* RFC 792, RFC 1122 §3.3.2 */
			struct ip4_packet p = first_packet(d);
			icmp_error(&p, ICMP_TIME_EXCEEDED, ICMP_TIME_REASSEMBLY);
		}
	}
	release(d);
}

static void kill(struct fragment_datagram *d)
{
	drop_frames(d);
	d->dead = true;
}

static struct fragment_datagram *oldest(struct fragments *s)
{
	return container_of(s->live.next, struct fragment_datagram, age);
}

static struct fragment_datagram *find(struct ip4_packet *p, uint32_t id)
{
	struct fragments *s = &p->interface->fragments;
	for (struct list *at = s->live.prev; at != &s->live; at = at->prev) {
		struct fragment_datagram *d = container_of(at, struct fragment_datagram, age);
		if (d->id == id && d->source == p->source && d->destination == p->destination &&
		    (d->protocol == p->protocol || ip6_is(p->source)))
			return d;
	}
	if (list_empty(&s->free)) {
		interface_count(p->interface, COUNT_FRAGMENT_LIMIT);
		release(oldest(s));
	}
	struct fragment_datagram *d =
	        container_of(list_pop(&s->free), struct fragment_datagram, age);
	*d = (struct fragment_datagram){ .interface = p->interface,
		                         .source = p->source,
		                         .destination = p->destination,
		                         .protocol = p->protocol,
		                         .id = id,
		                         .group = p->group };
	ip6_keep(d->source);
	ip6_keep(d->destination);
	list_init(&d->age);
	list_append(&s->live, &d->age);
	timer_set_in(&d->timer, ip6_is(p->source) ? FRAGMENT_TIMEOUT6_NS : FRAGMENT_TIMEOUT_NS,
	             timed_out);
	return d;
}

/* The most bytes of a whole one: what IPv4's total length says, or IPv6's payload length. */
static uint32_t most_of(uint32_t source)
{
	return ip6_is(source) ? IP4_TOTAL_MAX : (uint32_t)IP4_PAYLOAD_MAX;
}

enum place { PLACED, DUPLICATE, OVERLAP };

/* Puts the frame where it belongs in the order. */
static enum place place(struct fragment_datagram *d, struct frame *f)
{
	uint32_t start = f->offset * 8u, end = start + piece_size(f);
	struct frame *before = NULL, *after = d->first;
	if (d->last && d->last->offset * 8u < start) { /* the usual case */
		before = d->last;
		after = NULL;
	}
	for (; after && after->offset * 8u < start; after = after->next)
		before = after;
	if (after && after->offset == f->offset && piece_size(after) == piece_size(f))
		return memcmp(frame_base(after) + after->payload, frame_base(f) + f->payload,
		              piece_size(f))
		               ? OVERLAP
		               : DUPLICATE;
	if ((before && before->offset * 8u + piece_size(before) > start) ||
	    (after && after->offset * 8u < end))
		return OVERLAP;
	f->next = after;
	*(before ? &before->next : &d->first) = f;
	if (!after)
		d->last = f;
	return PLACED;
}

/* Every byte is there: the packet becomes the whole datagram. */
static bool assemble(struct fragment_datagram *d, struct ip4_packet *p)
{
	struct fragments *s = &d->interface->fragments;
	if (!s->whole)
		s->whole = extent_alloc(WHOLE_PAGES);
	if (!s->whole) {
		interface_count(d->interface, COUNT_FRAGMENT_LIMIT);
		return false;
	}
	uint32_t most = most_of(d->source);
	struct bytes_out out = bytes_out(s->whole, most);
	for (struct frame *f = d->first; f; f = f->next)
		bytes_put_copy(&out, frame_base(f) + f->payload, piece_size(f));
	*p = first_packet(d);
	p->payload = s->whole;
	p->size = out.at;
	p->room = most;
	p->reassembled = true;
	ensure(!out.failed);
	frame_keep(p->frame);
	return true;
}

bool fragment_input(struct ip4_packet *p, uint16_t field, uint32_t id)
{
	struct interface *i = p->interface;
	struct fragments *s = &i->fragments;
	uint32_t start = (field & IP4_OFFSET) * 8u, end = start + p->size;
	bool last = !(field & IP4_MF);
	/* RFC 791: all but the last are a multiple of 8; and none reaches past what a length can
	 * say. DF forbids routers to cut it further: it is theirs to keep (RFC 791 §2.3). */
	uint32_t most = ip6_is(p->source) ? FRAGMENT_END6_MAX(p) : IP4_TOTAL_MAX - p->header_size;
	if (!p->size || (!last && p->size % 8) || end > most) {
		interface_count(i, COUNT_FRAGMENT_BAD);
		return false;
	}
	struct fragment_datagram *d = find(p, id);
	if (d->dead)
		return false;
	struct frame *f = p->frame;
	if (d->pieces >= FRAGMENT_PIECES_MAX) {
		interface_count(i, COUNT_FRAGMENT_LIMIT);
		kill(d);
		return false;
	}
	while (s->held >= s->held_max && oldest(s) != d) {
		interface_count(i, COUNT_FRAGMENT_LIMIT);
		release(oldest(s));
	}
	if (s->held >= s->held_max) {
		interface_count(i, COUNT_FRAGMENT_LIMIT);
		kill(d);
		return false;
	}
	/* Ends that contradict each other are a kind of overlap. */
	bool bad = last ? d->size && d->size != end : d->size && end >= d->size;
	if (last && d->last && d->last->offset * 8u + piece_size(d->last) > end)
		bad = true;
	enum place placed = OVERLAP;
	if (!bad) {
		f->offset = field & IP4_OFFSET;
		f->payload = p->at;
		frame_view(f, f->start,
		           p->at + p->size - f->start); /* without the link's padding */
		placed = place(d, f);
	}
	if (placed == OVERLAP) {
		interface_count(i, COUNT_FRAGMENT_BAD);
		kill(d);
		return false;
	}
	if (placed == DUPLICATE)
		return false;
	frame_keep(f);
	s->held++;
	d->pieces++;
	d->have += p->size;
	if (!start)
		d->protocol = p->protocol;
	if (last)
		d->size = end;
	if (!d->size || d->have != d->size)
		return false;
	bool whole = assemble(d, p);
	release(d);
	return whole;
}

void fragment_done(struct ip4_packet *p)
{
	frame_drop(p->frame);
}

void fragment_clear(struct interface *i)
{
	while (!list_empty(&i->fragments.live))
		release(oldest(&i->fragments));
}

void fragment_close(struct interface *i)
{
	fragment_clear(i);
	heap_free(i->fragments.datagrams);
	if (i->fragments.whole)
		extent_free(i->fragments.whole, WHOLE_PAGES);
}

int fragment_open(struct interface *i)
{
	struct fragments *s = &i->fragments;
	list_init(&s->live);
	list_init(&s->free);
	s->held_max = i->device.frames.count / FRAGMENT_FRAMES_SHARE;
	s->datagrams = heap_alloc_zero(FRAGMENT_DATAGRAMS_MAX, sizeof *s->datagrams);
	if (!s->datagrams)
		return ERR_MEMORY;
	for (uint32_t k = 0; k < FRAGMENT_DATAGRAMS_MAX; k++) {
		s->datagrams[k].interface = i;
		list_append(&s->free, &s->datagrams[k].age);
	}
	return OK;
}
