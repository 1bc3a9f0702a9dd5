/* SPDX-License-Identifier: ISC */
/*
 * An image that attacks its tender, in the way that its argument `mode` says. Linked by hand, as tests/images/probe.c is. `run`
 * makes hundreds of images of it, by writing machine code over `slot` and lies over its note.
 *
 * What lies about rings and requests fills all memory that the tender may read with MINE first, so that a byte that
 * is another one outside, on a wire or in a file, came from where it must not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>

#define STACK_SIZE 65536u
#define STACKS     2u
#define MEMORY     (4u << 20)
#define EXIT_WRONG 99 /* the tender did what it must not */
#define MINE       0xa5
#define MINE_WORD  0xa5a5a5a5a5a5a5a5ull

extern uint8_t stacks[];

enum { ARG_MODE, ARG_FROM, ARG_TO, ARG_SEED, ARG_TURNS, ARG_NUMBER, ARG_A, ARGS = ARG_A + 6 };

#define NUMBER(name_)                                                                              \
	{ .name = (name_), .type = AMP_ARG_SIZE, .flags = AMP_NOTE_ARG_DYNAMIC, .value = "0" }

static const struct __attribute__((packed)) {
	uint32_t name_size, desc_size, type;
	char name[8];
	struct amp_note note;
	struct amp_note_device devices[2];
	struct amp_note_arg args[ARGS];
	struct amp_note_library libraries[1];
} note __attribute__((used, section(".note.ampoule"), aligned(4))) = {
	8,
	sizeof note - 20,
	AMP_NOTE_TYPE,
	AMP_NOTE_NAME,
	{ .abi_major = AMP_ABI_MAJOR,
	  .abi_minor = AMP_ABI_MINOR,
	  .size = sizeof note - 20,
	  .name = "hostile",
	  .version = "1",
	  .memory_min = 1 << 20,
	  .memory_default = MEMORY,
	  .stack_base = (uint64_t)stacks,
	  .stack_size = STACK_SIZE,
	  .stack_count = STACKS,
	  .cpu_level = 1,
	  .device_count = 2,
	  .arg_count = ARGS,
	  .library_count = 1 },
	{ { .name = "net0",
	    .type = AMP_DEVICE_NET,
	    .flags = AMP_NOTE_DEVICE_OPTIONAL,
	    .ring_size = 128,
	    .frame_count = 256 },
	  { .name = "data",
	    .type = AMP_DEVICE_BLOCK,
	    .flags = AMP_NOTE_DEVICE_OPTIONAL,
	    .ring_size = 64 } },
	{ { .name = "mode",
	    .type = AMP_ARG_STRING,
	    .flags = AMP_NOTE_ARG_DYNAMIC,
	    .value = "hello" },
	  NUMBER("from"),
	  NUMBER("to"),
	  NUMBER("seed"),
	  NUMBER("turns"),
	  NUMBER("number"),
	  NUMBER("a0"),
	  NUMBER("a1"),
	  NUMBER("a2"),
	  NUMBER("a3"),
	  NUMBER("a4"),
	  NUMBER("a5") },
	{ { .name = "core" } },
};

/* Named by assembler, too. */
__attribute__((used)) static const struct amp_boot *boot;
__attribute__((used, aligned(4096))) static uint8_t buffer[8192];
static const uint8_t constant[64] = "constant";

static int64_t gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	return ((int64_t (*)(uint64_t, uint64_t, uint64_t, uint64_t))boot->gate)(call, a, b, c);
}

static _Noreturn void leave(int code)
{
	gate(AMP_GATE_EXIT, (uint64_t)code, 0, 0);
	__builtin_trap();
}

static void print(const char *text)
{
	size_t n = 0;
	while (text[n])
		n++;
	gate(AMP_GATE_PUTS, AMP_STREAM_OUTPUT, (uint64_t)text, n);
}

static void print_number(uint64_t n)
{
	char text[24];
	unsigned at = sizeof text;
	text[--at] = 0;
	text[--at] = '\n';
	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	print(text + at);
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	print("wrong: ");
	print(what);
	print("\n");
	leave(EXIT_WRONG);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static uint64_t argument(unsigned i)
{
	return ((const struct amp_arg_value *)boot->args)[i].number;
}

static uint64_t now(void)
{
	const volatile struct amp_clock *c = &boot->clock;
	for (;;) {
		uint32_t seq = c->seq;
		__asm__ volatile("lfence" ::: "memory");
		uint64_t ns = c->base_ns +
		              (uint64_t)((unsigned __int128)(__builtin_ia32_rdtsc() - c->base_tsc) *
		                                 c->multiplier >>
		                         c->shift);
		__asm__ volatile("lfence" ::: "memory");
		if (!(seq & 1) && seq == c->seq)
			return ns;
	}
}

/* Vigna's xorshift64*: the same lies for the same seed. */
static uint64_t state;
static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(uint64_t n)
{
	return draw() % n;
}

/* Under KVM descriptors and stubs of the tender's lie there, in the gate's 2 MiB (host/tender/space.c). */
static uint64_t system_area(void)
{
	const uint64_t large = 0x200000, block = boot->gate & -large;
	return boot->gate - block >= 0x10000 ? block : block + large / 2;
}

static uint8_t *heap(void)
{
	return (uint8_t *)boot->extents[0].base;
}

static void fill(uint8_t *at, uint64_t size, uint8_t with)
{
	for (uint64_t i = 0; i < size / 8; i++)
		((volatile uint64_t *)(void *)at)[i] = with * 0x0101010101010101ull;
}

/* An address that somebody could want: what is the image's, its edges, what is not, what cannot be. */
static bool constants_too = true; /* which are the image's, and not MINE */
static uint64_t any_address(void)
{
	const struct amp_device *d = (const struct amp_device *)boot->devices;
	const uint64_t base[] = { 0,
		                  8,
		                  (uint64_t)&constant,
		                  (uint64_t)buffer,
		                  (uint64_t)buffer + sizeof buffer,
		                  (uint64_t)heap(),
		                  (uint64_t)heap() + boot->extents[0].size,
		                  (uint64_t)stacks,
		                  (uint64_t)stacks + AMP_PAGE,
		                  (uint64_t)boot,
		                  boot->gate,
		                  boot->gate + 2048,
		                  boot->gate + AMP_PAGE,
		                  d->frames,
		                  d->tx.entries,
		                  AMP_IMAGE_LOW,
		                  AMP_IMAGE_HIGH,
		                  system_area() + 0x1000,
		                  0x7fff00000000,
		                  0x7ffffffff000,
		                  0x800000000000,
		                  0x8000000000000000,
		                  0xffffffff81000000,
		                  0xffffffffff600000,
		                  UINT64_MAX };
	static const uint64_t away[] = { 0, 1, 7, 8, 15, 511, 512, 4095, 4096, 65536 };
	uint64_t a = base[below(sizeof base / sizeof *base)];
	if (a == (uint64_t)&constant && !constants_too)
		a = 0;
	uint64_t b = away[below(sizeof away / sizeof *away)];
	return below(2) ? a + b : a - b;
}

static uint64_t any_number(void)
{
	static const uint64_t some[] = { 0,
		                         1,
		                         2,
		                         8,
		                         9,
		                         47,
		                         48,
		                         49,
		                         511,
		                         512,
		                         4095,
		                         4096,
		                         4097,
		                         65535,
		                         65536,
		                         65537,
		                         0x7fffffff,
		                         0x80000000,
		                         0xffffffff,
		                         1ull << 32,
		                         (1ull << 32) + 1,
		                         1ull << 63,
		                         UINT64_MAX - 4095,
		                         UINT64_MAX - 1,
		                         UINT64_MAX };
	return below(8) ? some[below(sizeof some / sizeof *some)] : draw();
}

/* ---- Machine code of the generator's ---- */

#define SLOT_SIZE 64
__attribute__((naked, noinline, used, aligned(64))) void slot(void)
{
	__asm__ volatile(".ascii \"here is the slot\"\n\t.fill 48, 1, 0x90\n\tret");
}

/* Calls RDI with a buffer in RBX, RDI, RSI and what `pattern` says elsewhere; what must be kept is kept here. */
__attribute__((naked, noinline)) void call_at(uint64_t at, const uint64_t pattern[6])
{
	__asm__ volatile(
	        "push %rbx\n\tpush %rbp\n\tpush %r12\n\tpush %r13\n\tpush %r14\n\tpush %r15\n\t"
	        "mov %rsp, saved_stack(%rip)\n\t"
	        "mov %rdi, %rax\n\t"
	        "mov %rsi, %r11\n\t"
	        "mov (%r11), %rdi\n\t"
	        "mov 8(%r11), %rsi\n\t"
	        "mov 16(%r11), %rdx\n\t"
	        "mov 24(%r11), %rcx\n\t"
	        "mov 32(%r11), %r8\n\t"
	        "mov 40(%r11), %r9\n\t"
	        "xor %r10d, %r10d\n\t"
	        "lea buffer(%rip), %rbx\n\t"
	        "xor %ebp, %ebp\n\t"
	        "call *%rax\n\t"
	        "cld\n\t"
	        "mov saved_stack(%rip), %rsp\n\t"
	        "pop %r15\n\tpop %r14\n\tpop %r13\n\tpop %r12\n\tpop %rbp\n\tpop %rbx\n\tret");
}
__attribute__((used)) static uint64_t saved_stack;

static void run_slot(void)
{
	const uint64_t pattern[6] = {
		(uint64_t)buffer, (uint64_t)buffer + 4096, 0, 1, system_area(), 0
	};
	call_at((uint64_t)slot, pattern);
	print("back\n");
}

/* ---- The gate ---- */

/* Every byte of the gate page as an entry. What it came to is the last line that is printed. */
static void jumps(void)
{
	const uint64_t b = (uint64_t)buffer, patterns[3][6] = {
		{ 0, 0, 0, 0, 0, 0 },
		/* A wait for a time that is over, for everything. */
		{ AMP_GATE_WAIT, 0, 15, b, b, boot->gate + 2048 },
		/* Output of more than there is; addresses of the tender's. */
		{ AMP_GATE_PUTS, 1, system_area() + 0x1000, UINT64_MAX, b, b },
	};
	for (uint64_t at = argument(ARG_FROM); at < argument(ARG_TO); at++) {
		print_number(at);
		call_at(boot->gate + at, patterns[argument(ARG_SEED) % 3]);
	}
	print("done\n");
}

/* A system call by the gate's own instruction: of the kick, behind which the gate returns. */
static void system_call(void)
{
	const uint8_t *g = (const uint8_t *)boot->gate;
	const uint64_t control = *(const uint64_t *)(boot->gate + 2048 + 8);
	uint64_t a[6];
	unsigned at = 0;
	for (unsigned i = 0; i < 6; i++) {
		const uint64_t special[] = { (uint64_t)buffer,     control,          (uint64_t)slot,
			                     (uint64_t)boot,       (uint64_t)stacks, boot->gate,
			                     (uint64_t)"forged\n", (uint64_t)heap() };
		a[i] = argument(ARG_A + i);
		if (a[i] - 7777000 < sizeof special / sizeof *special)
			a[i] = special[a[i] - 7777000];
		else if (a[i] == 7777999)
			a[i] = UINT64_MAX;
	}
	while (at < 2048 && !(g[at] == 0x0f && g[at + 1] == 5 && g[at + 2] == 0x31 &&
	                      g[at + 3] == 0xc0 && g[at + 4] == 0xc3))
		at++;
	need(at < 2048, "no system call in this gate");
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	uint64_t number = argument(ARG_NUMBER);
	__asm__ volatile("call *%[to]"
	                 : "+a"(number), "+r"(r10), "+r"(r8), "+r"(r9)
	                 : [to] "r"(boot->gate + at), "D"(a[0]), "S"(a[1]), "d"(a[2])
	                 : "rcx", "r11", "memory", "cc");
	print("back\n");
}

/* Calls of the gate with arguments that lie. Only waits that can end are made. */
static void calls(void)
{
	for (uint64_t n = argument(ARG_TURNS); n--;) {
		uint64_t call = below(8) ? below(7) : any_number();
		uint64_t a = any_number(), b = any_address(), c = any_number();
		int64_t result;
		if (call == AMP_GATE_EXIT)
			continue;
		if (call == AMP_GATE_WAIT) {
			a = below(2) ? 0 : now() + below(1000);
		} else if (call == AMP_GATE_SEED) {
			/* Not over what this is made of: stacks, and data. */
			a = any_address();
			if (a - (uint64_t)stacks < STACKS * (STACK_SIZE + AMP_PAGE) + 65536 ||
			    (a - (uint64_t)buffer > sizeof buffer - AMP_SEED_SIZE &&
			     a - (uint64_t)&constant < 1 << 20))
				continue;
		} else if (call == AMP_GATE_PUTS) {
			/* Bytes that are the image's make noise only. */
			a = below(4) ? 1 + below(2) : a;
			c = below(2) ? below(3) : c;
			b = below(2) ? b : any_address();
		}
		result = gate(call, a, b, c);
		need(call != AMP_GATE_PUTS || result == AMP_GATE_BAD ||
		             (result >= 0 && (uint64_t)result <= c &&
		              (uint64_t)result <= AMP_PUTS_MAX),
		     "what was put");
		need(call <= AMP_GATE_FS_BASE || result == AMP_GATE_BAD, "an unknown call");
	}
	print("\ndone\n");
}

/* ---- Rings ---- */

static uint32_t sum_of_constants(void)
{
	uint32_t sum = 0;
	for (unsigned i = 0; i < sizeof constant; i++)
		sum = sum * 31 + constant[i];
	for (const uint8_t *p = (const uint8_t *)slot; p < (const uint8_t *)slot + 4096; p++)
		sum = sum * 31 + *p;
	for (const uint8_t *p = (const uint8_t *)&note; p < (const uint8_t *)(&note + 1); p++)
		sum = sum * 31 + *p;
	return sum;
}

static volatile uint32_t *word(uint64_t at)
{
	return (volatile uint32_t *)at;
}

static void lie_about(const struct amp_ring *r)
{
	volatile uint32_t *counter = word(below(2) ? r->producer : r->consumer);
	switch (below(6)) {
	case 0:
		*counter = (uint32_t)any_number();
		break;
	case 1:
		*counter += r->size + 1;
		break;
	case 2:
		*counter -= 1;
		break;
	case 3:
		*word(r->flags) = (uint32_t)draw();
		break;
	default: /* back to what can be */
		*counter = *word(below(2) ? r->producer : r->consumer);
	}
}

static struct amp_desc any_desc(const struct amp_device *d, bool metadata)
{
	uint64_t area = (uint64_t)d->frame_count * d->frame_size;
	struct amp_desc c = { below(d->frame_count) * d->frame_size, 60, 0 };
	switch (below(8)) {
	case 0:
		c.addr = any_address();
		break;
	case 1:
		c.addr = area - below(3) * 8;
		break;
	case 2:
		c.addr += below(d->frame_size);
		break;
	case 3:
		c.addr = any_address();
		c.options |= AMP_DESC_DIRECT;
		break;
	}
	if (!below(3))
		c.len = (uint32_t)any_number();
	if (!below(4))
		c.options |= AMP_DESC_CONTINUED;
	if (metadata && !below(3))
		c.options |= AMP_DESC_METADATA;
	if (!below(16))
		c.options = (uint32_t)draw() & ~(metadata ? 0u : AMP_DESC_METADATA);
	return c;
}

/*
 * Descriptors that change while the tender reads them, counters that cannot be, frames of nobody. `metadata`: with headers,
 * which let the host change packets. Everything that may leave is MINE, what comes in too.
 */
static void net_lies(bool metadata)
{
	const struct amp_device *d = (const struct amp_device *)boot->devices;
	const struct amp_ring *rings[] = { &d->fill, &d->rx, &d->tx, &d->completion };
	need(d->type == AMP_DEVICE_NET, "a network device");
	constants_too = metadata;
	volatile struct amp_desc *tx = (volatile struct amp_desc *)d->tx.entries;
	volatile uint64_t *free = (volatile uint64_t *)d->fill.entries;
	fill((uint8_t *)d->frames, (uint64_t)d->frame_count * d->frame_size, MINE);
	fill(heap(), boot->extents[0].size, MINE);
	uint32_t before = sum_of_constants();
	uint64_t turns = argument(ARG_TURNS), end = now() + turns * 1000000;
	for (uint64_t n = 0; now() < end; n++) {
		uint32_t p = *word(d->tx.producer), f = *word(d->fill.producer);
		for (uint32_t i = below(16); i--; p++) {
			struct amp_desc c = any_desc(d, metadata);
			volatile struct amp_desc *at = &tx[p & (d->tx.size - 1)];
			at->addr = c.addr, at->len = c.len, at->options = c.options;
		}
		__atomic_store_n((uint32_t *)d->tx.producer, p, __ATOMIC_RELEASE);
		for (uint32_t i = below(16); i--; f++)
			free[f & (d->fill.size - 1)] =
			        below(3) ? below(d->frame_count) * d->frame_size : any_address();
		__atomic_store_n((uint32_t *)d->fill.producer, f, __ATOMIC_RELEASE);
		*word(d->rx.consumer) = *word(d->rx.producer);
		*word(d->completion.consumer) = *word(d->completion.producer);
		if (!below(4))
			gate(AMP_GATE_KICK, 0, 0, 0);
		/* While it reads. */
		for (unsigned i = 0; i < 200; i++) {
			volatile struct amp_desc *at = &tx[below(d->tx.size)];
			uint64_t addr = at->addr;
			uint32_t len = at->len;
			at->addr = any_address();
			at->len = UINT32_MAX;
			at->options ^= AMP_DESC_DIRECT;
			at->addr = addr;
			at->len = len;
			at->options ^= AMP_DESC_DIRECT;
		}
		if (!below(8))
			lie_about(rings[below(4)]);
		if (!below(8))
			gate(AMP_GATE_WAIT, now() + 100000, below(16), 0);
		/* A lie about a counter does not stand in the way of the next ones. */
		if (n % 16 == 15)
			for (unsigned i = 0; i < 4; i++)
				*word(i & 1 ? rings[i]->consumer : rings[i]->producer) =
				        *word(i & 1 ? rings[i]->producer : rings[i]->consumer);
	}
	need(sum_of_constants() == before, "constants are others");
	for (const uint64_t *p = (const uint64_t *)(void *)heap();
	     p < (const uint64_t *)(boot->extents[0].base + boot->extents[0].size); p++)
		need(*p == MINE_WORD, "memory that no packet belongs into is written");
	print("done\n");
}

static struct amp_block_request any_request(const struct amp_device *d, uint64_t parts)
{
	uint64_t sector = d->block.sector_size, sectors = d->block.size / sector;
	struct amp_block_request q = { .id = draw(),
		                       .op = (uint32_t)below(4),
		                       .part_count = (uint32_t)below(4),
		                       .offset = below(sectors) * sector,
		                       .parts = parts };
	q.size = q.op <= AMP_BLOCK_WRITE ? (uint64_t)q.part_count * sector : sector;
	switch (below(10)) {
	case 0:
		q.op = (uint32_t)any_number();
		break;
	case 1:
		q.part_count = (uint32_t)any_number();
		break;
	case 2:
		q.offset = any_number();
		break;
	case 3:
		q.size = any_number();
		break;
	case 4:
		q.parts = any_address();
		break;
	case 5:
		q.reserved = any_number();
		break;
	case 6:
		q.offset = d->block.size - below(3) * sector;
		break;
	}
	return q;
}

/*
 * Requests that lie, whose parts change while the tender reads them, and are what other requests read into. Nothing outside of
 * the first half of the heap may change, nor anything reach the file that is neither MINE nor was in it.
 */
static void block_lies(void)
{
	const struct amp_device *d = (const struct amp_device *)boot->devices + 1;
	need(d->type == AMP_DEVICE_BLOCK, "a block device");
	const struct amp_ring *rings[] = { &d->block.requests, &d->block.answers };
	uint64_t sector = d->block.sector_size, half = boot->extents[0].size / 2;
	volatile struct amp_block_request *requests =
	        (volatile struct amp_block_request *)rings[0]->entries;
	fill(heap(), boot->extents[0].size, MINE);
	fill(buffer, sizeof buffer, 0x11);
	uint32_t before = sum_of_constants();
	uint64_t end = now() + argument(ARG_TURNS) * 1000000;
	while (now() < end) {
		uint32_t p = *word(rings[0]->producer);
		for (uint32_t i = below(12); i--; p++) {
			volatile struct amp_block_part *parts =
			        (volatile struct amp_block_part *)(heap() + below(32) * 512);
			for (unsigned k = 0; k < 4; k++) {
				parts[k].addr = (uint64_t)heap() + below(half / sector) * sector;
				parts[k].size = sector;
				if (!below(6))
					parts[k].addr = any_address();
				if (!below(12))
					parts[k].size = any_number();
				/* Never into the second half by a request that fits, nor into parts where the
				 * file is looked at. */
				uint64_t in = parts[k].addr - (uint64_t)heap();
				if ((in >= half - 65536 && in < boot->extents[0].size) ||
				    (in < 32 * 512 && !(argument(ARG_SEED) & 1)))
					parts[k].addr = (uint64_t)stacks;
				if (parts[k].size > sector && parts[k].size < half)
					parts[k].size = sector;
			}
			/* Requests that read into the parts of others are among them: the first 32 places. */
			struct amp_block_request q = any_request(d, (uint64_t)parts);
			volatile struct amp_block_request *to = &requests[p & (rings[0]->size - 1)];
			to->id = q.id, to->op = q.op, to->part_count = q.part_count;
			to->offset = q.offset, to->size = q.size, to->parts = q.parts;
			to->reserved = q.reserved;
		}
		__atomic_store_n((uint32_t *)rings[0]->producer, p, __ATOMIC_RELEASE);
		if (below(2))
			gate(AMP_GATE_KICK, 1, 0, 0);
		for (unsigned i = 0; i < 200; i++) {
			volatile struct amp_block_request *to = &requests[below(rings[0]->size)];
			volatile struct amp_block_part *part =
			        (volatile struct amp_block_part *)(heap() + below(512) * 32);
			uint64_t addr = part->addr, parts = to->parts;
			uint32_t count = to->part_count;
			part->addr = (uint64_t)(below(2) ? buffer : (uint8_t *)stacks);
			to->parts = any_address();
			to->part_count = UINT32_MAX;
			to->parts = parts;
			to->part_count = count;
			part->addr = addr;
		}
		*word(rings[1]->consumer) = *word(rings[1]->producer);
		if (!below(16))
			lie_about(rings[below(2)]);
		if (!below(4))
			gate(AMP_GATE_WAIT, now() + 200000, 15, 0);
		if (!below(8)) {
			*word(rings[0]->producer) = *word(rings[0]->consumer);
			*word(rings[1]->consumer) = *word(rings[1]->producer);
		}
	}
	need(sum_of_constants() == before, "constants are others");
	for (unsigned i = 0; i < sizeof buffer; i++)
		need(buffer[i] == 0x11, "memory that is no extent is written");
	for (uint64_t i = half; i < boot->extents[0].size; i++)
		need(heap()[i] == MINE, "memory that no part names is written");
	print("done\n");
}

/* ---- Floods ---- */

static void floods(const char *mode)
{
	uint64_t turns = argument(ARG_TURNS);
	static char line[4096];
	fill((uint8_t *)line, sizeof line, 'x');
	line[sizeof line - 1] = '\n';
	for (uint64_t n = 0; n < turns; n++) {
		if (same(mode, "kicks"))
			gate(AMP_GATE_KICK, n & 1, 0, 0);
		else if (same(mode, "waits"))
			gate(AMP_GATE_WAIT, 0, n, 0);
		else if (same(mode, "seeds"))
			gate(AMP_GATE_SEED, (uint64_t)buffer, 0, 0);
		else if (same(mode, "output"))
			gate(AMP_GATE_PUTS, AMP_STREAM_OUTPUT, (uint64_t)line, sizeof line);
		else
			gate(AMP_GATE_PUTS, AMP_STREAM_LOG, (uint64_t)line, sizeof line);
	}
	leave(0);
}

/* All memory that there is, and the next page. */
static void eat(void)
{
	for (uint32_t e = 0; e < boot->extent_count; e++)
		for (uint64_t at = 0; at < boot->extents[e].size; at += AMP_PAGE)
			*(volatile uint8_t *)(boot->extents[e].base + at) = 1;
	print("full\n");
	*(volatile uint8_t *)(boot->extents[0].base + boot->extents[0].size) = 1;
	print("more\n");
}

__attribute__((noinline, used)) static _Noreturn void begin(void)
{
	const struct amp_arg_value *args = (const struct amp_arg_value *)boot->args;
	const char *mode = (const char *)args[ARG_MODE].text;
	state = argument(ARG_SEED) * 0x9e3779b97f4a7c15ull + 1;
	if (same(mode, "hello"))
		print("hello\n");
	else if (same(mode, "slot"))
		run_slot();
	else if (same(mode, "jumps"))
		jumps();
	else if (same(mode, "call"))
		system_call();
	else if (same(mode, "calls"))
		calls();
	else if (same(mode, "net"))
		net_lies(false);
	else if (same(mode, "metadata"))
		net_lies(true);
	else if (same(mode, "block"))
		block_lies();
	else if (same(mode, "eat"))
		eat();
	else if (same(mode, "sleep"))
		for (print("sleeping\n");;)
			gate(AMP_GATE_WAIT, UINT64_MAX, 0, 0);
	else if (same(mode, "touch")) /* pages of the file that nobody has touched yet */
		for (print("touching\n");;)
			for (const uint8_t *p = (const uint8_t *)slot;
			     p < (const uint8_t *)slot + 4096; p++)
				(void)*(const volatile uint8_t *)p;
	else
		floods(mode);
	leave(0);
}

__attribute__((naked, used)) void _start(void)
{
	__asm__ volatile("mov %rdi, boot(%rip)\n\tjmp begin");
}

void *memset(void *to, int value, size_t size);
void *memset(void *to, int value, size_t size)
{
	for (volatile uint8_t *p = to; size--; p++)
		*p = (uint8_t)value;
	return to;
}
void *memcpy(void *to, const void *from, size_t size);
void *memcpy(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}
