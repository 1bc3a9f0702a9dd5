/* SPDX-License-Identifier: ISC */
/*
 * What this library's files know of each other, from below:
 *
 *   base64url.c, text.c (times), url.c, names.c, der.c     forms of what is said
 *   key.c, jws.c          keys, and messages that they sign
 *   csr.c                 requests for certificates, and the certificate of TLS-ALPN-01
 *   certificate.c         what an authority has signed: whether it is what was asked for, and for how long
 *   renewal.c             when to renew, and when to try again
 *   stored.c              what outlives the image
 *   ca.c, directory.c     a conversation with the authority: nonces, answers, problems
 *   account.c, challenge.c, order.c     its objects
 *   acme.c                the task, and what it is told
 */
#ifndef ACME_INTERNAL_H
#define ACME_INTERNAL_H

#include <stddef.h>

#include <openssl/evp.h>

#include <app/acme/acme.h>
#include <app/http/client.h>
#include <app/json/json.h>
#include <app/tls/client.h>
#include <core/base64.h>
#include <core/metric.h>
#include <core/sha256.h>

/* ---- base64url.c (RFC 4648 §5, without padding) ---- */
#define ACME_BASE64URL_SIZE(n_) (BASE64_SIZE(n_) + 1u) /* room for n bytes, with a NUL */
uint32_t acme_base64url_print(char *to, const void *bytes, uint32_t size); /* its length */
/* How many bytes, at most `room`; 0: it is empty, does not fit, or is none. */
uint32_t acme_base64url_read(void *to, uint32_t room, const char *text, uint32_t size);
bool acme_base64url_is(const char *text, uint32_t size); /* of one character at least */

/* ---- text.c ---- */
int64_t acme_time(int year, int month, int day, int hour, int minute, int second); /* since 1970 */
/* RFC 3339: "2026-11-29T08:00:00Z". False: it is none. */
bool acme_time_read(const char *text, int64_t *to);
#define ACME_TIME_TEXT 32u
const char *acme_time_print(char to[ACME_TIME_TEXT], int64_t seconds); /* "2026-11-29 08:00:00" */
int64_t acme_now(void); /* the wall clock's seconds */

/* ---- url.c ---- */
#define ACME_HOST_MAX 254u
struct acme_url {
	char host[ACME_HOST_MAX]; /* as http_client_open takes it: an IPv6 address in brackets */
	uint16_t port;
	const char *target; /* in the text */
};
bool acme_url_read(struct acme_url *, const char *text); /* false: no https URL, or too long */

/* ---- names.c ---- */
struct acme_names {
	uint32_t count;
	char at[ACME_NAMES_MAX][ACME_HOST_MAX];
};
/* In lower case, each once. ERR_INVALID: one is none that a certificate can be had for, which is logged. */
int acme_names_read(struct acme_names *, const char *text);
bool acme_names_have(const struct acme_names *, const char *name);

/* ---- der.c (X.690 §8, 10) ---- */
struct acme_der {
	uint8_t *bytes; /* the caller's */
	uint32_t room, size;
	bool failed; /* it did not fit */
};
void acme_der_bytes(struct acme_der *, const void *bytes, uint32_t size); /* as they are */
uint32_t acme_der_begin(struct acme_der *,
                        uint8_t tag); /* what is put in until its end is the content */
void acme_der_end(struct acme_der *, uint32_t begun);
void acme_der_value(struct acme_der *, uint8_t tag, const void *bytes, uint32_t size);
void acme_der_time(struct acme_der *, int64_t seconds); /* GeneralizedTime */

/* ---- key.c: P-256 ---- */
#define ACME_POINT_SIZE     65u
#define ACME_SIGNATURE_SIZE 64u
#define ACME_SIGNATURE_DER  72u
#define ACME_KEY_TEXT       256u /* of a key in PEM, with the NUL */
struct acme_key {
	EVP_PKEY *pair;
	uint8_t point[ACME_POINT_SIZE]; /* the public key: 4, x, y */
};
int acme_key_new(struct acme_key *);
/* ERR_MALFORMED: none, or of another kind. */
int acme_key_read(struct acme_key *, const char *pem, uint32_t size);
int acme_key_print(const struct acme_key *,
                   char to[ACME_KEY_TEXT]); /* the length, or an error; to be erased */
/* ECDSA over SHA-256. In DER: the size. */
int acme_key_sign_der(const struct acme_key *, const void *bytes, size_t size,
                      uint8_t to[ACME_SIGNATURE_DER]);
int acme_key_sign(const struct acme_key *, const void *bytes, size_t size,
                  uint8_t to[ACME_SIGNATURE_SIZE]); /* r, s */
void acme_key_forget(struct acme_key *);

/* ---- jws.c (RFC 7515, 7517, 7638) ---- */
#define ACME_NONCE_MAX      256u
#define ACME_THUMBPRINT_MAX ACME_BASE64URL_SIZE(SHA256_SIZE)
void acme_jwk_print(struct json_writer *, const struct acme_key *);
void acme_thumbprint(char to[ACME_THUMBPRINT_MAX], const struct acme_key *);
struct acme_jws {
	const struct acme_key *key;
	const char *account; /* its URL; null: the key itself stands in the message */
	const char *nonce, *url;
	const char *payload; /* null: POST-as-GET (RFC 8555 §6.3) */
	uint32_t payload_size;
};
/* From the heap, with its size; null: no memory, or it does not fit. */
char *acme_jws_print(const struct acme_jws *, uint32_t *size);
/* The account's key, signed by the one of an account that the authority has (RFC 8555 §7.3.4). False: it does not fit. */
bool acme_jws_bind(struct json_writer *, const struct acme_key *, const char *url,
                   const char *account, const void *mac_key, uint32_t mac_key_size);

/* ---- csr.c ---- */
#define ACME_CSR_MAX (1024u + ACME_NAMES_MAX * (ACME_HOST_MAX + 4u))
/* A request for a certificate (RFC 2986) of those names. False: it cannot be made. */
bool acme_csr(struct acme_der *, const struct acme_key *, const struct acme_names *);
#define ACME_PROOF_MAX 1024u
/* The certificate that RFC 8737 §3 describes; the digest is that of the key authorization. */
bool acme_proof(struct acme_der *, const struct acme_key *, const char *name,
                const uint8_t digest[SHA256_SIZE]);

/* ---- certificate.c ---- */
#define ACME_ID_MAX 128u
struct acme_life {
	int64_t from, to;     /* seconds since 1970 */
	char id[ACME_ID_MAX]; /* RFC 9773 §4.1; "": it has none */
};
/* Is this chain the key's, of all those names, and good now? One line in the log says why not: ERR_INVALID, ERR_MALFORMED. */
int acme_certificate_look(struct acme_life *, const char *chain, uint32_t chain_size,
                          const char *key, uint32_t key_size, const struct acme_names *);

/* ---- renewal.c ---- */
/* When to renew what was issued just now, by the clock that says `now`. */
int64_t acme_renewal_at(const struct acme_life *, int64_t now, uint32_t random);
/* How long to wait after so many failures in a row. */
uint64_t acme_backoff_s(uint64_t first_s, uint32_t failures, uint32_t random);
/* A moment in the window that the authority suggests (RFC 9773 §4.2). False: it is no window. */
bool acme_renewal_in_window(const struct json_value *answer, uint32_t random, int64_t *to);

/* ---- stored.c ---- */
struct acme_plan {
	int64_t renew_at, ask_at, not_before; /* seconds since 1970 */
	uint32_t failures;                    /* in a row */
};
bool acme_plan_read(struct acme_plan *, const char *text);
#define ACME_PLAN_TEXT 96u
uint32_t acme_plan_print(const struct acme_plan *, char to[ACME_PLAN_TEXT]);
struct btree;
struct acme_store {
	struct btree *tree;    /* null: memory alone */
	const char *directory; /* whose records they are */
};
struct acme_record {
	const char *name, *value; /* value null: it is to go */
	uint32_t size;
};
int acme_store_open(struct acme_store *, const char *device, const char *directory);
/* All of them or none, durably. Without a device: OK. */
int acme_store_put(struct acme_store *, const struct acme_record *, uint32_t count);
/* Its size, with a NUL behind it in `to`; ERR_ABSENT; ERR_TOO_BIG; btree_get's. */
int64_t acme_store_get(struct acme_store *, const char *name, char *to, uint32_t room);

/* ---- directory.c ---- */
struct acme_directory {
	char new_nonce[ACME_URL_MAX], new_account[ACME_URL_MAX], new_order[ACME_URL_MAX];
	char renewal_info[ACME_URL_MAX]; /* "": the authority says nothing of renewals */
	char terms[ACME_URL_MAX];        /* for a line in the log; "": it has none */
	bool binding_required;
};
/* False: one of them is missing, or no https URL; *missing is its name. */
bool acme_directory_read(struct acme_directory *, const struct json_value *, const char **missing);

/* ---- ca.c ---- */
#define ACME_VALUES_MAX 512u /* of JSON in an answer */
#define ACME_REASON_MAX 400u
#define ACME_KIND_MAX   128u
struct acme_ca {
	struct tls_client *trust;
	const struct acme_key *key;
	const char *account; /* URL; null or "": none yet */
	struct http_client *http;
	struct acme_url at; /* whom it is connected to */
	struct acme_directory directory;
	bool has_directory;
	char nonce[ACME_NONCE_MAX]; /* for the next message; "": none */
	uint64_t refused_nonces;
	/* Of the last answer: */
	uint32_t status, size;
	uint32_t retry_s;             /* Retry-After; 0: it said nothing */
	char location[ACME_URL_MAX];  /* "": none */
	bool is_json;                 /* values[0] is it, and overwrote the body */
	char problem[ACME_KIND_MAX];  /* of a failure: "badNonce"; "": it has no name */
	char reason[ACME_REASON_MAX]; /* why the last call failed, in words */
	char body[ACME_BODY_MAX + 2];
	struct json_value values[ACME_VALUES_MAX];
};
/* Each says OK for an answer of 2xx. ERR_FAILED: another one; and errors of the connection. `reason` says why. */
int acme_ca_get(struct acme_ca *, const char *url);
int acme_ca_post(struct acme_ca *, const char *url, const char *payload,
                 uint32_t size);                          /* payload null: POST-as-GET */
int acme_ca_directory(struct acme_ca *, const char *url); /* if it is not known yet */
/* A text of the last answer, copied. False: it is not there, or too long. */
bool acme_ca_text(const struct json_value *object, const char *key, char *to, uint32_t room);
bool acme_ca_url(const struct json_value *object, const char *key, char to[ACME_URL_MAX]);
int acme_ca_fail(struct acme_ca *, int error,
                 const char *why);    /* for those above it: sets `reason`, gives the error */
void acme_ca_close(struct acme_ca *); /* the connection */

/* ---- challenge.c ---- */
#define ACME_TOKEN_MAX 129u
struct acme_proofs {                /* what is answered now: one challenge at a time */
	char token[ACME_TOKEN_MAX]; /* "": none */
	char answer[ACME_TOKEN_MAX + ACME_THUMBPRINT_MAX];
};
/* Answers a challenge from now on; `random` chooses among what may be answered. *url is to be told so. False: the authorization has
 * none that can be answered. */
bool acme_challenge_begin(struct acme *, const struct json_value *authorization, const char *name,
                          char url[ACME_URL_MAX]);
void acme_challenge_end(struct acme *);

/* ---- account.c ---- */
/* Its key and its URL, from the store or new. */
int acme_account_load(struct acme *);
int acme_account_register(struct acme *);

/* ---- order.c ---- */
/* Gets a certificate: chain and size are the last answer's body. */
int acme_order_run(struct acme *, const struct acme_key *);

/* ---- acme.c ---- */
struct acme {
	struct acme_options options;
	struct acme_names names;
	struct acme_store store;
	struct acme_key account_key;
	char account[ACME_URL_MAX]; /* "": not registered */
	struct acme_ca *ca;         /* while the authority is asked */
	struct tls_client *trust;
	struct acme_proofs proofs;
	enum acme_challenges kind; /* of the challenge that is answered */
	struct acme_life life;
	bool has_certificate; /* in use, and of all names */
	bool has_slot;        /* tls_certificate has been called */
	bool is_retried;      /* the next challenge is of the other kind */
	struct acme_plan plan;
	uint64_t not_before_ns; /* by clock_now(), which no step of the wall clock moves */
	struct acme_counters counters;
	struct metric_source metrics;
};
/* Does what is due now. How long to wait until something is, in nanoseconds. */
uint64_t acme_step(struct acme *);
void acme_metrics_add(struct acme *); /* metrics.c */

#endif
