/* SPDX-License-Identifier: ISC */
/* Lists of networks, read once and looked through from the front: allow.h. */
#include <app/dns/allow.h>

#include <stddef.h>

/* Digits up to a bound, at most three. False: there are none, or more. */
static bool number(const char **text, uint32_t most, uint32_t *value)
{
	unsigned digits = 0;

	for (*value = 0; **text >= '0' && **text <= '9' && digits < 4; ++*text, digits++)
		*value = *value * 10 + (uint32_t)(**text - '0');
	return digits > 0 && digits < 4 && *value <= most;
}

static bool network(const char **text, uint32_t *address, uint32_t *mask)
{
	uint32_t part, length = 32;

	*address = 0;
	for (unsigned n = 0; n < 4; n++) {
		if (n > 0 && *(*text)++ != '.')
			return false;
		if (!number(text, 255, &part))
			return false;
		*address = *address << 8 | part;
	}
	if (**text == '/') {
		++*text;
		if (!number(text, 32, &length))
			return false;
	}
	*mask = length ? UINT32_MAX << (32 - length) : 0;
	*address &= *mask;
	return true;
}

bool dns_allow_parse(struct dns_allow *a, const char *text)
{
	a->count = 0;
	while (text && *text) {
		if (*text == ' ' || *text == ',') {
			text++;
			continue;
		}
		if (a->count == DNS_ALLOW_MAX)
			return false;
		if (!network(&text, &a->networks[a->count].address, &a->networks[a->count].mask) ||
		    (*text && *text != ' ' && *text != ','))
			return false;
		a->count++;
	}
	return true;
}

bool dns_allow_has(const struct dns_allow *a, uint32_t address)
{
	for (uint32_t n = 0; n < a->count; n++)
		if ((address & a->networks[n].mask) == a->networks[n].address)
			return true;
	return false;
}
