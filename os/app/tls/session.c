/* SPDX-License-Identifier: ISC */
/*
 * Sessions of clients, by host and port. Each is taken for one connection: a ticket that is shown twice tells who listens that
 * the two connections are one client's (RFC 8446 §C.4).
 */
#include <app/tls/client_internal.h>

#include <string.h>

#include <core/heap.h>

#define OF_A_HOST 4u /* so that one host does not push the others' out */

struct session {
	struct list all;
	SSL_SESSION *session;
	uint16_t port;
	char host[];
};

void tls_sessions_start(struct tls_sessions *s, uint32_t max)
{
	list_init(&s->all);
	s->count = 0;
	s->max = max;
}

static bool is_for(const struct session *m, const char *host, uint16_t port)
{
	return m->port == port && strcmp(m->host, host) == 0;
}

/* Takes it out of the list. What was in it is the caller's. */
static SSL_SESSION *take(struct tls_sessions *s, struct session *m)
{
	SSL_SESSION *session = m->session;
	list_remove(&m->all);
	heap_free(m);
	s->count--;
	return session;
}

/* The oldest of all, or of a host (not null) if it has as many as it may. */
static void make_room(struct tls_sessions *s, const char *host, uint16_t port)
{
	struct session *oldest = NULL;
	uint32_t count = 0;
	list_each (at, &s->all) {
		struct session *m = container_of(at, struct session, all);
		if (!is_for(m, host, port))
			continue;
		oldest = oldest ? oldest : m;
		count++;
	}
	if (count < OF_A_HOST)
		oldest = s->count < s->max ? NULL : container_of(s->all.next, struct session, all);
	if (oldest)
		SSL_SESSION_free(take(s, oldest));
}

void tls_sessions_put(struct tls_sessions *s, const char *host, uint16_t port, SSL_SESSION *session)
{
	size_t size = strlen(host) + 1;
	struct session *m = heap_alloc(sizeof *m + size);
	if (!m) {
		SSL_SESSION_free(session);
		return;
	}
	make_room(s, host, port);
	m->session = session;
	m->port = port;
	memcpy(m->host, host, size);
	list_append(&s->all, &m->all);
	s->count++;
}

/* Its time is not over, nor that of the certificate that the host has shown. */
static bool is_good(SSL_SESSION *session)
{
	time_t now = time(NULL), from = (time_t)SSL_SESSION_get_time(session);
	const X509 *peer = SSL_SESSION_get0_peer(session);
	return SSL_SESSION_is_resumable(session) && now >= from &&
	       now - from < SSL_SESSION_get_timeout(session) && peer &&
	       X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

SSL_SESSION *tls_sessions_take(struct tls_sessions *s, const char *host, uint16_t port)
{
	for (;;) {
		struct session *newest = NULL;
		list_each (at, &s->all) {
			struct session *m = container_of(at, struct session, all);
			if (is_for(m, host, port))
				newest = m;
		}
		if (!newest)
			return NULL;
		SSL_SESSION *session = take(s, newest);
		if (is_good(session))
			return session;
		SSL_SESSION_free(session);
	}
}

void tls_sessions_forget(struct tls_sessions *s)
{
	while (!list_empty(&s->all))
		SSL_SESSION_free(take(s, container_of(s->all.next, struct session, all)));
}
