/* SPDX-License-Identifier: ISC */
/* What a snapshot is of, and how much of it there is. Its pages' sums are compared, too: all of it is read. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/inspect_snapshot.h>
#include <tender/snapshot.h>

static struct snapshot snapshot;

bool inspect_is_snapshot(int fd)
{
	uint64_t magic;
	return pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == SNAPSHOT_MAGIC;
}

static const char *hex(const uint8_t *bytes, unsigned count)
{
	char *text = keep_array(2 * count + 1, 1);
	for (unsigned i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

/* libc's own look at files first (tzset). Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
static const char *taken_at(const struct snapshot_header *h)
{
	int64_t seconds = h->wall_ns < 0 ? 0 : h->wall_ns / 1000000000,
	        day = seconds / 86400 + 719468, left = seconds % 86400, era = day / 146097,
	        of_era = day % 146097,
	        year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365,
	        of_year = of_era - (365 * year + year / 4 - year / 100),
	        month = (5 * of_year + 2) / 153, date = of_year - (153 * month + 2) / 5 + 1;
	month += month < 10 ? 3 : -9;
	return keep_format("%lld-%02lld-%02lldT%02lld:%02lld:%02lldZ",
	                   (long long)(era * 400 + year + (month <= 2)), (long long)month,
	                   (long long)date, (long long)(left / 3600), (long long)(left / 60 % 60),
	                   (long long)(left % 60));
}

static uint64_t memory(const struct snapshot_header *h)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < h->region_count; i++)
		sum += h->regions[i].size;
	return sum;
}

static bool has_parent(const struct snapshot_header *h)
{
	static const uint8_t none[sizeof h->parent];
	return memcmp(h->parent, none, sizeof none) != 0;
}

static void print_text(const struct snapshot_header *h)
{
	printf("snapshot of %s %s, generation %llu, taken %s under %s\n", h->name, h->image_version,
	       (unsigned long long)h->generation, taken_at(h), h->tender);
	printf("  id        %s\n", hex(h->sha256, 16));
	if (has_parent(h))
		printf("  parent    %s\n", hex(h->parent, sizeof h->parent));
	printf("  build     %s, ABI %u.%u, x86-64-v%u\n", hex(h->build_id, 6), h->abi_major,
	       h->abi_minor, h->cpu_level);
	printf("  ran for   %llu s%s\n", (unsigned long long)(h->image_ns / 1000000000),
	       h->ended ? ", and ended there" : "");
	printf("  memory    %llu KiB touched of %llu KiB, in %u runs\n",
	       (unsigned long long)(h->touched * (AMP_PAGE / 1024)),
	       (unsigned long long)(memory(h) >> 10), h->run_count);
	for (uint32_t i = 0; i < h->device_count; i++)
		printf("  device    %s: %s\n", h->devices[i].name,
		       h->devices[i].type == AMP_DEVICE_NET     ? "network"
		       : h->devices[i].type == AMP_DEVICE_BLOCK ? "block"
		                                                : "not there");
}

static void print_json(const struct snapshot_header *h)
{
	json_t *devices = json_array();
	for (uint32_t i = 0; i < h->device_count; i++)
		json_array_append_new(
		        devices, json_pack("{s:s, s:s, s:I}", "name", h->devices[i].name, "type",
		                           h->devices[i].type == AMP_DEVICE_NET     ? "network"
		                           : h->devices[i].type == AMP_DEVICE_BLOCK ? "block"
		                                                                    : "none",
		                           "size", (json_int_t)h->devices[i].size));
	json_t *all = json_pack(
	        "{s:b, s:s, s:s, s:s, s:s?, s:I, s:s, s:s, s:s, s:[i,i], s:i, s:I, s:I, s:I, s:I, "
	        "s:b, s:o}",
	        "snapshot", 1, "name", h->name, "version", h->image_version, "id",
	        hex(h->sha256, 16), "parent",
	        has_parent(h) ? hex(h->parent, sizeof h->parent) : NULL, "generation",
	        (json_int_t)h->generation, "taken", taken_at(h), "tender", h->tender, "build_id",
	        hex(h->build_id, sizeof h->build_id), "abi", h->abi_major, h->abi_minor,
	        "cpu_level", (int)h->cpu_level, "image_ns", (json_int_t)h->image_ns, "memory",
	        (json_int_t)memory(h), "touched", (json_int_t)(h->touched * AMP_PAGE), "runs",
	        (json_int_t)h->run_count, "ended", (int)h->ended, "devices", devices);
	if (!all ||
	    (json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0 && !ferror(stdout)))
		die(AMP_EXIT_TENDER, "out of memory");
	putchar('\n');
	json_decref(all);
}

int inspect_snapshot(int fd, const char *path, bool json)
{
	struct defect why;
	if (snapshot_open(&snapshot, fd, &why) || snapshot_verify(&snapshot, &why))
		die(AMP_EXIT_USAGE, "%s %s", path, why.text);
	if (json)
		print_json(&snapshot.header);
	else
		print_text(&snapshot.header);
	snapshot_close(&snapshot);
	return 0;
}
