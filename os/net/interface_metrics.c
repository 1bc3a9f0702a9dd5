/* SPDX-License-Identifier: ISC */
/* What interfaces count, for whoever watches the image. */
#include <string.h>

#include <core/metric.h>
#include <net/interface_internal.h>

#define COUNT(what_, name_, help_)                                                                 \
	{ name_, help_, (what_) * sizeof(uint64_t), METRIC_COUNTER, METRIC_ONE }

static const struct metric rows[] = {
	COUNT(COUNT_RX_PACKETS, "rx_packets_total", "Packets received."),
	COUNT(COUNT_RX_BYTES, "rx_bytes_total", "Bytes received."),
	COUNT(COUNT_TX_PACKETS, "tx_packets_total", "Packets sent."),
	COUNT(COUNT_TX_BYTES, "tx_bytes_total", "Bytes sent."),
	COUNT(COUNT_RX_BAD_DESCRIPTOR, "rx_bad_descriptor_total",
	      "Descriptors of the tender's that do not fit the frame area."),
	COUNT(COUNT_RX_SHORT, "rx_short_total", "Packets shorter than their headers say."),
	COUNT(COUNT_RX_OTHER_MAC, "rx_other_mac_total", "Packets for another host's MAC."),
	COUNT(COUNT_RX_UNKNOWN_TYPE, "rx_unknown_type_total",
	      "Packets of an EtherType or protocol that is not served."),
	COUNT(COUNT_RX_OTHER_ADDRESS, "rx_other_address_total", "Packets for another address."),
	COUNT(COUNT_RX_BAD_HEADER, "rx_bad_header_total", "Packets with a header that is wrong."),
	COUNT(COUNT_RX_BAD_CHECKSUM, "rx_bad_checksum_total", "Packets with a wrong checksum."),
	COUNT(COUNT_RX_BAD_SOURCE, "rx_bad_source_total",
	      "Packets from an address that no host has."),
	COUNT(COUNT_RX_BAD_OPTION, "rx_bad_option_total",
	      "Packets with options that do not parse."),
	COUNT(COUNT_RX_NO_PORT, "rx_no_port_total", "Datagrams for a port that nobody has."),
	COUNT(COUNT_FRAGMENTS, "fragments_total", "Fragments received."),
	COUNT(COUNT_REASSEMBLED, "reassembled_total", "Packets made of fragments."),
	COUNT(COUNT_FRAGMENT_TIMEOUT, "fragment_timeout_total",
	      "Packets of which fragments did not come in time."),
	COUNT(COUNT_FRAGMENT_LIMIT, "fragment_limit_total",
	      "Fragments for which there was no room."),
	COUNT(COUNT_FRAGMENT_BAD, "fragment_bad_total", "Fragments that contradict others."),
	COUNT(COUNT_ARP_BAD, "arp_bad_total", "ARP packets that do not parse."),
	COUNT(COUNT_ARP_CONFLICT, "arp_conflict_total", "Others with an address of ours."),
	COUNT(COUNT_TX_NO_FRAME, "tx_no_frame_total", "Packets for which there was no frame."),
	COUNT(COUNT_TX_RING_FULL, "tx_ring_full_total", "Packets for which the ring had no room."),
	COUNT(COUNT_TX_UNRESOLVED, "tx_unresolved_total",
	      "Packets for a neighbour that does not answer."),
	COUNT(COUNT_TX_NO_ROUTE, "tx_no_route_total", "Packets without a way to go."),
	COUNT(COUNT_TX_TOO_BIG, "tx_too_big_total", "Packets that were too big."),
	COUNT(COUNT_ICMP_ERRORS_SENT, "icmp_errors_sent_total", "ICMP errors sent."),
	COUNT(COUNT_ICMP_LIMITED, "icmp_limited_total",
	      "ICMP errors that were not sent, by their rate."),
	COUNT(COUNT_RX_QUEUE_FULL, "rx_queue_full_total",
	      "Datagrams for which a socket had no room."),
	COUNT(COUNT_DHCP_BAD, "dhcp_bad_total", "DHCP messages that do not parse."),
};
_Static_assert(sizeof rows / sizeof *rows == COUNT_NDP_BAD, "a row for each");
static const struct metric ndp_rows[] = {
	COUNT(COUNT_NDP_BAD, "bad_total", "Neighbour discovery that is wrong."),
	COUNT(COUNT_NDP_CONFLICT, "conflict_total", "Others with an IPv6 address of ours."),
	COUNT(COUNT_NDP_LIMIT, "limit_total", "What routers say and there is no room for."),
};
_Static_assert(COUNT_MAX * sizeof(uint64_t) <= METRIC_FIGURES_MAX, "there is room for all");

static void read(const void *of, void *to)
{
	memcpy(to, ((const struct interface *)of)->counts, COUNT_MAX * sizeof(uint64_t));
}

static const struct metric_group group = METRIC_GROUP("interface", "interface", rows, read),
                                 ndp = METRIC_GROUP("ndp", "interface", ndp_rows, read);

void interface_metrics_add(const struct interface *i)
{
	static struct metric_source sources[AMP_DEVICES_MAX], ndp_sources[AMP_DEVICES_MAX];
	static uint32_t count;
	sources[count] =
	        (struct metric_source){ .group = &group, .of = i, .is = interface_name(i) };
	metric_add(&sources[count]);
	if (interface_ip6) {
		ndp_sources[count] =
		        (struct metric_source){ .group = &ndp, .of = i, .is = interface_name(i) };
		metric_add(&ndp_sources[count]);
	}
	count++;
}
