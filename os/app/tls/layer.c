/* SPDX-License-Identifier: ISC */
/*
 * A connection through TLS. Records are whole before OpenSSL sees them: it reads them from where TCP shows them, or from a
 * block that grows with what has come. What it decrypts lies in one buffer for all connections, is shown to the protocol at
 * once, and copied only if the protocol leaves some of it. Then the record's last byte is left with TCP, so that TCP shows the
 * connection again when the protocol wants to go on.
 *
 * What the protocol writes while it is shown something is gathered, so that head and body of an answer, and answers to requests that
 * came together, are one record.
 */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/err.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>

#define HEADER      5u               /* bytes of a record's head (RFC 8446 §5.1) */
#define RECORD_MAX  (16384u + 2048u) /* of its body; TLS 1.3 allows less, which OpenSSL checks */
#define PLAIN_MAX   16384u
#define IN_FIRST    512u
#define UNSENT_MAX  (256u << 10) /* bytes that lie encrypted and unsent */
#define ENGINE_KEPT (24u << 10)  /* bytes that OpenSSL has of a connection, about */

static uint8_t plain[PLAIN_MAX];
static struct {
	struct tls_connection *owner; /* null: writes are not gathered now */
	uint32_t size;
	uint8_t bytes[PLAIN_MAX];
} gathered;

static struct tls_connection *of(const struct tcp_served *s)
{
	return (struct tls_connection *)tcp_served_layer_state(s);
}

static void count_kept(struct tls_connection *c)
{
	uint32_t out = c->out_size - c->out_at;
	/* What is there is there: nobody is refused what has to be said. */
	tcp_served_layer_keep(c->served,
	                      c->in_room + out + c->plain_size + (c->ssl ? ENGINE_KEPT : 0));
}

/* ---- Records to TCP ---- */

bool tls_layer_flush(struct tcp_served *s)
{
	struct tls_connection *c = of(s);
	if (c->flushing)
		return false;
	if (!c->out_size || !s->tcp)
		return true;
	uint32_t n = tcp_write_some(s->tcp, c->out + c->out_at, c->out_size - c->out_at);
	tcp_served_wrote(s, n, true);
	c->out_at += n;
	if (c->out_at < c->out_size)
		return false;
	heap_free(c->out);
	c->out = NULL;
	c->out_size = c->out_at = 0;
	count_kept(c);
	return true;
}

int tls_layer_flush_in_task(struct tcp_served *s, uint64_t deadline_ns)
{
	struct tls_connection *c = of(s);
	/* It waits for room for one byte, and that is its own: the loop's turns come in between, and flush nothing. */
	while (!tls_layer_flush(s)) {
		uint8_t next = c->out[c->out_at];
		c->flushing = true;
		int error = tcp_write(s->tcp, &next, 1, deadline_ns);
		c->flushing = false;
		if (error)
			return error;
		tcp_served_wrote(s, 1, true);
		c->out_at++;
	}
	return OK;
}

/* All of it is taken, but for want of memory. */
static int put(struct tls_connection *c, const void *bytes, int size)
{
	uint32_t left = (uint32_t)size, n = 0;
	if (!c->out_size) {
		n = tcp_write_some(c->served->tcp, bytes, left);
		tcp_served_wrote(c->served, n, true);
		left -= n;
	}
	if (!left)
		return size;
	uint8_t *out = heap_resize(c->out, c->out_size + left);
	if (!out) {
		c->failed = true;
		tcp_served_drop_soon(c->served);
		return -1;
	}
	memcpy(out + c->out_size, (const uint8_t *)bytes + n, left);
	c->out = out;
	c->out_size += left;
	count_kept(c);
	return size;
}

/* KeyUpdate (RFC 8446 §4.6.3), whole. libssl has its next key then, and we have not. */
static bool is_key_update(const struct tls_seal *s, const uint8_t *bytes, int size)
{
	return s->type == SSL3_RT_HANDSHAKE && size == 5 && bytes[0] == SSL3_MT_KEY_UPDATE;
}

/* What goes into a record of ours: where TCP has room for all of it, it is made there. */
static int put_sealed(struct tls_connection *c, const void *bytes, int size)
{
	static uint8_t record[PLAIN_MAX + TLS_SEAL_MORE];
	uint32_t whole = (uint32_t)size + TLS_SEAL_MORE;
	struct tcp_room room;
	bool ends = is_key_update(&c->seal, bytes, size), is_there = false;
	if (size <= 0 || whole > sizeof record)
		return -1;
	if (!c->out_size)
		is_there = tcp_write_in_place(c->served->tcp, whole, &room);
	if (!is_there)
		room = (struct tcp_room){ { { record, whole }, { NULL, 0 } } };
	if (!tls_seal_record(&c->seal, bytes, (uint32_t)size, &room)) {
		c->failed = true;
		tcp_served_drop_soon(c->served);
		return -1;
	}
	if (ends)
		tls_seal_end(&c->seal);
	if (is_there)
		tcp_served_wrote(c->served, whole, true);
	return is_there || put(c, record, (int)whole) > 0 ? size : -1;
}

/* OpenSSL's way out. */
static int bio_write(BIO *bio, const char *bytes, int size)
{
	struct tls_connection *c = BIO_get_data(bio);
	if (!c->served->tcp)
		return -1;
	return c->seal.cipher ? put_sealed(c, bytes, size) : put(c, bytes, size);
}

static int bio_read(BIO *bio, char *to, int size)
{
	struct tls_connection *c = BIO_get_data(bio);
	uint32_t n = c->cur_size < (uint32_t)size ? c->cur_size : (uint32_t)size;
	BIO_clear_retry_flags(bio);
	if (!n) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, c->cur, n);
	c->cur += n;
	c->cur_size -= n;
	return (int)n;
}

/* What openssl/bio.h has no names for outside of libcrypto. */
#define CONTROL_SET_SEND    72
#define CONTROL_SET_TYPE    74 /* of the next record */
#define CONTROL_FORGET_TYPE 75

/* libssl may leave encryption to a kernel that has TLS (SSL_OP_ENABLE_KTLS): it asks its BIO, and gives it the keys. Here it is seal.c. */
static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	struct tls_connection *c = BIO_get_data(bio);
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case CONTROL_SET_SEND:
		return number && tls_seal_start(&c->seal, pointer);
	case BIO_CTRL_GET_KTLS_SEND:
		return c && c->seal.cipher;
	case CONTROL_SET_TYPE:
		c->seal.type = (uint8_t)number;
		return 0;
	case CONTROL_FORGET_TYPE:
		c->seal.type = SSL3_RT_APPLICATION_DATA;
		return 0;
	default:
		return 0;
	}
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tcp");
	if (m && BIO_meth_set_write(m, bio_write) && BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_ctrl(m, bio_control) && BIO_meth_set_create(m, bio_create))
		return m;
	BIO_meth_free(m);
	return NULL;
}

/* ---- What the protocol writes ---- */

static bool encrypt(struct tls_connection *c, const void *bytes, uint32_t size)
{
	if (c->failed || !c->ssl)
		return false;
	tls_errors_forget();
	if (SSL_write(c->ssl, bytes, (int)size) == (int)size)
		return true;
	log_debug("tls", "a record cannot be written: %s", tls_reason());
	c->failed = true;
	tcp_served_drop_soon(c->served);
	return false;
}

static void gather_end(struct tls_connection *c)
{
	uint32_t size = gathered.size;
	if (gathered.owner != c)
		return;
	gathered.size = 0;
	if (size && c->served->tcp)
		encrypt(c, gathered.bytes, size);
}

static uint64_t write(struct tcp_served *s, const void *bytes, uint64_t size)
{
	struct tls_connection *c = of(s);
	const uint8_t *at = bytes;
	uint64_t left = size;
	if (!c->state.open || c->failed)
		return c->failed ? size : 0;
	while (left && !c->out_size) {
		uint32_t n = left < PLAIN_MAX ? (uint32_t)left : PLAIN_MAX;
		if (gathered.owner == c && (gathered.size || n < PLAIN_MAX)) {
			uint32_t room = PLAIN_MAX - gathered.size;
			n = n < room ? n : room;
			memcpy(gathered.bytes + gathered.size, at, n);
			gathered.size += n;
			if (gathered.size == PLAIN_MAX)
				gather_end(c);
		} else if (!encrypt(c, at, n)) {
			return size;
		}
		at += n;
		left -= n;
	}
	return size - left;
}

void tls_layer_ending(struct tcp_served *s)
{
	struct tls_connection *c = of(s);
	gather_end(c);
	if (c->ssl && c->state.open && !c->failed) {
		ERR_clear_error();
		SSL_shutdown(c->ssl);
		c->failed = true; /* nothing is written behind it */
	}
}

void tls_layer_ended(struct tcp_served *s)
{
	struct tls_connection *c = of(s);
	if (!c->tls)
		return;
	tls_turn_leave(c);
	if (gathered.owner == c)
		gathered.size = 0;
	SSL_free(c->ssl);
	tls_seal_end(&c->seal);
	heap_free(c->in);
	heap_free(c->out);
	heap_free(c->plain);
	c->ssl = NULL;
	c->in = c->out = c->plain = NULL;
	c->in_size = c->out_size = c->plain_size = 0;
}

/* ---- Records from TCP ---- */

static void opened(struct tcp_served *s)
{
	struct tls_connection *c = of(s);
	c->tls = s->server->layer_context;
	c->served = s;
	list_init(&c->waiting);
	tcp_set_unsent_max(s->tcp, UNSENT_MAX);
	tcp_served_deadline(s, c->tls->options.handshake_ns);
}

static bool make_engine(struct tls_connection *c)
{
	SSL *ssl = SSL_new(c->tls->contexts[0]);
	BIO *bio = ssl ? BIO_new(c->tls->method) : NULL;
	if (!bio || !tcp_served_layer_keep(c->served, c->in_room + ENGINE_KEPT)) {
		BIO_free(bio);
		SSL_free(ssl);
		return false;
	}
	BIO_set_data(bio, c);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	c->ssl = ssl;
	return true;
}

/* What is wrong was said to the peer, as far as it can be. */
static void fail(struct tls_connection *c)
{
	struct tcp_served *s = c->served;
	if (!c->state.open) {
		c->tls->counters.failed++;
		char peer[NET_ADDRESS_TEXT_MAX];
		net_address_print(peer, s->remote);
		log_info("tls", "handshake with %s failed: %s", peer, tls_reason());
	}
	c->failed = true;
	tcp_served_end(s);
}

/* SSL wants no more of what there is, or it cannot go on. False: the latter. */
static bool may_go_on(struct tls_connection *c, int result)
{
	int error = SSL_get_error(c->ssl, result);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return true;
	if (error != SSL_ERROR_ZERO_RETURN) {
		fail(c);
		return false;
	}
	if (!c->peer_ended) {
		c->peer_ended = true;
		c->served->finished = true;
		if (c->served->protocol->finished)
			c->served->protocol->finished(c->served);
		else
			tcp_served_close(c->served);
	}
	return false;
}

/* The next step of the handshake. False: nothing is to be read behind it now. */
static bool shake(struct tls_connection *c)
{
	int result = SSL_do_handshake(c->ssl);
	if (result != 1) {
		may_go_on(c, result);
		return false;
	}
	c->shaken = true;
	c->tls->counters.handshakes++;
	c->tls->counters.in_place += c->seal.cipher != NULL;
	c->tls->counters.resumed += SSL_session_reused(c->ssl);
	if (tls_validated && tls_validation_is(c->ssl)) {
		c->failed = true; /* nothing is said by that protocol */
		tcp_served_end(c->served);
		return false;
	}
	tcp_served_layer_open(c->served);
	return c->served->tcp;
}

static bool is_alive(const struct tls_connection *c)
{
	return c->served->tcp && c->served->state != TCP_SERVED_LINGER && !c->failed;
}

/* Shows the protocol bytes; what it leaves is kept. False: no more now. */
static bool show(struct tls_connection *c, const uint8_t *bytes, uint32_t size)
{
	struct tcp_served *s = c->served;
	gathered.owner = c;
	uint32_t used = s->protocol->received(s, bytes, size);
	if (s->tcp)
		gather_end(c);
	gathered.owner = NULL;
	gathered.size = 0;
	if (!is_alive(c) || used == size)
		return is_alive(c);
	c->plain = heap_alloc(size - used);
	if (!c->plain) {
		tcp_served_drop(s);
		return false;
	}
	memcpy(c->plain, bytes + used, size - used);
	c->plain_size = size - used;
	c->plain_at = 0;
	count_kept(c);
	return false;
}

/* Shows what was left. True: it has all been taken. */
static bool show_rest(struct tls_connection *c)
{
	uint8_t *bytes = c->plain;
	uint32_t size = c->plain_size;
	c->plain = NULL;
	c->plain_size = 0;
	bool all = show(c, bytes + c->plain_at, size - c->plain_at);
	heap_free(bytes);
	if (c->served->tcp)
		count_kept(c);
	return all;
}

/* A whole record is in cur. False: nothing more is to be taken now. */
static bool take_record(struct tls_connection *c)
{
	if (!c->ssl && !make_engine(c)) {
		tcp_served_drop(c->served);
		return false;
	}
	tls_errors_forget();
	if (!c->shaken && !shake(c))
		return is_alive(c);
	for (;;) {
		int n = SSL_read(c->ssl, plain, sizeof plain);
		if (n <= 0)
			return may_go_on(c, n) && is_alive(c);
		if (!show(c, plain, (uint32_t)n))
			return false;
		if (!c->cur_size &&
		    !SSL_pending(c->ssl)) /* the record is done: libssl has nothing more to say */
			return true;
	}
}

/* How many bytes the record has that begins there; what is none is as long as what there is of it. */
static uint32_t record_size(const uint8_t *bytes, uint32_t size)
{
	uint32_t body = (uint32_t)bytes[3] << 8 | bytes[4];
	return bytes[0] < 20 || bytes[0] > 23 || bytes[1] != 3 || body > RECORD_MAX ? size
	                                                                            : HEADER + body;
}

/* Takes bytes of a record that is not whole. How many; 0: there is no memory. */
static uint32_t gather_record(struct tls_connection *c, const uint8_t *bytes, uint32_t size)
{
	uint32_t want = HEADER;
	if (c->in_size >= HEADER)
		want = record_size(c->in, c->in_size);
	uint32_t n = want - c->in_size < size ? want - c->in_size : size;
	if (c->in_size + n > c->in_room) {
		uint32_t room = c->in_room ? c->in_room : IN_FIRST;
		while (room < c->in_size + n)
			room *= 2;
		bool fits = tcp_served_layer_keep(c->served, c->state.kept + room - c->in_room);
		uint8_t *in = fits ? heap_resize(c->in, room) : NULL;
		if (!in)
			return 0;
		c->in = in;
		c->in_room = room;
	}
	memcpy(c->in + c->in_size, bytes, n);
	c->in_size += n;
	return n;
}

/* Puts the next whole record into cur. How many bytes were taken for it; *whole: there is one. */
static uint32_t next_record(struct tls_connection *c, const uint8_t *bytes, uint32_t size,
                            bool *whole)
{
	uint32_t taken = 0;
	*whole = false;
	if (!c->in_size && size >= HEADER) {
		uint32_t all = record_size(bytes, size);
		if (all <= size) {
			c->cur = bytes;
			c->cur_size = all;
			*whole = true;
			return all;
		}
	}
	while (taken < size) {
		uint32_t n = gather_record(c, bytes + taken, size - taken);
		if (!n) {
			tcp_served_drop(c->served);
			return size;
		}
		taken += n;
		if (c->in_size < HEADER || record_size(c->in, c->in_size) != c->in_size)
			continue;
		c->cur = c->in;
		c->cur_size = c->in_size;
		*whole = true;
		break;
	}
	return taken;
}

/* The record that was gathered has been read. */
static void forget_record(struct tls_connection *c)
{
	c->cur_size = 0;
	if (!c->in_size || !c->served->tcp)
		return;
	heap_free(c->in);
	c->in = NULL;
	c->in_size = c->in_room = 0;
	count_kept(c);
}

static uint32_t received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	struct tls_connection *c = of(s);
	uint32_t at = 0;
	if (c->plain && !show_rest(c))
		return is_alive(c) ? 0 : size;
	if (c->owing) {
		c->owing = false;
		at = 1;
	}
	while (at < size && is_alive(c) && !s->in_task) {
		bool whole = c->in_size >= HEADER && record_size(c->in, c->in_size) == c->in_size;
		bool ready = whole; /* it waited for its turn */
		uint32_t n = whole ? 0 : next_record(c, bytes + at, size - at, &whole);
		if (!is_alive(c))
			break;
		if (!whole)
			return at + n;
		if (ready) {
			c->cur = c->in;
			c->cur_size = c->in_size;
			n = 1; /* its last byte was left */
		}
		if (!c->shaken && !tls_turn_take(c))
			return c->in_size && !ready ? at + n - 1 : at;
		bool more = take_record(c);
		if (!is_alive(c))
			break;
		forget_record(c);
		at += n;
		if (!more && c->plain) {
			c->owing = true;
			return at - 1;
		}
		if (!more)
			break;
	}
	return is_alive(c) ? at : size;
}

/* ---- In a task ---- */

static int64_t peek(struct tcp_served *s, const uint8_t **bytes, uint64_t deadline_ns)
{
	struct tls_connection *c = of(s);
	while (!c->plain_size) {
		const uint8_t *there;
		bool whole;
		if (c->peer_ended)
			return 0;
		int64_t n = tcp_peek(s->tcp, &there, deadline_ns);
		if (n <= 0)
			return n;
		if (c->owing) {
			c->owing = false;
			tcp_consume(s->tcp, 1);
			continue;
		}
		uint32_t used = next_record(c, there, (uint32_t)n, &whole);
		if (!s->tcp) /* dropped for want of memory */
			return ERR_MEMORY;
		if (whole) {
			ERR_clear_error();
			int got = SSL_read(c->ssl, plain, sizeof plain);
			if (got > 0) {
				c->plain = heap_alloc((size_t)got);
				if (!c->plain)
					return ERR_MEMORY;
				memcpy(c->plain, plain, (size_t)got);
				c->plain_size = (uint32_t)got;
				c->plain_at = 0;
			} else if (SSL_get_error(c->ssl, got) == SSL_ERROR_ZERO_RETURN) {
				c->peer_ended = true;
				s->finished = true;
			} else if (SSL_get_error(c->ssl, got) != SSL_ERROR_WANT_READ) {
				c->failed = true;
				return ERR_MALFORMED;
			}
			forget_record(c);
		}
		tcp_consume(s->tcp, used);
	}
	*bytes = c->plain + c->plain_at;
	return c->plain_size - c->plain_at;
}

static void consume(struct tcp_served *s, uint32_t size)
{
	struct tls_connection *c = of(s);
	c->plain_at += size;
	if (c->plain_at < c->plain_size)
		return;
	heap_free(c->plain);
	c->plain = NULL;
	c->plain_size = c->plain_at = 0;
	count_kept(c);
}

bool tls_layer_speaks(const struct tcp_served *s, const char *protocol)
{
	const struct tls_connection *c = of(s);
	const unsigned char *agreed = NULL;
	unsigned size = 0;
	if (c->ssl)
		SSL_get0_alpn_selected(c->ssl, &agreed, &size);
	return size == strlen(protocol) && memcmp(agreed, protocol, size) == 0;
}

const struct tcp_layer tls_layer = { .size = sizeof(struct tls_connection),
	                             .opened = opened,
	                             .received = received,
	                             .write = write,
	                             .flush = tls_layer_flush,
	                             .flush_in_task = tls_layer_flush_in_task,
	                             .ending = tls_layer_ending,
	                             .peek = peek,
	                             .consume = consume,
	                             .speaks = tls_layer_speaks,
	                             .ended = tls_layer_ended };

bool tls_info(const struct tcp_served *s, struct tls_info *to)
{
	const struct tcp_layer *l = tcp_served_layer(s);
	if (!l || l->ended != tls_layer_ended || !tcp_served_layer_state(s)->open)
		return false;
	const struct tls_connection *c = of(s);
	if (!c->ssl)
		return false;
	X509 *client = SSL_get0_peer_certificate(c->ssl);
	*to = (struct tls_info){ .version = SSL_get_version(c->ssl),
		                 .cipher = SSL_get_cipher_name(c->ssl),
		                 .server_name =
		                         SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name),
		                 .resumed = SSL_session_reused(c->ssl),
		                 .client_verified =
		                         client && SSL_get_verify_result(c->ssl) == X509_V_OK };
	if (client)
		X509_NAME_oneline(X509_get_subject_name(client), to->client_name,
		                  sizeof to->client_name);
	return true;
}
