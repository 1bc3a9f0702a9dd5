/* SPDX-License-Identifier: ISC */
/* Another certificate while the service runs, from who has the token that was given at start. */
#include <app/web/tls/internal.h>

#include <string.h>

#include <app/http/auth.h>
#include <app/http/limit.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/sha256.h>
#include <net/address.h>

static const char path[] = "/.well-known/ampoule/certificate";

static struct http_limit *wrong;
static struct boot_secret token;

static bool is_allowed(struct http_exchange *x)
{
	struct net_address peer = http_limit_peer(x);
	struct http_text said = http_bearer(x);
	uint64_t wait = http_limit_wait(wrong, &peer, sizeof peer);
	if (wait) {
		http_limit_refuse(x, wait);
		return false;
	}
	if (said.size == token.size && bytes_same(said.bytes, token.bytes, token.size))
		return true;
	if (said.bytes)
		http_limit_take(wrong, &peer, sizeof peer, NULL);
	http_demand_bearer(x, "certificate", said.bytes ? "invalid_token" : NULL);
	return false;
}

static void renew(struct http_exchange *x, void *context)
{
	(void)context;
	if (!is_allowed(x))
		return;
	char *text = heap_alloc(WEB_TLS_RENEWAL_MAX + 1);
	if (!text) {
		http_fail(x, 503);
		return;
	}
	int64_t n =
	        http_read_all(x, text, WEB_TLS_RENEWAL_MAX + 1, clock_now() + WEB_TLS_RENEWAL_NS);
	if (n >= 0 && web_tls_renew(text, (size_t)n, text, (size_t)n) == OK) {
		log_info("web", "another certificate is in place");
		http_reply_text(x, 200, "renewed\n");
	} else if (n >= 0) {
		http_reply_text(x, 400, "refused: the appliance's log says why\n");
	}
	explicit_bzero(text, WEB_TLS_RENEWAL_MAX + 1);
	heap_free(text);
}

int web_tls_renewal(struct http_server *server, struct boot_secret given)
{
	while (given.size &&
	       (given.bytes[given.size - 1] == '\n' || given.bytes[given.size - 1] == '\r'))
		given.size--;
	if (given.size < WEB_TLS_TOKEN_MIN || given.size > WEB_TLS_TOKEN_MAX) {
		log_error("web", "renewal has %zu bytes: a token has from %u to %u", given.size,
		          WEB_TLS_TOKEN_MIN, WEB_TLS_TOKEN_MAX);
		return ERR_INVALID;
	}
	for (size_t k = 0; k < given.size; k++) {
		if (given.bytes[k] <= ' ' || given.bytes[k] >= 0x7f) {
			log_error("web", "renewal has a byte that no token has: write letters and "
			                 "digits, as `openssl rand -hex 32` does");
			return ERR_INVALID;
		}
	}
	token = given;
	int error = http_limit_open(
	        &wrong, &(struct http_limit_options){ .burst = WEB_TLS_WRONG_MAX,
	                                              .interval_ns = WEB_TLS_WRONG_NS });
	error = error ? error : http_route_task(server, "PUT", path, renew, NULL);
	error = error ? error : http_route_gather(server, "PUT", path, 0);
	return error ? error : http_route_body(server, "PUT", path, WEB_TLS_RENEWAL_MAX);
}
