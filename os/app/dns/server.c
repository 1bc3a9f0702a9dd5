/* SPDX-License-Identifier: ISC */
/*
 * The server: UDP packets in, answers out in the same frame (TCP: tcp.c). All it adds to
 * dns_answer_cached() is counting.
 */
#include <app/dns/dns.h>

#include <ampoule_abi.h>
#include <core/bytes.h>
#include <core/error.h>
#include <core/file.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <net/interface.h>
#include <net/tcp_served.h>
#include <net/udp.h>

#include <app/dns/cache.h>
#include <app/dns/message.h>
#include <app/dns/metrics.h>
#include <app/dns/tcp.h>

#define IP_UDP_HEADERS 28u

struct dns_server {
	struct dns_database database;
	struct dns_responder responder;
	struct dns_responder *streamed; /* dns_serve_message's; null: it was not called yet */
	struct dns_cache cache;
	bool cached;
	struct udp_socket *socket;
	struct tcp_server *tcp, *over; /* over: a layer; null: none */
	struct dns_counters counters;
	struct metric_source metrics;
};

static void received(void *context, struct udp_packet *p)
{
	struct dns_server *s = context;

	s->counters.queries++;
	uint32_t room = p->room < UINT16_MAX ? p->room : UINT16_MAX;
	uint32_t size = dns_answer_cached(&s->responder, s->cached ? &s->cache : NULL, p->payload,
	                                  p->size, p->payload, room);
	if (size == 0) {
		s->counters.dropped++;
		return;
	}
	s->counters.rcodes[bytes_load_u16(p->payload + 2) % DNS_RCODES]++;
	if (udp_reply(p, size) < 0)
		s->counters.failed++;
}

static void make_cache(struct dns_server *s, uint64_t bytes)
{
	uint64_t size = dns_cache_size(bytes ? bytes : DNS_CACHE_BYTES_DEFAULT), key[2];
	void *memory = size ? extent_alloc((size + AMP_PAGE - 1) / AMP_PAGE) : NULL;

	if (!memory) {
		log_warning("dns", "no memory for a cache of answers: going without");
		return;
	}
	random_bytes(key, sizeof key);
	dns_cache_init(&s->cache, memory, size, key);
	s->cached = true;
}

static bool read_transfers(struct dns_allow *to, const char *text)
{
	if (dns_allow_parse(to, text))
		return true;
	log_error("dns", "transfers: %s: write at most %u addresses or networks (A.B.C.D/LEN)",
	          text, DNS_ALLOW_MAX);
	return false;
}

static struct dns_policy policy_of(const struct dns_options *o)
{
	return (struct dns_policy){ .udp_size = o->udp_size,
		                    .minimal = o->minimal,
		                    .version = o->version,
		                    .identity = o->identity };
}

int dns_serve(struct dns_server **server, const struct file *zones,
              const struct dns_options *options)
{
	static const struct dns_options defaults;
	const struct dns_options *o = options ? options : &defaults;
	const char *why = "";

	if (!zones) {
		log_error("dns", "the zones are not in the image: add them under `compile` in "
		                 "appliance.yaml");
		return ERR_ABSENT;
	}
	struct dns_server *s = heap_alloc_zero(1, sizeof *s);
	if (!s) {
		log_error("dns", "no memory for the server");
		return ERR_MEMORY;
	}
	int result = dns_database_open(&s->database, zones->data, zones->size, &why);
	if (result < 0) {
		log_error("dns", "%s: %s", zones->name, why);
		goto out;
	}
	struct dns_allow transfers;
	if (!read_transfers(&transfers, o->transfers)) {
		result = ERR_INVALID;
		goto out;
	}
	const struct dns_policy policy = policy_of(o);
	dns_responder_init(&s->responder, &s->database, &policy);
	if (!o->no_cache)
		make_cache(s, o->cache_bytes);
	uint16_t port = o->port ? o->port : DNS_PORT;
	result = udp_open(&s->socket, o->interface, port, received, s);
	if (result < 0) {
		log_error("dns", "UDP port %u: %s", port, error_text(result));
		goto out;
	}
	result = dns_tcp_serve(&s->database, &policy, &transfers, &s->counters, o->interface, port,
	                       &o->tcp, &s->tcp);
	if (result < 0) {
		log_error("dns", "TCP port %u: %s", port, error_text(result));
		udp_close(s->socket);
		goto out;
	}
	const struct interface *in = o->interface ? o->interface : interface_find(NULL);
	if (in && interface_mtu(in) < DNS_UDP_MIN + IP_UDP_HEADERS)
		log_warning("dns",
		            "no query is answered on %s: its MTU %u leaves no room for %u bytes",
		            interface_name(in), interface_mtu(in), DNS_UDP_MIN);
	log_info("dns", "serving %u zone%s, %u names, on UDP and TCP port %u",
	         s->database.zone_count, s->database.zone_count == 1 ? "" : "s", s->database.names,
	         port);
	if (metric_shown)
		dns_metrics_add(&s->metrics, s, port);
	*server = s;
	return OK;
out:
	heap_free(s); /* a cache that was made stays: the image ends here */
	return result;
}

int dns_serve_over(struct dns_server *s, const struct tcp_layer *layer, void *context,
                   uint16_t port, const struct dns_options *options)
{
	static const struct dns_options defaults;
	const struct dns_options *o = options ? options : &defaults;
	const struct dns_policy policy = policy_of(o);
	struct dns_allow transfers;

	if (s->over)
		return ERR_EXISTS;
	if (!read_transfers(&transfers, o->transfers))
		return ERR_INVALID;
	port = port ? port : DNS_TLS_PORT;
	int result = dns_tcp_serve(&s->database, &policy, &transfers, &s->counters, o->interface,
	                           port, &o->tcp, &s->over);
	if (result < 0) {
		log_error("dns", "TCP port %u: %s", port, error_text(result));
		return result;
	}
	tcp_server_layer(s->over, layer, context);
	return OK;
}

uint32_t dns_serve_message(struct dns_server *s, const void *query, uint32_t size, void *to,
                           uint32_t room, uint32_t *ttl)
{
	*ttl = 0;
	s->counters.queries++;
	if (!s->streamed && (s->streamed = heap_alloc_zero(1, sizeof *s->streamed))) {
		struct dns_policy policy = s->responder.policy;
		policy.stream = true;
		dns_responder_init(s->streamed, &s->database, &policy);
	}
	uint32_t n = s->streamed && room >= DNS_UDP_MIN
	                     ? dns_answer(s->streamed, query, size, to, room)
	                     : 0;
	if (n == 0) {
		s->counters.dropped++;
		return 0;
	}
	s->counters.rcodes[bytes_load_u16((uint8_t *)to + 2) % DNS_RCODES]++;
	*ttl = dns_message_ttl(to, n);
	return n;
}

void dns_stop(struct dns_server *s, uint64_t deadline_ns,
              void (*stopped)(void *context, uint32_t left), void *context)
{
	if (tcp_served_layered && s->over)
		tcp_server_stop(s->over, deadline_ns, NULL, NULL);
	tcp_server_stop(s->tcp, deadline_ns, stopped, context);
}

struct dns_counters dns_counters(const struct dns_server *s)
{
	struct dns_counters c = s->counters;

	c.cache_hits = s->cache.hits;
	c.cache_misses = s->cache.misses;
	c.tcp_now = s->tcp->counters.now;
	c.tcp_refused = s->tcp->counters.refused;
	c.tcp_made_room = s->tcp->counters.made_room;
	if (tcp_served_layered && s->over) {
		c.tcp_now += s->over->counters.now;
		c.tcp_refused += s->over->counters.refused;
		c.tcp_made_room += s->over->counters.made_room;
	}
	return c;
}
