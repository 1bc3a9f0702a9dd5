/* SPDX-License-Identifier: ISC */
/*
 * Words for the kernel and for the image: the command line, QEMU's fw_cfg (opt/ampoule/NAME), and a cloud's user-data. NAME=VALUE sets an argument of
 * the image, as --set does; a value with spaces stands in quotes. ampoule.NAME=VALUE is the kernel's:
 *
 *   ampoule.memory=SIZE    heap; default: as the image says, as far as there is memory
 *   ampoule.log=0..3       what the image logs
 *   ampoule.net=address=ADDRESS/LEN[,gateway=ADDRESS][,resolver=ADDRESS]   what the first network device is told of its network
 *   ampoule.exit=PORT      the image's exit status is written to this port at the end
 *   ampoule.errors=PORT    the serial port of messages and the image's log, which leaves the first one to its output, and line feeds
 *                          as they are
 *   ampoule.metadata=ec2|gce   the cloud's service is asked for user-data, by an image that is a further module
 *   ampoule.timing=1       says how many ticks of the TSC the start took
 *   ampoule.disk=HEX       the GPT's GUID of the disk that the kernel came from, which is no device of the image's
 *
 * Words that kernels are given by habit (console=, reboot=, virtio_mmio.device= ...) are passed over; any other is a mistake.
 */
#ifndef BOOT_WORDS_H
#define BOOT_WORDS_H

#include <stdbool.h>

#include <boot/platform.h>
#include <tender/args.h>
#include <tender/image.h>

#define WORDS_SETS 64u
#define WORDS_MMIO 32u

struct words {
	uint32_t set_count, earlier;  /* earlier: those that this source may set anew */
	const char *sets[WORDS_SETS]; /* NAME=VALUE */
	uint64_t memory;              /* 0: as the image says */
	unsigned log_level;
	bool timing;
	uint16_t errors_port;                /* 0: none */
	uint16_t exit_port;                  /* 0: none */
	const char *net, *disk;              /* null: not given */
	const char *metadata, *metadata_set; /* "ec2", and "service=ec2"; null: nobody is asked */
	bool arguments_only;                 /* of the source that is read */
	uint32_t mmio_count;
	struct {
		uint64_t at, size;
		uint32_t line;
	} mmio[WORDS_MMIO]; /* virtio_mmio.device=SIZE@AT:LINE */
};

/* Adds those of a cloud's user-data: a first line `#ampoule`, then words in lines; what they set goes before what was set before. Its
 * text is changed, and kept. `arguments_only`: none of the kernel's own words are among them. -1 with a defect. */
int words_add(struct words *, char *text, bool arguments_only, struct defect *why);

/* Cuts platform->words apart, and adds fw_cfg's. -1 with a defect. */
int words_read(struct words *, struct platform *, struct defect *why);

#endif
