/* SPDX-License-Identifier: ISC */
#include "volume.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <core/clock.h>
#include <core/page.h>

char volume_folder[64] = "/tmp/ampoule-fat-XXXXXX", volume_says[4096], volume_damage[128];
uint32_t volume_damages;

static void on_damage(void *of, const char *what, uint64_t where)
{
	(void)of;
	volume_damages++;
	snprintf(volume_damage, sizeof volume_damage, "%s (%llu)", what, (unsigned long long)where);
}

const struct fat_options volume_options = { .cache = 16 << 10, .damage = on_damage };

/* ---- What the store asks of core ---- */

int64_t clock_wall(void)
{
	static int64_t now = 1700000000ll * 1000000000;
	return now += 1000000000;
}

/* Memory of these tests counts as the heap's where a test says so: then what is aligned goes to the
 * device as it is. */
bool volume_direct;

struct page *page_of(const void *p)
{
	return volume_direct ? (struct page *)(uintptr_t)p : NULL;
}

/* ---- The folder ---- */

static void clean_up(void)
{
	if (volume_run("rm -rf %s", volume_folder))
		fprintf(stderr, "%s is left\n", volume_folder);
}

bool volume_possible(void)
{
	static int possible = -1;
	if (possible < 0) {
		possible = !system("command -v mkfs.fat fsck.fat mcopy mdir >/dev/null");
		if (!possible)
			fprintf(stderr, "skipped: mkfs.fat, fsck.fat or mtools is missing "
			                "(scripts/deps test)\n");
		else if (!mkdtemp(volume_folder))
			abort();
		else
			atexit(clean_up);
	}
	return possible;
}

const char *volume_path(const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", volume_folder, name);
	return path;
}

int volume_run(const char *format, ...)
{
	char command[1024], whole[1200];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "cd %s && { %s; } 2>&1", volume_folder, command);
	FILE *p = popen(whole, "r");
	if (!p)
		abort();
	size_t n = fread(volume_says, 1, sizeof volume_says - 1, p);
	volume_says[n] = 0;
	char rest[4096];
	while (fread(rest, 1, sizeof rest, p))
		;
	int status = pclose(p);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

void volume_dump(const char *name, const uint8_t *bytes, uint64_t size)
{
	FILE *f = fopen(volume_path(name), "we");
	if (!f || fwrite(bytes, 1, size, f) != size || fclose(f))
		abort();
}

void volume_load(const char *name, uint8_t *bytes, uint64_t size)
{
	FILE *f = fopen(volume_path(name), "re");
	if (!f || fread(bytes, 1, size, f) != size || fclose(f))
		abort();
}

void volume_make(struct disk *d, const char *options, uint32_t kib, bool record)
{
	if (volume_run("rm -f made && mkfs.fat %s -C made %u", options, kib)) {
		fprintf(stderr, "%s\n", volume_says);
		abort();
	}
	disk_open(d, (uint64_t)kib << 10, record);
	volume_load("made", d->bytes, (uint64_t)kib << 10);
}

bool volume_is_sound(const uint8_t *bytes, uint64_t size)
{
	volume_dump("checked", bytes, size);
	return volume_run("fsck.fat -n checked") == 0;
}
