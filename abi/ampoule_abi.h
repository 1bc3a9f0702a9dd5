/* SPDX-License-Identifier: ISC */
/*
 * The Ampoule ABI: the one contract between an image and the tender that runs it.
 *
 * This header is the specification. MUST, MAY and SHOULD are RFC 2119's. "Image" is the sealed ELF file
 * and the code in it; "tender" is the program that loads it. The image trusts the tender. The tender trusts nothing
 * that it reads from the image file or from memory that the image can write: it MUST copy each value once,
 * check the copy, and use the copy.
 *
 * All structures are little-endian, x86-64 layout, with explicit padding that MUST be zero. Addresses are
 * addresses in the image's address space; sizes are bytes; times are nanoseconds, unless a name says otherwise.
 *
 * 1. The file. An image is an ELF64 ET_EXEC file for x86-64 with program headers of these types only:
 *      PT_LOAD   1 to AMP_SEGMENTS_MAX of them; p_vaddr, p_offset multiples of AMP_PAGE; p_filesz <= p_memsz;
 *                ascending, not overlapping, all within [AMP_IMAGE_LOW, AMP_IMAGE_HIGH);
 *                p_flags R, RX or RW; never W and X together.
 *      PT_NOTE   exactly one, lying within the file bytes of a PT_LOAD: the image note (section 3).
 *      PT_TLS    at most one, lying within a PT_LOAD; of interest to the image only.
 *      PT_GNU_STACK  ignored.
 *    No section headers are needed and none are read. e_entry lies in an RX segment.
 *
 * 2. The address space that the tender makes before the first instruction:
 *      - each PT_LOAD at p_vaddr with exactly p_flags' rights, zero-filled past p_filesz to the page's end;
 *      - the stacks: for i < note.stack_count, the bytes [stack_base + i*stride + AMP_PAGE,
 *        stack_base + (i+1)*stride), stride = AMP_PAGE + stack_size, readable and writable, zero;
 *        the page below each is unmapped: the guard;
 *      - memory extents, rings, frames and boot information where the tender likes;
 *      - the gate: readable and executable, not writable.
 *    Nothing else is accessible; page zero never is; nothing is ever writable and executable. The image
 *    cannot change any of it.
 *
 * 3. Entry. The tender starts the image at e_entry in ring 3 with RDI = address of struct amp_boot,
 *    RSP = top of stack 0 minus 8 (RSP + 8 is a multiple of 16), RFLAGS = 0x2, MXCSR and x87 control word at
 *    their reset values (0x1f80, 0x37f), FS and GS base 0, and every other general register zero. The
 *    instructions rdtsc, rdfsbase, wrfsbase, and those of note.cpu_level work.
 *
 * 4. Leaving. The image leaves only by calling the gate (section "Gate"). A fault (any exception) ends the
 *    image; the tender reports it and exits with AMP_EXIT_CRASH.
 *
 * 5. Versions. An image and a tender agree if their majors are equal and the image's minor is at most the tender's. A
 *    minor only adds: boot information grows at its end, reserved fields get a meaning, enumerations and flags get new
 *    values. A tender MUST NOT offer an image what is newer than the image's minor. A change that adds something
 *    raises the minor, once between two versions of Ampoule, and adds a row here.
 *
 *      minor  version  what came
 *      0      0.1.0    the file, the note, boot information, the gate; network devices with one queue
 *      1      0.1.0    packets of several descriptors, AMP_DESC_*; offloads, struct amp_frame_header;
 *                      AMP_NET_TX_CHECKSUM, RX_CHECKSUM, TX_SEGMENT, RX_LARGE, TX_DIRECT, RX_PARTIAL, TX_MEMORY;
 *                      block devices, size_min, format, AMP_NOTE_DEVICE_READ_ONLY, AMP_WAIT_BLOCK, AMP_EXIT_CUT
 *      2      0.1.0    further receive queues, struct amp_queue, AMP_NET_QUEUES_MAX
 *      3      next     the end of life: stop_at_ns, AMP_WAIT_STOP
 */
#ifndef AMPOULE_ABI_H
#define AMPOULE_ABI_H

#include <stdint.h>

#define AMP_ABI_MAJOR 1 /* differs: the tender MUST refuse the image */
#define AMP_ABI_MINOR 3 /* the image's is greater than the tender's: the tender MUST refuse */

#define AMP_PAGE         4096u
#define AMP_SEGMENTS_MAX 8u
#define AMP_IMAGE_LOW    0x200000000000ull /* segments and stacks lie in [LOW, HIGH): clear of */
#define AMP_IMAGE_HIGH   0x500000000000ull /* page zero, of Linux's mmap area and of ASan's shadow */

/* ---- The image note ------------------------------------------------------------------------------ */

/* An ELF note: namesz 8, name "Ampoule", type AMP_NOTE_TYPE, desc = struct amp_note followed directly by
 * device_count struct amp_note_device, arg_count struct amp_note_arg, library_count struct
 * amp_note_library. descsz = note.size = exactly the sum. */
#define AMP_NOTE_NAME      "Ampoule"
#define AMP_NOTE_TYPE      1u
#define AMP_NAME_MAX       32u  /* names: [a-z0-9][a-z0-9_.-]*, NUL-terminated, NUL-padded */
#define AMP_TEXT_MAX       128u /* argument values, help: UTF-8, NUL-terminated, NUL-padded */
#define AMP_DEVICES_MAX    16u
#define AMP_ARGS_MAX       64u
#define AMP_LIBRARIES_MAX  32u
#define AMP_STACKS_MAX     16384u
#define AMP_STACK_SIZE_MAX (16u << 20)

struct amp_note {
	uint16_t abi_major, abi_minor;
	uint32_t size;              /* bytes of the whole desc */
	char name[AMP_NAME_MAX];    /* the appliance */
	char version[AMP_NAME_MAX]; /* its version; any printable ASCII */
	uint8_t build_id[32]; /* SHA-256 over everything that the build depends on, seed included */
	uint64_t memory_min;  /* heap bytes without which it does not start; multiple of AMP_PAGE */
	uint64_t memory_default; /* heap bytes unless the user says else; >= memory_min */
	uint64_t stack_base;     /* multiple of AMP_PAGE */
	uint32_t stack_size;     /* usable bytes of one stack; multiple of AMP_PAGE */
	uint32_t stack_count;    /* >= 1; stack 0 is the one that the image is entered on */
	uint32_t cpu_level;      /* x86-64 psABI level that it needs: 1 to 4 */
	uint32_t flags;          /* zero */
	uint32_t device_count, arg_count, library_count;
	uint32_t reserved;
};

enum amp_device_type { AMP_DEVICE_NET = 1, AMP_DEVICE_BLOCK = 2 };

#define AMP_FORMAT_MAX 8u

struct amp_note_device {
	char name[AMP_NAME_MAX]; /* unique in the image; as in `--net NAME=...` */
	uint32_t type;           /* enum amp_device_type */
	uint32_t flags;          /* AMP_NOTE_DEVICE_* */
	uint32_t ring_size;      /* entries of each ring: a power of two, 64 to 32768 */
	uint32_t frame_count;    /* net: frames in the frame area, 64 to 262144; block: 0 */
	uint64_t size_min;       /* block: the least bytes that it must have; net: 0 */
	char format
	        [AMP_FORMAT_MAX]; /* block: the format that must be on it, unless it begins with AMP_BLOCK_BLANK zero bytes; "":
					 * anything. NUL-padded; one that the tender does not know it does not check */
};
#define AMP_NOTE_DEVICE_OPTIONAL  1u /* the image runs without it */
#define AMP_NOTE_DEVICE_READ_ONLY 2u /* block: the image does not write to it */
#define AMP_BLOCK_BLANK           4096u

enum amp_arg_type {
	AMP_ARG_U16 = 1, /* number */
	AMP_ARG_U32,     /* number */
	AMP_ARG_BOOL,    /* number, 0 or 1; text: true, false */
	AMP_ARG_STRING,  /* text, no NUL, at most AMP_TEXT_MAX - 1 bytes */
	AMP_ARG_IPV4,    /* number, host byte order; text: dotted quad */
	AMP_ARG_CIDR, /* number = address << 8 | prefix length; text: a.b.c.d/len; host bits MAY be set */
	AMP_ARG_DURATION, /* number, nanoseconds; text: digits and one of ns us ms s m h */
	AMP_ARG_SIZE, /* number, bytes; text: digits and nothing or one of K M G (powers of 1024) */
};

struct amp_note_arg {
	char name[AMP_NAME_MAX];
	uint32_t type;            /* enum amp_arg_type */
	uint32_t flags;           /* AMP_NOTE_ARG_* */
	char value[AMP_TEXT_MAX]; /* the value compiled in, in the text form of its type */
	char help[AMP_TEXT_MAX];  /* one line for `ampoule inspect`; may be empty */
};
#define AMP_NOTE_ARG_DYNAMIC                                                                       \
	1u /* may be set by `ampoule run --set NAME=VALUE`; else `--set` is refused */

struct amp_note_library {
	char name[AMP_NAME_MAX]; /* as in the manifest: core, net, app/dns, ... */
};

/* ---- Boot information ------------------------------------------------------------------------------ */

/* All of it is mapped readable, not writable. Counts and addresses are right: the image needs to check
 * magic, version and size only. */
#define AMP_BOOT_MAGIC  0x746f6f62706d61ull /* "ampboot" */
#define AMP_EXTENTS_MAX 4u
#define AMP_SEED_SIZE   48u

struct amp_extent {
	uint64_t base, size; /* multiples of AMP_PAGE; readable, writable, zero at start */
};

/*
 * Time. now = base_ns + ((rdtsc - base_tsc) * multiplier >> shift), the product in 128 bits: nanoseconds of a
 * monotonic clock that starts near zero at boot. Wall-clock time (nanoseconds since 1970, UTC) is
 * now + wall_offset. The tender MAY correct drift while the image runs: it makes seq odd, writes, makes seq
 * even (all with release order). A reader retries while seq is odd or has changed. A correction MUST NOT make
 * now go backwards.
 */
struct amp_clock {
	uint32_t seq;
	uint32_t shift;
	uint64_t multiplier;
	uint64_t base_tsc;
	uint64_t base_ns;
	int64_t wall_offset;
	uint64_t reserved[3];
};

struct amp_arg_value {
	uint64_t number;    /* as enum amp_arg_type says */
	uint64_t text;      /* AMP_ARG_STRING: address; else 0 */
	uint32_t text_size; /* bytes without the NUL that follows them */
	uint32_t set;       /* 1: given at run time; 0: the note's value */
};

struct amp_device;

struct amp_boot {
	uint64_t magic;
	uint16_t abi_major, abi_minor; /* the tender's */
	uint32_t size;       /* sizeof(struct amp_boot) as the tender knows it; >= the image's */
	uint64_t gate;       /* address of the gate's entry */
	uint64_t generation; /* 0 for a fresh start; grows by one in each clone */
	uint8_t seed
	        [AMP_SEED_SIZE]; /* fresh from the host's CSPRNG for each start and each clone */
	uint32_t extent_count;
	uint32_t device_count; /* = the note's; same order; absent optional ones have type 0 */
	uint32_t arg_count;    /* = the note's; same order */
	uint32_t log_level;    /* 0 error, 1 warning, 2 info, 3 debug; the quiet default is 1 */
	struct amp_extent extents[AMP_EXTENTS_MAX];
	uint64_t devices; /* address of struct amp_device[device_count] */
	uint64_t args;    /* address of struct amp_arg_value[arg_count] */
	struct amp_clock clock;
	char tender[AMP_NAME_MAX]; /* the tender's name, for messages: "kvm", "sandbox", ... */
	/*
	 * The end of life, since minor 3. Zero, until the tender wants the image to end: then it stores, once and with
	 * release order, the time (of `clock`) by which the image has to have called the gate's exit, and ends each wait for
	 * AMP_WAIT_STOP. An image finishes what is under way and exits; one that has not by then is ended by the tender. An
	 * image of an earlier minor is ended at once.
	 */
	uint64_t stop_at_ns;
};

/* ---- Devices and rings --------------------------------------------------------------------------------- */

/*
 * A network device is a frame area (UMEM) and the four AF_XDP rings, laid out and used as in
 * linux/if_xdp.h. Every ring is single-producer, single-consumer. producer and consumer are free-running
 * 32-bit counters; the entry of counter c is entries[c & (size - 1)]; producer - consumer <= size. The
 * producer writes entries, then stores producer with release order; the consumer loads it with acquire
 * order, reads, then stores consumer with release order. The pointers are spelled out, so that a tender can
 * map a kernel's own AF_XDP rings.
 *
 *   fill        image -> tender  uint64_t frame addresses that it may receive into (low bits are ignored:
 *                                the frame is addr rounded down to frame_size)
 *   rx          tender -> image  struct amp_desc, received packets
 *   tx          image -> tender  struct amp_desc, packets to send
 *   completion  tender -> image  uint64_t addr of sent packets, as given in tx; the image owns them again
 *
 * A frame belongs to the image from rx/completion on, to the tender from fill/tx on. All frames are the
 * image's at start. The tender MUST survive, and SHOULD count, any content of a ring; an entry that does not
 * fit (see struct amp_desc) is dropped, and for tx completed.
 */
struct amp_ring {
	uint64_t producer, consumer, flags; /* addresses of uint32_t */
	uint64_t entries;                   /* address of uint64_t[size] or struct amp_desc[size] */
	uint32_t size;                      /* entries; a power of two */
	uint32_t reserved;
};
/* In *flags of fill and tx, written by the tender: the tender sleeps; kick after producing. */
#define AMP_RING_NEED_WAKEUP 1u

/*
 * Further receive queues. A device MAY receive packets in several queues. Each queue has a fill and an rx ring of its own,
 * and a frame that the image gives to a fill ring comes back in that queue's rx. Frames, tx and completion belong to the
 * device as a whole; fill and rx of struct amp_device are its first queue's. The gate's calls mean the fill and rx rings of
 * all queues. The order in which packets of different queues came is not known.
 *
 * An image of an ABI minor below 2 knows of no further queues and MUST be given none: where the host's device has
 * several, the tender has the host put all packets into one, or refuses the device.
 */
#define AMP_NET_QUEUES_MAX 16u /* of a device, the first one included */

struct amp_queue {
	struct amp_ring fill, rx;
};

struct amp_desc {
	uint64_t
	        addr; /* offset of the first byte in the frame area; of AMP_DESC_DIRECT: an address */
	uint32_t len;     /* bytes; addr and addr + len lie within one frame */
	uint32_t options; /* AMP_DESC_* */
};
#define AMP_DESC_CONTINUED 1u /* XDP_PKT_CONTD: the packet goes on in the next descriptor */
#define AMP_DESC_METADATA                                                                          \
	2u /* first descriptor: a struct amp_frame_header lies in the bytes just before addr */
#define AMP_DESC_DIRECT 4u /* tx, not the first descriptor: see below */

/*
 * Packets. A packet is one descriptor, or several of which all but the last are CONTINUED; at most
 * AMP_PACKET_DESCS_MAX and AMP_PACKET_MAX bytes; the first descriptor has at least the 14 bytes of the Ethernet
 * header, each other at least 1. Several descriptors are used in tx only with AMP_NET_TX_SEGMENT or
 * AMP_NET_TX_DIRECT, and in rx only with AMP_NET_RX_LARGE. The producer publishes a packet as a whole: where a
 * ring's producer stands, a packet ends. A packet of which one descriptor does not fit is dropped as a whole.
 * Frames are completed one by one.
 *
 * A DIRECT descriptor's bytes are [addr, addr + len) of the image's address space, inside one PT_LOAD without W or, with
 * AMP_NET_TX_MEMORY, inside one memory extent. They are no frame: there is no completion for them. They are read until
 * the packet's first frame has been completed.
 *
 * Received packets lie AMP_FRAME_HEADROOM into their first frame, and from the first byte on in each further one; all
 * frames but the last are full.
 */
#define AMP_PACKET_DESCS_MAX 40u
#define AMP_PACKET_MAX       65550u /* 14 and the largest IP packet */

/* Every frame has this much room before a received packet, and the image leaves as much as it needs. */
#define AMP_FRAME_HEADROOM 256u
#define AMP_FRAME_SIZE     2048u

/*
 * Offloads, virtio_net_hdr_v1's layout and meaning (linux/virtio_net.h). Used only where the device's
 * features say so, and only with images of ABI minor 1 and later: an older one is offered none. Offsets count from the
 * packet's first byte; hdr_len and num_buffers are zero in tx and of no meaning in rx.
 *
 * tx, NEEDS_CSUM (TX_CHECKSUM): the 16 bits at csum_start + csum_offset, in the first descriptor's bytes, hold the folded
 * sum of the pseudo-header; the tender, or the host behind it, completes the sum from csum_start to the packet's end.
 * tx, gso_type 1 (TX_SEGMENT): with NEEDS_CSUM and csum_start at the TCP header, which lies whole in the first
 * descriptor: cut into segments of gso_size payload bytes, gso_size >= AMP_SEGMENT_MIN. Without gso_type a packet is at
 * most mtu + 14 bytes.
 * rx: NEEDS_CSUM: the packet comes from this host and has only the pseudo-header's sum: nothing to check. DATA_VALID:
 * it was checked. gso_type: the packet was several of gso_size payload bytes; only such packets are larger than mtu.
 */
struct amp_frame_header {
	uint8_t flags;    /* 1 NEEDS_CSUM, 2 DATA_VALID */
	uint8_t gso_type; /* 0 none, 1 TCPv4; | 0x80: with ECN's CWR in the first segment only */
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
#define AMP_SEGMENT_MIN 256u

/*
 * A block device is two rings of the same kind. The image puts requests into one; the tender works on any number at a
 * time, in any order, and puts an answer into the other for each. Positions and sizes are bytes and multiples of
 * sector_size. A part's bytes lie in one of boot information's memory extents, at a multiple of sector_size; the array of
 * parts lies there, too. All of it belongs to the tender until the answer.
 *
 * A written sector holds the old bytes or the new ones after a crash, and the new ones for certain only after a FLUSH
 * that was requested after the write's answer has itself been answered. DISCARD gives up the range's bytes: reading
 * them gives anything. The tender MUST survive any content of rings and parts; a request that does not fit
 * is answered AMP_BLOCK_BAD. The image keeps no more requests without an answer than the rings have entries.
 */
enum amp_block_op { AMP_BLOCK_READ, AMP_BLOCK_WRITE, AMP_BLOCK_FLUSH, AMP_BLOCK_DISCARD };

struct amp_block_part {
	uint64_t addr, size;
};
#define AMP_BLOCK_PARTS_MAX 32u
#define AMP_BLOCK_SIZE_MAX  (64ull << 20) /* bytes of one READ or WRITE */

struct amp_block_request {
	uint64_t id;         /* given back in the answer */
	uint32_t op;         /* enum amp_block_op */
	uint32_t part_count; /* READ, WRITE: 1 to AMP_BLOCK_PARTS_MAX */
	uint64_t offset;     /* READ, WRITE, DISCARD */
	uint64_t size;       /* READ, WRITE: the sum of the parts; DISCARD */
	uint64_t parts;      /* READ, WRITE: address of struct amp_block_part[part_count] */
	uint64_t reserved;
};

struct amp_block_answer {
	uint64_t id;
	int32_t result; /* 0, or AMP_BLOCK_* below; of a failed READ the parts' bytes are undefined, of a
					 * failed WRITE the sectors' */
	uint32_t reserved;
};
#define AMP_BLOCK_BAD    (-1) /* the request does not fit */
#define AMP_BLOCK_FAILED (-2) /* the host could not do it */

struct amp_device {
	char name[AMP_NAME_MAX];
	uint32_t type;     /* enum amp_device_type; 0: an optional device that is not there */
	uint32_t features; /* AMP_NET_*; block: AMP_NET_CONCURRENT, AMP_BLOCK_READ_ONLY */
	union {
		struct { /* AMP_DEVICE_NET */
			uint8_t mac[6];
			uint16_t mtu; /* IP bytes; <= frame_size - AMP_FRAME_HEADROOM - 14 */
			uint32_t
			        frame_size; /* AMP_FRAME_SIZE, or a larger power of two up to AMP_PAGE */
			uint32_t
			        queues; /* where struct amp_queue[queue_count] lies: bytes from struct amp_boot's first */
			uint64_t frames; /* address of the frame area */
			uint32_t frame_count;
			uint32_t
			        queue_count; /* further receive queues, below AMP_NET_QUEUES_MAX; 0: fill and rx are all */
			struct amp_ring fill, rx, tx, completion;
		};
		struct {                      /* AMP_DEVICE_BLOCK */
			uint64_t size;        /* bytes; a multiple of sector_size */
			uint32_t sector_size; /* 512 or 4096 */
			uint32_t reserved;
			struct amp_ring requests,
			        answers; /* struct amp_block_request, struct amp_block_answer */
		} block;
	};
};
#define AMP_BLOCK_READ_ONLY 2u /* WRITE and DISCARD are answered AMP_BLOCK_BAD */
#define AMP_NET_CONCURRENT                                                                         \
	1u /* the tender moves packets while the image runs: polling the rings pays */
#define AMP_NET_TX_CHECKSUM 2u /* tx metadata may ask for NEEDS_CSUM */
#define AMP_NET_RX_CHECKSUM 4u /* rx metadata may say NEEDS_CSUM or DATA_VALID */
#define AMP_NET_TX_SEGMENT  8u /* tx metadata may ask for segmentation */
#define AMP_NET_RX_LARGE                                                                           \
	16u /* rx may deliver packets larger than mtu; only with rings of 128 and 256 frames at least: the
				 * image keeps AMP_PACKET_DESCS_MAX frames in fill, or rx stands still; never with further
				 * queues */
#define AMP_NET_TX_DIRECT 32u  /* tx takes AMP_DESC_DIRECT */
#define AMP_NET_TX_MEMORY 128u /* with TX_DIRECT: that may name memory extents, too */
#define AMP_NET_RX_PARTIAL                                                                         \
	64u /* rx packets without metadata may come from this host and hold the folded sum of the
				 * pseudo-header in the place of the TCP or UDP checksum: nothing else has been lost */

/* ---- Gate ------------------------------------------------------------------------------------------------ */

/*
 * int64_t gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c), System V calling convention: it may change
 * RAX, RCX, RDX, RSI, RDI, R8 to R11 and the flags. All else, vector registers included, is preserved. It
 * needs at most 256 bytes of stack. It returns 0 or more, or AMP_GATE_BAD where call or arguments are none of
 * these. Arguments that a call does not name are ignored.
 */
enum amp_gate_call {
	AMP_GATE_EXIT, /* (code): ends the image with exit status code & 255; does not return */
	/* (deadline_ns, events): returns when one of events is there, or now >= deadline (UINT64_MAX: never);
	 * at once if it is there already. It MAY return early for no reason. The tender works on all devices'
	 * tx rings before it sleeps, so a wait includes all kicks. */
	AMP_GATE_WAIT,
	AMP_GATE_KICK, /* (device index): the tender looks at the device's fill and tx rings, or requests, soon; never
			 * blocks */
	AMP_GATE_PUTS, /* (stream, address, bytes): writes to the console; at most AMP_PUTS_MAX bytes are taken.
			 * Returns how many were. May block as long as the reader of the console does. */
};
enum amp_stream {
	AMP_STREAM_OUTPUT = 1, /* the application's output: the tender's standard output */
	AMP_STREAM_LOG =
	        2, /* the library OS's log and crash messages: the tender's standard error */
};
#define AMP_GATE_BAD (-22)
#define AMP_PUTS_MAX 65536u

#define AMP_WAIT_RECEIVE  1u /* an rx ring is not empty */
#define AMP_WAIT_COMPLETE 2u /* a completion ring is not empty */
#define AMP_WAIT_BLOCK    4u /* an answers ring is not empty */
#define AMP_WAIT_STOP     8u /* stop_at_ns of struct amp_boot is not zero */

/* ---- Exit status of a tender --------------------------------------------------------------------------- */

#define AMP_EXIT_USAGE 125 /* bad arguments, manifest or image; nothing was run */
#define AMP_EXIT_TENDER                                                                            \
	126 /* the host could not do what is needed (no device, no permission, ...) */
#define AMP_EXIT_CUT   123 /* `--block ...,cut=N`: the power went, as asked */
#define AMP_EXIT_CRASH 134 /* the image faulted, or the image ended itself by a panic */
/* Ended by a signal to the tender: 128 + signal number. Else: the image's own code. */

#endif
