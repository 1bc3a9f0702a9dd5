/* SPDX-License-Identifier: ISC */
/*
 * A small HTTP/1.1 client for tasks: one request after another on a connection that is kept. Responses with
 * Content-Length, chunked, or until the end of the connection; 1xx are skipped, folded fields unfolded (RFC 9112 §5.2).
 * No cookies; redirections: app/http/fetch.h. TLS is a layer: app/tls/client.h. No transfer coding but chunked: a response that has another one, which only a
 * request's TE may ask for, is ERR_MALFORMED, and a warning in the log names it. Content-Encoding is the caller's.
 *
 *	struct http_client *c;
 *	http_client_open(&c, "example.org", 80, deadline);
 *	http_client_get(c, "/index.html", &response, deadline);
 *	while ((n = http_client_read(c, buffer, sizeof buffer, deadline)) > 0) ...
 *	http_client_close(c);
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdint.h>

#include <app/http/http.h>
#include <net/tcp_client.h>

struct http_client; /* from the heap */

struct http_response {
	uint32_t status;
	/* Of the body; HTTP_UNKNOWN: until its end. Of HEAD: what GET's would be, or HTTP_UNKNOWN; there is none to read. */
	uint64_t size;
};

/* host: a name (resolved by net/resolver.h) or a dotted quad. ERR_INVALID (it can be neither, RFC 3986 §3.2.2; or a port
 * is in it), ERR_ABSENT (no such name), and as tcp_connect. */
int http_client_open(struct http_client **, const char *host, uint16_t port, uint64_t deadline_ns);
/* The same through a layer, of which `context` is (for &tls_client_layer a struct tls_client): https, whose port is 443. Errors of
 * its `open`, too. In an image without app/tls there is no layer. */
int http_client_open_over(struct http_client **, const char *host, uint16_t port,
                          const struct tcp_client_layer *, void *context, uint64_t deadline_ns);
void http_client_close(struct http_client *);

/* Sends a request and reads the response's head. type, body: may be null; fields: further lines, each with CRLF, or
 * null. The rest of the response before is read and dropped. A kept connection that the server has closed
 * meanwhile is opened again, once, for methods that may be repeated. ERR_TIMEOUT, ERR_CLOSED, ERR_RESET,
 * ERR_MALFORMED, ERR_TOO_BIG, ERR_INVALID (target or fields hold what they may not). */
int http_client_request(struct http_client *, const char *method, const char *target,
                        const char *fields, const char *type, const void *body, uint32_t size,
                        struct http_response *, uint64_t deadline_ns);
int http_client_get(struct http_client *, const char *target, struct http_response *,
                    uint64_t deadline_ns);
struct http_text http_client_header(const struct http_client *,
                                    const char *name); /* until the next request */
int64_t http_client_read(struct http_client *, void *to, uint32_t size,
                         uint64_t deadline_ns); /* 0: the end */

bool http_client_field_next(const struct http_client *, uint32_t *at, struct http_text *name,
                            struct http_text *value); /* all, as http_field_next */

/*
 * A request whose body is sent as it is made, of `size` bytes or HTTP_UNKNOWN (in chunks): begin, write, ..., end, which reads the
 * response's head. Fields as http_client_request; if they begin with Host, that is sent instead of ours. They say nothing
 * of the message itself (Content-Length, Transfer-Encoding, Connection). Nothing is repeated by itself: where a kept connection
 * was closed meanwhile, begin, write or end say ERR_CLOSED or ERR_RESET.
 *
 * A server may answer before it has the body: early is 1 then, 0 if not, or an error. The rest may be sent or not; if it is not,
 * the connection will not be used again. After an error of write, too, an answer may be there: end. Behind early, end only
 * ends the body, and leaves its response as it is.
 */
int http_client_begin(struct http_client *, const char *method, const char *target,
                      const char *fields, uint64_t size, uint64_t deadline_ns);
int http_client_write(struct http_client *, const void *bytes, uint32_t size, uint64_t deadline_ns);
int http_client_early(struct http_client *, struct http_response *, uint64_t deadline_ns);
int http_client_end(struct http_client *, struct http_response *, uint64_t deadline_ns);
/* Another request may follow on this connection: the response was read to its end, and neither side has closed it. */
bool http_client_kept(struct http_client *);

#endif
