/* SPDX-License-Identifier: ISC */
/*
 * An ACME client (RFC 8555): it has a certification authority, by default Let's Encrypt, sign certificates for a server of TLS,
 * and renews them while the server runs. It proves that it has a name by HTTP-01 (RFC 8555 §8.3) or by TLS-ALPN-01 (RFC 8737).
 * app/web/acme/acme.h is a whole web service with it; a service of another kind does this in main():
 *
 *	tls_open(&tls, NULL) || acme_open(&acme, &(struct acme_options){ .tls = tls, .domains = "example.org", .terms_agreed = true }) ||
 *	        http_serve_over(&server, &options, &tls_layer, tls) || acme_answer(acme, port_80) || acme_start(acme);
 *
 * Account, certificate and plans lie in a B-tree on a block device, so that a restart asks for nothing that is there. Private
 * keys are P-256. They are drawn in the image, and lie on that device as they are: it is to be guarded like the keys themselves.
 *
 * It renews at two thirds of a certificate's life, a little earlier or later by chance, or when the authority says so (RFC
 * 9773). After a failure it waits for retry_ns, four times as long after each further one, up to ACME_RETRY_MAX_S, and at least
 * for as long as Retry-After says; a restart does not shorten that. The certificate before stays in use meanwhile.
 *
 * Bounds. Nothing that the authority says makes more of it kept or waited for than stands below, and it is asked by https only:
 * its certificate is verified, redirections are not followed.
 */
#ifndef ACME_ACME_H
#define ACME_ACME_H

#include <stdbool.h>
#include <stdint.h>

#include <app/tls/tls.h>
#include <core/boot.h>

struct acme;
struct http_server;

#define ACME_LETS_ENCRYPT "https://acme-v02.api.letsencrypt.org/directory"

#define ACME_NAMES_MAX 32u         /* in a certificate */
#define ACME_URL_MAX   512u        /* bytes, with the NUL */
#define ACME_BODY_MAX  (64u << 10) /* bytes of an answer */
#define ACME_REQUEST_NS                                                                            \
	(30ull * 1000000000) /* from the connection to the last byte of the answer */
#define ACME_VALIDATION_NS     (120ull * 1000000000) /* for a name to be validated */
#define ACME_ISSUE_NS          (300ull * 1000000000) /* for a certificate to be signed */
#define ACME_POLL_MAX_S        30u /* between two looks at one order; Retry-After may say less */
#define ACME_NONCE_TRIES       10u /* of a request whose nonce is refused */
#define ACME_RETRY_NS          (60ull * 1000000000) /* after the first failure */
#define ACME_RETRY_MAX_S       86400u               /* after many */
#define ACME_RETRY_AFTER_MAX_S (7u * 86400u)        /* what Retry-After may say */

enum acme_challenges {
	ACME_ANY,         /* HTTP-01, and TLS-ALPN-01 after a failure, and so on by turns */
	ACME_HTTP_01,     /* the authority comes to port 80 */
	ACME_TLS_ALPN_01, /* the authority comes to port 443 */
};

struct acme_options {          /* zero or "" means the default */
	struct tls *tls;       /* that has no certificate yet, and gets one */
	const char *domains;   /* names, separated by commas or line ends */
	const char *directory; /* the authority's, an https URL; ACME_LETS_ENCRYPT */
	const char *contact;   /* a mail address that the authority may write to; none */
	const char *device;    /* the block device's name; "acme" */
	bool terms_agreed;     /* to the authority's terms of service */
	enum acme_challenges challenges;
	struct boot_secret
	        authorities; /* PEM: whom to trust as the authority's server; the image's */
	const char *binding; /* an account that exists at the authority (RFC 8555 §7.3.4) */
	struct boot_secret binding_key; /* its key, in base64url, as the authority shows it */
	uint64_t retry_ns;              /* after the first failure */
};

/*
 * Looks at the options, opens the store and puts the certificate that is there into `tls`. To be called in a task, once for a
 * struct tls, which must not have been given a certificate. Texts are not copied. ERR_INVALID: an option; ERR_MALFORMED: the
 * device holds something else; and errors of btree_open, tls_client_open and tls_certificate; one line in the log says why.
 * Without a device of that name it goes on by memory alone, with a warning.
 */
int acme_open(struct acme **, const struct acme_options *);
/* The server, on port 80 for the authority, answers HTTP-01: errors of http_route. */
int acme_answer(struct acme *, struct http_server *);
/* Starts the task that gets and renews certificates. ERR_MEMORY. */
int acme_start(struct acme *);

struct acme_counters {
	uint64_t issued, failed;  /* attempts that came to a certificate, or did not */
	uint64_t refused_nonces;  /* requests that were sent again for their nonce */
	uint64_t expires, renews; /* the certificate in use: seconds since 1970; 0: none */
};
void acme_counters(const struct acme *, struct acme_counters *);

#endif
