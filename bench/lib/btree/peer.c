/* SPDX-License-Identifier: ISC */
/* peer lmdb|sqlite FILE: the work of work.h on LMDB, or on SQLite with a write-ahead log; each
 * commit durable (fdatasync). */
#include <lmdb.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <time.h>

#include "appliance/work.h"

static int lmdb;
static MDB_env *env;
static MDB_dbi dbi;
static MDB_txn *reading;
static sqlite3 *db;
static sqlite3_stmt *put, *get, *scan;

static void check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "peer: %s failed%s%s\n", what, db ? ": " : "",
	        db ? sqlite3_errmsg(db) : "");
	exit(1);
}

static uint64_t work_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void do_sql(const char *sql)
{
	check(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static void work_batch(const uint32_t *numbers, uint32_t count)
{
	uint8_t key[KEY_SIZE], value[VALUE_SIZE];
	MDB_txn *t = NULL;
	if (lmdb)
		check(!mdb_txn_begin(env, NULL, 0, &t), "a transaction");
	else
		do_sql("BEGIN IMMEDIATE");
	for (uint32_t k = 0; k < count; k++) {
		work_entry(numbers[k], key, value);
		if (lmdb) {
			MDB_val a = { KEY_SIZE, key }, b = { VALUE_SIZE, value };
			check(!mdb_put(t, dbi, &a, &b, 0), "a put");
			continue;
		}
		sqlite3_bind_blob(put, 1, key, KEY_SIZE, SQLITE_STATIC);
		sqlite3_bind_blob(put, 2, value, VALUE_SIZE, SQLITE_STATIC);
		check(sqlite3_step(put) == SQLITE_DONE, "a put");
		sqlite3_reset(put);
	}
	if (lmdb)
		check(!mdb_txn_commit(t), "a commit");
	else
		do_sql("COMMIT");
}

static void work_get(uint32_t number)
{
	uint8_t key[KEY_SIZE], value[VALUE_SIZE], got[VALUE_SIZE];
	work_entry(number, key, value);
	if (lmdb) {
		MDB_val a = { KEY_SIZE, key }, b;
		check(!mdb_txn_renew(reading) && !mdb_get(reading, dbi, &a, &b) &&
		              b.mv_size == VALUE_SIZE,
		      "a get");
		memcpy(got, b.mv_data, VALUE_SIZE);
		mdb_txn_reset(reading);
	} else {
		sqlite3_bind_blob(get, 1, key, KEY_SIZE, SQLITE_STATIC);
		check(sqlite3_step(get) == SQLITE_ROW && sqlite3_column_bytes(get, 0) == VALUE_SIZE,
		      "a get");
		memcpy(got, sqlite3_column_blob(get, 0), VALUE_SIZE);
		sqlite3_reset(get);
	}
	check(!memcmp(got, value, VALUE_SIZE), "a comparison");
}

static uint32_t work_scan(void)
{
	uint8_t got[VALUE_SIZE];
	uint32_t n = 0;
	if (lmdb) {
		MDB_cursor *c;
		MDB_val a, b;
		check(!mdb_txn_renew(reading) && !mdb_cursor_open(reading, dbi, &c), "a walk");
		while (!mdb_cursor_get(c, &a, &b, MDB_NEXT)) {
			memcpy(got, b.mv_data, VALUE_SIZE);
			n += got[0] == got[VALUE_SIZE - 1];
		}
		mdb_cursor_close(c);
		mdb_txn_reset(reading);
		return n;
	}
	while (sqlite3_step(scan) == SQLITE_ROW) {
		memcpy(got, sqlite3_column_blob(scan, 1), VALUE_SIZE);
		n += got[0] == got[VALUE_SIZE - 1];
	}
	sqlite3_reset(scan);
	return n;
}

static void open_lmdb(const char *path)
{
	MDB_txn *t;
	check(!mdb_env_create(&env) && !mdb_env_set_mapsize(env, 256u << 20) &&
	              !mdb_env_open(env, path, MDB_NOSUBDIR, 0600) &&
	              !mdb_txn_begin(env, NULL, 0, &t) && !mdb_dbi_open(t, NULL, 0, &dbi) &&
	              !mdb_txn_commit(t) && !mdb_txn_begin(env, NULL, MDB_RDONLY, &reading),
	      "opening");
	mdb_txn_reset(reading);
}

static void open_sqlite(const char *path)
{
	check(sqlite3_open(path, &db) == SQLITE_OK, "opening");
	do_sql("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768;"
	       "CREATE TABLE t (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
	check(sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO t VALUES (?, ?)", -1, &put, NULL) ==
	                      SQLITE_OK &&
	              sqlite3_prepare_v2(db, "SELECT v FROM t WHERE k = ?", -1, &get, NULL) ==
	                      SQLITE_OK &&
	              sqlite3_prepare_v2(db, "SELECT k, v FROM t ORDER BY k", -1, &scan, NULL) ==
	                      SQLITE_OK,
	      "SQL");
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: peer lmdb|sqlite FILE\n");
		return 125;
	}
	lmdb = !strcmp(argv[1], "lmdb");
	if (lmdb)
		open_lmdb(argv[2]);
	else
		open_sqlite(argv[2]);
	work_run();
	return 0;
}
