/* SPDX-License-Identifier: ISC */
/*
 * A network device over passt, for whoever has no rights and has prepared nothing: ports of the host lead into the image,
 * and the image reaches what the host reaches. passt ends TCP and UDP by itself, so that nobody cuts segments or looks at a
 * checksum: both are left out, whole packets of 60 KiB go as they are.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <ampoule_abi.h>
#include <tender/device/packets.h>
#include <tender/device/passt_host.h>
#include <tender/device/passt_start.h>

extern const struct device_kind device_passt;

#define MTU        1500u
#define FRAME_MOST 65535u /* bytes of a frame that passt takes */
#define ADDRESS                                                                                    \
	0x0a000002u /* 10.0.0.2/24: what images have by default that know no word of the tender's */
#define PREFIX         24u
#define PREFIX6        64u
#define SEGMENTS_MINOR 3 /* of the ABI: the first with AMP_NET_RX_SEGMENTS */

struct passt {
	struct packets packets; /* first: packets.h */
	struct net_stream stream;
	struct net_guard guard;
	struct net_pace pace;
	struct passt_process process;
	bool failed; /* it did not start, for this reason: */
	struct defect why;
};

static int read_text(struct passt_setup *s, const char *text, struct defect *why)
{
	static const char key[] = "publish=";
	while (*text == ',') {
		char word[112];
		size_t size = strcspn(++text, ",");
		if (size >= sizeof word || strncmp(text, key, sizeof key - 1))
			return defect_set(why,
			                  "want passt,publish=" PUBLISH_FORM
			                  " or one of " NET_WORDS_FORM
			                  " behind a comma, not '%.*s'",
			                  (int)size, text);
		memcpy(word, text, size);
		word[size] = 0;
		if (s->count == PASST_PUBLISH_MAX)
			return defect_set(
			        why, "more than %u published ports; ranges are 8000-8010:80-90",
			        PASST_PUBLISH_MAX);
		if (publish_parse(&s->publish[s->count++], word + sizeof key - 1, why))
			return -1;
		text += size;
	}
	return *text ? defect_set(why, "want passt or passt,publish=" PUBLISH_FORM) : 0;
}

/* IPv6's: an address of nobody else's network (RFC 4193; its bytes are "ampoule"), and on the link, where passt has the host's loopback
 * speak to the image and nowhere else, one for each side. */
static const struct net_ip address6 = { NET_IP6,
	                                { 0xfd, 'a', 'm', 'p', 'o', 'u', 'l', 'e', [15] = 2 } };
static const struct net_ip link6 = { NET_IP6, { 0xfe, 0x80, [15] = 2 } };
static const struct net_ip router6 = { NET_IP6, { 0xfe, 0x80, [15] = 1 } };

/* The network that nobody described: the image's address, a router and a name server beside it. */
static int settle4(struct net_words *w, struct passt_setup *s, bool asks, struct defect *why)
{
	const struct net_ip own = net_ip4(ADDRESS), all = { .family = NET_IP4 };
	if (!net_words_first(w, AMP_NET_WORD_ADDRESS, NET_IP4))
		net_words_add(w, AMP_NET_WORD_ADDRESS, &own, PREFIX, NULL);
	const struct amp_net_word *n = net_words_first(w, AMP_NET_WORD_ADDRESS, NET_IP4);
	if (!n)
		return defect_set(why, "too many words");
	uint32_t address = net_ip4_of(n->address), gateway;
	s->prefix = n->prefix;
	uint32_t network = address & (UINT32_MAX << (32 - s->prefix)), free = network + 1;
	if (s->prefix > 29)
		return defect_set(why,
		                  "address=: passt needs a network of at least 8 addresses (/29)");
	s->ip4 = (struct passt_family){ .on = true, .address = net_ip4(address) };
	n = net_words_gateway(w, NET_IP4);
	gateway = n ? net_ip4_of(n->gateway) : free + (free == address);
	s->ip4.gateway = net_ip4(gateway);
	if (!n)
		net_words_add(w, AMP_NET_WORD_ROUTE, &all, 0, &s->ip4.gateway);
	if (net_words_first(w, AMP_NET_WORD_RESOLVER, NET_IP4) || !asks)
		return 0;
	while (free == address || free == gateway)
		free++;
	s->ip4.resolver = net_ip4(free);
	net_words_add(w, AMP_NET_WORD_RESOLVER, &s->ip4.resolver, 32, NULL);
	return 0;
}

static int settle6(struct net_words *w, struct passt_setup *s, bool asks, struct defect *why)
{
	const struct net_ip all = { .family = NET_IP6 };
	if (!net_words_first(w, AMP_NET_WORD_ADDRESS, NET_IP6))
		net_words_add(w, AMP_NET_WORD_ADDRESS, &address6, PREFIX6, NULL);
	net_words_add(w, AMP_NET_WORD_ADDRESS, &link6, PREFIX6, NULL);
	const struct amp_net_word *n = net_words_first(w, AMP_NET_WORD_ADDRESS, NET_IP6);
	if (!n)
		return defect_set(why, "too many words");
	s->ip6 = (struct passt_family){ .on = true,
		                        .address = { .family = NET_IP6 },
		                        .gateway = router6 };
	memcpy(s->ip6.address.bytes, n->address, sizeof n->address);
	if (!net_words_gateway(w, NET_IP6))
		net_words_add(w, AMP_NET_WORD_ROUTE, &all, 0, &router6);
	if (net_words_first(w, AMP_NET_WORD_RESOLVER, NET_IP6) || !asks)
		return 0;
	s->ip6.resolver = s->ip6.address;
	s->ip6.resolver.bytes[15] ^= 1; /* a neighbour */
	net_words_add(w, AMP_NET_WORD_RESOLVER, &s->ip6.resolver, 128, NULL);
	return 0;
}

/* Is IPv6 asked for, and not only for want of something else? */
static bool insists(const struct net_words *w, const struct passt_setup *s)
{
	bool six = net_words_first(w, AMP_NET_WORD_ADDRESS, NET_IP6) != NULL;
	for (uint32_t k = 0; k < s->count; k++)
		six |= s->publish[k].address.family == NET_IP6;
	return six;
}

static bool needs4(const struct passt_setup *s)
{
	for (uint32_t k = 0; k < s->count; k++)
		if (s->publish[k].address.family == NET_IP4)
			return true;
	return false;
}

/* What the image, the host and the words have of each family. 0, or the exit status. */
static int settle(struct net_words *w, struct passt_setup *s, uint32_t flags, struct defect *why)
{
	struct passt_host host;
	bool four = !(flags & AMP_NOTE_DEVICE_NO_IP4), six = flags & AMP_NOTE_DEVICE_IP6;
	passt_host_look(&host);
	if (!six && insists(w, s)) {
		defect_set(why,
		           "the image has no IPv6 there: its manifest names none in `addresses`");
		return AMP_EXIT_USAGE;
	}
	if (!four && needs4(s)) {
		defect_set(why, "the image has no IPv4 there: publish an address of IPv6, or none");
		return AMP_EXIT_USAGE;
	}
	if (six && !*host.six && (!four || insists(w, s))) {
		defect_set(why, "passt has IPv6 only where an interface of this host has a "
		                "link-local address, and none has (ip -6 address): it may be "
		                "switched off (sysctl net.ipv6.conf.all.disable_ipv6)");
		return AMP_EXIT_TENDER;
	}
	six = six && *host.six;
	if ((four && settle4(w, s, host.asks4, why)) || (six && settle6(w, s, host.asks6, why)))
		return AMP_EXIT_USAGE;
	/* Of a host that is connected to nothing it asks no more than this. */
	strcpy(s->interface, six ? host.six : host.route4 ? "" : "lo");
	return 0;
}

static uint32_t sum16(uint32_t sum, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t k = 0; k < size; k += 2)
		sum += (uint32_t)bytes[k] << 8 | bytes[k + 1];
	return sum;
}

/* The image's first frame, which we send for it: an unsolicited advertisement of its address on the link (RFC 4861 §7.2.6). Until it
 * has one, passt knows nobody there to whom what comes from the host's loopback could go. */
static void greet(const struct passt *p)
{
	struct {
		uint8_t length[NET_STREAM_LENGTH]; /* big-endian */
		uint8_t to[6], from[6], type[2];
		uint8_t ip[8], source[16], group[16];
		uint8_t icmp[8], target[16];
	} f = { .length = { [3] = sizeof f - NET_STREAM_LENGTH },
		.to = { 0x33, 0x33, [5] = 1 },
		.type = { 0x86, 0xdd },
		.ip = { 0x60, [5] = 24, [6] = 58, [7] = 255 },
		.group = { 0xff, 2, [15] = 1 },
		.icmp = { 136, [4] = 0x20 } };
	_Static_assert(sizeof f == 4 + 14 + 40 + 24, "bytes have no padding");
	memcpy(f.from, p->packets.mac, sizeof f.from);
	memcpy(f.source, link6.bytes, sizeof f.source);
	memcpy(f.target, link6.bytes, sizeof f.target);
	uint32_t sum = sum16(58 + 24, f.source, sizeof f.source + sizeof f.group + 24);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	f.icmp[2] = (uint8_t)(sum >> 8);
	f.icmp[3] = (uint8_t)sum;
	send(p->packets.fd, &f, sizeof f, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int read_all(struct passt_setup *s, struct device *d, const struct device_wish *w,
                    struct defect *why)
{
	if (read_text(s, w->text, why))
		return AMP_EXIT_USAGE;
	int status = settle(&d->words, s, w->note->flags, why);
	uint32_t families = (s->ip4.on ? PUBLISH_IP4 : 0) | (s->ip6.on ? PUBLISH_IP6 : 0);
	for (uint32_t k = 0; !status && k < s->count; k++) {
		s->loopback |= s->publish[k].udp;
		status = publish_try(&s->publish[k], families, why) ? AMP_EXIT_TENDER : 0;
	}
	return status;
}

static int passt_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	static struct passt_setup setup;
	struct passt *p = d->state;
	setup = (struct passt_setup){ .mtu = MTU };
	packets_begin(&p->packets);
	p->process.errors = p->stream.room = -1;
	int status = read_all(&setup, d, w, why);
	if (status)
		return status;
	if (setup.loopback) {
		p->guard.router = net_ip4_of(setup.ip4.gateway.bytes);
		memcpy(p->guard.router6, setup.ip6.gateway.bytes, sizeof p->guard.router6);
	}
	p->stream.guard = &p->guard;
	p->stream.pace = &p->pace;
	p->packets.fd = passt_start(&p->process, &setup, why);
	p->packets.undo = p->process.undo;
	if (p->packets.fd < 0 || net_stream_open(&p->stream, p->packets.fd, FRAME_MOST, why))
		return AMP_EXIT_TENDER;
	packets_take_mac(p->packets.mac, w, "passt");
	memcpy(p->stream.mac, p->packets.mac, sizeof p->stream.mac);
	p->stream.readdress = true;
	if (setup.ip6.on)
		greet(p);
	p->packets.stream = &p->stream;
	p->packets.vouched = true;
	p->packets.mtu = MTU;
	if (w->abi_minor >= 1)
		p->packets.features =
		        AMP_NET_TX_CHECKSUM | AMP_NET_TX_SEGMENT | AMP_NET_RX_CHECKSUM;
	if (w->abi_minor >= SEGMENTS_MINOR)
		p->packets.features |= AMP_NET_RX_LARGE | AMP_NET_RX_SEGMENTS | AMP_NET_TX_SEGMENT6;
	packets_opened(d);
	return 0;
}

/* What else a start takes has been done meanwhile. */
static int passt_place(struct device *d, const struct device_place *to, struct defect *why)
{
	struct passt *p = d->state;
	p->failed |= passt_wait(&p->process, &p->why) != 0;
	if (p->failed) {
		*why = p->why;
		return -1;
	}
	return packets_place(d, to, why);
}

static void passt_last_words(const struct device *d)
{
	const struct passt *p = d->state;
	if (p->stream.bad)
		say("device %s: passt sent a frame of %u bytes, which is none: start the image "
		    "anew",
		    d->note->name, p->stream.bad);
	else
		say("device %s: its network, the process passt, has ended: start the image anew",
		    d->note->name);
}

static void passt_close(struct device *d)
{
	struct passt *p = d->state;
	passt_give_up(&p->process);
	packets_close(d);
}

const struct device_kind device_passt = {
	.prefix = "passt",
	.form = "passt,publish=HOST:PORT",
	.help = "  --net NAME=passt[,publish=" PUBLISH_FORM "]...\n"
	        "                            connects the image's network device NAME through "
	        "passt, "
	        "which needs no\n"
	        "                            rights; -p says the same in short\n",
	PACKETS_FUNCTIONS,
	.state_size = sizeof(struct passt),
	.open = passt_open,
	.place = passt_place,
	.allow = packets_allow,
	.last_words = passt_last_words,
	.close = passt_close,
};
