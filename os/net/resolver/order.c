/* SPDX-License-Identifier: ISC */
/* In which order to try a name's addresses: RFC 6724 §6, by the rules that say something here. */
#include <string.h>

#include <net/interface_internal.h>
#include <net/ip4.h>
#include <net/resolver/internal.h>

struct way {
	struct net_address source; /* none: no way leads there */
	struct ip6_policy to, from;
	uint32_t scope, source_scope;
	uint32_t common; /* bits that both begin with; IPv6 alone */
	bool deprecated; /* the source */
};

static struct way way_to(struct net_address a)
{
	struct way w = { .to = ip6_policy(a), .scope = ip6_scope(a) };
	uint32_t word = ip6_word(a, NULL);
	for (uint32_t k = 0; word && k < interface_total() && net_address_none(w.source); k++) {
		const struct interface *i = interface_at(k);
		if (ip6_is(word) && !i->ip6)
			continue;
		uint32_t source = interface_source(i, word);
		if (!source || !interface_next_hop(i, word))
			continue;
		w.source = ip6_address_of(source);
		w.deprecated = ip6_is(source) && ip6_deprecated(i, source);
	}
	ip6_drop(word);
	while (!net_is_ip4(a) && w.common < 64 &&
	       !((a.bytes[w.common / 8] ^ w.source.bytes[w.common / 8]) >> (7 - w.common % 8) & 1))
		w.common++;
	w.from = ip6_policy(w.source);
	w.source_scope = ip6_scope(w.source);
	return w;
}

static bool before(const struct way *a, const struct way *b)
{
	bool none_a = net_address_none(a->source), none_b = net_address_none(b->source);
	if (none_a != none_b) /* rule 1 */
		return none_b;
	bool scope_a = a->scope == a->source_scope, scope_b = b->scope == b->source_scope;
	if (scope_a != scope_b) /* rule 2 */
		return scope_a;
	if (a->deprecated != b->deprecated) /* rule 3 */
		return b->deprecated;
	bool label_a = a->to.label == a->from.label, label_b = b->to.label == b->from.label;
	if (label_a != label_b) /* rule 5 */
		return label_a;
	if (a->to.precedence != b->to.precedence) /* rule 6 */
		return a->to.precedence > b->to.precedence;
	if (a->scope != b->scope) /* rule 8 */
		return a->scope < b->scope;
	return a->common >
	       b->common; /* rule 9; IPv4's stay as they came, which spreads load: rule 10 */
}

void resolver_order(struct net_address *all, uint32_t count)
{
	for (uint32_t n = 1; n < count; n++) {
		struct net_address a = all[n];
		struct way way = way_to(a);
		uint32_t k = n;
		for (; k; k--) {
			struct way other = way_to(all[k - 1]);
			if (!before(&way, &other))
				break;
			all[k] = all[k - 1];
		}
		all[k] = a;
	}
}
