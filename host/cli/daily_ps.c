/* SPDX-License-Identifier: ISC */
/* `ampoule ps`: a line an appliance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <cli/use.h>
#include <standby/roster.h>

/* "3 seconds", "5 minutes", "2 hours", "4 days": the largest unit of which there are two. */
static const char *since(int64_t when)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { 86400, "days" }, { 3600, "hours" }, { 60, "minutes" } };
	int64_t n = time(NULL) - when;
	for (unsigned i = 0; i < 3; i++)
		if (n >= 2 * units[i].seconds)
			return keep_format("%lld %s", (long long)(n / units[i].seconds),
			                   units[i].name);
	return keep_format("%lld second%s", (long long)(n < 0 ? 0 : n), n == 1 ? "" : "s");
}

static const char *status(const struct appliance *a)
{
	const char *health = appliance_text(a, "health_status");
	const char *more = *health ? keep_format(" (%s)", health) : "";
	int64_t restarts = appliance_number(a, "restarts", 0);
	if (restarts)
		more = keep_format("%s, restarted %lld times", more, (long long)restarts);
	if (!strcmp(a->status, "running"))
		return keep_format("up %s%s", since(appliance_time(a, "started")), more);
	if (!strcmp(a->status, "exited"))
		return keep_format("exited (%lld) %s ago",
		                   (long long)appliance_number(a, "exit", -1),
		                   since(appliance_time(a, "finished")));
	if (!strcmp(a->status, "restarting"))
		return keep_format("restarting (%lld)%s",
		                   (long long)appliance_number(a, "exit", -1), more);
	if (!strcmp(a->status, "lost"))
		return appliance_process(a, "tender").pid ? "lost, but its tender runs: rm"
		                                          : "lost: rm";
	return a->status;
}

static const char *ports(const struct appliance *a)
{
	struct text t = { 0 };
	size_t i;
	const json_t *port;
	text_add(&t, "%s", "");
	json_array_foreach(json_object_get(a->state, "ports"), i, port) text_add(
	        &t, "%s%s", i ? ", " : "", json_string_value(port) ? json_string_value(port) : "?");
	return t.s;
}

static const char *image(const struct appliance *a)
{
	const char *path = appliance_text(a, "image"), *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* ---- Standbys: what one appliance waits for ---- */

/* The file may change meanwhile: an entry is copied before it is looked at. */
static struct roster_entry standby(const struct roster *r, uint32_t i)
{
	struct roster_entry e = r->entries[i];
	e.name[sizeof e.name - 1] = e.image[sizeof e.image - 1] = 0;
	return e;
}

static const char *standby_status(const struct roster_entry *e)
{
	const char *failures = e->failures ? keep_format(", %u failed", e->failures) : "";
	return keep_format("%s %s, %u wake%s%s", roster_state_name(e->state),
	                   since(e->since / 1000000000), e->wakes, e->wakes == 1 ? "" : "s",
	                   failures);
}

static json_t *standbys_json(const struct appliance *a)
{
	struct roster r;
	json_t *list = json_array();
	if (!a->is_held || roster_read(&r, a->folder)) {
		json_decref(list);
		return NULL;
	}
	for (uint32_t i = 0; i < r.head->count; i++) {
		struct roster_entry e = standby(&r, i);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:i}", "name",
		                                      e.name, "image", e.image, "status",
		                                      roster_state_name(e.state), "wakes",
		                                      (json_int_t)e.wakes, "failures",
		                                      (json_int_t)e.failures, "pid", e.pid));
	}
	roster_close(&r);
	return list;
}

#define COLUMNS 5u

struct table {
	const char *(*rows)[COLUMNS];
	unsigned count, room;
};

static void add_row(struct table *t, const char *const row[COLUMNS])
{
	if (t->count == t->room) {
		const char *(*more)[COLUMNS] = keep_array(t->room = t->room * 2 + 16, sizeof *more);
		if (t->count)
			memcpy(more, t->rows, t->count * sizeof *more);
		t->rows = more;
	}
	memcpy(t->rows[t->count++], row, sizeof *t->rows);
}

static void add_standbys(struct table *t, const struct appliance *a)
{
	struct roster r;
	if (!a->is_held || roster_read(&r, a->folder))
		return;
	for (uint32_t i = 0; i < r.head->count; i++) {
		struct roster_entry e = standby(&r, i);
		const char *row[COLUMNS] = { "-", keep_format("%s/%s", a->name, e.name),
			                     keep_format("%s", e.image), standby_status(&e), "" };
		add_row(t, row);
	}
	roster_close(&r);
}

static void print_table(const struct appliance *const *items, unsigned appliances)
{
	size_t widths[COLUMNS] = { 0 };
	static const char *const heads[COLUMNS] = { "ID", "NAME", "IMAGE", "STATUS", "PORTS" };
	struct table t = { 0 };
	add_row(&t, heads);
	for (unsigned i = 0; i < appliances; i++) {
		const struct appliance *a = items[i];
		const char *row[COLUMNS] = { *a->id ? a->id : "-", a->name, image(a), status(a),
			                     ports(a) };
		add_row(&t, row);
		add_standbys(&t, a);
	}
	const char *(*rows)[COLUMNS] = t.rows;
	unsigned count = t.count - 1;
	for (unsigned i = 0; i <= count; i++)
		for (unsigned c = 0; c < COLUMNS; c++)
			if (strlen(rows[i][c]) > widths[c])
				widths[c] = strlen(rows[i][c]);
	for (unsigned i = 0; i <= count; i++)
		for (unsigned c = 0; c < COLUMNS; c++)
			printf("%-*s%s", c + 1 < COLUMNS ? (int)widths[c] : 0, rows[i][c],
			       c + 1 < COLUMNS ? "  " : "\n");
}

static void print_json(const struct appliance *const *items, unsigned count)
{
	json_t *list = json_array();
	struct use_table all = use_read();
	for (unsigned i = 0; i < count; i++) {
		json_t *o = json_copy(items[i]->state);
		json_object_set_new(o, "name", json_string(items[i]->name));
		json_object_set_new(o, "status", json_string(items[i]->status));
		json_t *standbys = standbys_json(items[i]);
		if (standbys)
			json_object_set_new(o, "standbys", standbys);
		if (items[i]->is_held) {
			struct use u =
			        use_of(&all, appliance_process(items[i], "supervisor").pid, true);
			json_object_set_new(o, "private_bytes",
			                    json_integer((json_int_t)u.private));
			json_object_set_new(o, "shared_bytes", json_integer((json_int_t)u.shared));
		}
		json_array_append_new(list, o);
	}
	json_dumpf(list, stdout, JSON_INDENT(2));
	putchar('\n');
}

int daily_ps(int argc, char **argv)
{
	static const char usage[] = "usage: ampoule ps [-a] [-q | --json] [--project NAME]\n\n"
	                            "Lists this user's appliances in the background, and what "
	                            "`ampoule standby` waits for.\n\n"
	                            "  -a, --all       also those that have ended, or were lost\n"
	                            "  -q, --quiet     ids only\n"
	                            "  --json          all that is known of each\n"
	                            "  --project NAME  those of `ampoule up` of this name only\n"
	                            "  -h, --help      this text\n";
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },  { "quiet", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' }, { "project", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' }, { 0 }
	};
	static struct shelf shelf;
	bool all = false, quiet = false, json = false;
	const char *project = NULL;
	unsigned count = 0;
	for (int c; (c = daily_option(argc, argv, ":aqh", options, usage)) != -1;) {
		all |= c == 'a';
		quiet |= c == 'q';
		json |= c == 'j';
		project = c == 'p' ? optarg : project;
	}
	if (optind < argc)
		die(AMP_EXIT_USAGE, "ps wants no argument, and got %s", argv[optind]);
	shelf_read(&shelf);
	const struct appliance **shown = keep_array(shelf.count + 1, sizeof *shown);
	for (unsigned i = 0; i < shelf.count; i++) {
		const struct appliance *a = &shelf.items[i];
		if ((all || a->is_held ||
		     (!strcmp(a->status, "lost") && appliance_process(a, "tender").pid)) &&
		    (!project || !strcmp(appliance_text(a, "project"), project)))
			shown[count++] = a;
	}
	if (json)
		print_json(shown, count);
	else if (!quiet)
		print_table(shown, count);
	for (unsigned i = 0; quiet && !json && i < count; i++)
		puts(*shown[i]->id ? shown[i]->id : shown[i]->name);
	return 0;
}

int daily_inspect(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	static struct shelf shelf;
	while (daily_option(argc, argv, ":", options, "") != -1)
		;
	if (argc - optind != 1)
		die(AMP_EXIT_USAGE, "name one image, or one appliance in the background");
	shelf_read(&shelf);
	const struct appliance *a = shelf_find(&shelf, argv[optind]);
	if (!a)
		return AMP_EXIT_USAGE;
	print_json(&a, 1);
	return 0;
}
