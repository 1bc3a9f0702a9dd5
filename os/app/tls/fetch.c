/* SPDX-License-Identifier: ISC */
/*
 * What libcrypto looks up by name, remembered. Each context that it makes asks a store for its algorithm: through the table of all names in
 * any letters, locks and a parser of properties, forty times in a handshake. What an image has never changes: one provider (provider.c),
 * the properties that are nobody's. So the first answer is kept, with a reference of its own.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <openssl/core.h>
#include <openssl/types.h>

#include <core/archive.h>

#define METHODS   64u /* a power of two; provider.c has fewer */
#define KEPT_NAME 32u /* a longer one is looked up each time */
#define NUMBERS   64u
#define ALIASES   8u

/* ---- Methods by operation and name ---- */
typedef void *make_method(int name, const OSSL_ALGORITHM *, OSSL_PROVIDER *);

void *tls_fetch(OSSL_LIB_CTX *, int operation, const char *name, const char *properties,
                make_method *, int (*keep)(void *),
                void (*release)(void *)) __asm__("__wrap_evp_generic_fetch");
void *tls_fetch_first(OSSL_LIB_CTX *, int operation, const char *name, const char *properties,
                      make_method *, int (*keep)(void *),
                      void (*release)(void *)) __asm__("__real_evp_generic_fetch");

static struct method {
	void *method; /* null: an empty place */
	OSSL_LIB_CTX *library;
	int operation;
	char name[KEPT_NAME];
} methods[METHODS];
static uint32_t method_count;

ARCHIVE_CALLER(int, call_keep, (int (*fn)(void *), void *method), method)

/* Where it is, or the empty place where it belongs. */
static struct method *place_of(OSSL_LIB_CTX *library, int operation, const char *name)
{
	uint32_t at = (uint32_t)operation;
	for (const char *s = name; *s; s++)
		at = at * 31 + (uint8_t)*s;
	for (;; at++) {
		struct method *m = &methods[at % METHODS];
		if (!m->method || (m->operation == operation && m->library == library &&
		                   strcmp(m->name, name) == 0))
			return m;
	}
}

void *tls_fetch(OSSL_LIB_CTX *library, int operation, const char *name, const char *properties,
                make_method *make, int (*keep)(void *), void (*release)(void *))
{
	if (!name || strlen(name) >= KEPT_NAME || (properties && *properties))
		return tls_fetch_first(library, operation, name, properties, make, keep, release);
	struct method *m = place_of(library, operation, name);
	if (m->method)
		return call_keep(keep, m->method) ? m->method : NULL;
	void *found = tls_fetch_first(library, operation, name, properties, make, keep, release);
	m = place_of(library, operation, name); /* making it may have fetched others */
	if (found && !m->method && method_count < METHODS - 1 && call_keep(keep, found)) {
		*m = (struct method){ found, library, operation, "" };
		memcpy(m->name, name, strlen(name) + 1);
		method_count++;
	}
	return found;
}

/* ---- All names of an algorithm, by its number ---- */
typedef void use_name(const char *name, void *data);

int tls_names(OSSL_PROVIDER *, int number, use_name *,
              void *data) __asm__("__wrap_evp_names_do_all");
int tls_names_first(OSSL_PROVIDER *, int number, use_name *,
                    void *data) __asm__("__real_evp_names_do_all");
int tls_names_add(void *map, int number, const char *names,
                  char separator) __asm__("__wrap_ossl_namemap_add_names");
int tls_names_add_first(void *map, int number, const char *names,
                        char separator) __asm__("__real_ossl_namemap_add_names");

static struct names {
	uint32_t count; /* 0: it is not known; ALIASES + 1: they are too many */
	const char *names[ALIASES];
} numbers[NUMBERS];

ARCHIVE_CALLER(void, call_use, (use_name * fn, const char *name, void *data), name, data)

static void take_name(const char *name, void *data)
{
	struct names *n = data;
	if (n->count < ALIASES)
		n->names[n->count] = name;
	n->count += n->count <= ALIASES;
}

int tls_names(OSSL_PROVIDER *p, int number, use_name *use, void *data)
{
	struct names *n = number > 0 && number < (int)NUMBERS ? &numbers[number] : NULL;
	if (!n || n->count > ALIASES)
		return tls_names_first(p, number, use, data);
	if (!n->count && !tls_names_first(p, number, take_name, n))
		return 0;
	if (n->count > ALIASES)
		return tls_names_first(p, number, use, data);
	for (uint32_t k = 0; k < n->count; k++)
		call_use(use, n->names[k], data);
	return 1;
}

/* Names are added when a method is first made; none is ever taken away. */
int tls_names_add(void *map, int number, const char *names, char separator)
{
	memset(numbers, 0, sizeof numbers);
	return tls_names_add_first(map, number, names, separator);
}
