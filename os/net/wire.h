/* SPDX-License-Identifier: ISC */
/*
 * Wire formats of this library, as structures of bytes: alignment 1, no padding, big-endian fields
 * read with bytes_load_*(). A pointer to one is only ever made from a cursor that has checked its
 * size.
 */
#ifndef NET_WIRE_H
#define NET_WIRE_H

#include <stdint.h>

#define ETHERNET_TYPE_IP4  0x0800u
#define ETHERNET_TYPE_ARP  0x0806u
#define ETHERNET_TYPE_VLAN 0x8100u
#define ETHERNET_TYPE_IP6  0x86ddu

struct ethernet_header {
	uint8_t destination[6], source[6], type[2];
};

/* IEEE 802.1Q §9.6, after the type ETHERNET_TYPE_VLAN */
struct vlan_tag {
	uint8_t control[2]; /* priority, drop eligible, VLAN_ID */
	uint8_t type[2];    /* of what follows */
};
#define VLAN_ID 0x0fffu

/* RFC 826, for Ethernet and IPv4 */
struct arp_message {
	uint8_t hardware[2], protocol[2];
	uint8_t hardware_size, protocol_size;
	uint8_t operation[2];
	uint8_t sender_mac[6], sender_address[4];
	uint8_t target_mac[6], target_address[4];
};
#define ARP_REQUEST 1u
#define ARP_REPLY   2u

/* RFC 791 §3.1, without options */
struct ip4_header {
	uint8_t version_size; /* version << 4 | header length in words */
	uint8_t tos;
	uint8_t total[2], id[2];
	uint8_t fragment[2]; /* IP4_DF, IP4_MF, offset in units of 8 bytes */
	uint8_t ttl, protocol;
	uint8_t checksum[2];
	uint8_t source[4], destination[4];
};
#define IP4_ECN           0x03u /* of tos: RFC 3168 §5 */
#define IP4_DF            0x4000u
#define IP4_MF            0x2000u
#define IP4_OFFSET        0x1fffu
#define IP4_PROTOCOL_ICMP 1u
#define IP4_PROTOCOL_IGMP 2u
#define IP4_PROTOCOL_TCP  6u
#define IP4_PROTOCOL_UDP  17u
#define IP4_TOTAL_MAX     65535u

/* RFC 8200 §3 */
struct ip6_header {
	uint8_t version_class[2]; /* 6, traffic class, 4 bits of the flow label */
	uint8_t flow[2];
	uint8_t size[2]; /* of what follows */
	uint8_t next, hops;
	uint8_t source[16], destination[16];
};
#define IP6_NEXT_HOPS     0u /* hop-by-hop options */
#define IP6_NEXT_ROUTING  43u
#define IP6_NEXT_FRAGMENT 44u
#define IP6_NEXT_ICMP     58u
#define IP6_NEXT_NONE     59u
#define IP6_NEXT_OPTIONS  60u /* for the destination */
#define IP6_MTU_MIN       1280u

/* RFC 8200 §4.5 */
struct ip6_fragment {
	uint8_t next, reserved;
	uint8_t fragment[2]; /* offset in units of 8 bytes << 3, IP6_MORE */
	uint8_t id[4];
};
#define IP6_MORE 1u

/* RFC 792 */
struct icmp_header {
	uint8_t type, code;
	uint8_t checksum[2];
	uint8_t rest[4];
};
#define ICMP_ECHO_REPLY                0u
#define ICMP_UNREACHABLE               3u
#define ICMP_UNREACHABLE_PROTOCOL      2u
#define ICMP_UNREACHABLE_PORT          3u
#define ICMP_UNREACHABLE_FRAGMENTATION 4u /* needed, but DF is set (RFC 1191) */
#define ICMP_ECHO                      8u
#define ICMP_TIME_EXCEEDED             11u
#define ICMP_TIME_REASSEMBLY           1u
#define ICMP_PARAMETER                 12u

/* RFC 2236; the beginning of version 3's query, RFC 3376 §4.1 */
struct igmp_message {
	uint8_t type, code; /* code: in how many tenths of a second to answer */
	uint8_t checksum[2];
	uint8_t group[4];
};
#define IGMP_QUERY     0x11u
#define IGMP_REPORT_V2 0x16u
#define IGMP_LEAVE_V2  0x17u
#define IGMP_REPORT_V3 0x22u

/* RFC 3376 §4.2, with one record, of all sources */
struct igmp_report {
	uint8_t type, reserved1, checksum[2], reserved2[2], count[2];
	uint8_t record_type, record_data, record_sources[2], group[4];
};
#define IGMP_IS_EXCLUDE 2u
#define IGMP_TO_INCLUDE 3u
#define IGMP_TO_EXCLUDE 4u

/* RFC 768 */
struct udp_header {
	uint8_t source[2], destination[2], length[2], checksum[2];
};

/* RFC 9293 §3.1, without options */
struct tcp_header {
	uint8_t source[2], destination[2], seq[4], ack[4];
	uint8_t size; /* in words << 4, and four reserved bits */
	uint8_t flags;
	uint8_t window[2], checksum[2], urgent[2];
};

/* The headers of the packet that the fast path is made for, in one view. */
struct udp4_headers {
	struct ethernet_header ethernet;
	struct ip4_header ip;
	struct udp_header udp;
};

_Static_assert(sizeof(struct ethernet_header) == 14, "Ethernet header");
_Static_assert(sizeof(struct vlan_tag) == 4, "802.1Q tag");
_Static_assert(sizeof(struct arp_message) == 28, "ARP message");
_Static_assert(sizeof(struct ip4_header) == 20, "IPv4 header");
_Static_assert(sizeof(struct ip6_header) == 40, "IPv6 header");
_Static_assert(sizeof(struct ip6_fragment) == 8, "fragment header");
_Static_assert(sizeof(struct icmp_header) == 8, "ICMP header");
_Static_assert(sizeof(struct igmp_message) == 8, "IGMP message");
_Static_assert(sizeof(struct igmp_report) == 16, "IGMPv3 report");
_Static_assert(sizeof(struct udp_header) == 8, "UDP header");
_Static_assert(sizeof(struct tcp_header) == 20, "TCP header");
_Static_assert(sizeof(struct udp4_headers) == 42, "all three");

#endif
