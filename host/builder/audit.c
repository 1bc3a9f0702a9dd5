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
	if (i.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return ZydisMnemonicGetString(i.mnemonic);
	return NULL;
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

static void find(struct audit *a, uint64_t address, const struct symbol *in, const char *what)
{
	/* Overlapping symbols lead to the same bytes more than once. */
	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++)
		if (a->findings[i].address == address && strcmp(a->findings[i].what, what) == 0)
			return;
	if (a->finding_count < AUDIT_FINDINGS)
		a->findings[a->finding_count] =
		        (struct audit_finding){ address, in ? in->name : NULL,
			                        in ? address - in->address : 0, what };
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

void audit_code(struct audit *a, const struct audit_code *c, const struct symbols *s)
{
	uint64_t covered = 0; /* offset up to which all bytes were seen */

	a->by_symbols = s != NULL;
	a->bytes += c->size;
	scan_patterns(a, c);
	if (!s) {
		decode_range(a, c, 0, c->size, NULL);
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
				find(a, c->address + covered, NULL,
				     "code that belongs to no function");
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
		if (f->size && f->size < c->size - start)
			end = start + f->size;
		else if (!f->size)
			for (size_t k = i + 1; k < s->count; k++)
				if (s->list[k].function && s->list[k].address > f->address) {
					if (s->list[k].address - c->address < c->size)
						end = s->list[k].address - c->address;
					break;
				}
		a->functions++;
		/* Each name of a control-flow jump table has the size of the whole table, so the last
		 * one ends somewhere in what follows, perhaps amid an instruction. */
		end = decode_range(a, c, start, end, f);
		if (end > covered)
			covered = end;
	}
}
