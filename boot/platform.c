/* SPDX-License-Identifier: ISC */
/*
 * PVH's start information (Xen's public/arch-x86/hvm/start_info.h) and multiboot2's tags (its specification, 3.6). Both lie below
 * 4 GiB, where memory is mapped as it is; what points elsewhere is refused.
 */
#include <stdbool.h>
#include <string.h>

#include <ampoule_abi.h>
#include <ampoule_modules.h>
#include <boot/platform.h>
#include <boot/processor.h>

#define PVH_MAGIC        0x336ec578u
#define MULTIBOOT2_MAGIC 0x36d76289u
#define RAM              1u
#define MAPPED           (1ull << 32)
#define RANGES_SAID      1024u /* more are no machine's */

struct pvh {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, words, rsdp, ranges;
	uint32_t range_count, reserved;
};

struct pvh_module {
	uint64_t at, size, words, reserved;
};

struct pvh_range {
	uint64_t at, size;
	uint32_t type, reserved;
};

struct tag {
	uint32_t type, size;
};

static bool is_mapped(uint64_t at, uint64_t size)
{
	return at && at < MAPPED && size <= MAPPED - at;
}

static void add_range(struct platform *p, uint64_t at, uint64_t size)
{
	if (p->range_count < PLATFORM_RANGES && size && size <= UINT64_MAX - at)
		p->ranges[p->range_count++] = (struct range){ at, size };
}

static int add_module(struct platform *p, uint64_t at, uint64_t size, struct defect *why)
{
	if (!is_mapped(at, size) || p->module_count == PLATFORM_MODULES)
		return defect_set(why,
		                  "the loader names a module at 0x%llx of %llu bytes, which is "
		                  "not below 4 GiB or one too many",
		                  (unsigned long long)at, (unsigned long long)size);
	p->modules[p->module_count++] = (struct range){ at, size };
	return 0;
}

static int set_words(struct platform *p, const char *words, uint64_t most, struct defect *why)
{
	size_t size = strnlen(words, most < PLATFORM_WORDS ? most : PLATFORM_WORDS);
	if (size == PLATFORM_WORDS)
		return defect_set(why, "the command line is longer than %u bytes",
		                  PLATFORM_WORDS - 1);
	memcpy(p->words, words, size);
	p->words[size] = 0;
	return 0;
}

static int read_pvh(struct platform *p, uint64_t at, struct defect *why)
{
	struct pvh h;
	memcpy(&h, (const void *)at, sizeof h);
	p->by = "PVH";
	if (h.magic != PVH_MAGIC)
		return defect_set(why,
		                  "nobody that we know has started this kernel: it wants PVH or "
		                  "multiboot2");
	if (h.version < 1 || !is_mapped(h.ranges, sizeof(struct pvh_range)) ||
	    h.range_count > RANGES_SAID)
		return defect_set(why, "PVH's start information has no memory map (version %u)",
		                  h.version);
	for (uint32_t i = 0; i < h.range_count; i++) {
		struct pvh_range r;
		memcpy(&r, (const struct pvh_range *)h.ranges + i, sizeof r);
		if (r.type == RAM)
			add_range(p, r.at, r.size);
	}
	for (uint32_t i = 0; i < h.module_count && is_mapped(h.modules, 4096); i++) {
		struct pvh_module m;
		memcpy(&m, (const struct pvh_module *)h.modules + i, sizeof m);
		if (add_module(p, m.at, m.size, why))
			return -1;
	}
	p->rsdp = h.rsdp;
	return is_mapped(h.words, 1) ? set_words(p, (const char *)h.words, MAPPED - h.words, why)
	                             : 0;
}

static int read_tag(struct platform *p, const uint8_t *at, const struct tag *t, struct defect *why)
{
	uint32_t n[2];
	switch (t->type) {
	case 1: /* command line */
		return t->size > 8 ? set_words(p, (const char *)at + 8, t->size - 8, why) : 0;
	case 3: /* module */
		if (t->size < 16)
			return 0;
		memcpy(n, at + 8, sizeof n);
		return add_module(p, n[0], n[1] - n[0], why);
	case 6: /* memory map */
		if (t->size < 16)
			return 0;
		memcpy(n, at + 8, sizeof n);
		for (uint32_t k = 16; n[0] >= sizeof(struct pvh_range) && k + n[0] <= t->size;
		     k += n[0]) {
			struct pvh_range r;
			memcpy(&r, at + k, sizeof r);
			if (r.type == RAM)
				add_range(p, r.at, r.size);
		}
		return 0;
	case 14: /* ACPI's old root pointer, or the new one: a copy */
	case 15:
		if (!p->rsdp || t->type == 15)
			p->rsdp = (uint64_t)at + 8;
		return 0;
	default:
		return 0;
	}
}

static int read_multiboot2(struct platform *p, uint64_t at, struct defect *why)
{
	uint32_t size;
	memcpy(&size, (const void *)at, sizeof size);
	p->by = "multiboot2";
	if (!is_mapped(at, size))
		return defect_set(why, "multiboot2's information lies nowhere");
	for (uint32_t k = 8; k + sizeof(struct tag) <= size;) {
		struct tag t;
		memcpy(&t, (const uint8_t *)at + k, sizeof t);
		if (t.size < sizeof t || t.size > size - k || !t.type)
			break;
		if (read_tag(p, (const uint8_t *)at + k, &t, why))
			return -1;
		k += (t.size + 7) & ~7u;
	}
	return 0;
}

bool platform_is_qemu(void)
{
	char text[4];
	out16(PLATFORM_FW_SELECT, 0);
	for (unsigned i = 0; i < sizeof text; i++)
		text[i] = (char)in8(PLATFORM_FW_DATA);
	return !memcmp(text, "QEMU", sizeof text);
}

/* Cuts a module that is several files apart. */
static int split(struct platform *p, struct defect *why)
{
	const struct range whole = p->modules[0];
	struct amp_modules head;
	uint64_t at = AMP_PAGE;
	if (p->module_count != 1 || whole.size < AMP_PAGE)
		return 0;
	memcpy(&head, (const void *)whole.at, sizeof head);
	if (head.magic != AMP_MODULES_MAGIC)
		return 0;
	if (!head.count || head.count > AMP_MODULES_MAX)
		return defect_set(why, "the module says that it is %llu files",
		                  (unsigned long long)head.count);
	for (uint32_t i = 0; i < head.count; i++) {
		if (at > whole.size || head.size[i] > whole.size - at)
			return defect_set(why, "the module is cut short: file %u is not all there",
			                  i);
		p->modules[i] = (struct range){ whole.at + at, head.size[i] };
		at += (head.size[i] + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	}
	p->module_count = (uint32_t)head.count;
	return 0;
}

int platform_read(struct platform *p, uint64_t information, uint32_t magic, struct defect *why)
{
	*p = (struct platform){ 0 };
	if (!is_mapped(information, sizeof(struct pvh)))
		return defect_set(why, "the loader's information lies nowhere");
	if (magic == MULTIBOOT2_MAGIC ? read_multiboot2(p, information, why)
	                              : read_pvh(p, information, why))
		return -1;
	return split(p, why);
}
