/* SPDX-License-Identifier: ISC */
/* The network that publishes is passt's; its words are read, and refused, by the device (tender/device/passt.c). */
#include <stdio.h>
#include <string.h>

#include <cli/publish.h>

#define NETWORK "passt"

bool publish_add(struct publish_texts *p, const char *text)
{
	if (p->count == sizeof p->texts / sizeof *p->texts)
		return false;
	p->texts[p->count++] = text;
	return true;
}

static bool can_publish(const char *net)
{
	const char *equals = strchr(net, '=');
	size_t size = sizeof NETWORK - 1;
	return equals && !strncmp(equals + 1, NETWORK, size) &&
	       (!equals[1 + size] || equals[1 + size] == ',');
}

bool publish_apply(struct publish_texts *p, struct device_texts *nets)
{
	uint32_t k = 0;
	if (!p->count)
		return true;
	while (k < nets->count && !can_publish(nets->texts[k]))
		k++;
	if (k == DEVICE_TEXTS_MAX)
		return false;
	size_t at = (size_t)snprintf(p->net, sizeof p->net, "%s",
	                             k < nets->count ? nets->texts[k] : "=" NETWORK);
	for (uint32_t i = 0; i < p->count && at < sizeof p->net; i++)
		at += (size_t)snprintf(p->net + at, sizeof p->net - at, ",publish=%s", p->texts[i]);
	nets->texts[k] = p->net;
	nets->count += k == nets->count;
	return at < sizeof p->net;
}
