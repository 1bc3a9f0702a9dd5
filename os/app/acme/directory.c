/* SPDX-License-Identifier: ISC */
/* Where an authority wants to be asked for what (RFC 8555 §7.1.1). */
#include <app/acme/internal.h>

#include <string.h>

bool acme_directory_read(struct acme_directory *d, const struct json_value *v, const char **missing)
{
	*d = (struct acme_directory){ .new_nonce = "" };
	const struct {
		const char *name;
		char *to;
	} urls[] = { { "newNonce", d->new_nonce },
		     { "newAccount", d->new_account },
		     { "newOrder", d->new_order } };
	for (uint32_t k = 0; k < sizeof urls / sizeof *urls; k++) {
		*missing = urls[k].name;
		if (!acme_ca_url(v, urls[k].name, urls[k].to))
			return false;
	}
	*missing = NULL;
	if (!acme_ca_url(v, "renewalInfo", d->renewal_info))
		d->renewal_info[0] = '\0';
	const struct json_value *meta = json_member_of(v, "meta", JSON_OBJECT);
	if (meta && !acme_ca_text(meta, "termsOfService", d->terms, sizeof d->terms))
		d->terms[0] = '\0';
	d->binding_required = meta && json_member_of(meta, "externalAccountRequired", JSON_TRUE);
	return true;
}
