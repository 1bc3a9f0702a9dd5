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
 *      PT_INTERP  at most one, ignored (minor 3). Names a file that does not exist, so that a host that is told to run
 *                the image as a program of its own refuses.
 *    No section headers are needed and none are read. e_entry lies in an RX segment.
 *    Since minor 3 the file may end with struct amp_digest, and MUST if the note says AMP_NOTE_DIGEST. The tender MUST
 *    refuse a file whose digest is missing or wrong before it runs anything of it, and one with a segment of which bytes
 *    lie outside of what is digested. A signature is a file of its own, of the whole image file, and none of the ABI's.
 *
 * 2. The address space that the tender makes before the first instruction:
 *      - each PT_LOAD at p_vaddr with exactly p_flags' rights, zero-filled past p_filesz to the page's end;
 *      - the stacks: for i < note.stack_count, the bytes [stack_base + i*stride + guard,
 *        stack_base + (i+1)*stride), stride = guard + stack_size, readable and writable, zero;
 *        the guard below each, note.stack_guard bytes or AMP_PAGE where that is zero, is unmapped;
 *      - memory extents, rings, frames and boot information where the tender likes;
 *      - the gate: readable and executable, not writable.
 *    A file whose note says AMP_NOTE_MOVES (since minor 3) can lie anywhere: the tender MAY move all segments, the stacks and
 *    the entry by one multiple of AMP_PAGE, within [AMP_IMAGE_LOW, AMP_IMAGE_HIGH), and adds it to each word of the file's
 *    table before the first instruction; it SHOULD draw it for each start. Behind the last of the segments' file bytes lie
 *    a uint32_t, the bytes of the table, at most AMP_MOVES_MAX, and the table: a row of ULEB128 numbers, how far each
 *    word's address lies above that of the one before, and of the first above the first segment's p_vaddr. A word is 8
 *    bytes, not necessarily aligned, wholly in a segment without X. The note's copy in memory is not changed.
 *    A file whose note says AMP_NOTE_TABLES (since minor 3) names the data among its code: behind the table of addresses,
 *    or where that would begin, lie a uint32_t, how many there are, at most AMP_TABLES_MAX, and as many struct amp_table,
 *    ascending, not overlapping, each wholly in the file bytes of a segment with X. They are for who audits the file; the
 *    tender MUST refuse a file where they are not so, and has no other use for them.
 *    Nothing else is accessible; page zero never is; nothing is ever writable and executable. The image
 *    cannot change any of it.
 *
 * 3. Entry. The tender starts the image at e_entry in ring 3 with RDI = address of struct amp_boot,
 *    RSP = top of stack 0 minus 8 (RSP + 8 is a multiple of 16), RFLAGS = 0x2, MXCSR and x87 control word at
 *    their reset values (0x1f80, 0x37f), FS and GS base 0, and every other general register zero. The
 *    instructions rdtsc, rdfsbase, wrfsbase, and those of note.cpu_level work. Since minor 3: where boot information says
 *    AMP_BOOT_FS_BASE_BY_GATE, wrfsbase does not, since the host's kernel would not keep the value: AMP_GATE_FS_BASE sets
 *    it. A tender on such a host MUST refuse an image of an earlier minor.
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
 *      3      next     the end of life: stop_at_ns, AMP_WAIT_STOP; PT_INTERP; struct amp_digest, AMP_NOTE_DIGEST;
 *                      guards of several pages, stack_guard; a seed that the image can erase, AMP_GATE_SEED; images
 *                      that can be moved, AMP_NOTE_MOVES; tables among code, AMP_NOTE_TABLES; AMP_ARG_SECRET; what the
 *                      tender knows of networks:
 *                      struct amp_net_word; AMP_NET_RX_SEGMENTS; how an image's health is asked, struct amp_note_health;
 *                      a busy image's waits; snapshots and clones: section 6; IPv6: AMP_ARG_IP6, AMP_ARG_CIDR6,
 *                      AMP_NET_TX_SEGMENT6; hosts without FSGSBASE: AMP_BOOT_FS_BASE_BY_GATE, AMP_GATE_FS_BASE;
 *                      AMP_NOTE_DEVICE_IP6, AMP_NOTE_DEVICE_NO_IP4, words of networks of family 6;
 *                      AMP_BOOT_MOVED, leave_at_ns; new versions of secrets: AMP_NOTE_ARG_RENEWABLE, struct amp_secrets, AMP_WAIT_SECRETS
 *
 * 6. Snapshots and clones, since minor 3. A tender MAY take a picture of an image that stands in a wait whose third argument
 *    is not zero, and MAY later go on from it: in a clone. The picture is the image's memory: its writable segments, the
 *    stacks, the extents, the frame areas, and boot information as it was; there are no registers in it. Nothing in it
 *    depends on the tender, so that one tender's picture is another's to go on from, on any host of note.cpu_level.
 *    The image's side: the third argument, `resume`, is an address on the stack that it waits on, a multiple of 16. There
 *    lies a uint64_t, the address of an instruction of an RX segment. Above `resume` lies whatever the image needs to go on.
 *    The clone is entered there as section 3 says of the first start, but with RSP = resume + 8. Its memory is as it was in
 *    the wait, at the same addresses, boot information's included. New are:
 *      - boot information: `generation` is greater than before; the arguments, the words of networks, the tender and the
 *        gate are the clone's own. stop_at_ns and leave_at_ns are zero. There is no seed: the image MUST ask for one (AMP_GATE_SEED) before
 *        it uses random numbers again.
 *      - the clock. It goes on where it stood at the point; the time of the picture does not count. Wall-clock time is
 *        right, and so jumps.
 *      - devices. The same ones are there, by index. MAC, MTU and features, size_min or more bytes, may differ; the address and
 *        the frame size of a frame area do not. All rings are as at a fresh start, maybe elsewhere. All frames are the
 *        image's. A block request that had no answer in the wait has none: the image MAY put it again. It was not begun, or
 *        has been carried out as a whole.
 *    The image that the picture was taken of knows nothing of it: its wait goes on. Or it ends there, and one clone takes its
 *    place: then that clone's boot information says AMP_BOOT_MOVED. Its networks are the original's, and so are its MAC
 *    addresses as far as the devices let the tender choose. It MAY go on with its peers where they stood; packets may be lost.
 *    The original SHOULD have been told before: leave_at_ns.
 */
#ifndef AMPOULE_ABI_H
#define AMPOULE_ABI_H

#include <stdint.h>

#define AMP_ABI_MAJOR 1 /* differs: the tender MUST refuse the image */
#define AMP_ABI_MINOR 3 /* the image's is greater than the tender's: the tender MUST refuse */

#define AMP_PAGE         4096u
#define AMP_SEGMENTS_MAX 8u
#define AMP_MOVES_MAX    (256u << 10)
#define AMP_IMAGE_LOW    0x200000000000ull /* segments and stacks lie in [LOW, HIGH): clear of */
#define AMP_IMAGE_HIGH   0x500000000000ull /* page zero, of Linux's mmap area and of ASan's shadow */

/* ---- The image note ------------------------------------------------------------------------------ */

/* An ELF note: namesz 8, name "Ampoule", type AMP_NOTE_TYPE, desc = struct amp_note followed directly by
 * device_count struct amp_note_device, arg_count struct amp_note_arg, library_count struct
 * amp_note_library, and one struct amp_note_health if flags say so. descsz = note.size = exactly the sum. */
#define AMP_NOTE_NAME       "Ampoule"
#define AMP_NOTE_TYPE       1u
#define AMP_NAME_MAX        32u  /* names: [a-z0-9][a-z0-9_.-]*, NUL-terminated, NUL-padded */
#define AMP_TEXT_MAX        128u /* argument values, help: UTF-8, NUL-terminated, NUL-padded */
#define AMP_DEVICES_MAX     16u
#define AMP_ARGS_MAX        64u
#define AMP_LIBRARIES_MAX   32u
#define AMP_STACKS_MAX      16384u
#define AMP_STACK_SIZE_MAX  (16u << 20)
#define AMP_STACK_GUARD_MAX (1u << 20)

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
	uint32_t flags; /* AMP_NOTE_DIGEST, AMP_NOTE_MOVES, AMP_NOTE_HEALTH, AMP_NOTE_TABLES */
	uint32_t device_count, arg_count, library_count;
	uint32_t
	        stack_guard; /* since minor 3: unmapped bytes below each stack, a multiple of AMP_PAGE;
			       * zero: AMP_PAGE */
};

/* In flags, since minor 3: the file ends with struct amp_digest. */
#define AMP_NOTE_DIGEST 2u

/* The last bytes of an image file. It shows damage; who made the image only a signature can tell. Before minor 3 was released images
 * had "amdigest" for magic, and SHA-256 (FIPS 180-4) in its place: the tender MUST refuse them, and MAY say why. */
struct amp_digest {
	uint8_t blake3[32]; /* 256 bits, without key, of the file's first `size` bytes */
	uint64_t size;      /* all of the file that comes before this structure */
	uint64_t magic;
};
#define AMP_DIGEST_MAGIC 0x33656b616c626d61ull /* "amblake3" */
#define AMP_NOTE_MOVES   4u /* since minor 3: the tender can move the image: section 2 */
#define AMP_NOTE_TABLES  8u /* since minor 3: the file names its data among code: section 2 */

#define AMP_TABLES_MAX 256u

struct amp_table {
	uint64_t address, size;
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
#define AMP_NOTE_DEVICE_IP6       4u /* net, since minor 3: the image speaks IPv6 there */
#define AMP_NOTE_DEVICE_NO_IP4    8u /* net, with IP6: and no IPv4 */
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
	/* Since minor 3: bytes, at most AMP_SECRET_MAX, given at run time only: the note's value is empty. They lie in memory
	 * that is readable and writable, that is the image's, and that no extent covers, so that it can erase them; the
	 * tender keeps none. */
	AMP_ARG_SECRET,
	/* Since minor 3; text of RFC 4291 §2.2, given to the image as text, as a STRING; nothing: none */
	AMP_ARG_IP6,   /* an IPv6 address */
	AMP_ARG_CIDR6, /* the same and /len */
};

#define AMP_SECRET_MAX (64u << 10)

struct amp_note_arg {
	char name[AMP_NAME_MAX];
	uint32_t type;            /* enum amp_arg_type */
	uint32_t flags;           /* AMP_NOTE_ARG_* */
	char value[AMP_TEXT_MAX]; /* the value compiled in, in the text form of its type */
	char help[AMP_TEXT_MAX];  /* one line for `ampoule inspect`; may be empty */
};
#define AMP_NOTE_ARG_DYNAMIC                                                                       \
	1u /* may be set by `ampoule run --set NAME=VALUE`; else `--set` is refused */
#define AMP_NOTE_ARG_RENEWABLE                                                                     \
	2u /* since minor 3, of a SECRET: the image takes new versions while it runs: struct amp_secrets */

struct amp_note_library {
	char name[AMP_NAME_MAX]; /* as in the manifest: core, net, app/dns, ... */
};

#define AMP_NOTE_HEALTH 16u /* in flags, since minor 3: there is struct amp_note_health */

/*
 * How a host asks whether the image is well: a question to a port of the image's, answered well or not within timeout_ms.
 * It is asked each interval_ms. The tender does not ask; whoever started it may.
 */
enum amp_health_kind {
	AMP_HEALTH_TCP = 1, /* a connection is taken; `what` is empty */
	AMP_HEALTH_HTTP,    /* GET of the path `what`; well: a status from 200 to 399 */
	AMP_HEALTH_DNS, /* an A record of the name `what`, by UDP; well: an answer without error */
	AMP_HEALTH_COMMAND, /* `what` is TEXT=ANSWER: TEXT is sent by TCP; well: what comes begins with ANSWER. \r \n \t \\ and \xHH
			     * stand for bytes in both */
};
#define AMP_HEALTH_MS_MAX 3600000u

struct amp_note_health {
	uint32_t kind; /* enum amp_health_kind */
	uint16_t port,
	        retries; /* retries: bad answers in a row that are too many; neither is zero */
	uint32_t
	        port_arg; /* one more than the index of the argument, of type U16, that has the port; 0: `port` is it */
	uint32_t interval_ms, timeout_ms; /* 1 to AMP_HEALTH_MS_MAX */
	uint32_t
	        start_ms; /* at most AMP_HEALTH_MS_MAX: bad answers do not count so long after the start, until a good one */
	char what
	        [AMP_TEXT_MAX]; /* printable ASCII without blanks (of COMMAND: with), NUL-terminated, NUL-padded */
};

/* ---- Boot information ------------------------------------------------------------------------------ */

/* All of it is mapped readable, not writable. Counts and addresses are right: the image needs to check
 * magic, version and size only. */
#define AMP_BOOT_MAGIC  0x746f6f62706d61ull /* "ampboot" */
#define AMP_EXTENTS_MAX 4u
#define AMP_SEED_SIZE   48u

/*
 * The seed: AMP_SEED_SIZE bytes, fresh from the host's CSPRNG for each start and each clone. Since minor 3 they are the first
 * bytes of the first extent, where the image can erase them; the tender keeps no copy, and boot information has zeros. The
 * image asks for others by AMP_GATE_SEED: where `generation` has grown, and when it likes.
 */
struct amp_extent {
	uint64_t base, size; /* multiples of AMP_PAGE; readable, writable, zero but for the seed */
};

/*
 * Time. now = base_ns + ((rdtsc - base_tsc) * multiplier >> shift), the product in 128 bits: nanoseconds of a
 * monotonic clock that starts near zero at boot. Wall-clock time (nanoseconds since 1970, UTC) is
 * now + wall_offset. The tender MAY correct drift while the image runs: it makes seq odd, writes, makes seq
 * even (all with release order). A reader retries while seq is odd or has changed. A correction MUST NOT make
 * now go backwards. wall_offset may be corrected likewise, by any amount: wall-clock time follows the host's.
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
	uint64_t text;      /* AMP_ARG_STRING, SECRET, IP6, CIDR6: address; else 0 */
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
	uint8_t seed[AMP_SEED_SIZE]; /* of an image of a minor below 3; else zero */
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
	/* What the tender knows of the networks that the image is connected to, since minor 3. */
	uint64_t net_words;      /* address of struct amp_net_word[net_word_count] */
	uint32_t net_word_count; /* at most AMP_NET_WORDS_MAX; 0: nothing */
	uint32_t flags;          /* since minor 3: AMP_BOOT_* */
	/* Since minor 3: address of struct amp_secrets; zero: no argument is AMP_NOTE_ARG_RENEWABLE, or the tender has no way to
	 * hand versions over. */
	uint64_t secrets;
	/*
	 * Since minor 3. Zero. Or a picture is to be taken soon, before this time (of `clock`), behind which the image ends and
	 * a clone may take its place (section 6): it MAY tell its peers to hold back what would be lost in between. The tender
	 * stores it with release order some time before the picture, and ends a wait that had begun. If the time has passed and
	 * the image is still there, or if there is zero again, it goes on as before. An image that does nothing of it is
	 * pictured all the same.
	 */
	uint64_t leave_at_ns;
};
#define AMP_BOOT_FS_BASE_BY_GATE                                                                   \
	1u                /* AMP_GATE_FS_BASE sets FS base, wrfsbase does not: section 3 */
#define AMP_BOOT_MOVED 2u /* a clone in the place of the image that it was taken of: section 6 */

/*
 * New versions of secrets, since minor 3. The tender MAY hand an image that runs new versions of arguments that are
 * AMP_NOTE_ARG_RENEWABLE: some at once, which belong together (a certificate and its key). It writes them, then stores `sequence`,
 * one more than before, with release order, and ends a wait for AMP_WAIT_SECRETS; it MAY end further ones until they are taken.
 * They are the image's then, which MUST erase them, and then stores `refused` and, with release order, `taken` = `sequence`. Until
 * then there are no further ones. The memory is readable and writable for both, no extent covers it, and it is in no
 * picture: a clone begins without versions. The tender reads nothing of it but `taken` and `refused`, each a word of which any value
 * is one that it survives.
 */
#define AMP_SECRETS_SIZE (136u << 10) /* bytes of versions together, a NUL behind each included */

struct amp_secret_version {
	uint32_t arg;  /* index of the argument */
	uint32_t size; /* bytes without the NUL that follows them; at most AMP_SECRET_MAX */
	uint64_t at;   /* where they begin: bytes from `bytes` */
};

struct amp_secrets {
	uint64_t sequence; /* tender: versions were handed over so often; zero at the start */
	uint64_t taken;    /* image: the last `sequence` that it is done with */
	uint32_t refused;  /* image: 0: they are in use; else they are not, and those before are */
	uint32_t count;    /* tender: of versions */
	struct amp_secret_version versions[AMP_ARGS_MAX]; /* each argument once */
	uint8_t bytes[AMP_SECRETS_SIZE];
};

/*
 * A word about the network behind a device: what a host there would be told by its administrator. An image takes an interface's
 * addresses from these words where its own configuration leaves that open, each family by itself, and then asks neither a DHCP
 * server nor routers. A device may have several addresses of a family; an image that has room for one takes the first. IPv6's
 * address of the link alone (fe80::/10) is one, too, and does not count as an address where it is the only one: routers are
 * asked. The ADDRESSes come before the routes and resolvers of their device. An image passes over kinds and families that it does
 * not know.
 */
enum amp_net_word_kind {
	AMP_NET_WORD_ADDRESS = 1, /* the image's, with the length of its network's prefix */
	AMP_NET_WORD_ROUTE,       /* `address`/prefix is reached by `gateway`; 0/0: by default */
	AMP_NET_WORD_RESOLVER,    /* a name server */
};
#define AMP_NET_WORDS_MAX 64u

struct amp_net_word {
	uint32_t device; /* its index */
	uint16_t kind;   /* enum amp_net_word_kind */
	uint8_t family;  /* 4: IPv4; 6: IPv6 */
	uint8_t prefix;
	uint8_t address[16]; /* network byte order, from the first byte on; the rest is zero */
	uint8_t gateway[16]; /* ROUTE: zero: it is on the link */
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
 * tx, gso_type 1 (TX_SEGMENT), 4 (TX_SEGMENT6): with NEEDS_CSUM and csum_start at the TCP header, which lies whole in the first
 * descriptor: cut into segments of gso_size payload bytes, gso_size >= AMP_SEGMENT_MIN. Without gso_type a packet is at
 * most mtu + 14 bytes.
 * rx: NEEDS_CSUM: the packet comes from this host and has only the pseudo-header's sum: nothing to check. DATA_VALID:
 * it was checked. gso_type: the packet was several of gso_size payload bytes; only such packets are larger than mtu.
 */
struct amp_frame_header {
	uint8_t flags; /* 1 NEEDS_CSUM, 2 DATA_VALID */
	uint8_t gso_type; /* 0 none, 1 TCPv4, 4 TCPv6; | 0x80: with ECN's CWR in the first segment only */
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
#define AMP_NET_RX_SEGMENTS                                                                        \
	256u /* with RX_LARGE: the other side sends TCP segments as large as they are taken, whatever the mtu; they come as if they
				 * had been joined. An image may say that it takes AMP_NET_SEGMENT_MTU bytes */
#define AMP_NET_SEGMENT_MTU 65520u
#define AMP_NET_TX_SEGMENT6 512u /* with TX_SEGMENT: of TCP over IPv6, too; since minor 3 */
#define AMP_NET_TX_DIRECT   32u  /* tx takes AMP_DESC_DIRECT */
#define AMP_NET_TX_MEMORY   128u /* with TX_DIRECT: that may name memory extents, too */
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
	/* (deadline_ns, events, resume): returns when one of events is there, or now >= deadline (UINT64_MAX: never);
	 * at once if it is there already. It MAY return early for no reason. The tender works on all devices'
	 * tx rings before it sleeps, so a wait includes all kicks. Since minor 3 a busy image comes here once a second
	 * at least, with a deadline that has passed: one that does not come hangs. `resume`, since minor 3: zero, or
	 * where a clone goes on: section 6. */
	AMP_GATE_WAIT,
	AMP_GATE_KICK, /* (device index): the tender looks at the device's fill and tx rings, or requests, soon; never
			 * blocks */
	AMP_GATE_PUTS, /* (stream, address, bytes): writes to the console; at most AMP_PUTS_MAX bytes are taken.
			 * Returns how many were. May block as long as the reader of the console does. */
	AMP_GATE_SEED, /* since minor 3: (address): writes AMP_SEED_SIZE fresh random bytes there, in one of the image's
			* writable regions; never blocks */
	AMP_GATE_FS_BASE, /* since minor 3, where AMP_BOOT_FS_BASE_BY_GATE is set: (address): sets FS base */
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
#define AMP_WAIT_SECRETS                                                                           \
	32u /* since minor 3: new versions of secrets are there. Those that came just before a wait may not end it at once; they do soon */
#define AMP_WAIT_WARM                                                                              \
	16u /* since minor 3, never there: the image says that it is warm, a good moment for a picture */

/* ---- Exit status of a tender --------------------------------------------------------------------------- */

#define AMP_EXIT_USAGE 125 /* bad arguments, manifest or image; nothing was run */
#define AMP_EXIT_TENDER                                                                            \
	126 /* the host could not do what is needed (no device, no permission, ...) */
#define AMP_EXIT_CUT   123 /* `--block ...,cut=N`: the power went, as asked */
#define AMP_EXIT_CRASH 134 /* the image faulted, or the image ended itself by a panic */
/* Ended by a signal to the tender: 128 + signal number. Else: the image's own code. */

#endif
