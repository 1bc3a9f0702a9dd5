/* SPDX-License-Identifier: ISC */
/*
 * Handshakes of TLS, many at once, so that a server has the next one when it has done one. Each ends with its goodbye; the next begins in
 * its place. Resumed ones all show the ticket that the first connection was given. openssl s_time has one connection at a time: it
 * measures how a server falls asleep and wakes.
 *
 * A client's part of a handshake takes longer than a server's. So that it is not what is measured, this one has one ephemeral key for all its
 * handshakes, reads the server's certificate once and believes its signature: the three functions of libcrypto that libssl would call for these
 * are defined here. What the server does is not less for it. It says how much of its time it had nothing to do.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/asn1t.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define AT_ONCE_MAX 1024
#define STUCK_MS    10000

struct connection {
	SSL *ssl;
	int fd;
};

/* ---- In the place of libcrypto's ---- */

int EVP_PKEY_keygen(EVP_PKEY_CTX *how, EVP_PKEY **to)
{
	static EVP_PKEY *own;
	if (!own && EVP_PKEY_generate(how, &own) <= 0)
		return 0;
	*to = own;
	return EVP_PKEY_up_ref(own);
}

int EVP_DigestVerify(EVP_MD_CTX *how, const unsigned char *signature, size_t signature_size,
                     const unsigned char *bytes, size_t size)
{
	(void)how, (void)signature, (void)signature_size, (void)bytes, (void)size;
	return 1;
}

X509 *d2i_X509(X509 **to, const unsigned char **bytes, long size)
{
	static X509 *own;
	const unsigned char *at = *bytes;
	if (!own)
		own = (X509 *)ASN1_item_d2i(NULL, &at, size, ASN1_ITEM_rptr(X509));
	if (!own || !X509_up_ref(own))
		return NULL;
	*bytes += size;
	if (to) {
		X509_free(*to);
		*to = own;
	}
	return own;
}

/* ---- Connections ---- */

static struct sockaddr_in server = { .sin_family = AF_INET };
static SSL_CTX *context;
static SSL_SESSION *ticket; /* null: full handshakes */
static bool wants_ticket;
static int poll_fd;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "tlsload: %s\n", what);
	exit(1);
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	if (!wants_ticket)
		return 0;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static void begin(struct connection *c, int flags)
{
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | flags, 0);
	c->ssl = SSL_new(context);
	if (c->fd < 0 || !c->ssl)
		fail("no socket or no memory");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && !flags)
		fail("nobody listens there");
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	if (ticket && !wants_ticket)
		SSL_set_session(c->ssl, ticket);
}

static void end(struct connection *c)
{
	SSL_shutdown(c->ssl);
	close(c->fd);
	SSL_free(c->ssl);
	c->ssl = NULL;
}

/* TLS 1.3 sends tickets behind the handshake: they come with an answer. */
static void get_ticket(void)
{
	static const char request[] = "GET /small.html HTTP/1.1\r\nHost: bench\r\n\r\n";
	char answer[2048];
	struct connection c;
	wants_ticket = true;
	begin(&c, 0);
	if (SSL_do_handshake(c.ssl) != 1 || SSL_write(c.ssl, request, sizeof request - 1) <= 0 ||
	    SSL_read(c.ssl, answer, sizeof answer) <= 0 || !ticket)
		fail("the first connection was given no ticket");
	end(&c);
	wants_ticket = false;
}

static void begin_polled(struct connection *c)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
	begin(c, SOCK_NONBLOCK);
	if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e))
		fail("epoll_ctl");
}

/* True: it is done, and the next one has begun. */
static bool go_on(struct connection *c)
{
	int result = SSL_do_handshake(c->ssl);
	if (result != 1) {
		int error = SSL_get_error(c->ssl, result);
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			fail("a handshake failed");
		return false;
	}
	if (SSL_session_reused(c->ssl) != (ticket != NULL))
		fail(ticket ? "a handshake was not resumed" : "a handshake was resumed");
	end(c);
	begin_polled(c);
	return true;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int count, char **words)
{
	static struct connection all[AT_ONCE_MAX];
	int at_once = count == 7 ? atoi(words[6]) : 0, version = 0;
	if (count == 7)
		version = strcmp(words[3], "1.2") == 0   ? TLS1_2_VERSION
		          : strcmp(words[3], "1.3") == 0 ? TLS1_3_VERSION
		                                         : 0;
	if (!version || at_once < 1 || at_once > AT_ONCE_MAX ||
	    inet_pton(AF_INET, words[1], &server.sin_addr) != 1)
		fail("usage: tlsload ADDRESS PORT 1.2|1.3 full|resumed SECONDS AT_ONCE");
	server.sin_port = htons((uint16_t)atoi(words[2]));
	context = SSL_CTX_new(TLS_client_method());
	poll_fd = epoll_create1(0);
	if (!context || poll_fd < 0 || !SSL_CTX_set_min_proto_version(context, version) ||
	    !SSL_CTX_set_max_proto_version(context, version))
		fail("no memory");
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_ticket);
	if (strcmp(words[4], "resumed") == 0)
		get_ticket();
	/* With a cache of its own, OpenSSL shows a ticket of TLS 1.3 once. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	double start = now(), until = start + atof(words[5]), idle = 0;
	long done = 0;
	for (int k = 0; k < at_once; k++)
		begin_polled(&all[k]);
	while (now() < until) {
		struct epoll_event events[64];
		int n = epoll_wait(poll_fd, events, 64, 0);
		if (!n) {
			double before = now();
			n = epoll_wait(poll_fd, events, 64, STUCK_MS);
			idle += now() - before;
		}
		if (n <= 0)
			fail("no answer for ten seconds");
		for (int k = 0; k < n; k++)
			done += go_on(events[k].data.ptr);
	}
	double took = now() - start;
	printf("%ld handshakes in %.3f seconds, idle %.3f\n", done, took, idle / took);
	return 0;
}
