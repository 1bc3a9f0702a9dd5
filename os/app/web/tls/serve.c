/* SPDX-License-Identifier: ISC */
/* HTTPS in front of the site, and what is said there to browsers. */
#include <app/web/tls/internal.h>

#include <app/http/hook.h>
#include <app/http2/http2.h>
#include <app/tls/tls.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/log.h>
#include <core/print.h>

#define HTTPS_PORT 443u

static const char pair[] = "certificate and key"; /* as messages name them */

static struct tls *tls;
static char hsts[40];

int web_tls_renew(const char *chain, size_t chain_size, const char *key, size_t key_size)
{
	return tls ? tls_certificate_renew(tls, pair, chain, chain_size, key, key_size)
	           : ERR_ABSENT;
}

static bool say_hsts(struct http_exchange *x, void *context)
{
	(void)context;
	http_set(x, "Strict-Transport-Security", hsts);
	return true;
}

int web_tls_open(struct tls **to)
{
	static const struct tls_options by_version = { .protocols = http2_protocols };
	return tls_open(to, &by_version);
}

static int open_https(struct http_server **to, struct tls *by, const struct web_options *o,
                      const struct web_tls_options *t)
{
	struct http_options options = o->http;
	options.port = t->https ? t->https : HTTPS_PORT;
	int error = http_serve_over(to, &options, &tls_layer, by);
	error = error ? error : http2_enable(*to, NULL);
	if (!error && t->hsts_ns >= NS_PER_S) {
		print_text(hsts, sizeof hsts, "max-age=%llu",
		           (unsigned long long)(t->hsts_ns / NS_PER_S));
		error = http_before(*to, say_hsts, NULL);
	}
	if (!error && t->renewal.bytes)
		error = web_tls_renewal(*to, t->renewal);
	return error ? error : web_site(*to, o);
}

/* HTTP beside HTTPS: the site, too, or nothing of it. */
static int open_http(struct http_server **to, const struct web_options *o,
                     const struct web_tls_options *t)
{
	*to = NULL;
	if (!o->http.port)
		return OK;
	if (t->redirect)
		return web_tls_redirect(to, o, t->redirect);
	int error = http_serve(to, &o->http);
	return error ? error : web_site(*to, o);
}

int web_tls_listen(struct http_server **https, struct http_server **http, struct tls *by,
                   const struct web_options *o, const struct web_tls_options *t)
{
	int error = open_https(https, by, o, t);
	error = error ? error : open_http(http, o, t);
	return error ? error : web_status(o);
}

int web_tls_serve(struct http_server **to, const struct web_options *o,
                  const struct web_tls_options *t)
{
	if (tls)
		return ERR_EXISTS;
	if (!t->certificate.bytes && !t->key.bytes) {
		if (t->renewal.bytes) {
			log_error("web", "renewal is given, but no certificate that could be "
			                 "renewed: --set certificate=@FILE --set key=@FILE");
			return ERR_INVALID;
		}
		if (!o->http.port) {
			log_error("web", "port is 0 and no certificate is given: there is nothing "
			                 "to serve by");
			return ERR_INVALID;
		}
		return web_serve(to, o);
	}
	struct http_server *http;
	int error = web_tls_open(&tls);
	error = error ? error
	              : tls_certificate(tls, pair, t->certificate.bytes, t->certificate.size,
	                                t->key.bytes, t->key.size);
	boot_secret_erase(t->key);
	return error ? error : web_tls_listen(to, &http, tls, o, t);
}
