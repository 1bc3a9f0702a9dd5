/* SPDX-License-Identifier: ISC */
/* The two files of a volume by themselves (os/store/sqlite/volume.h), beyond what SQLite asks of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <core/error.h>

#include "../../../os/store/sqlite/volume.h"
#include "disk.h"

static struct volume v;
static uint8_t bytes[1 << 20], got[1 << 20];

static void opened(uint64_t size, uint32_t sector_size)
{
	disk_make(size, sector_size, 1);
	assert_int_equal(sqlite_volume_open(&v, &disk), OK);
}

static void again(void)
{
	sqlite_volume_close(&v);
	disk_power();
	assert_int_equal(sqlite_volume_open(&v, &disk), OK);
}

static int fill(enum volume_file f, uint64_t at, uint8_t byte, uint32_t size)
{
	memset(bytes, byte, size);
	return sqlite_volume_write(&v, f, at, bytes, size);
}

static void holds(enum volume_file f, uint64_t at, uint8_t byte, uint32_t size)
{
	uint32_t there;
	assert_int_equal(sqlite_volume_read(&v, f, at, got, size, &there), OK);
	assert_int_equal(there, size);
	for (uint32_t i = 0; i < size; i++)
		assert_int_equal(got[i], byte);
}

static void a_sync_makes_one_file_permanent(void **state)
{
	(void)state;
	opened(1 << 20, 512);
	assert_int_equal(fill(FILE_DATABASE, 0, 'd', 5000), OK);
	assert_int_equal(fill(FILE_JOURNAL, 0, 'j', 5000), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_DATABASE), OK);
	assert_int_equal(v.size[FILE_JOURNAL], 5000);
	again();
	assert_int_equal(v.size[FILE_DATABASE], 5000);
	assert_int_equal(v.size[FILE_JOURNAL], 0);
	holds(FILE_DATABASE, 0, 'd', 5000);
	assert_int_equal(fill(FILE_DATABASE, 5000, 'e', 5000), OK);
	assert_int_equal(fill(FILE_JOURNAL, 0, 'j', 5000), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_JOURNAL), OK);
	again();
	assert_int_equal(v.size[FILE_DATABASE], 5000);
	holds(FILE_JOURNAL, 0, 'j', 5000);
	/* Nor does the journal's truncation bring the database's size along. */
	assert_int_equal(fill(FILE_DATABASE, 5000, 'e', 5000), OK);
	assert_int_equal(sqlite_volume_truncate(&v, FILE_JOURNAL, 0), OK);
	again();
	assert_int_equal(v.size[FILE_DATABASE], 5000);
	assert_int_equal(v.size[FILE_JOURNAL], 0);
	sqlite_volume_close(&v);
}

static void what_the_last_root_counts_is_not_given_away(void **state)
{
	(void)state;
	opened(VOLUME_MIN, 512);
	uint32_t half = 2 * VOLUME_CHUNK;
	assert_int_equal(fill(FILE_DATABASE, 0, 'd', half), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_DATABASE), OK);
	assert_int_equal(sqlite_volume_truncate(&v, FILE_DATABASE, 4096), OK);
	/* Until the database's new size is permanent. */
	assert_int_equal(fill(FILE_JOURNAL, 0, 'j', half + 1), ERR_TOO_BIG);
	again();
	holds(FILE_DATABASE, 0, 'd', half);
	assert_int_equal(sqlite_volume_truncate(&v, FILE_DATABASE, 4096), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_DATABASE), OK);
	assert_int_equal(fill(FILE_JOURNAL, 0, 'j', half + 1), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_JOURNAL), OK);
	again();
	holds(FILE_JOURNAL, 0, 'j', half + 1);
	assert_int_equal(fill(FILE_DATABASE, 4096, 'd', VOLUME_CHUNK), ERR_TOO_BIG);
	sqlite_volume_close(&v);
}

static void what_was_dropped_is_not_written_any_more(void **state)
{
	(void)state;
	opened(VOLUME_MIN, 4096);
	/* All in the window, yet; then the database takes the place. */
	assert_int_equal(fill(FILE_JOURNAL, 0, 'j', 60000), OK);
	assert_int_equal(sqlite_volume_truncate(&v, FILE_JOURNAL, 0), OK);
	assert_int_equal(fill(FILE_DATABASE, 0, 'd', 4 * VOLUME_CHUNK), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_DATABASE), OK);
	assert_int_equal(sqlite_volume_sync(&v, FILE_JOURNAL), OK);
	again();
	holds(FILE_DATABASE, 0, 'd', 4 * VOLUME_CHUNK);
	assert_int_equal(fill(FILE_JOURNAL, 0, 'j', 1), ERR_TOO_BIG);
	sqlite_volume_close(&v);
}

static void reads_beyond_the_end_give_zeros(void **state)
{
	uint32_t there;
	(void)state;
	opened(1 << 20, 4096);
	assert_int_equal(fill(FILE_DATABASE, 0, 'd', 100), OK);
	memset(got, 1, 200);
	assert_int_equal(sqlite_volume_read(&v, FILE_DATABASE, 50, got, 200, &there), OK);
	assert_int_equal(there, 50);
	assert_int_equal(got[49], 'd');
	for (uint32_t i = 50; i < 200; i++)
		assert_int_equal(got[i], 0);
	assert_int_equal(sqlite_volume_read(&v, FILE_JOURNAL, UINT64_MAX - 10, got, 5, &there), OK);
	assert_int_equal(there, 0);
	assert_int_equal(sqlite_volume_write(&v, FILE_JOURNAL, UINT64_MAX - 10, got, 5),
	                 ERR_TOO_BIG);
	sqlite_volume_close(&v);
}

/* Against arrays. Nothing is written behind a gap, whose contents nobody promises. */
static void both_files_are_what_was_written(void **state)
{
	static uint8_t model[VOLUME_FILES][400000];
	uint32_t size[VOLUME_FILES] = { 0 };
	uint64_t random = 88172645463325252u;
	(void)state;
	for (uint32_t sector = 512; sector <= 4096; sector *= 8) {
		opened(1 << 20, sector);
		size[0] = size[1] = 0;
		for (uint32_t step = 0; step < 40000; step++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			enum volume_file f = random >> 60 & 1 ? FILE_JOURNAL : FILE_DATABASE;
			uint32_t at = (uint32_t)(random >> 20) % (size[f] + 1),
			         n = (uint32_t)(random >> 4) % 9000 + 1;
			uint32_t there;
			n = random >> 55 & 1 ? n % 17 + 1 : n;
			switch (random % 8) {
			case 0:
				at = random >> 58 & 3 ? size[f] - size[f] % 4096 : at;
				assert_int_equal(sqlite_volume_truncate(&v, f, at), OK);
				size[f] = at;
				break;
			case 1:
				assert_int_equal(sqlite_volume_sync(&v, f), OK);
				break;
			case 2:
			case 3:
				assert_int_equal(sqlite_volume_read(&v, f, at, got, n, &there), OK);
				assert_int_equal(there, n < size[f] - at ? n : size[f] - at);
				assert_memory_equal(got, model[f] + at, there);
				break;
			default:
				at = random >> 57 & 1 ? size[f] : at;
				n = n < sizeof model[f] - at ? n : (uint32_t)sizeof model[f] - at;
				for (uint32_t i = 0; i < n; i++)
					model[f][at + i] = bytes[i] = (uint8_t)(step + i);
				assert_int_equal(sqlite_volume_write(&v, f, at, bytes, n), OK);
				size[f] = size[f] > at + n ? size[f] : at + n;
			}
			assert_int_equal(v.size[f], size[f]);
		}
		assert_int_equal(sqlite_volume_sync(&v, FILE_DATABASE), OK);
		assert_int_equal(sqlite_volume_sync(&v, FILE_JOURNAL), OK);
		again();
		for (uint32_t f = 0; f < VOLUME_FILES; f++) {
			uint32_t there;
			assert_int_equal(v.size[f], size[f]);
			assert_int_equal(sqlite_volume_read(&v, f, 0, got, size[f], &there), OK);
			assert_memory_equal(got, model[f], size[f]);
		}
		sqlite_volume_close(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sync_makes_one_file_permanent),
		cmocka_unit_test(what_the_last_root_counts_is_not_given_away),
		cmocka_unit_test(what_was_dropped_is_not_written_any_more),
		cmocka_unit_test(reads_beyond_the_end_give_zeros),
		cmocka_unit_test(both_files_are_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
