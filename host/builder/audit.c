/* SPDX-License-Identifier: ISC */
/* Decodes and judges code (audit.h), with Zydis as the decoder. */
#include <string.h>

#include <Zydis/Zydis.h>

#include <builder/audit.h>
#include <builder/text.h>

/* Beside all that Zydis marks privileged: what ring 3 may execute and yet must not. */
static const ZydisMnemonic forbidden[] = {
	/* ways into the kernel or the hypervisor */
	ZYDIS_MNEMONIC_SYSCALL,
	ZYDIS_MNEMONIC_SYSENTER,
	ZYDIS_MNEMONIC_SYSRET,
	ZYDIS_MNEMONIC_SYSEXIT,
	ZYDIS_MNEMONIC_INT,
	ZYDIS_MNEMONIC_INT1,
	ZYDIS_MNEMONIC_INTO,
	ZYDIS_MNEMONIC_IRET,
	ZYDIS_MNEMONIC_IRETD,
	ZYDIS_MNEMONIC_IRETQ,
	ZYDIS_MNEMONIC_UIRET,
	ZYDIS_MNEMONIC_SENDUIPI,
	ZYDIS_MNEMONIC_VMCALL,
	ZYDIS_MNEMONIC_VMMCALL,
	ZYDIS_MNEMONIC_VMFUNC,
	ZYDIS_MNEMONIC_VMLAUNCH,
	ZYDIS_MNEMONIC_VMRESUME,
	ZYDIS_MNEMONIC_VMXON,
	ZYDIS_MNEMONIC_VMXOFF,
	ZYDIS_MNEMONIC_VMREAD,
	ZYDIS_MNEMONIC_VMWRITE,
	ZYDIS_MNEMONIC_VMPTRLD,
	ZYDIS_MNEMONIC_VMPTRST,
	ZYDIS_MNEMONIC_VMCLEAR,
	ZYDIS_MNEMONIC_VMRUN,
	ZYDIS_MNEMONIC_VMLOAD,
	ZYDIS_MNEMONIC_VMSAVE,
	ZYDIS_MNEMONIC_STGI,
	ZYDIS_MNEMONIC_CLGI,
	ZYDIS_MNEMONIC_SKINIT,
	ZYDIS_MNEMONIC_INVLPGA,
	ZYDIS_MNEMONIC_INVEPT,
	ZYDIS_MNEMONIC_INVVPID,
	ZYDIS_MNEMONIC_GETSEC,
	ZYDIS_MNEMONIC_ENCLS,
	ZYDIS_MNEMONIC_ENCLU,
	ZYDIS_MNEMONIC_ENCLV,
	ZYDIS_MNEMONIC_TDCALL,
	ZYDIS_MNEMONIC_SEAMCALL,
	ZYDIS_MNEMONIC_SEAMOPS,
	ZYDIS_MNEMONIC_SEAMRET,
	ZYDIS_MNEMONIC_RSM,
	/* ports */
	ZYDIS_MNEMONIC_IN,
	ZYDIS_MNEMONIC_OUT,
	ZYDIS_MNEMONIC_INSB,
	ZYDIS_MNEMONIC_INSW,
	ZYDIS_MNEMONIC_INSD,
	ZYDIS_MNEMONIC_OUTSB,
	ZYDIS_MNEMONIC_OUTSW,
	ZYDIS_MNEMONIC_OUTSD,
	/* the processor's state */
	ZYDIS_MNEMONIC_HLT,
	ZYDIS_MNEMONIC_CLI,
	ZYDIS_MNEMONIC_STI,
	ZYDIS_MNEMONIC_CLTS,
	ZYDIS_MNEMONIC_LMSW,
	ZYDIS_MNEMONIC_SMSW,
	ZYDIS_MNEMONIC_RDMSR,
	ZYDIS_MNEMONIC_WRMSR,
	ZYDIS_MNEMONIC_RDPMC,
	ZYDIS_MNEMONIC_LGDT,
	ZYDIS_MNEMONIC_LIDT,
	ZYDIS_MNEMONIC_LLDT,
	ZYDIS_MNEMONIC_LTR,
	ZYDIS_MNEMONIC_SGDT,
	ZYDIS_MNEMONIC_SIDT,
	ZYDIS_MNEMONIC_SLDT,
	ZYDIS_MNEMONIC_STR,
	ZYDIS_MNEMONIC_SWAPGS,
	ZYDIS_MNEMONIC_WRGSBASE,
	ZYDIS_MNEMONIC_INVD,
	ZYDIS_MNEMONIC_WBINVD,
	ZYDIS_MNEMONIC_INVLPG,
	ZYDIS_MNEMONIC_INVPCID,
	ZYDIS_MNEMONIC_XSETBV,
	ZYDIS_MNEMONIC_XSAVES,
	ZYDIS_MNEMONIC_XSAVES64,
	ZYDIS_MNEMONIC_XRSTORS,
	ZYDIS_MNEMONIC_XRSTORS64,
	ZYDIS_MNEMONIC_WRPKRU,
	ZYDIS_MNEMONIC_MONITOR,
	ZYDIS_MNEMONIC_MWAIT,
	ZYDIS_MNEMONIC_MONITORX,
	ZYDIS_MNEMONIC_MWAITX,
	ZYDIS_MNEMONIC_UMONITOR,
	ZYDIS_MNEMONIC_UMWAIT,
	ZYDIS_MNEMONIC_TPAUSE,
	ZYDIS_MNEMONIC_CLUI,
	ZYDIS_MNEMONIC_STUI,
	ZYDIS_MNEMONIC_SETSSBSY,
	ZYDIS_MNEMONIC_WRUSSD,
	ZYDIS_MNEMONIC_WRUSSQ,
	/* segments */
	ZYDIS_MNEMONIC_LSS,
	ZYDIS_MNEMONIC_LFS,
	ZYDIS_MNEMONIC_LGS,
	ZYDIS_MNEMONIC_LDS,
	ZYDIS_MNEMONIC_LES,
};

static const ZydisDecoder *decoder(void)
{
	static ZydisDecoder d;
	static bool ready;

	if (!ready &&
	    !ZYAN_SUCCESS(ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		die(126, "Zydis cannot start");
	ready = true;
	return &d;
}

static bool decode(const uint8_t *bytes, size_t size, ZydisDecodedInstruction *i,
                   ZydisDecodedOperand *o)
{
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder(), bytes, size, i, o));
}

static bool writes_special_register(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o,
                                    const char **what)
{
	for (unsigned k = 0; k < i->operand_count; k++) {
		if (o[k].type != ZYDIS_OPERAND_TYPE_REGISTER ||
		    o[k].visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
			continue;
		ZydisRegisterClass c = ZydisRegisterGetClass(o[k].reg.value);
		bool written = (o[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;

		/* Control and debug registers must not even be read. */
		if (c == ZYDIS_REGCLASS_CONTROL)
			*what = "mov cr";
		else if (c == ZYDIS_REGCLASS_DEBUG)
			*what = "mov dr";
		else if (c == ZYDIS_REGCLASS_TEST)
			*what = "mov tr";
		else if (c == ZYDIS_REGCLASS_SEGMENT && written)
			*what = "a segment register's load";
		else
			continue;
		return true;
	}
	return false;
}

/* How far one instruction moves the stack pointer down: code that touches every page on the way does so page by page. */
static int64_t stack_step(const ZydisDecodedInstruction *i, const ZydisDecodedOperand *o)
{
	if (i->operand_count < 2 || o[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    o[0].reg.value != ZYDIS_REGISTER_RSP)
		return 0;
	if (o[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return i->mnemonic == ZYDIS_MNEMONIC_SUB   ? o[1].imm.value.s
		       : i->mnemonic == ZYDIS_MNEMONIC_ADD ? -o[1].imm.value.s
		                                           : 0;
	if (i->mnemonic == ZYDIS_MNEMONIC_LEA && o[1].mem.base == ZYDIS_REGISTER_RSP)
		return -o[1].mem.disp.value;
	return 0;
}

const char *audit_instruction(const uint8_t *bytes, size_t size, unsigned *length)
{
	ZydisDecodedInstruction i;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];
	const char *what;

	*length = 0;
	if (!decode(bytes, size, &i, o))
		return "bytes that are no instruction";
	*length = i.length;
	for (unsigned k = 0; k < sizeof forbidden / sizeof *forbidden; k++)
		if (i.mnemonic == forbidden[k])
			return ZydisMnemonicGetString(i.mnemonic);
	if (i.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return i.meta.category == ZYDIS_CATEGORY_CALL  ? "far call"
		       : i.meta.category == ZYDIS_CATEGORY_RET ? "far ret"
		                                               : "far jmp";
	if (writes_special_register(&i, o, &what))
		return what;
	if (stack_step(&i, o) > (int64_t)AUDIT_FRAME_MAX)
		return "a frame that steps over the guard of a stack";
	if (i.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return ZydisMnemonicGetString(i.mnemonic);
	return NULL;
}

bool audit_takes(const uint8_t *bytes, size_t size, uint64_t address, unsigned *length,
                 uint64_t *target)
{
	ZydisDecodedInstruction i;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];

	*length = 0;
	if (!decode(bytes, size, &i, o))
		return false;
	*length = i.length;
	if (i.mnemonic != ZYDIS_MNEMONIC_LEA || i.operand_count < 2 ||
	    o[1].mem.base != ZYDIS_REGISTER_RIP)
		return false;
	*target = address + i.length + (uint64_t)o[1].mem.disp.value;
	return true;
}

static bool is_padding(const uint8_t *bytes, size_t size, unsigned *length)
{
	ZydisDecodedInstruction i;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];

	*length = 1;
	if (bytes[0] == 0xcc)
		return true;
	if (!decode(bytes, size, &i, o) || i.mnemonic != ZYDIS_MNEMONIC_NOP)
		return false;
	*length = i.length;
	return true;
}

static struct audit_finding *found_at(struct audit *a, uint64_t address, const char *what)
{
	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++)
		if (a->findings[i].address == address && strcmp(a->findings[i].what, what) == 0)
			return &a->findings[i];
	return NULL;
}

static void find(struct audit *a, uint64_t address, const struct symbol *in, const char *what)
{
	const struct audit_finding now = { address, in ? in->name : NULL,
		                           in ? address - in->address : 0, what };
	struct audit_finding *before = found_at(a, address, what);

	/* Overlapping symbols lead to the same bytes more than once. They belong to the one that begins last. */
	if (before) {
		if (in && before->function)
			*before = now;
		return;
	}
	if (a->finding_count < AUDIT_FINDINGS)
		a->findings[a->finding_count] = now;
	a->finding_count++;
}

/* Returns where it ended: at `end`, or behind the last instruction if that reaches further. */
static uint64_t decode_range(struct audit *a, const struct audit_code *c, uint64_t at, uint64_t end,
                             const struct symbol *in)
{
	while (at < end) {
		unsigned length;
		/* An instruction may reach past the symbol's end, never past the segment's. */
		const char *what =
		        audit_instruction(c->bytes + at, (size_t)(c->size - at), &length);

		if (what)
			find(a, c->address + at, in, what);
		/* Without symbols it may be data or padding: go on a byte later. */
		at += length ? length : 1;
		a->instructions += length > 0;
		if (!length && in)
			break;
	}
	return at > end ? at : end;
}

/* What leaves ring 3, or changes what it may reach, wherever it runs. */
static const char *way_out(const uint8_t *bytes, size_t size)
{
	static const ZydisMnemonic ways[] = {
		ZYDIS_MNEMONIC_SYSCALL,  ZYDIS_MNEMONIC_SYSENTER, ZYDIS_MNEMONIC_VMCALL,
		ZYDIS_MNEMONIC_VMMCALL,  ZYDIS_MNEMONIC_VMFUNC,   ZYDIS_MNEMONIC_SENDUIPI,
		ZYDIS_MNEMONIC_UIRET,    ZYDIS_MNEMONIC_ENCLU,    ZYDIS_MNEMONIC_TDCALL,
		ZYDIS_MNEMONIC_SEAMCALL, ZYDIS_MNEMONIC_WRPKRU,   ZYDIS_MNEMONIC_WRGSBASE,
	};
	ZydisDecodedInstruction i;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT];

	if (!decode(bytes, size, &i, o))
		return NULL;
	for (unsigned k = 0; k < sizeof ways / sizeof *ways; k++)
		if (i.mnemonic == ways[k])
			return ZydisMnemonicGetString(i.mnemonic);
	return i.mnemonic == ZYDIS_MNEMONIC_INT && o[0].imm.value.u == 0x80 ? "int 0x80" : NULL;
}

/* [at, end) are data. */
static void search_table(struct audit *a, const struct audit_code *c, uint64_t at, uint64_t end)
{
	if (a->table_count == AUDIT_TABLES) {
		find(a, c->address + at, NULL, "one more table among code than an image may have");
		return;
	}
	a->tables[a->table_count++] = (struct audit_range){ c->address + at, end - at };
	for (; at < end; at++) {
		const char *what = way_out(c->bytes + at, (size_t)(c->size - at));
		if (what)
			find(a, c->address + at, NULL,
			     keep_format("%s in a table among code", what));
	}
}

/* The range that holds the address; null: none does. */
static const struct audit_range *range_of(const struct audit_code *c, uint64_t address)
{
	for (size_t i = 0; i < c->range_count; i++)
		if (address - c->ranges[i].address < c->ranges[i].size)
			return &c->ranges[i];
	return NULL;
}

/* Where the range that holds `at` ends; no further than `end`. */
static uint64_t end_of_range(const struct audit_code *c, const struct audit_range *r, uint64_t at,
                             uint64_t end)
{
	uint64_t rest = r->size - (c->address + at - r->address);

	return rest < end - at ? at + rest : end;
}

/* Where what has no size ends at the latest: what holds it ends, or a place of tables begins. */
static uint64_t limit_of(const struct audit_code *c, uint64_t start)
{
	const struct audit_range *r = range_of(c, c->address + start);
	uint64_t limit = c->size;

	if (r)
		return end_of_range(c, r, start, limit);
	for (size_t i = 0; i < c->range_count; i++) {
		uint64_t from = c->ranges[i].address - c->address;
		if (from > start && from < limit)
			limit = from;
	}
	return limit;
}

/* What lies between two functions from its first byte on that is no padding. */
static void between(struct audit *a, const struct audit_code *c, uint64_t at, uint64_t end)
{
	const unsigned named = a->table_count;
	while (at < end) {
		const struct audit_range *r = range_of(c, c->address + at);
		unsigned length;
		if (!r) {
			a->table_count = named;
			find(a, c->address + at, NULL, "code that belongs to no function");
			return;
		}
		/* Where one archive's member ends another's may begin with a table. */
		uint64_t next = end_of_range(c, r, at, end), stop = next;
		while (stop > at && c->bytes[stop - 1] == 0xcc)
			stop--;
		search_table(a, c, at, stop);
		for (at = next;
		     at < end && is_padding(c->bytes + at, (size_t)(c->size - at), &length);)
			at += length;
	}
}

static void scan_patterns(struct audit *a, const struct audit_code *c)
{
	const uint8_t *b = c->bytes;

	for (uint64_t i = 0; i + 1 < c->size; i++) {
		if (b[i] == 0xcd) {
			a->hidden[PATTERN_INT]++;
			a->hidden[PATTERN_INT80] += b[i + 1] == 0x80;
		}
		if (b[i] != 0x0f)
			continue;
		a->hidden[PATTERN_SYSCALL] += b[i + 1] == 0x05;
		a->hidden[PATTERN_SYSENTER] += b[i + 1] == 0x34;
		if (b[i + 1] == 0x01 && i + 2 < c->size) {
			a->hidden[PATTERN_VMCALL] += b[i + 2] == 0xc1 || b[i + 2] == 0xd9;
			a->hidden[PATTERN_WRPKRU] += b[i + 2] == 0xef;
		}
	}
}

const char *audit_pattern_name(enum audit_pattern p)
{
	static const char *const names[] = { "syscall",  "sysenter", "int n",
		                             "int 0x80", "vmcall",   "wrpkru" };

	return names[p];
}

/* If what a label stands before does not decode as code that may be, and lies where a table may: the table's end. */
static uint64_t table_of(const struct audit_code *c, uint64_t start, uint64_t end)
{
	if (!range_of(c, c->address + start))
		return start;
	for (uint64_t at = start; at < end;) {
		unsigned length;
		if (audit_instruction(c->bytes + at, (size_t)(c->size - at), &length))
			return end;
		at += length;
	}
	return start;
}

/* Without symbols: all but the tables, which the file names in the order of their addresses. */
static void linearly(struct audit *a, const struct audit_code *c)
{
	uint64_t at = 0;

	for (size_t i = 0; i < c->range_count; i++) {
		uint64_t start = c->ranges[i].address - c->address;
		if (start >= c->size || start < at || c->ranges[i].size > c->size - start)
			continue;
		decode_range(a, c, at, start, NULL);
		at = start + c->ranges[i].size;
		search_table(a, c, start, at);
	}
	decode_range(a, c, at, c->size, NULL);
}

void audit_code(struct audit *a, const struct audit_code *c, const struct symbols *s)
{
	uint64_t covered = 0; /* offset up to which all bytes were seen */
	/* The function before. Each name of a control-flow jump table has the size of the whole table: it ends where the first
	 * of them does. */
	struct {
		uint64_t size, end;
	} before = { 0 };

	a->by_symbols = s != NULL;
	a->bytes += c->size;
	scan_patterns(a, c);
	if (!s) {
		linearly(a, c);
		return;
	}
	for (size_t i = 0;; i++) {
		const struct symbol *f = NULL;
		for (; i < s->count; i++) {
			f = &s->list[i];
			if (f->function && f->address >= c->address &&
			    f->address - c->address < c->size)
				break;
			f = NULL;
		}
		/* Up to the next function there may be padding only. */
		uint64_t start = f ? f->address - c->address : c->size;
		while (covered < start) {
			unsigned length;
			if (!is_padding(c->bytes + covered, (size_t)(c->size - covered), &length)) {
				between(a, c, covered, start);
				covered = start;
				break;
			}
			a->padding += length;
			covered += length;
		}
		if (!f)
			break;
		/* Several names for one place: the largest comes first. */
		if (i && s->list[i - 1].function && s->list[i - 1].address == f->address &&
		    f->size <= s->list[i - 1].size)
			continue;
		uint64_t end = c->size;
		if (f->size == before.size && start < before.end)
			end = before.end;
		else if (f->size && f->size < c->size - start)
			end = start + f->size;
		else if (!f->size) {
			end = limit_of(c, start);
			for (size_t k = i + 1; k < s->count; k++)
				if (s->list[k].function && s->list[k].address > f->address) {
					if (s->list[k].address - c->address < end)
						end = s->list[k].address - c->address;
					break;
				}
		}
		before.size = f->size;
		before.end = end;
		uint64_t table_end = f->label ? table_of(c, start, end) : start;
		if (table_end > start) {
			search_table(a, c, start, table_end);
			covered = table_end > covered ? table_end : covered;
			continue;
		}
		a->functions++;
		end = decode_range(a, c, start, end, f);
		if (end > covered)
			covered = end;
	}
}
