/* SPDX-License-Identifier: ISC */
/*
 * A block device from inside, by the argument `mode`:
 *
 *   info     what devices there are
 *   write    the whole device with the seed's pattern, flushed, read back and compared; then a
 *            discard
 *   verify   that the pattern is there
 *   limits   requests that do not fit
 *   errors   16 writes one by one, then a flush, a read: which of them fail
 *   cut      generations until the tender cuts the power; tests/block/run looks at what is left
 *   bench    random reads
 */
#include <string.h>

#include <core/error.h>
#include <core/heap.h>

#include "appliance.h"
#include "try.h"

void *pages_or_fail(uint64_t bytes)
{
	void *p = extent_alloc((bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN);
	need(p, "no memory for %llu bytes", (unsigned long long)bytes);
	return p;
}

static void info(const char *name)
{
	const struct block *b = block_find(name);
	if (b)
		printf("%s: %llu bytes, sectors of %u, %s\n", b->name, (unsigned long long)b->size,
		       b->sector_size, b->read_only ? "read-only" : "writable");
	else
		printf("%s: not there\n", name);
}

static void write_all(struct block *b)
{
	pattern_write(b, arg_seed(), arg_depth());
	pattern_verify(b, arg_seed(), arg_depth());
	uint64_t size = b->size / 2 / BLOCK_ALIGN * BLOCK_ALIGN;
	need(block_discard(b, 0, size) == OK, "a discard failed");
	need(block_flush(b) == OK, "a flush after it failed");
	uint8_t *page = pages_or_fail(BLOCK_ALIGN);
	need(block_read(b, 0, page, BLOCK_ALIGN) == OK, "a discarded page cannot be read");
	pattern_write(b, arg_seed(), arg_depth());
	pattern_verify(b, arg_seed(), arg_depth());
	need(b->writes && b->reads && b->bytes_written >= 2 * b->size &&
	             b->bytes_read >= 2 * b->size && b->flushes >= 3 && !b->errors,
	     "the device's figures are not what was done");
	printf("written\n");
}

/* One line of letters: w or W, f or F, r or R, in the order of requests; capitals failed. */
static void errors(struct block *b)
{
	uint8_t *page = pages_or_fail(BLOCK_ALIGN);
	char line[32];
	uint32_t n = 0;
	for (; n < 16; n++) {
		memset(page, (int)n + 1, BLOCK_ALIGN);
		int result = block_write(b, (uint64_t)n * BLOCK_ALIGN, page, BLOCK_ALIGN);
		need(result == OK || result == ERR_IO, "a write gave %d", result);
		line[n] = result ? 'W' : 'w';
	}
	line[n++] = block_flush(b) ? 'F' : 'f';
	line[n++] = block_read(b, 0, page, BLOCK_ALIGN) ? 'R' : 'r';
	line[n] = 0;
	printf("%s, %llu errors\n", line, (unsigned long long)b->errors);
}

int main(void)
{
	const char *mode = arg_mode();
	struct block *data = block_find("data");
	need(data, "there is no device data");
	need(data == block_find("data"), "the device is another one the second time");
	need(!block_find("none"), "there is a device that the manifest does not name");
	if (!strcmp(mode, "info")) {
		info("data");
		info("extra");
		info("rom");
	} else if (!strcmp(mode, "write")) {
		write_all(data);
	} else if (!strcmp(mode, "verify")) {
		pattern_verify(data, arg_seed(), arg_depth());
		printf("verified\n");
	} else if (!strcmp(mode, "limits")) {
		limits_try(data, block_find("rom"));
		printf("refused\n");
	} else if (!strcmp(mode, "errors")) {
		errors(data);
	} else if (!strcmp(mode, "cut")) {
		cut_run(data, arg_seed());
	} else if (!strcmp(mode, "bench")) {
		bench_run(data, arg_seed(), arg_depth(), arg_bytes(), arg_time());
	} else {
		fail("no mode %s", mode);
	}
	return 0;
}
