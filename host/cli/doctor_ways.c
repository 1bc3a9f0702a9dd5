/* SPDX-License-Identifier: ISC */
/*
 * The ways by which an image may be connected, seen by `ampoule doctor`: each is opened and laid out as a run would do it.
 * What needs an interface or a bridge gets one in a throw-away network namespace. What a run would say where that fails
 * is the remedy.
 */
#include "doctor_probe.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tender/device/devices.h>

#define BRIDGE "doctor0"
#define RING   64
#define FRAMES 128

struct way {
	const char *id, *text; /* of the device, with the kind's prefix */
	const char *works;
	bool rights; /* outside of a namespace of their own, users have no right to it */
};

static bool root; /* before any namespace was entered */

static const struct device_kind *kind_of(const char *text)
{
	for (uint32_t i = 0; i < device_kind_count; i++)
		if (device_kinds[i]->type == &device_type_net && *device_kinds[i]->prefix &&
		    !strncmp(text, device_kinds[i]->prefix, strlen(device_kinds[i]->prefix)))
			return device_kinds[i];
	return NULL;
}

static struct device_memory memory(uint64_t size)
{
	uint8_t *bytes =
	        size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
	             : NULL;
	return (struct device_memory){ (uint64_t)bytes, size, bytes };
}

/* 0, or -1 with a defect. Everything goes with the probe's process. */
static int open_and_place(const struct way *w, struct defect *why)
{
	static const struct amp_note_device note = {
		.name = "doctor", .type = AMP_DEVICE_NET, .ring_size = RING, .frame_count = FRAMES
	};
	static struct amp_device view;
	const struct device_kind *k = kind_of(w->text);
	if (!k)
		return defect_set(why, "this command does not have it");
	const struct device_wish wish = { .text = w->text + strlen(k->prefix),
		                          .note = &note,
		                          .image = "doctor",
		                          .abi_minor = AMP_ABI_MINOR };
	struct device d = { .kind = k,
		            .state = memory(k->state_size).bytes,
		            .note = &note,
		            .abi_minor = AMP_ABI_MINOR,
		            .watch = -1 };
	struct device_need need = { 0 };
	int status = k->open(&d, &wish, why);
	if (!status) {
		k->need(&d, &need);
		const struct device_place to = { .rings = memory(need.rings),
			                         .frames = memory(need.frames),
			                         .view = &view };
		status = k->place(&d, &to, why);
	}
	k->close(&d);
	return status ? -1 : 0;
}

static void try_way(struct doctor_report *report, const struct way *w)
{
	struct defect why = { "" };
	uint64_t start = doctor_ns();
	if (open_and_place(w, &why)) {
		/* What is found out ends where what to do begins. */
		char *remedy = strstr(why.text, ": ");
		if (remedy)
			*remedy = 0;
		doctor_remedy(doctor_line(report, w->id, DOCTOR_NOTE, 0, NULL, "%.180s", why.text),
		              "%.180s",
		              remedy ? remedy + 2 : "use another network: man ampoule-run");
		return;
	}
	double ms = (double)(doctor_ns() - start) / 1e6;
	struct doctor_line *line = doctor_line(
	        report, w->id, root || !w->rights ? DOCTOR_OK : DOCTOR_NOTE, ms, "ms",
	        "%s%s; %.1f ms", w->works,
	        root || !w->rights ? "" : " in a namespace; elsewhere root alone may", ms);
	if (!root && w->rights)
		doctor_remedy(line, "run as root, or use -p, which needs no rights");
}

void doctor_passt(struct doctor_report *report)
{
	static const struct way way = { "net.passt", "passt", "passt works: -p needs no rights",
		                        false };
	try_way(report, &way);
}

void doctor_descriptor(struct doctor_report *report)
{
	char text[16];
	int pair[2];
	const struct way way = { "net.fd", text, "descriptors may be handed in", false };
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		doctor_line(report, way.id, DOCTOR_NOTE, 0, NULL, "no socket: %s", strerror(errno));
		return;
	}
	snprintf(text, sizeof text, "fd:%d", pair[0]);
	try_way(report, &way);
}

/* A bridge that is up, which is an Ethernet interface, too. False: said. */
static bool make_bridge(struct doctor_report *report, const char *id)
{
	struct ifreq r = { .ifr_flags = IFF_UP, .ifr_name = BRIDGE };
	int s = -1;
	const char *step = "network namespace";
	root = geteuid() == 0;
	if (!doctor_enter_network()) {
		step = "bridge";
		s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (s >= 0 && !ioctl(s, SIOCBRADDBR, BRIDGE) && !ioctl(s, SIOCSIFFLAGS, &r)) {
			close(s);
			return true;
		}
	}
	doctor_remedy(
	        doctor_line(report, id, DOCTOR_NOTE, 0, NULL, "cannot be tried: %s: %s", step,
	                    strerror(errno)),
	        "see whether the kernel has bridges and network namespaces; -p needs neither");
	return false;
}

void doctor_bridge(struct doctor_report *report)
{
	static const struct way way = { "net.bridge", "bridge:" BRIDGE, "bridges can be joined",
		                        true };
	if (make_bridge(report, way.id))
		try_way(report, &way);
}

void doctor_macvtap(struct doctor_report *report)
{
	static const struct way way = { "net.macvtap", "macvtap:" BRIDGE, "macvtap links work",
		                        true };
	if (make_bridge(report, way.id))
		try_way(report, &way);
}

void doctor_packet(struct doctor_report *report)
{
	static const struct way way = { "net.raw", "packet:" BRIDGE,
		                        "packet sockets with virtio-net headers work", true };
	if (make_bridge(report, way.id))
		try_way(report, &way);
}
