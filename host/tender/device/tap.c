/* SPDX-License-Identifier: ISC */
/*
 * A network device over a TAP device of the host, through /dev/net/tun: of that name, or created and
 * set up. Checksums and segments as far as host and image have them; else each packet is a whole
 * one, with its checksum.
 */
#include <ampoule_abi.h>
#include <tender/device/packets.h>
#include <tender/device/tap_host.h>

extern const struct device_kind device_tap;

struct tap {
	struct packets packets; /* first: packets.h */
	struct tap_host host;
};

static int tap_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct tap *tap = d->state;
	packets_begin(&tap->packets);
	if (tap_attach(&tap->host, &tap->packets, w->text, w->abi_minor >= 1, why))
		return AMP_EXIT_TENDER;
	packets_take_mac(tap->packets.mac, w, w->text);
	packets_opened(d);
	return 0;
}

static void tap_last_words(const struct device *d)
{
	const struct tap_host *tap = &((const struct tap *)d->state)->host;
	if (tap->created)
		say("device %s: its TAP device %s was deleted: start the image anew", d->note->name,
		    tap->name);
	else
		say("device %s: its TAP device %s was deleted: make it again (ip tuntap add dev %s "
		    "mode tap), then start the image anew",
		    d->note->name, tap->name, tap->name);
}

const struct device_kind device_tap = {
	.prefix = "tap:",
	.form = "tap:INTERFACE",
	.help = "  --net NAME=tap:INTERFACE[,rate=BYTES]\n"
	        "                            connects the image's network device NAME to a TAP "
	        "device, "
	        "which is\n"
	        "                            created for this run if it does not exist; with at "
	        "most "
	        "that many bytes a\n"
	        "                            second each way (digits and nothing or one of K M "
	        "G)\n",
	PACKETS_FUNCTIONS,
	.state_size = sizeof(struct tap),
	.open = tap_open,
	.place = packets_place,
	.allow = packets_allow,
	.last_words = tap_last_words,
	.close = packets_close,
};
