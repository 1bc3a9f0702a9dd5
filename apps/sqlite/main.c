/* SPDX-License-Identifier: ISC */
/* A database on a block device: runs the SQL of the argument `sql`, and prints the rows that it
 * gives. Without one it notes that it was started, and lists its starts. */
#include <stdio.h>

#include <sqlite3.h>

#include "appliance.h"

static const char diary[] =
        "CREATE TABLE IF NOT EXISTS starts (number INTEGER PRIMARY KEY, at TEXT);"
        "INSERT INTO starts (at) VALUES (datetime());"
        "SELECT number, at FROM starts ORDER BY number DESC LIMIT 10;";

static int print_row(void *arg, int count, char **values, char **names)
{
	(void)arg;
	(void)names;
	for (int i = 0; i < count; i++)
		printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
	printf("\n");
	return 0;
}

int main(void)
{
	sqlite3 *db;
	int error = sqlite3_open("data", &db);

	if (!error)
		error = sqlite3_exec(db, *arg_sql() ? arg_sql() : diary, print_row, NULL, NULL);
	if (error)
		fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
	if (sqlite3_close(db) && !error) {
		fprintf(stderr, "sqlite: data could not be closed\n");
		error = SQLITE_IOERR;
	}
	return error ? 1 : 0;
}
