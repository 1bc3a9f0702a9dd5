/* SPDX-License-Identifier: ISC */
/* `-p`: what it means in words of `--net`. */
#ifndef AMPOULE_CLI_PUBLISH_H
#define AMPOULE_CLI_PUBLISH_H

#include <tender/device/devices.h>

#define PUBLISH_TEXT_MAX 8192u

struct publish_texts {
	uint32_t count;
	const char *texts[DEVICE_TEXTS_MAX * 4]; /* [ADDRESS:]HOST:PORT[/udp] each, as given */
	char net[PUBLISH_TEXT_MAX]; /* the text that they make; devices' texts point into it */
};

/* False: there are too many. */
bool publish_add(struct publish_texts *, const char *text);

/* Adds them to the texts of network devices: to the one whose network can publish, or as the network of the first device that
 * has none. False: they are too long, or there are too many texts. */
bool publish_apply(struct publish_texts *, struct device_texts *nets);

#endif
