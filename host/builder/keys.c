/* SPDX-License-Identifier: ISC */
/*
 * Looks for private keys (keys.h). A text is one if its first line says so and base64 follows. Bytes are one if
 * they are, from there on, the DER of a key, element by element.
 */
#include <stdbool.h>
#include <string.h>

#include <builder/keys.h>

#define BASE64_LEAST 40u /* characters of the first line behind the head */
#define LABEL_MAX    40u /* bytes from "-----BEGIN " to "PRIVATE KEY-----" */
#define LINES_MAX    8u  /* before base64 */

static bool is_base64(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

static bool begins(const uint8_t *p, size_t left, const char *text)
{
	return left >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

/* "-----BEGIN EC PRIVATE KEY-----", perhaps lines "NAME: VALUE" and an empty one, then base64. */
static bool is_pem(const uint8_t *p, size_t left)
{
	static const char head[] = "-----BEGIN ", tail[] = "PRIVATE KEY-----";
	const uint8_t *end = p + left;
	size_t n = 0;

	if (!begins(p, left, head))
		return false;
	p += sizeof head - 1;
	while (n < LABEL_MAX && p + n < end && !begins(p + n, (size_t)(end - p) - n, tail))
		n++;
	if (n == LABEL_MAX || p + n >= end)
		return false;
	p += n + sizeof tail - 1;
	for (unsigned lines = 0; lines < LINES_MAX; lines++) {
		while (p < end && (*p == '\r' || *p == '\n'))
			p++;
		for (n = 0; p + n < end && is_base64(p[n]); n++)
			;
		if (n >= BASE64_LEAST)
			return true;
		while (p < end && *p != '\n' && *p >= 0x20)
			p++;
	}
	return false;
}

struct der {
	const uint8_t *at, *end;
};

/* Goes over an element of that type, if it lies wholly in *d: *inside is what it holds. */
static bool element(struct der *d, uint8_t type, struct der *inside)
{
	const uint8_t *p = d->at;
	size_t size;

	if (d->end - p < 2 || *p++ != type)
		return false;
	size = *p++;
	if (size & 0x80) {
		unsigned count = size & 0x7f;
		if (count < 1 || count > 3 || (size_t)(d->end - p) < count)
			return false;
		for (size = 0; count; count--)
			size = size << 8 | *p++;
	}
	if (size > (size_t)(d->end - p))
		return false;
	*inside = (struct der){ p, p + size };
	d->at = p + size;
	return true;
}

static bool number(struct der *d, uint8_t least, uint8_t most)
{
	struct der n;

	return element(d, 0x02, &n) && n.end - n.at == 1 && *n.at >= least && *n.at <= most;
}

/* Of keys that TLS or a signature may have: RSA, elliptic curves, X25519 to Ed448. */
static bool is_key_algorithm(struct der algorithm)
{
	static const uint8_t rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1 },
	                     ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 },
	                     edwards[] = { 0x2b, 0x65 };
	struct der id;

	if (!element(&algorithm, 0x06, &id))
		return false;
	size_t n = (size_t)(id.end - id.at);
	return (n == 9 && memcmp(id.at, rsa, sizeof rsa) == 0) ||
	       (n == sizeof ec && memcmp(id.at, ec, sizeof ec) == 0) ||
	       (n == 3 && memcmp(id.at, edwards, sizeof edwards) == 0 && id.at[2] >= 110 &&
	        id.at[2] <= 113);
}

static bool is_pkcs8(struct der d)
{
	struct der algorithm, key;

	return number(&d, 0, 1) && element(&d, 0x30, &algorithm) && is_key_algorithm(algorithm) &&
	       element(&d, 0x04, &key) && key.end - key.at >= 32;
}

static bool is_rsa(struct der d)
{
	struct der n;

	if (!number(&d, 0, 1))
		return false;
	for (unsigned i = 0; i < 8; i++)
		if (!element(&d, 0x02, &n) || n.at == n.end || (i == 0 && n.end - n.at < 64))
			return false;
	return d.at == d.end;
}

static bool is_curve(struct der d)
{
	struct der key, parameters, id;

	return number(&d, 1, 1) && element(&d, 0x04, &key) && key.end - key.at >= 20 &&
	       key.end - key.at <= 66 && element(&d, 0xa0, &parameters) &&
	       element(&parameters, 0x06, &id);
}

const char *keys_find(const uint8_t *bytes, size_t size, size_t *at)
{
	for (size_t i = 0; i < size; i++) {
		struct der all = { bytes + i, bytes + size }, d;

		*at = i;
		if (bytes[i] == '-' && is_pem(bytes + i, size - i))
			return "a private key in PEM";
		if (bytes[i] != 0x30 || !element(&all, 0x30, &d))
			continue;
		if (is_pkcs8(d) || is_rsa(d) || is_curve(d))
			return "a private key in DER";
	}
	return NULL;
}
