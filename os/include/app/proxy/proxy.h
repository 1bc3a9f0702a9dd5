/* SPDX-License-Identifier: ISC */
/*
 * A reverse proxy (RFC 9110 §7.6) over app/http: requests go on to one of several servers, and their answers come back, both as
 * they come, whatever their size.
 *
 *	proxy_open(&proxy, &(struct proxy_options){ .upstreams = "10.0.0.3:8080, 10.0.0.4:8080" }) ||
 *	        proxy_route(server, proxy, 1 << 30);
 *
 * Nothing is passed on as it came but texts: the message is parsed, refused if it can be read in two ways, and written anew. Fields
 * of one hop stay here, and so do names with an underscore, which some servers take for a hyphen. A request that ends early is
 * never completed, nor is an answer: who waits for it sees its connection break.
 *
 * A server that cannot be connected is passed over for a while; one that fails its health checks, until it passes one. If all
 * are down, all are tried. Another server is asked where no connection comes about; and once a request was sent, only if
 * its method is idempotent (RFC 9110 §9.2.2), it has no body, and nothing has been answered. 502: no server answers; 504: not in time.
 *
 * A server that answers before it has read the whole body gets the rest if the status is below 300, and else not.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <app/http/http.h>
#include <net/tcp_client.h>

#define PROXY_UPSTREAMS_MAX 32u
#define PROXY_HEALTH_NS     (10ull * 1000000000)
#define PROXY_CONNECT_NS    (3ull * 1000000000)
#define PROXY_ANSWER_NS     (60ull * 1000000000)
#define PROXY_TRIES         3u

struct proxy_options {         /* zero means the default above */
	const char *upstreams; /* host:port (80), separated by commas. Not copied */
	const char *
	        health; /* a path that a healthy server answers with 200 to 399; null or "": none is asked for */
	uint64_t
	        health_ns; /* between checks, and how long one that cannot be connected is passed over */
	uint64_t connect_ns; /* for a connection, and for a check */
	uint64_t
	        answer_ns; /* for an answer's head, and without any progress of a body, either way */
	uint32_t tries;    /* servers that are asked for one request, at most */
	uint32_t kept_max;                    /* connections kept to each; HTTP_POOL_KEPT_DEFAULT */
	const struct tcp_client_layer *layer; /* to the servers: TLS; null: none */
	void *layer_context;
	bool secure; /* clients come by TLS: servers are told so */
	bool trusted; /* who asks is a proxy itself: what it says of its client (Forwarded, X-Forwarded-...) goes on */
};

struct proxy;
/* ERR_INVALID: the list names no server, too many, or what can be none, which is logged. ERR_MEMORY. */
int proxy_open(struct proxy **, const struct proxy_options *);
/* All paths and methods that no other route of the server has; bodies of up to so many bytes. As http_route. */
int proxy_route(struct http_server *, struct proxy *, uint64_t body_max);

struct proxy_counters {
	uint64_t requests, failed; /* failed: answered with 502 or 504, or broken off */
	uint64_t retried;
	uint64_t upstreams, up; /* as of now */
};
void proxy_counters(const struct proxy *, struct proxy_counters *);

#endif
