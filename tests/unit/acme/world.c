/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <app/http/http.h>
#include <app/tls/internal.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/random.h>
#include <core/task.h>
#include <store/block.h>
#include <store/btree/btree.h>

void (*world_authority)(const char *, const char *, const char *, uint32_t, struct world_answer *);
uint64_t world_now_ns = 1;
int64_t world_wall = 1800000000;
uint32_t world_requests;
long world_allocated, world_logged;
char world_log[4096], world_shown[256];
bool world_has_device = true;

/* ---- core ---- */
void *heap_alloc(size_t size)
{
	world_allocated++;
	return malloc(size ? size : 1);
}

void *heap_alloc_zero(size_t count, size_t size)
{
	world_allocated++;
	return calloc(count, size);
}

void heap_free(void *p)
{
	world_allocated -= p != NULL;
	free(p);
}

uint64_t clock_now(void)
{
	return world_now_ns;
}

int64_t clock_wall(void)
{
	return world_wall * (int64_t)NS_PER_S;
}

void task_sleep_until(uint64_t deadline_ns)
{
	if (deadline_ns > world_now_ns) {
		world_wall += (int64_t)((deadline_ns - world_now_ns) / NS_PER_S);
		world_now_ns = deadline_ns;
	}
}

struct task *task_spawn(const char *name, task_fn *fn, void *arg)
{
	(void)name, (void)fn, (void)arg;
	return NULL;
}

void random_bytes(void *to, size_t size)
{
	memset(to, 7, size);
}

uint32_t random_u32(void)
{
	return UINT32_MAX / 2;
}

bool log_wants(enum log_level l)
{
	(void)l;
	return true;
}

void log_line(enum log_level l, const char *who, const char *format, ...)
{
	va_list list;
	size_t at = strlen(world_log);
	(void)l, (void)who;
	if (at > sizeof world_log - 700)
		at = 0;
	va_start(list, format);
	int n = vsnprintf(world_log + at, 600, format, list);
	va_end(list);
	at += n < 599 ? (size_t)n : 599;
	memcpy(world_log + at, "\n", 2);
	world_logged++;
}

/* ---- A device ---- */
static struct {
	char key[BTREE_KEY_MAX];
	uint32_t key_size, size;
	char *value;
} records[8];
static struct block *const the_device = (struct block *)&records;

void world_reset(void)
{
	for (unsigned k = 0; k < 8; k++) {
		free(records[k].value);
		records[k].value = NULL;
	}
	world_log[0] = world_shown[0] = '\0';
	world_requests = 0;
	world_has_device = true;
	world_wall = 1800000000;
}

struct block *block_find(const char *name)
{
	return world_has_device && strcmp(name, "acme") == 0 ? the_device : NULL;
}

int btree_open(struct btree **to, struct block *b, const struct btree_options *o)
{
	(void)o;
	*to = (struct btree *)b;
	return OK;
}

int btree_apply(struct btree *t, const struct btree_change *c, uint32_t count)
{
	(void)t;
	for (; count--; c++) {
		unsigned k = 0;
		while (k < 8 && records[k].value &&
		       (records[k].key_size != c->key_size ||
		        memcmp(records[k].key, c->key, c->key_size) != 0))
			k++;
		if (k == 8)
			abort();
		free(records[k].value);
		records[k].value = NULL;
		if (!c->value)
			continue;
		records[k].value = malloc(c->value_size + 1);
		memcpy(records[k].value, c->value, c->value_size);
		memcpy(records[k].key, c->key, c->key_size);
		records[k].key_size = c->key_size;
		records[k].size = c->value_size;
	}
	return OK;
}

int btree_get(struct btree *t, const void *key, uint32_t key_size, void *to, uint32_t room,
              uint32_t *size)
{
	(void)t;
	for (unsigned k = 0; k < 8; k++) {
		if (!records[k].value || records[k].key_size != key_size ||
		    memcmp(records[k].key, key, key_size) != 0)
			continue;
		*size = records[k].size;
		memcpy(to, records[k].value, *size < room ? *size : room);
		return OK;
	}
	return ERR_ABSENT;
}

/* ---- An authority ---- */
static struct world_answer said;
static uint32_t taken;
static char client;

const struct tcp_client_layer tls_client_layer;
int http_client_open_over(struct http_client **to, const char *host, uint16_t port,
                          const struct tcp_client_layer *l, void *context, uint64_t deadline_ns)
{
	(void)host, (void)port, (void)l, (void)context, (void)deadline_ns;
	*to = (struct http_client *)&client;
	return OK;
}

void http_client_close(struct http_client *c)
{
	(void)c;
}

bool http_client_kept(struct http_client *c)
{
	(void)c;
	return true;
}

int http_client_request(struct http_client *c, const char *method, const char *target,
                        const char *fields, const char *type, const void *body, uint32_t size,
                        struct http_response *r, uint64_t deadline_ns)
{
	(void)c, (void)fields, (void)type, (void)deadline_ns;
	said = (struct world_answer){ .status = 200 };
	taken = 0;
	world_requests++;
	world_authority(method, target, body, size, &said);
	r->status = said.status;
	return said.error;
}

int64_t http_client_read(struct http_client *c, void *to, uint32_t size, uint64_t deadline_ns)
{
	(void)c, (void)deadline_ns;
	if (taken == said.size && said.endless)
		taken = 0;
	uint32_t n = said.size - taken < size ? said.size - taken : size;
	memcpy(to, said.body + taken, n);
	taken += n;
	return n;
}

struct http_text http_client_header(const struct http_client *c, const char *name)
{
	(void)c;
	const char *t = !strcmp(name, "Replay-Nonce")   ? said.nonce
	                : !strcmp(name, "Location")     ? said.location
	                : !strcmp(name, "Retry-After")  ? said.retry_after
	                : !strcmp(name, "Content-Type") ? said.type
	                : !strcmp(name, "Date")         ? said.date
	                                                : NULL;
	return (struct http_text){ t, t ? (uint32_t)strlen(t) : 0 };
}

/* ---- TLS and a server of HTTP ---- */
static char trust;
int tls_client_open(struct tls_client **to, const struct tls_client_options *o)
{
	(void)o;
	*to = (struct tls_client *)&trust;
	return OK;
}

void tls_client_close(struct tls_client *c)
{
	(void)c;
}

const char *tls_client_reason(const struct tls_client *c)
{
	(void)c;
	return "";
}

const char *tls_reason(void)
{
	return "it is not known why";
}

SSL_CTX *tls_context_new(struct tls *t)
{
	(void)t;
	return SSL_CTX_new(TLS_server_method());
}

int tls_validation_begin(struct tls *t)
{
	(void)t;
	return OK;
}

int tls_validation_show(struct tls *t, const char *name, const uint8_t *certificate, uint32_t size,
                        EVP_PKEY *key)
{
	(void)t, (void)certificate, (void)size, (void)key;
	snprintf(world_shown, sizeof world_shown, "%s", name);
	return OK;
}

void tls_validation_hide(struct tls *t)
{
	(void)t;
	world_shown[0] = '\0';
}

int http_route(struct http_server *s, const char *method, const char *pattern, http_handler_fn *fn,
               void *context)
{
	(void)s, (void)method, (void)pattern, (void)fn, (void)context;
	return OK;
}

struct http_text http_parameter(const struct http_exchange *x, const char *name)
{
	(void)x, (void)name;
	return (struct http_text){ "", 0 };
}

int http_reply(struct http_exchange *x, uint32_t status, const char *type, const void *bytes,
               uint32_t size)
{
	(void)x, (void)status, (void)type, (void)bytes, (void)size;
	return OK;
}

int http_fail(struct http_exchange *x, uint32_t status)
{
	(void)x, (void)status;
	return OK;
}

/* ---- A signer ---- */
void world_make_chain(char *to, uint32_t room, EVP_PKEY *key, const char *const *names,
                      int64_t from, int64_t until)
{
	char list[2048] = "";
	struct acme_key signer;
	X509 *x = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	if (acme_key_new(&signer))
		abort();
	for (; *names; names++)
		snprintf(list + strlen(list), sizeof list - strlen(list), "%sDNS:%s",
		         list[0] ? "," : "", *names);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 0x87654321);
	X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t){ from });
	X509_time_adj_ex(X509_getm_notAfter(x), 0, 0, &(time_t){ until });
	X509_set_pubkey(x, key);
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	ASN1_OCTET_STRING_set(id, (const uint8_t *)"signer", 6);
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	authority->keyid = id;
	X509_add1_ext_i2d(x, NID_authority_key_identifier, authority, 0, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, list);
	X509_add_ext(x, e, -1);
	X509_sign(x, signer.pair, EVP_sha256());
	PEM_write_bio_X509(out, x);
	long n = BIO_get_mem_data(out, &text);
	if (n <= 0 || n >= (long)room)
		abort();
	memcpy(to, text, (size_t)n);
	to[n] = '\0';
	X509_EXTENSION_free(e);
	AUTHORITY_KEYID_free(authority);
	X509_free(x);
	BIO_free(out);
	acme_key_forget(&signer);
	ERR_clear_error();
}

void panic(const char *format, ...)
{
	fprintf(stderr, "%s\n", format);
	abort();
}
