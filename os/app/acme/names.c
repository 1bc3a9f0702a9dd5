/* SPDX-License-Identifier: ISC */
/* The names that a certificate is for. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/error.h>
#include <core/log.h>

#define LABEL_MAX 63u

bool acme_names_have(const struct acme_names *n, const char *name)
{
	for (uint32_t k = 0; k < n->count; k++)
		if (strcmp(n->at[k], name) == 0)
			return true;
	return false;
}

static bool is_digits(const char *text)
{
	while (*text >= '0' && *text <= '9')
		text++;
	return !*text;
}

/* Why no certificate can be had for it; null: it can. Names are those of hosts (RFC 1123 §2.1), in ASCII. */
static const char *look(const char *name)
{
	uint32_t label = 0;
	if (name[0] == '*')
		return "an authority signs names with a star only by DNS-01, which this client "
		       "does not speak";
	for (const char *p = name; *p; p++) {
		bool is_word = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9');
		if (*p == '.' ? !label || p[-1] == '-' : !is_word && !(*p == '-' && label))
			return *p == ':' ? "it is a name alone, without a port; addresses get no "
			                   "certificates here"
			                 : "it is no name of a host (of others than ASCII, write "
			                   "the form with xn--)";
		label = *p == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return "a part of it has more than 63 bytes";
	}
	if (!label || name[strlen(name) - 1] == '-')
		return "it is no name of a host";
	const char *last = strrchr(name, '.');
	return is_digits(last ? last + 1 : name)
	               ? "addresses get no certificates here: give it a name"
	               : NULL;
}

static int add(struct acme_names *n, const char *text, size_t size)
{
	const char *wrong = NULL;
	if (n->count == ACME_NAMES_MAX) {
		log_error("acme", "more than %u names are for more than one certificate",
		          ACME_NAMES_MAX);
		return ERR_INVALID;
	}
	char *to = n->at[n->count];
	if (size && size < ACME_HOST_MAX) {
		for (size_t k = 0; k < size; k++)
			to[k] = text[k] >= 'A' && text[k] <= 'Z' ? (char)(text[k] + 32) : text[k];
		to[size] = '\0';
		wrong = look(to);
	} else {
		wrong = size ? "it has more than 253 bytes"
		             : "names are separated by single commas";
	}
	if (wrong) {
		log_error("acme", "the name \"%.*s\" gets no certificate: %s",
		          (int)(size < 64 ? size : 64), text, wrong);
		return ERR_INVALID;
	}
	for (uint32_t k = 0; k < n->count; k++)
		if (strcmp(n->at[k], to) == 0)
			return OK;
	n->count++;
	return OK;
}

/* Separated by commas, or one a line. */
int acme_names_read(struct acme_names *n, const char *text)
{
	int error = OK;
	n->count = 0;
	while (!error) {
		while (*text == ' ' || *text == '\n' || *text == '\r')
			text++;
		size_t size = strcspn(text, ",\n"), name = size;
		while (name && (text[name - 1] == ' ' || text[name - 1] == '\r'))
			name--;
		if (!name && !text[size] && n->count && text[-1] == '\n')
			return OK; /* the last line's end */
		error = add(n, text, name);
		if (!text[size])
			return error;
		text += size + 1;
	}
	return error;
}
