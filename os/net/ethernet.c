/* SPDX-License-Identifier: ISC */
/* The first look at each packet: an UDP datagram for us takes ip4_input_fast(); all else is sorted
 * by type here. */
#include <net/ethernet.h>

#include <core/cold.h>
#include <core/error.h>
#include <net/igmp.h>
#include <net/interface_internal.h>
#include <net/ip4.h>

const uint8_t ethernet_broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* Takes the tag out of a frame that has one for its priority alone: VLAN 0 is no VLAN (IEEE 802.1Q
 * §6.9.1). The type of what follows; 0: it has none, or is of a VLAN, or has another one behind. */
static COLD uint16_t untag(struct frame *f)
{
	struct bytes_in in = frame_in(f);
	bytes_skip(&in, sizeof(struct ethernet_header));
	const struct vlan_tag *tag = (const void *)bytes_get(&in, sizeof *tag);
	if (!tag || bytes_load_u16(tag->control) & VLAN_ID ||
	    bytes_load_u16(tag->type) == ETHERNET_TYPE_VLAN)
		return 0;
	uint16_t type = bytes_load_u16(tag->type);
	uint8_t addresses[12];
	memcpy(addresses, frame_base(f) + f->start, sizeof addresses);
	uint8_t *to =
	        frame_view(f, f->start + (uint32_t)sizeof *tag, f->size - (uint32_t)sizeof *tag);
	memcpy(to, addresses, sizeof addresses);
	return type;
}

void ethernet_input(struct interface *i, struct frame *f)
{
	if (__builtin_expect(ip4_udp && ip4_input_fast(i, f), 1))
		return;
	struct bytes_in in = frame_in(f);
	const struct ethernet_header *h = (const void *)bytes_get(&in, sizeof *h);
	if (!h) {
		interface_count(i, COUNT_RX_SHORT);
		return;
	}
	bool group = h->destination[0] & 1;
	if (!group && memcmp(h->destination, i->mac, 6) != 0) {
		interface_count(i, COUNT_RX_OTHER_MAC);
		return;
	}
	if (group && memcmp(h->destination, ethernet_broadcast, 6) != 0 &&
	    !(ip4_multicast && igmp_has_mac(i, h->destination)) &&
	    !(interface_ip6 && i->ip6 && ip6_has_mac(i, h->destination))) {
		interface_count(i, COUNT_RX_OTHER_MAC);
		return;
	}
	/* A group is no sender (IEEE 802.3 §3.2.3); a packet from ourselves has been sent back by a
	 * loop. */
	if ((h->source[0] & 1) || memcmp(h->source, i->mac, 6) == 0) {
		interface_count(i, COUNT_RX_BAD_SOURCE);
		return;
	}
	uint16_t type = bytes_load_u16(h->type);
	switch (type == ETHERNET_TYPE_VLAN ? untag(f) : type) {
	case ETHERNET_TYPE_IP4:
		ip4_input(i, f, group);
		break;
	case ETHERNET_TYPE_ARP:
		arp_input(i, f);
		break;
	case ETHERNET_TYPE_IP6:
		if (interface_ip6 && i->ip6) {
			ip6_input(i, f, group);
			break;
		}
		/* fall through */
	default:
		interface_count(i, COUNT_RX_UNKNOWN_TYPE);
	}
}

void ethernet_put(struct interface *i, struct frame *f, const uint8_t mac[6], uint16_t type)
{
	ensure(f->start >= sizeof(struct ethernet_header));
	struct ethernet_header *h =
	        (void *)frame_view(f, f->start - sizeof *h, f->size + sizeof *h);
	memcpy(h->destination, mac, 6);
	memcpy(h->source, i->mac, 6);
	bytes_store_u16(h->type, type);
}

int ethernet_send(struct interface *i, struct frame *f, const uint8_t mac[6], uint16_t type)
{
	ethernet_put(i, f, mac, type);
	return net_device_send(&i->device, f);
}
