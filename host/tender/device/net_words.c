/* SPDX-License-Identifier: ISC */
/* The words of a text come from the user: each that does not fit is named in a line. */
#include <arpa/inet.h>
#include <string.h>

#include <tender/args.h>
#include <tender/device/net_words.h>

#define MTU_MIN 576u /* RFC 791: what every host takes */

static uint32_t mask_of(uint8_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

/* ---- Addresses ---- */

struct net_ip net_ip4(uint32_t address)
{
	struct net_ip a = { .family = NET_IP4 };
	for (uint32_t k = 0; k < 4; k++)
		a.bytes[k] = (uint8_t)(address >> (24 - 8 * k));
	return a;
}

uint32_t net_ip4_of(const uint8_t from[16])
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static bool is_link(const uint8_t bytes[16])
{
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

bool net_ip_is_link(const struct net_ip *a)
{
	return a->family == NET_IP6 && is_link(a->bytes);
}

static bool fits4(uint32_t address, uint8_t prefix)
{
	uint32_t top = address >> 24, host = address & ~mask_of(prefix);
	if (!prefix || prefix > 32 || !top || top == 127 || (top >= 224 && top < 240) ||
	    address == UINT32_MAX)
		return false;
	return prefix >= 31 || (host && host != ~mask_of(prefix));
}

bool net_ip_fits(const struct net_ip *a, uint8_t prefix)
{
	static const uint8_t none[15];
	if (a->family == NET_IP4)
		return fits4(net_ip4_of(a->bytes), prefix);
	/* Neither ::, nor ::1, nor a group. */
	return prefix && prefix <= 128 && a->bytes[0] != 0xff &&
	       (memcmp(a->bytes, none, sizeof none) || a->bytes[15] > 1);
}

bool net_ip_parse(const char *text, struct net_ip *to)
{
	struct defect why;
	uint64_t number;
	*to = (struct net_ip){ 0 };
	if (!strchr(text, ':')) {
		if (arg_parse(AMP_ARG_IPV4, text, &number, &why))
			return false;
		*to = net_ip4((uint32_t)number);
		return true;
	}
	if (arg_parse(AMP_ARG_IP6, text, &number, &why) ||
	    inet_pton(AF_INET6, text, to->bytes) != 1)
		return false;
	to->family = NET_IP6;
	return true;
}

static bool parse_host(const char *text, struct net_ip *to)
{
	return net_ip_parse(text, to) && net_ip_fits(to, to->family == NET_IP4 ? 32 : 128);
}

/* Is it a network's own address: are its host's bits zero? */
static bool is_network(const struct net_ip *a, uint8_t prefix)
{
	for (uint32_t bit = prefix; bit < 128; bit++)
		if (a->bytes[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool parse_cidr(const char *text, struct net_ip *to, uint8_t *prefix)
{
	struct defect why;
	char copy[64];
	uint64_t number;
	size_t size = strcspn(text, "/");
	if (size >= sizeof copy || !text[size] ||
	    arg_parse(AMP_ARG_U16, text + size + 1, &number, &why))
		return false;
	memcpy(copy, text, size);
	copy[size] = 0;
	*prefix = (uint8_t)number;
	return net_ip_parse(copy, to) && number <= (to->family == NET_IP4 ? 32 : 128);
}

/* ---- What there is ---- */

bool net_words_add(struct net_words *w, enum amp_net_word_kind kind, const struct net_ip *address,
                   uint8_t prefix, const struct net_ip *gateway)
{
	if (w->count == NET_WORDS_EACH)
		return false;
	struct amp_net_word *n = &w->all[w->count++];
	*n = (struct amp_net_word){ .kind = (uint16_t)kind,
		                    .family = address->family,
		                    .prefix = prefix };
	memcpy(n->address, address->bytes, sizeof n->address);
	if (gateway)
		memcpy(n->gateway, gateway->bytes, sizeof n->gateway);
	return true;
}

static bool add_resolver(struct net_words *w, const struct net_ip *a)
{
	return net_words_add(w, AMP_NET_WORD_RESOLVER, a, a->family == NET_IP4 ? 32 : 128, NULL);
}

bool net_words_resolver_line(struct net_words *w, const char *line)
{
	static const char key[] = "nameserver";
	char text[64];
	struct net_ip a;
	size_t size = sizeof key - 1,
	       skip = strspn(line + (strncmp(line, key, size) ? 0 : size), " \t");
	if (strncmp(line, key, size) || !skip)
		return false;
	line += size + skip;
	size = strcspn(line, " \t\r\n");
	if (size >= sizeof text)
		return false;
	memcpy(text, line, size);
	text[size] = 0;
	/* One of the host's link alone is nobody elsewhere. */
	return parse_host(text, &a) && !net_ip_is_link(&a) && add_resolver(w, &a);
}

const struct amp_net_word *net_words_first(const struct net_words *w, enum amp_net_word_kind kind,
                                           uint8_t family)
{
	for (uint32_t k = 0; k < w->count; k++) {
		const struct amp_net_word *n = &w->all[k];
		if (n->kind == kind && n->family == family &&
		    !(kind == AMP_NET_WORD_ADDRESS && family == NET_IP6 && is_link(n->address)))
			return n;
	}
	return NULL;
}

const struct amp_net_word *net_words_gateway(const struct net_words *w, uint8_t family)
{
	for (uint32_t k = 0; k < w->count; k++)
		if (w->all[k].kind == AMP_NET_WORD_ROUTE && w->all[k].family == family &&
		    !w->all[k].prefix)
			return &w->all[k];
	return NULL;
}

uint32_t net_words_write(const struct net_words *w, uint32_t device, struct amp_net_word *to)
{
	uint32_t n = 0;
	for (int rest = 0; rest <= 1; rest++)
		for (uint32_t k = 0; k < w->count; k++)
			if ((w->all[k].kind != AMP_NET_WORD_ADDRESS) == rest) {
				to[n] = w->all[k];
				to[n++].device = device;
			}
	return n;
}

/* ---- Texts ---- */

static int too_many(struct defect *why)
{
	return defect_set(why, "more than %u addresses, routes and resolvers", NET_WORDS_EACH);
}

static int refuse(const char *key, const char *value, const char *want, struct defect *why)
{
	return defect_set(why, "%s=%s: want %s", key, value, want);
}

static int take_address(struct net_words *w, char *value, struct defect *why)
{
	struct net_ip a;
	uint8_t prefix;
	if (!parse_cidr(value, &a, &prefix) || !net_ip_fits(&a, prefix))
		return refuse("address", value,
		              "a host's address and its network's length, as in "
		              "192.0.2.7/24 or 2001:db8::7/64",
		              why);
	return net_words_add(w, AMP_NET_WORD_ADDRESS, &a, prefix, NULL) ? 0 : too_many(why);
}

static int take_gateway(struct net_words *w, char *value, struct defect *why)
{
	struct net_ip a;
	if (!parse_host(value, &a))
		return refuse("gateway", value, "a host's address, as in 192.0.2.1 or fe80::1",
		              why);
	if (net_words_gateway(w, a.family))
		return defect_set(why,
		                  "gateway=%s: a second one; networks beside it are "
		                  "route=NETWORK/LEN@ADDRESS",
		                  value);
	const struct net_ip all = { .family = a.family };
	return net_words_add(w, AMP_NET_WORD_ROUTE, &all, 0, &a) ? 0 : too_many(why);
}

static int take_route(struct net_words *w, char *value, struct defect *why)
{
	static const char want[] = "a network and its gateway, as in 198.51.100.0/24@192.0.2.1 or "
	                           "2001:db8:1::/48@fe80::1";
	char *at = strchr(value, '@');
	struct net_ip to, gateway;
	uint8_t prefix;
	if (!at)
		return refuse("route", value, want, why);
	*at = 0;
	bool fits = parse_cidr(value, &to, &prefix) && prefix && is_network(&to, prefix) &&
	            parse_host(at + 1, &gateway) && gateway.family == to.family;
	*at = '@';
	if (!fits)
		return refuse("route", value, want, why);
	return net_words_add(w, AMP_NET_WORD_ROUTE, &to, prefix, &gateway) ? 0 : too_many(why);
}

static int take_resolver(struct net_words *w, char *value, struct defect *why)
{
	struct net_ip a;
	if (!parse_host(value, &a))
		return refuse("resolver", value,
		              "a name server's address, as in 192.0.2.53 or 2001:db8::53", why);
	return add_resolver(w, &a) ? 0 : too_many(why);
}

static int take_mtu(struct net_words *w, char *value, struct defect *why)
{
	struct defect unused;
	uint64_t number;
	if (arg_parse(AMP_ARG_U16, value, &number, &unused) || number < MTU_MIN)
		return defect_set(why, "mtu=%s: want bytes from %u to 65535", value, MTU_MIN);
	w->mtu = (uint16_t)number;
	return 0;
}

int net_words_take(struct net_words *w, char *text, struct defect *why)
{
	static const struct {
		const char *key;
		int (*take)(struct net_words *, char *, struct defect *);
	} keys[] = { { "address=", take_address },
		     { "gateway=", take_gateway },
		     { "route=", take_route },
		     { "resolver=", take_resolver },
		     { "mtu=", take_mtu } };
	char *comma = strchr(text, ',');
	while (comma) {
		char *word = comma + 1, *next = strchr(word, ',');
		size_t n = sizeof keys / sizeof *keys, k = 0;
		while (k < n && strncmp(word, keys[k].key, strlen(keys[k].key)))
			k++;
		if (k == n) {
			comma = next;
			continue;
		}
		if (next)
			*next = 0;
		if (keys[k].take(w, word + strlen(keys[k].key), why))
			return -1;
		if (next) {
			*next = ',';
			memmove(comma, next, strlen(next) + 1);
		} else {
			*comma = 0;
			comma = NULL;
		}
	}
	return 0;
}
