/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <builder/text.h>
#include <store/sql.h>

static const char *folder; /* the temporary one; null: there is none */

static void folder_remove(void)
{
	static const char *const names[] = { "database", "database-journal" };
	for (unsigned k = 0; folder && k < sizeof names / sizeof *names; k++)
		unlink(keep_format("%s/%s", folder, names[k]));
	if (folder)
		rmdir(folder);
	folder = NULL;
}

static int export(struct volume *v, int file, const char *name, struct defect *why)
{
	FILE *to = fopen(keep_format("%s/%s", folder, name), "w");
	if (!to)
		return defect_set(why, "no temporary file (in $TMPDIR): %s", strerror(errno));
	int failed = volume_dump(v, file, to, why);
	if (fclose(to) && !failed)
		failed = defect_set(why, "no room for a temporary file (in $TMPDIR): %s",
		                    strerror(errno));
	return failed;
}

/* Null with a defect. */
static sqlite3 *open_copy(struct volume *v, struct defect *why)
{
	const char *at = getenv("TMPDIR");
	char *made = keep_format("%s/ampoule-store-XXXXXX", at && *at ? at : "/var/tmp");
	sqlite3 *db = NULL;
	if (!mkdtemp(made)) {
		defect_set(why, "no temporary folder (in $TMPDIR): %s", strerror(errno));
		return NULL;
	}
	folder = made;
	atexit(folder_remove);
	if (export(v, AMP_VOLUME_FILE_DATABASE, "database", why) ||
	    (volume_is_amid(v) && export(v, AMP_VOLUME_FILE_JOURNAL, "database-journal", why)))
		return NULL;
	if (!sqlite3_open_v2(keep_format("%s/database", folder), &db, SQLITE_OPEN_READWRITE,
	                     NULL)) {
		/* A database may be forged: its schema then does nothing by itself. */
		sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
		return db;
	}
	defect_set(why, "%s: its database cannot be opened: %s", v->disk->path, sqlite3_errmsg(db));
	sqlite3_close(db);
	return NULL;
}

static int failed(struct volume *v, sqlite3 *db, struct defect *why)
{
	return defect_set(why, "%s: its database cannot be read: %s", v->disk->path,
	                  sqlite3_errmsg(db));
}

/* ---- Checking ---- */

struct told {
	void (*damage)(void *of, const char *what);
	void *of;
};

static int tell_row(void *of, int count, char **values, char **names)
{
	struct told *t = of;
	(void)names;
	if (!count || !values[0] || !strcmp(values[0], "ok"))
		return 0;
	/* A row may have several lines. */
	for (char *rest = values[0], *line; (line = strtok_r(rest, "\n", &rest)) != NULL;)
		t->damage(t->of, keep_format("the database: %s", line));
	return 0;
}

int sql_check(struct volume *v, void (*damage)(void *, const char *), void *of, struct defect *why)
{
	struct told t = { damage, of };
	sqlite3 *db = open_copy(v, why);
	if (!db)
		return -1;
	if (sqlite3_exec(db, "PRAGMA integrity_check", tell_row, &t, NULL))
		damage(of, keep_format("the database: %s", sqlite3_errmsg(db)));
	sqlite3_close(db);
	folder_remove();
	return 0;
}

/* ---- Dumping ---- */

/* Runs it, and prints the first column of each row. False: it does not run. */
static bool rows_print(sqlite3 *db, FILE *to, const char *sql)
{
	sqlite3_stmt *s;
	int step;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
		return false;
	while ((step = sqlite3_step(s)) == SQLITE_ROW)
		fprintf(to, "%s\n", (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	return step == SQLITE_DONE;
}

/* The statement whose rows are the INSERTs of a table. Null: no memory, or it has no columns. */
static char *inserts_of(sqlite3 *db, const char *table)
{
	sqlite3_stmt *s;
	char *columns = NULL;
	if (sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_info(?)", -1, &s, NULL))
		return NULL;
	sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
	while (sqlite3_step(s) == SQLITE_ROW) {
		char *more = sqlite3_mprintf("%s%squote(\"%w\")", columns ? columns : "",
		                             columns ? "||','||" : "",
		                             (const char *)sqlite3_column_text(s, 0));
		sqlite3_free(columns);
		columns = more;
	}
	sqlite3_finalize(s);
	char *head = sqlite3_mprintf("INSERT INTO \"%w\" VALUES(", table);
	char *sql = columns && head ? sqlite3_mprintf("SELECT %Q||%s||');' FROM \"%w\"", head,
	                                              columns, table)
	                            : NULL;
	sqlite3_free(columns);
	sqlite3_free(head);
	return sql;
}

static bool table_print(sqlite3 *db, FILE *to, const char *name, const char *sql)
{
	if (!strcmp(name, "sqlite_sequence"))
		fputs("DELETE FROM sqlite_sequence;\n", to);
	else if (!strncmp(name, "sqlite_stat", 11))
		fputs("ANALYZE sqlite_schema;\n", to);
	else if (!strncmp(name, "sqlite_", 7))
		return true;
	else
		fprintf(to, "%s;\n", sql);
	char *inserts = inserts_of(db, name);
	bool done = inserts && rows_print(db, to, inserts);
	sqlite3_free(inserts);
	return done;
}

/* As SQLite's own shell does: its contents are in tables of their own, which are dumped like others. */
static void virtual_print(FILE *to, const char *name, const char *sql, bool *writable)
{
	if (!*writable)
		fputs("PRAGMA writable_schema=ON;\n", to);
	*writable = true;
	char *line = sqlite3_mprintf(
	        "INSERT INTO "
	        "sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table',%Q,%Q,0,%Q);",
	        name, name, sql);
	fprintf(to, "%s\n", line ? line : "");
	sqlite3_free(line);
}

static bool tables_print(sqlite3 *db, FILE *to, bool *writable)
{
	sqlite3_stmt *s;
	int step;
	bool good = true;
	if (sqlite3_prepare_v2(db,
	                       "SELECT name, sql FROM sqlite_schema WHERE type='table' AND sql NOT "
	                       "NULL ORDER BY name='sqlite_sequence', rowid",
	                       -1, &s, NULL))
		return false;
	while (good && (step = sqlite3_step(s)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 0),
		           *sql = (const char *)sqlite3_column_text(s, 1);
		if (!strncasecmp(sql, "CREATE VIRTUAL TABLE", 20))
			virtual_print(to, name, sql, writable);
		else
			good = table_print(db, to, name, sql);
	}
	sqlite3_finalize(s);
	return good && step == SQLITE_DONE;
}

int sql_dump(struct volume *v, FILE *to, struct defect *why)
{
	sqlite3 *db = open_copy(v, why);
	bool writable = false;
	if (!db)
		return -1;
	fputs("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", to);
	bool done = tables_print(db, to, &writable) &&
	            rows_print(db, to,
	                       "SELECT sql||';' FROM sqlite_schema WHERE type IN "
	                       "('index','trigger','view') AND sql NOT NULL ORDER BY type='view' "
	                       "DESC, type, rowid");
	int result = done ? 0 : failed(v, db, why);
	fprintf(to, "%sCOMMIT;\n", writable ? "PRAGMA writable_schema=OFF;\n" : "");
	sqlite3_close(db);
	folder_remove();
	return result;
}
