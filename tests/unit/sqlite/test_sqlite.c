/* SPDX-License-Identifier: ISC */
/*
 * The host's SQLite on os/store/sqlite's VFS, over a disk that loses what was not flushed (disk.h).
 * Power is cut at each write and flush of random transactions; then integrity_check must find
 * nothing, and the contents must be those before the transaction or after it, and after it if its
 * COMMIT had returned. TRANSACTIONS=N: so many for each kind of device and journal, instead of a
 * few; SEED=N: others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <store/sqlite/sqlite.h>
#include <store/sqlite/volume.h>
#include "disk.h"

#define KEYS 120u

static uint64_t state;

static uint32_t below(uint32_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 11) % bound);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);

	return s ? strtoull(s, NULL, 10) : otherwise;
}

static int one_text(void *arg, int count, char **values, char **names)
{
	(void)count;
	(void)names;
	snprintf(arg, 200, "%s", values[0] ? values[0] : "NULL");
	return 0;
}

static void expect(sqlite3 *db, const char *sql, const char *wanted)
{
	char got[200] = "";
	int error = sqlite3_exec(db, sql, one_text, got, NULL);

	if (error)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_string_equal(got, wanted);
}

static void run(sqlite3 *db, const char *sql)
{
	int error = sqlite3_exec(db, sql, NULL, NULL, NULL);

	if (error)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3 *open_database(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open("data", &db), SQLITE_OK);
	return db;
}

/* ---- a model: for each key the version of its value, 0 for none ---- */

struct model {
	uint32_t version[KEYS];
};

static uint32_t value_size(uint32_t key, uint32_t version)
{
	return (key * 2654435761u + version * 40503u) % (version % 7 == 0 ? 9000 : 700);
}

static void value_fill(uint8_t *to, uint32_t key, uint32_t version)
{
	for (uint32_t i = 0, n = value_size(key, version); i < n; i++)
		to[i] = (uint8_t)(key * 31 + version * 7 + i);
}

static int put(sqlite3_stmt *s, uint32_t key, uint32_t version)
{
	static uint8_t value[9000];

	value_fill(value, key, version);
	sqlite3_bind_int(s, 1, (int)key);
	sqlite3_bind_int(s, 2, (int)version);
	sqlite3_bind_blob(s, 3, value, (int)value_size(key, version), SQLITE_STATIC);
	int error = sqlite3_step(s);
	sqlite3_reset(s);
	return error == SQLITE_DONE ? SQLITE_OK : error;
}

static bool is_model(sqlite3 *db, const struct model *m)
{
	struct model got = { 0 };
	static uint8_t value[9000];
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_prepare_v2(db, "SELECT k, version, v FROM kv", -1, &s, NULL),
	                 SQLITE_OK);
	int step;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		uint32_t key = (uint32_t)sqlite3_column_int(s, 0),
		         version = (uint32_t)sqlite3_column_int(s, 1);
		assert_true(key < KEYS);
		assert_int_equal(sqlite3_column_bytes(s, 2), value_size(key, version));
		value_fill(value, key, version);
		if (value_size(key, version))
			assert_memory_equal(sqlite3_column_blob(s, 2), value,
			                    value_size(key, version));
		got.version[key] = version;
	}
	assert_int_equal(step, SQLITE_DONE);
	sqlite3_finalize(s);
	return memcmp(&got, m, sizeof got) == 0;
}

/* A transaction drawn from a seed of its own, so that it can be run again. Changes the model as it
 * would be after it. */
static int transaction(sqlite3 *db, uint64_t seed, struct model *m)
{
	sqlite3_stmt *s, *gone;
	int error = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);

	state = seed;
	if (error)
		return error;
	if ((error = sqlite3_prepare_v2(db, "REPLACE INTO kv VALUES (?, ?, ?)", -1, &s, NULL)) !=
	    SQLITE_OK)
		return error;
	if ((error = sqlite3_prepare_v2(db, "DELETE FROM kv WHERE k = ?", -1, &gone, NULL)) !=
	    SQLITE_OK) {
		sqlite3_finalize(s);
		return error;
	}
	uint32_t count = below(6) ? 1 + below(6) : 60;
	for (uint32_t i = 0; i < count && !error; i++) {
		uint32_t key = below(KEYS);
		if (below(3)) {
			uint32_t version = 1 + below(1000000);
			error = put(s, key, version);
			m->version[key] = version;
		} else {
			sqlite3_bind_int(gone, 1, (int)key);
			error = sqlite3_step(gone) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
			sqlite3_reset(gone);
			m->version[key] = 0;
		}
	}
	if (!error && below(12) == 0)
		error = sqlite3_exec(db, "PRAGMA incremental_vacuum(3)", NULL, NULL, NULL);
	sqlite3_finalize(s);
	sqlite3_finalize(gone);
	return error ? error : sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

struct kind {
	const char *name;
	uint32_t sector_size;
	const char *pragmas;
};

static const struct kind kinds[] = {
	{ "512, DELETE", 512, "PRAGMA journal_mode=DELETE" },
	{ "4096, DELETE, EXTRA", 4096, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA" },
	{ "512, PERSIST", 512, "PRAGMA journal_mode=PERSIST" },
	{ "4096, PERSIST, small cache", 4096, "PRAGMA journal_mode=PERSIST; PRAGMA cache_size=10" },
	{ "512, TRUNCATE, small cache", 512, "PRAGMA journal_mode=TRUNCATE; PRAGMA cache_size=10" },
	{ "4096, DELETE, small pages, small cache", 4096, "PRAGMA cache_size=10" },
	{ "512, exclusive", 512, "PRAGMA locking_mode=EXCLUSIVE" },
};
#define SMALL_PAGES 5u

static sqlite3 *open_kind(const struct kind *k)
{
	sqlite3 *db = open_database();

	/* After a cut this is what rolls back. */
	run(db, k->pragmas);
	return db;
}

/* Cuts at each write and flush of a transaction, each time from the same state on. */
static uint64_t cut_everywhere(const struct kind *k, uint64_t seed, struct model *m,
                               uint8_t *before)
{
	memcpy(before, disk_bytes(), disk.size);
	for (uint64_t cut = 1;; cut++) {
		struct model after = *m;
		disk_restore(before);
		sqlite3 *db = open_kind(k);
		disk_cut_at(cut);
		int error = transaction(db, seed, &after);
		bool was_cut = disk_was_cut();
		sqlite3_close(db);
		was_cut = was_cut || disk_was_cut();
		if (!was_cut)
			assert_int_equal(error, SQLITE_OK);
		disk_power();
		db = open_kind(k);
		expect(db, "PRAGMA integrity_check", "ok");
		bool is_after = is_model(db, &after);
		if (!is_after && (!error || !is_model(db, m)))
			fail_msg("%s: seed %llu, cut %llu: %s", k->name, (unsigned long long)seed,
			         (unsigned long long)cut,
			         error ? "neither the state before it nor after it"
			               : "a commit is lost");
		sqlite3_close(db);
		if (!was_cut) {
			*m = after;
			return cut - 1;
		}
	}
}

static void survives_a_cut_at_each_write_and_flush(void **unused)
{
	(void)unused;
	uint64_t per_kind = number_of("TRANSACTIONS", 12), seed = number_of("SEED", 1), cuts = 0,
	         transactions = 0;

	for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *k = &kinds[i];
		struct model m = { 0 };

		disk_make(4 << 20, k->sector_size, seed + i);
		uint8_t *before = malloc(disk.size);
		sqlite3 *db = open_database();
		run(db,
		    i == SMALL_PAGES ? "PRAGMA page_size=1024" : "PRAGMA auto_vacuum=INCREMENTAL");
		run(db, "CREATE TABLE kv (k INTEGER PRIMARY KEY, version INTEGER, v BLOB); CREATE "
		        "INDEX by_version "
		        "ON kv (version)");
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		for (uint64_t t = 0; t < per_kind; t++) {
			cuts += cut_everywhere(k, (seed << 32) + t * 7919 + i + 1, &m, before);
			transactions++;
		}
		free(before);
	}
	print_message("%llu transactions, cut at %llu places\n", (unsigned long long)transactions,
	              (unsigned long long)cuts);
	assert_true(cuts > 10 * transactions);
}

/* From a blank device on. */
static void survives_cuts_as_it_is_made(void **unused)
{
	(void)unused;
	bool done = false;

	for (uint64_t cut = 1; !done; cut++)
		for (uint64_t seed = 1; seed < 6; seed++) {
			disk_make(1 << 20, 512, seed);
			sqlite3 *db = open_database();
			disk_cut_at(cut);
			int error = sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL);
			done = !disk_was_cut();
			sqlite3_close(db);
			disk_power();
			if (sqlite3_open("data", &db) != SQLITE_OK ||
			    sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL) !=
			            SQLITE_OK) {
				/* A root torn so that it does not say what it is: the device has to
				 * be blanked. */
				assert_int_not_equal(error, SQLITE_OK);
				assert_true(cut <= 20);
				sqlite3_close(db);
				continue;
			}
			expect(db, "PRAGMA integrity_check", "ok");
			char got[200] = "";
			assert_int_equal(sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema",
			                              one_text, got, NULL),
			                 SQLITE_OK);
			assert_true(strcmp(got, "1") == 0 || (error && strcmp(got, "0") == 0));
			sqlite3_close(db);
		}
}

static void a_failing_write_fails_the_transaction_only(void **unused)
{
	(void)unused;
	struct model m = { 0 };
	uint64_t failed = 0;

	disk_make(4 << 20, 512, 3);
	sqlite3 *db = open_database();
	run(db, "CREATE TABLE kv (k INTEGER PRIMARY KEY, version INTEGER, v BLOB)");
	for (uint64_t t = 1; t < 400; t++) {
		struct model after = m;
		disk_fail_at(t % 13 + 1);
		int error = transaction(db, t * 104729, &after);
		disk_fail_at(0);
		if (!sqlite3_get_autocommit(db))
			sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		failed += error != SQLITE_OK;
		if (is_model(db, &after))
			m = after;
		else
			assert_true(error != SQLITE_OK && is_model(db, &m));
	}
	expect(db, "PRAGMA integrity_check", "ok");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_true(failed > 50);
}

static void a_full_device_is_an_error_and_nothing_is_lost(void **unused)
{
	(void)unused;
	disk_make(VOLUME_MIN, 4096, 1);
	sqlite3 *db = open_database();
	run(db, "CREATE TABLE t (x)");
	int rows = 0, error;
	while ((error = sqlite3_exec(db, "INSERT INTO t VALUES (randomblob(3000))", NULL, NULL,
	                             NULL)) == SQLITE_OK)
		rows++;
	assert_int_equal(error, SQLITE_FULL);
	assert_true(rows > 20);
	char count[20];
	snprintf(count, sizeof count, "%d", rows);
	/* From the device, not from the cache. */
	sqlite3_close(db);
	db = open_database();
	expect(db, "SELECT count(*) FROM t", count);
	expect(db, "PRAGMA integrity_check", "ok");
	/* A transaction whose journal has no room beside it is refused as well, and takes nothing
	 * along. */
	assert_int_equal(sqlite3_exec(db, "UPDATE t SET x = randomblob(3000)", NULL, NULL, NULL),
	                 SQLITE_FULL);
	expect(db, "SELECT count(*) FROM t", count);
	run(db, "DELETE FROM t WHERE rowid < 4");
	expect(db, "PRAGMA integrity_check", "ok");
	sqlite3_close(db);
}

static void connections_share_a_device_by_locks(void **unused)
{
	(void)unused;
	disk_make(1 << 20, 512, 1);
	sqlite3 *a = open_database(), *b = open_database();
	run(a, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	expect(b, "SELECT count(*) FROM t", "1");
	run(a, "BEGIN IMMEDIATE; INSERT INTO t VALUES (2)");
	/* Readers see the state before it; a second writer has to wait. */
	expect(b, "SELECT count(*) FROM t", "1");
	assert_int_equal(sqlite3_exec(b, "INSERT INTO t VALUES (3)", NULL, NULL, NULL),
	                 SQLITE_BUSY);
	/* A reader in the middle keeps the writer from committing. */
	run(b, "BEGIN");
	expect(b, "SELECT count(*) FROM t", "1");
	assert_int_equal(sqlite3_exec(a, "COMMIT", NULL, NULL, NULL), SQLITE_BUSY);
	/* And nobody new gets in, lest it wait forever. */
	sqlite3 *c = open_database();
	assert_int_equal(sqlite3_exec(c, "SELECT count(*) FROM t", NULL, NULL, NULL), SQLITE_BUSY);
	run(b, "COMMIT");
	run(a, "COMMIT");
	expect(b, "SELECT count(*) FROM t", "2");
	expect(c, "SELECT count(*) FROM t", "2");
	run(b, "INSERT INTO t VALUES (3)");
	expect(a, "SELECT count(*) FROM t", "3");
	sqlite3_close(a);
	sqlite3_close(b);
	sqlite3_close(c);
}

static void temporary_tables_and_sorts_stay_in_memory(void **unused)
{
	(void)unused;
	disk_make(1 << 20, 512, 1);
	sqlite3 *db = open_database();
	run(db, "CREATE TABLE t (x)");
	uint64_t before = disk_requests();
	run(db, "PRAGMA cache_size=5; CREATE TEMP TABLE tt (x);"
	        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000)"
	        "INSERT INTO tt SELECT randomblob(50) FROM c");
	expect(db, "SELECT count(*) FROM (SELECT x FROM tt ORDER BY x)", "20000");
	assert_int_equal(disk_requests(), before);
	/* A statement that fails in its middle goes back through its own journal. */
	run(db, "CREATE TABLE u (x UNIQUE); INSERT INTO u VALUES (19999)");
	run(db, "BEGIN");
	assert_int_equal(sqlite3_exec(db, "INSERT INTO u SELECT rowid FROM tt", NULL, NULL, NULL),
	                 SQLITE_CONSTRAINT);
	expect(db, "SELECT count(*) FROM u", "1");
	run(db, "COMMIT");
	sqlite3_close(db);
}

/* SQL as people have it: PRAGMA temp_store=FILE made all of this "unable to open database file". */
static void temporary_files_work(void **unused)
{
	(void)unused;
	for (int round = 0; round < 2; round++) {
		disk_make(4 << 20, 512, 1);
		disk_heap = round ? 4 << 20 : 64 << 20;
		sqlite3 *db = open_database();
		run(db,
		    "PRAGMA temp_store=FILE; PRAGMA cache_size=5; CREATE TABLE t (x);"
		    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 300)"
		    "INSERT INTO t SELECT randomblob(4000) FROM c; DELETE FROM t WHERE rowid > 50; "
		    "VACUUM");
		expect(db, "PRAGMA freelist_count", "0");
		run(db, "CREATE TEMP TABLE tt (x)");
		const char *large = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
		                    "c WHERE n < 20000)"
		                    "INSERT INTO tt SELECT randomblob(100) FROM c";
		if (round) { /* there is an end, and nothing is broken by it */
			assert_int_equal(sqlite3_exec(db, large, NULL, NULL, NULL), SQLITE_FULL);
			expect(db, "SELECT count(*) FROM tt", "0");
		} else {
			run(db, large);
			expect(db, "SELECT count(*) FROM (SELECT x FROM tt ORDER BY x)", "20000");
			run(db, "BEGIN; DELETE FROM tt WHERE rowid % 2; SAVEPOINT a; DELETE FROM "
			        "tt; ROLLBACK TO a");
			expect(db, "SELECT count(*) FROM tt", "10000");
			run(db, "ROLLBACK; CREATE INDEX temp.i ON tt (x)");
			expect(db, "PRAGMA temp.integrity_check", "ok");
		}
		expect(db, "SELECT count(*) FROM t", "50");
		expect(db, "PRAGMA integrity_check", "ok");
		sqlite3_close(db);
	}
	disk_heap = 64 << 20;
}

static void vacuum_makes_it_smaller(void **unused)
{
	(void)unused;
	disk_make(4 << 20, 512, 1);
	sqlite3 *db = open_database();
	run(db,
	    "CREATE TABLE t (x);"
	    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 300)"
	    "INSERT INTO t SELECT randomblob(4000) FROM c; DELETE FROM t WHERE rowid > 3; VACUUM");
	expect(db, "PRAGMA integrity_check", "ok");
	sqlite3_close(db);
	db = open_database();
	expect(db, "SELECT count(*) FROM t", "3");
	expect(db, "PRAGMA freelist_count", "0");
	sqlite3_close(db);
}

static void what_is_not_synced_is_kept_by_an_orderly_close(void **unused)
{
	(void)unused;
	disk_make(1 << 20, 512, 1);
	sqlite3 *db = open_database();
	run(db, "PRAGMA synchronous=OFF; CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	disk_power();
	db = open_database();
	expect(db, "SELECT x FROM t", "1");
	sqlite3_close(db);
}

static void the_device_holds_a_plain_database_file(void **unused)
{
	(void)unused;
	char path[] = "/tmp/ampoule-sqlite-XXXXXX";
	sqlite3 *db;

	disk_make(1 << 20, 512, 1);
	db = open_database();
	run(db, "CREATE TABLE t (x); INSERT INTO t VALUES ('from the image')");
	sqlite3_close(db);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	size_t size = disk.size - VOLUME_DATABASE;
	assert_int_equal(write(fd, disk_bytes() + VOLUME_DATABASE, size), size);
	close(fd);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, "unix"), SQLITE_OK);
	expect(db, "PRAGMA integrity_check", "ok");
	expect(db, "SELECT x FROM t", "from the image");
	sqlite3_close(db);
	unlink(path);
}

static void devices_that_are_not_fit_are_refused(void **unused)
{
	(void)unused;
	sqlite3 *db;

	disk_make(VOLUME_MIN - 4096, 512, 1);
	assert_int_equal(sqlite3_open("data", &db), SQLITE_CANTOPEN);
	sqlite3_close(db);
	disk_make(1 << 20, 512, 1);
	disk_bytes()[100] = 1;
	assert_int_equal(sqlite3_open("data", &db), SQLITE_CANTOPEN);
	sqlite3_close(db);
	assert_int_equal(sqlite3_open("other", &db), SQLITE_CANTOPEN);
	sqlite3_close(db);
	assert_int_equal(sqlite3_open("a name that is far too long to be the name of a device in "
	                              "an image's manifest",
	                              &db),
	                 SQLITE_CANTOPEN);
	sqlite3_close(db);
}

static void a_damaged_root_leaves_the_other_one(void **unused)
{
	(void)unused;
	disk_make(1 << 20, 512, 1);
	sqlite3 *db = open_database();
	run(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	sqlite3_close(db);
	uint8_t *good = malloc(disk.size);
	memcpy(good, disk_bytes(), disk.size);
	uint32_t opened = 0;
	for (uint32_t bit = 0; bit < 64 * 8; bit++) {
		disk_restore(good);
		disk_bytes()[bit / 8] ^= (uint8_t)(1u << bit % 8);
		disk_bytes()[4096 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		/* Both of them: refused, whichever bit it is. */
		assert_int_equal(sqlite3_open("data", &db),
		                 bit / 8 < 56 ? SQLITE_CANTOPEN : SQLITE_OK);
		opened += bit / 8 < 56;
		sqlite3_close(db);
	}
	assert_int_equal(opened, 56 * 8);
	free(good);
}

static void a_read_only_device_is_read(void **unused)
{
	(void)unused;
	disk_make(1 << 20, 512, 1);
	sqlite3 *db = open_database();
	run(db, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	sqlite3_close(db);
	disk.read_only = true;
	db = open_database();
	expect(db, "SELECT x FROM t", "1");
	assert_int_equal(sqlite3_exec(db, "INSERT INTO t VALUES (2)", NULL, NULL, NULL),
	                 SQLITE_READONLY);
	sqlite3_close(db);
}

static void there_is_no_wal(void **unused)
{
	(void)unused;
	disk_make(1 << 20, 512, 1);
	sqlite3 *db = open_database();
	run(db, "CREATE TABLE t (x)");
	expect(db, "PRAGMA journal_mode=WAL", "delete");
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_a_cut_at_each_write_and_flush),
		cmocka_unit_test(survives_cuts_as_it_is_made),
		cmocka_unit_test(a_failing_write_fails_the_transaction_only),
		cmocka_unit_test(a_full_device_is_an_error_and_nothing_is_lost),
		cmocka_unit_test(connections_share_a_device_by_locks),
		cmocka_unit_test(temporary_tables_and_sorts_stay_in_memory),
		cmocka_unit_test(temporary_files_work),
		cmocka_unit_test(vacuum_makes_it_smaller),
		cmocka_unit_test(what_is_not_synced_is_kept_by_an_orderly_close),
		cmocka_unit_test(the_device_holds_a_plain_database_file),
		cmocka_unit_test(devices_that_are_not_fit_are_refused),
		cmocka_unit_test(a_damaged_root_leaves_the_other_one),
		cmocka_unit_test(a_read_only_device_is_read),
		cmocka_unit_test(there_is_no_wal),
	};

	if (sqlite_start() != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
