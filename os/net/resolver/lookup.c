/* SPDX-License-Identifier: ISC */
/* What callers see: names as text, this image's own names, the search in DHCP's domain, records in order. */
#include <net/resolver.h>

#include <string.h>

#include <core/bytes.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/random.h>
#include <net/interface_internal.h>
#include <net/resolver/internal.h>

#define LOOPBACK 0x7f000001u

/* 1: it is one; 0: a name; ERR_MALFORMED: digits and dots, but neither. */
static int dotted_quad(const char *text, uint32_t *to)
{
	uint32_t address = 0, parts = 0;

	for (const char *p = text; *p; p++)
		if (*p != '.' && (*p < '0' || *p > '9'))
			return 0;
	for (;;) {
		uint32_t value = 0, digits = 0;
		for (; *text >= '0' && *text <= '9'; text++, digits++) {
			value = value * 10 + (uint32_t)(*text - '0');
			if (digits == 3 || value > 255)
				return ERR_MALFORMED;
		}
		if (digits == 0 || ++parts > 4)
			return ERR_MALFORMED;
		address = address << 8 | value;
		if (!*text)
			break;
		text++;
	}
	*to = address;
	return parts == 4 ? 1 : ERR_MALFORMED;
}

static bool is_localhost(const struct resolver_name *n)
{
	static const char localhost[] = "\11localhost"; /* and the root's 0 */
	uint32_t at = 0;

	while (n->size - at > sizeof localhost)
		at += 1u + n->wire[at];
	return n->size - at == sizeof localhost &&
	       memcmp(n->wire + at, localhost, sizeof localhost) == 0;
}

/* ---- Answers that nobody is asked for ---- */

static void set_clear(struct resolver_answer *a)
{
	a->set = (struct resolver_set){ .data = a->data };
}

static void set_one(struct resolver_answer *a, const uint8_t *bytes, uint32_t size)
{
	bytes_store_u16(a->data, (uint16_t)size);
	memcpy(a->data + 2, bytes, size);
	a->set = (struct resolver_set){ 1, 2 + size, RESOLVER_TTL_MAX_S, a->data };
}

static void set_address(struct resolver_answer *a, uint32_t address)
{
	uint8_t bytes[4];

	bytes_store_u32(bytes, address);
	set_one(a, bytes, sizeof bytes);
}

/* RFC 6761 §6.3. */
static void answer_localhost(struct resolver_answer *a, uint16_t type)
{
	static const uint8_t loopback6[16] = { [15] = 1 };

	set_clear(a);
	if (type == RESOLVER_A)
		set_address(a, LOOPBACK);
	else if (type == RESOLVER_AAAA)
		set_one(a, loopback6, sizeof loopback6);
}

/* ---- Names ---- */

static bool reverse_name(struct resolver_name *n, uint32_t address)
{
	char text[32], *to = text;

	for (unsigned k = 0; k < 4; k++, address >>= 8) {
		uint32_t part = address & 255;
		if (part >= 100)
			*to++ = (char)('0' + part / 100);
		if (part >= 10)
			*to++ = (char)('0' + part / 10 % 10);
		*to++ = (char)('0' + part % 10);
		*to++ = '.';
	}
	memcpy(to, "in-addr.arpa", sizeof "in-addr.arpa");
	return resolver_name_parse(n, text);
}

/* RFC 3596 §2.5. */
static bool reverse_name6(struct resolver_name *n, const struct net_address *a)
{
	char text[32 * 2 + sizeof "ip6.arpa"], *to = text;

	for (uint32_t k = 32; k--;) {
		*to++ = "0123456789abcdef"[a->bytes[k / 2] >> (k % 2 ? 0 : 4) & 15];
		*to++ = '.';
	}
	memcpy(to, "ip6.arpa", sizeof "ip6.arpa");
	return resolver_name_parse(n, text);
}

/* The name with DHCP's domain behind it; false: there is none, or it does not fit. */
static bool join_domain(struct resolver_name *n, const char *name, uint32_t which)
{
	char text[RESOLVER_NAME_MAX + 1];
	size_t size = strlen(name);

	for (uint32_t k = 0; k < interface_total(); k++) {
		const char *domain = interface_at(k)->dhcp.lease.domain_name;
		if (!*domain || which--)
			continue;
		if (size + 1 + strlen(domain) >= sizeof text)
			return false;
		memcpy(text, name, size);
		text[size] = '.';
		strcpy(text + size + 1, domain);
		return resolver_name_parse(n, text);
	}
	return false;
}

/* OK, with set.count 0 where there is none. */
static int find(const char *name, uint16_t type, struct resolver_answer *a, uint64_t deadline_ns)
{
	struct resolver_key key = { .type = type };
	uint32_t address;
	int quad = dotted_quad(name, &address);

	resolver_counts.asked++;
	set_clear(a);
	if (quad < 0)
		return quad;
	if (quad && type != RESOLVER_PTR) {
		if (type == RESOLVER_A)
			set_address(a, address);
		return OK;
	}
	struct net_address six;
	if (interface_ip6 && type == RESOLVER_PTR && strchr(name, ':')) {
		if (!net_address_parse(name, &six) || !reverse_name6(&key.name, &six))
			return ERR_MALFORMED;
		return resolver_ask(&key, a, deadline_ns);
	}
	if (quad ? !reverse_name(&key.name, address) : !resolver_name_parse(&key.name, name))
		return ERR_MALFORMED;
	if (is_localhost(&key.name)) {
		answer_localhost(a, type);
		return OK;
	}
	struct resolver_key searched = { .type = type };
	if (!resolver_options.no_search && !strchr(name, '.'))
		for (uint32_t n = 0; join_domain(&searched.name, name, n); n++) {
			int result = resolver_ask(&searched, a, deadline_ns);
			if (result < 0 || a->set.count)
				return result;
		}
	return resolver_ask(&key, a, deadline_ns);
}

/* Is there an address of that family, with which an answer could be used? */
static bool has_family(bool ip6)
{
	for (uint32_t k = 0; k < interface_total(); k++) {
		const struct interface *i = interface_at(k);
		if (ip6 ? interface_ip6 && i->ip6 && ip6_ready(i) : i->address != 0)
			return true;
	}
	return false;
}

static int lookup_ip6(const char *name, struct resolver_answer *a, struct net_address *to,
                      uint32_t count, uint64_t deadline_ns)
{
	int result = find(name, RESOLVER_AAAA, a, deadline_ns);
	if (result < 0)
		return result;
	for (uint32_t at = 0; at < a->set.size && (uint32_t)result < count; at += 18)
		memcpy(to[result++].bytes, a->data + at + 2, 16);
	return result;
}

static int lookup_ip4(const char *name, struct resolver_answer *a, struct net_address *to,
                      uint32_t count, uint64_t deadline_ns)
{
	int result = find(name, RESOLVER_A, a, deadline_ns);
	if (result < 0)
		return result;
	for (uint32_t at = 0; at < a->set.size && (uint32_t)result < count; at += 6)
		to[result++] = net_ip4(bytes_load_u32(a->data + at + 2));
	return result;
}

/* Both families; what one of them has is enough. Half of the room is left to the second. */
static int lookup_both(const char *name, struct resolver_answer *a, struct net_address *to,
                       uint32_t count, uint64_t deadline_ns)
{
	struct net_address all[2 * RESOLVER_ADDRESSES_MAX];
	bool ip6 = has_family(true), ip4 = !ip6 || has_family(false);
	int six = ip6 ? lookup_ip6(name, a, all, RESOLVER_ADDRESSES_MAX, deadline_ns) : 0;
	uint32_t have = six > 0 ? (uint32_t)six : 0;
	int four = ip4 ? lookup_ip4(name, a, all + have, RESOLVER_ADDRESSES_MAX, deadline_ns) : 0;
	have += four > 0 ? (uint32_t)four : 0;
	if (!have)
		return four < 0 && ip4 ? four : six;
	resolver_order(all, have);
	have = have < count ? have : count;
	memcpy(to, all, have * sizeof *to);
	return (int)have;
}

int resolver_lookup(const char *name, struct net_address *to, uint32_t count, uint64_t deadline_ns)
{
	if (interface_ip6 && count && strchr(name, ':'))
		return net_address_parse(name, to) ? 1 : ERR_MALFORMED;
	struct resolver_answer *a = heap_alloc(sizeof *a);
	if (!a)
		return ERR_MEMORY;
	int result = interface_ip6 ? lookup_both(name, a, to, count, deadline_ns)
	                           : lookup_ip4(name, a, to, count, deadline_ns);
	if (!result && count)
		result = ERR_ABSENT;
	heap_free(a);
	return result;
}

/* ---- Records ---- */

/* RFC 2782: of equal priority, the next one is drawn by weight. Records come in one by one, to the end of `at`. */
static void sort(struct resolver_records *all, bool by_weight)
{
	for (uint32_t n = 1; n < all->count; n++) {
		struct resolver_record r = all->at[n];
		uint32_t k = n;
		for (; k && all->at[k - 1].preference > r.preference; k--)
			all->at[k] = all->at[k - 1];
		all->at[k] = r;
	}
	for (uint32_t n = 0; by_weight && n < all->count; n++) {
		uint32_t end = n, sum = 0;
		while (end < all->count && all->at[end].preference == all->at[n].preference)
			sum += all->at[end++].weight;
		uint32_t drawn = random_below(sum + 1), k = n;
		while (drawn > all->at[k].weight)
			drawn -= all->at[k++].weight;
		struct resolver_record r = all->at[k];
		for (; k > n; k--)
			all->at[k] = all->at[k - 1];
		all->at[n] = r;
	}
}

/* Its strings, joined, and a NUL. Returns the bytes, NUL included. */
static uint32_t join_strings(char *to, const uint8_t *data, uint32_t size)
{
	uint32_t have = 0;

	for (uint32_t at = 0; at < size; at += 1u + data[at]) {
		memcpy(to + have, data + at + 1, data[at]);
		have += data[at];
	}
	to[have++] = '\0';
	return have;
}

/* Fills in one record from its data; its text goes to `to`. Returns the bytes of text. */
static uint32_t decode(struct resolver_record *r, uint16_t type, const uint8_t *data, uint32_t size,
                       char *to)
{
	uint32_t text = 0;

	*r = (struct resolver_record){ .name = to };
	switch (type) {
	case RESOLVER_A:
		r->a = bytes_load_u32(data);
		break;
	case RESOLVER_AAAA:
		memcpy(r->aaaa, data, sizeof r->aaaa);
		break;
	case RESOLVER_TXT:
		text = join_strings(to, data, size);
		r->size = (uint16_t)(text - 1);
		break;
	case RESOLVER_SRV:
		r->weight = bytes_load_u16(data + 2);
		r->port = bytes_load_u16(data + 4);
		text = 4;
		/* fall through */
	case RESOLVER_MX:
		r->preference = bytes_load_u16(data);
		text = resolver_name_print(to, data + text + 2);
		break;
	default:
		text = resolver_name_print(to, data);
	}
	return text;
}

/* Bytes of text that records may have: a name's byte becomes at most four. */
static size_t text_room(const struct resolver_set *set, uint16_t type)
{
	return type == RESOLVER_A || type == RESOLVER_AAAA ? 0
	       : type == RESOLVER_TXT                      ? set->size
	                                                   : 4ul * set->size;
}

static int give_records(const struct resolver_answer *a, uint16_t type,
                        struct resolver_records **records)
{
	struct resolver_records *all;
	size_t array = sizeof *all + a->set.count * sizeof *all->at;
	char *text;

	if (!a->set.count)
		return ERR_ABSENT;
	all = heap_alloc(array + text_room(&a->set, type));
	if (!all)
		return ERR_MEMORY;
	text = (char *)all + array;
	*all = (struct resolver_records){ a->set.count, a->set.ttl_s };
	for (uint32_t n = 0, at = 0; n < all->count; n++) {
		uint32_t size = bytes_load_u16(a->data + at);
		text += decode(&all->at[n], type, a->data + at + 2, size, text);
		at += 2 + size;
	}
	if (type == RESOLVER_MX || type == RESOLVER_SRV)
		sort(all, type == RESOLVER_SRV);
	*records = all;
	return OK;
}

static bool is_known(enum resolver_type type)
{
	return type == RESOLVER_A || type == RESOLVER_NS || type == RESOLVER_PTR ||
	       type == RESOLVER_MX || type == RESOLVER_TXT || type == RESOLVER_AAAA ||
	       type == RESOLVER_SRV;
}

int resolver_query(const char *name, enum resolver_type type, struct resolver_records **records,
                   uint64_t deadline_ns)
{
	*records = NULL;
	if (!is_known(type))
		return ERR_INVALID;
	struct resolver_answer *a = heap_alloc(sizeof *a);
	if (!a)
		return ERR_MEMORY;
	int result = find(name, (uint16_t)type, a, deadline_ns);
	if (result == OK)
		result = give_records(a, (uint16_t)type, records);
	heap_free(a);
	return result;
}
