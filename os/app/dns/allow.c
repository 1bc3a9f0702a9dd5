/* SPDX-License-Identifier: ISC */
/* Lists of networks, read once and looked through from the front: allow.h. */
#include <app/dns/allow.h>

#include <string.h>

/* Digits up to a bound, at most three. False: there are none, or more. */
static bool number(const char *text, uint32_t size, uint32_t most, uint32_t *value)
{
	*value = 0;
	for (uint32_t k = 0; k < size; k++) {
		if (text[k] < '0' || text[k] > '9')
			return false;
		*value = *value * 10 + (uint32_t)(text[k] - '0');
	}
	return size > 0 && size < 4 && *value <= most;
}

/* An address, or a network: ADDRESS/LEN. */
static bool network(const char *text, uint32_t size, struct net_address *address, uint8_t *prefix)
{
	char copy[NET_ADDRESS_TEXT_MAX];
	uint32_t length, slash = 0;

	while (slash < size && text[slash] != '/')
		slash++;
	if (slash >= sizeof copy)
		return false;
	memcpy(copy, text, slash);
	copy[slash] = '\0';
	if (!net_address_parse(copy, address))
		return false;
	length = net_is_ip4(*address) ? 32 : 128;
	if (slash < size && !number(text + slash + 1, size - slash - 1, length, &length))
		return false;
	*prefix = (uint8_t)length;
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
		uint32_t size = 0;
		while (text[size] && text[size] != ' ' && text[size] != ',')
			size++;
		if (!network(text, size, &a->networks[a->count].address,
		             &a->networks[a->count].prefix))
			return false;
		text += size;
		a->count++;
	}
	return true;
}

bool dns_allow_has(const struct dns_allow *a, struct net_address address)
{
	for (uint32_t n = 0; n < a->count; n++)
		if (net_address_within(address, a->networks[n].address, a->networks[n].prefix))
			return true;
	return false;
}
