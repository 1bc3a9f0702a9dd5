/* SPDX-License-Identifier: ISC */
/* The account at an authority (RFC 8555 §7.3): a key, and the URL by which the authority knows it. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/log.h>
#include <core/print.h>

#define PAYLOAD_MAX     4096u
#define BINDING_KEY_MAX 512u

static int new_key(struct acme *a)
{
	char text[ACME_KEY_TEXT];
	int error = acme_key_new(&a->account_key),
	    size = error ? error : acme_key_print(&a->account_key, text);
	a->account[0] = '\0';
	if (size < 0)
		return size;
	/* Another key has no account yet. */
	const struct acme_record records[] = { { "account-key", text, (uint32_t)size },
		                               { "account", NULL, 0 } };
	acme_store_put(&a->store, records, 2);
	explicit_bzero(text, sizeof text);
	return OK;
}

int acme_account_load(struct acme *a)
{
	char text[ACME_KEY_TEXT];
	struct acme_url u;
	int64_t size = acme_store_get(&a->store, "account-key", text, sizeof text);
	int error = size < 0 ? (int)size : acme_key_read(&a->account_key, text, (uint32_t)size);
	explicit_bzero(text, sizeof text);
	if (error == ERR_ABSENT || error == ERR_MALFORMED) {
		if (error == ERR_MALFORMED)
			log_warning("acme", "the account's key on the block device is none of "
			                    "ours: another account is made");
		return new_key(a);
	}
	if (!error && (acme_store_get(&a->store, "account", a->account, sizeof a->account) < 0 ||
	               !acme_url_read(&u, a->account)))
		a->account[0] = '\0';
	return error;
}

static bool bind(struct acme *a, struct json_writer *w)
{
	uint8_t key[BINDING_KEY_MAX];
	struct boot_secret text = a->options.binding_key;
	while (text.size && (text.bytes[text.size - 1] == '\n' || text.bytes[text.size - 1] == '='))
		text.size--;
	uint32_t size = acme_base64url_read(key, sizeof key, text.bytes, (uint32_t)text.size);
	json_key(w, "externalAccountBinding");
	bool fine = size && acme_jws_bind(w, &a->account_key, a->ca->directory.new_account,
	                                  a->options.binding, key, size);
	explicit_bzero(key, sizeof key);
	return fine;
}

static bool print_request(struct acme *a, struct json_writer *w)
{
	const char *contact = a->options.contact;
	json_object(w);
	json_key(w, "termsOfServiceAgreed");
	json_bool(w, true);
	if (contact[0]) {
		char mail[300];
		print_text(mail, sizeof mail, "mailto:%s", contact);
		json_key(w, "contact");
		json_array(w);
		json_string(w, mail);
		json_array_end(w);
	}
	if (a->options.binding[0] && !bind(a, w))
		return false;
	json_object_end(w);
	return json_writer_end(w) == OK;
}

/* The authority gives an account that has this key already, or makes one. */
int acme_account_register(struct acme *a)
{
	char payload[PAYLOAD_MAX];
	struct acme_url u;
	struct json_writer w;
	struct acme_ca *ca = a->ca;
	if (a->account[0])
		return OK;
	if (ca->directory.binding_required && !a->options.binding[0])
		return acme_ca_fail(ca, ERR_INVALID,
		                    "it takes accounts only that are bound to one of its own: give "
		                    "the binding's name and key");
	json_writer_open(&w, payload, sizeof payload);
	if (!print_request(a, &w))
		return acme_ca_fail(ca, ERR_INVALID,
		                    "the account's binding has no key in base64url");
	int error = acme_ca_post(ca, ca->directory.new_account, payload, w.size);
	if (error)
		return error;
	if (!acme_url_read(&u, ca->location))
		return acme_ca_fail(ca, ERR_MALFORMED, "it names no https URL of the account");
	memcpy(a->account, ca->location, sizeof a->account);
	log_info("acme", "the account is %s", a->account);
	acme_store_put(&a->store,
	               &(struct acme_record){ "account", a->account, (uint32_t)strlen(a->account) },
	               1);
	return OK;
}
