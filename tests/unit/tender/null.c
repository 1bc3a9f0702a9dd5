/* SPDX-License-Identifier: ISC */
/*
 * A kind of device that does nothing: a network with nobody on it, "null:". What is sent is taken,
 * nothing ever comes. It stands here as every kind stands in host/tender/device, and shows what one
 * costs: a file, its line in the list (kinds.c) and in meson.build, and its words in the manual.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include <tender/device/packets.h>

extern const struct device_kind device_null;

static int null_open(struct device *d, const struct device_wish *w, struct defect *why)
{
	struct packets *p = d->state;
	packets_begin(p);
	if (*w->text) {
		defect_set(why, "null: takes nothing behind it, not '%s'", w->text);
		return AMP_EXIT_USAGE;
	}
	p->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (p->fd < 0) {
		defect_set(why, "cannot open /dev/null");
		return AMP_EXIT_TENDER;
	}
	p->mtu = 1500;
	packets_take_mac(p->mac, w, "null");
	return 0;
}

/* It is not polled, so that nobody else asks for it. */
static void null_allow(const struct device *d, struct filter *f)
{
	const struct packets *p = d->state;
	filter_allow_on(f, SYS_write, p->fd, NULL, 0);
	filter_allow_on(f, SYS_writev, p->fd, NULL, 0);
	filter_allow_on(f, SYS_read, p->fd, NULL, 0);
	filter_allow_on(f, SYS_readv, p->fd, NULL, 0);
}

/* /dev/null tells nobody of anything. */
static uint32_t null_polls(const struct device *d, struct pollfd *to)
{
	(void)d;
	(void)to;
	return 0;
}

const struct device_kind device_null = {
	.prefix = "null:",
	.form = "null:",
	.help = "  --net NAME=null:          ... to nothing\n",
	.type = &device_type_net,
	.state_size = sizeof(struct packets),
	.open = null_open,
	.need = packets_need,
	.place = packets_place,
	.allow = null_allow,
	.pass = packets_pass,
	.ready = packets_ready,
	.pending = packets_pending,
	.wakeup = packets_wakeup,
	.polls = null_polls,
	.report = packets_report,
	.close = packets_close,
};
