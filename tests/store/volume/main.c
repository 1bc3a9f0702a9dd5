/* SPDX-License-Identifier: ISC */
/*
 * All 50 rows have one number, which each transaction counts up, with new contents. It prints "state N": what it finds, once that
 * is whole; then "N" when transaction N is acknowledged. "failed: why" and status 1: something is not as it was left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "appliance.h"

static const char schema[] = "CREATE TABLE IF NOT EXISTS t (k INTEGER PRIMARY KEY, n, x);"
                             "CREATE INDEX IF NOT EXISTS i ON t(n);";
static const char rows[] =
        "WITH RECURSIVE c(k) AS (SELECT 1 UNION ALL SELECT k+1 FROM c WHERE k<50)"
        "INSERT OR IGNORE INTO t SELECT k, 0, '' FROM c;";
static const char change[] = "UPDATE t SET n = n + 1, x = randomblob(100 + abs(random() % 1500));";
static const char look[] = "SELECT count(DISTINCT n), count(*), max(n) FROM t;";
static const char check[] = "PRAGMA integrity_check;";

static sqlite3 *db;

static void failed(const char *why)
{
	printf("failed: %s\n", why);
	fflush(stdout);
	exit(1);
}

static void run(const char *sql)
{
	char *why = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &why))
		failed(why ? why : sqlite3_errmsg(db));
}

static int keep(void *to, int count, char **values, char **names)
{
	char(*kept)[32] = to;
	(void)names;
	for (int k = 0; k < count && k < 3; k++)
		snprintf(kept[k], sizeof kept[k], "%s", values[k] ? values[k] : "");
	return 0;
}

int main(void)
{
	char is[3][32] = { "" };
	if (sqlite3_open("data", &db))
		failed(sqlite3_errmsg(db));
	if (sqlite3_exec(db, check, keep, is, NULL) || strcmp(is[0], "ok") != 0)
		failed("integrity_check");
	char mode[64];
	snprintf(mode, sizeof mode, "PRAGMA journal_mode=%s;", arg_journal());
	run(mode);
	if (strcmp(arg_mode(), "write") == 0) {
		run(schema);
		run(rows);
	}
	if (sqlite3_exec(db, look, keep, is, NULL) || strcmp(is[0], "1") != 0 ||
	    strcmp(is[1], "50") != 0)
		failed("a part of a transaction");
	unsigned long n = strtoul(is[2], NULL, 10), last = arg_count() ? n + arg_count() : ~0ul;
	printf("state %lu\n", n);
	fflush(stdout);
	while (strcmp(arg_mode(), "write") == 0 && n < last) {
		run(change);
		printf("%lu\n", ++n);
		fflush(stdout);
	}
	sqlite3_close(db);
	return 0;
}
