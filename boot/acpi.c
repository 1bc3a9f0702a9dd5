/* SPDX-License-Identifier: ISC */
/* ACPI 6.5, chapter 5. The type of sleep for "off" stands in the byte code of the DSDT: \_S5_ is a package of numbers, which
 * is found by its name. */
#include <stdbool.h>
#include <string.h>

#include <boot/acpi.h>
#include <boot/memory.h>
#include <boot/processor.h>

#define TABLE_MAX (1u << 20)
#define LOW_END   (1ull << 32)
#define HEADER    36u
#define REDUCED   (1u << 20) /* in the FADT's flags */
#define SLEEP_ON  (1u << 13)

struct acpi acpi;

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static bool sums(const uint8_t *p, uint32_t size)
{
	uint8_t sum = 0;
	for (uint32_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + p[i]);
	return !sum;
}

/* A table of that name; its size. Null: it is none. */
static const uint8_t *table(uint64_t at, const char *name, uint32_t *size)
{
	if (!at || at > LOW_END - HEADER)
		return NULL;
	const uint8_t *t = (const uint8_t *)at;
	*size = load32(t + 4);
	if ((name && memcmp(t, name, 4)) || *size < HEADER || *size > TABLE_MAX ||
	    *size > LOW_END - at)
		return NULL;
	return t;
}

static const uint8_t *find(uint64_t rsdp, const char *name, uint32_t *size)
{
	const uint8_t *p = (const uint8_t *)rsdp;
	bool wide = p[15] >= 2 && load64(p + 24);
	uint32_t step = wide ? 8 : 4, root_size;
	const uint8_t *root =
	        table(wide ? load64(p + 24) : load32(p + 16), wide ? "XSDT" : "RSDT", &root_size);
	for (uint32_t k = HEADER; root && k + step <= root_size; k += step) {
		const uint8_t *t = table(wide ? load64(root + k) : load32(root + k), name, size);
		if (t && sums(t, *size))
			return t;
	}
	return NULL;
}

static uint64_t find_root(void)
{
	for (uint64_t at = 0xe0000; at < 0x100000; at += 16)
		if (!memcmp((const void *)at, "RSD PTR ", 8) && sums((const uint8_t *)at, 20))
			return at;
	return 0;
}

static void read_madt(const uint8_t *t, uint32_t size)
{
	for (uint32_t k = HEADER + 8; k + 2 <= size && t[k + 1] >= 2; k += t[k + 1])
		if (t[k] == 1 && k + 12 <= size && acpi.ioapic_count < ACPI_IOAPICS) {
			acpi.ioapics[acpi.ioapic_count].at = load32(t + k + 4);
			acpi.ioapics[acpi.ioapic_count++].first = load32(t + k + 8);
		}
}

/* Name, package, length (1 to 4 bytes), count, the number: a byte, a prefix and a byte, zero or one. */
static void find_off(uint64_t dsdt)
{
	uint32_t size;
	const uint8_t *t = table(dsdt, "DSDT", &size);
	for (uint32_t k = HEADER; t && k + 16 < size; k++) {
		if (memcmp(t + k, "_S5_", 4) || t[k + 4] != 0x12)
			continue;
		const uint8_t *p = t + k + 5;
		p += 1 + (*p >> 6) + 1;
		acpi.sleep_type = *p == 0x0a ? p[1] : *p <= 1 ? *p : 0;
		return;
	}
}

static void read_fadt(const uint8_t *t, uint32_t size)
{
	if (size < 116)
		return;
	if (load32(t + 112) & REDUCED) {
		if (size >= 256) {
			uint64_t at = load64(t + 248);
			acpi.sleep_register = t[244] == 0 ? at : 0;
			acpi.sleep_port = t[244] == 1 ? (uint16_t)at : 0;
		}
	} else {
		acpi.event = (uint16_t)load32(t + 56);
		acpi.event_line = (uint32_t)t[46] | (uint32_t)t[47] << 8;
		acpi.control = (uint16_t)load32(t + 64);
		acpi.control_b = (uint16_t)load32(t + 68);
		acpi.timer = t[91] == 4 ? (uint16_t)load32(t + 76) : 0;
	}
	find_off(load32(t + 40));
}

void acpi_begin(uint64_t rsdp)
{
	uint32_t size;
	if (!rsdp || rsdp > LOW_END - 64)
		rsdp = find_root();
	if (!rsdp || memcmp((const void *)rsdp, "RSD PTR ", 8))
		return;
	const uint8_t *t = find(rsdp, "APIC", &size);
	if (t)
		read_madt(t, size);
	t = find(rsdp, "FACP", &size);
	if (t)
		read_fadt(t, size);
}

void acpi_off(void)
{
	uint8_t reduced = (uint8_t)(acpi.sleep_type << 2 | 1 << 5);
	if (acpi.sleep_register) {
		volatile uint8_t *r = memory_device(acpi.sleep_register, 1);
		if (r)
			*r = reduced;
	}
	if (acpi.sleep_port)
		out8(acpi.sleep_port, reduced);
	if (acpi.control)
		out16(acpi.control, (uint16_t)(acpi.sleep_type << 10 | SLEEP_ON));
	if (acpi.control_b)
		out16(acpi.control_b, (uint16_t)(acpi.sleep_type << 10 | SLEEP_ON));
}
