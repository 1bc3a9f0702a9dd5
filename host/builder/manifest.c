/* SPDX-License-Identifier: ISC */
/*
 * Reads and checks appliance.yaml. One function a key; each reports its own mistakes and goes on,
 * so that all of them come out in one go. Arguments are read first, since interfaces may name them,
 * and libraries before interfaces and compiled files, which need them.
 */
#include <dirent.h>
#include <errno.h>
#include <arpa/inet.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <builder/fields.h>
#include <builder/manifest.h>
#include <builder/sdk.h>
#include <builder/text.h>
#include <builder/value.h>
#include <tender/health_note.h>

#define NAME_RULE    "at most 31 of a-z 0-9 _ . -, the first a letter or digit"
#define FOLDER_DEPTH 32u /* folders in folders under `files` */

static const char *join(const char *folder, const char *path)
{
	return keep_format("%s/%s", folder, path);
}

static bool check_name(const struct input *in, const struct node *n, const char *what,
                       const char *name)
{
	if (value_is_name(name))
		return true;
	input_mistake(in, n, "%s: %s is no name; write %s", what, *name ? name : "\"\"", NAME_RULE);
	return false;
}

/* A path in the manifest: relative, clean. */
static bool check_path(const struct input *in, const struct node *n, const char *path)
{
	if (!*path)
		input_mistake(in, n, "an empty path: write the file's name");
	else if (*path == '/')
		input_mistake(in, n, "%s is absolute; write it relative to the manifest's folder",
		              path);
	else if (!text_is_clean(path, strlen(path)))
		input_mistake(in, n, "this path holds control characters: rename the file");
	else if (strlen(path) > 1000)
		input_mistake(in, n, "this path is longer than 1000 bytes: shorten it");
	else
		return true;
	return false;
}

/* ---- arguments ---- */

static void read_argument(const struct input *in, struct manifest *m, const struct node *n)
{
	enum { TYPE, DEFAULT, DYNAMIC, RENEWABLE, HELP, FIELDS };
	struct field f[FIELDS] = { [TYPE] = { "type", true },
		                   [DEFAULT] = { "default" },
		                   [DYNAMIC] = { "dynamic" },
		                   [RENEWABLE] = { "renewable" },
		                   [HELP] = { "help" } };
	struct manifest_arg *a = keep(sizeof *a);
	const char *s, *why;

	*a = (struct manifest_arg){ .name = n->key->text,
		                    .value = "",
		                    .help = "",
		                    .line = n->key->line,
		                    .column = n->key->column };
	bool named = check_name(in, n->key, "argument", a->name);
	for (unsigned i = 0; i < m->arg_count && named; i++)
		if (strcmp(m->args[i]->name, a->name) == 0)
			return; /* reported as a duplicate key */
	char *id = keep_text(a->name, strlen(a->name));
	for (char *c = id; *c; c++)
		if (*c == '-' || *c == '.')
			*c = '_';
	a->id = id;
	for (unsigned i = 0; i < m->arg_count && named; i++)
		if (strcmp(m->args[i]->id, id) == 0)
			input_mistake(in, n->key,
			              "argument %s: would be arg_%s() in C, as %s is; rename one",
			              a->name, id, m->args[i]->name);
	if (named)
		list_add(&m->args, &m->arg_count, a);
	if (!fields_take(in, n, keep_format("argument %s", a->name), f, FIELDS))
		return;
	if ((s = field_text(in, f[TYPE].value, "type")) != NULL) {
		a->type = value_type(s);
		if (!a->type) {
			const char *near = nearest(s, value_type_names, value_type_count);
			if (near)
				input_mistake(in, f[TYPE].value, "no type %s: did you mean %s?", s,
				              near);
			else
				input_mistake(in, f[TYPE].value,
				              "no type %s: there are u16, u32, bool, string, ipv4, "
				              "cidr, duration, size, secret, ip6, cidr6",
				              s);
		}
	}
	if (a->type == AMP_ARG_SECRET) {
		a->dynamic = true;
		if (f[DEFAULT].value)
			input_mistake(
			        in, f[DEFAULT].value,
			        "a secret has no default: `ampoule run --set %s=@FILE` gives it",
			        a->name);
		if (f[DYNAMIC].value)
			input_mistake(in, f[DYNAMIC].value, "a secret is always given at run time");
		f[DEFAULT].value = f[DYNAMIC].value = NULL;
	} else if (!f[DEFAULT].value) {
		input_mistake(in, n, "argument %s lacks default: add the line `default: ...`",
		              a->name);
	}
	if (f[DEFAULT].value && f[DEFAULT].value->kind == NODE_NULL && a->type == AMP_ARG_STRING)
		input_mistake(in, f[DEFAULT].value,
		              "default is empty: write \"\" for an empty string");
	else if ((s = field_text(in, f[DEFAULT].value, "default")) != NULL) {
		a->value = s;
		why = a->type ? value_parse(a->type, s, &a->number) : NULL;
		if (why)
			input_mistake(in, f[DEFAULT].value, "%s %s", *s ? s : "\"\"", why);
	}
	if (f[DYNAMIC].value)
		field_bool(in, f[DYNAMIC].value, "dynamic", &a->dynamic);
	if (f[RENEWABLE].value && a->type && a->type != AMP_ARG_SECRET)
		input_mistake(
		        in, f[RENEWABLE].value,
		        "only a secret is renewable: `ampoule secret` hands over new versions");
	else if (f[RENEWABLE].value)
		field_bool(in, f[RENEWABLE].value, "renewable", &a->renewable);
	if ((s = field_text(in, f[HELP].value, "help")) != NULL) {
		if (strlen(s) >= AMP_TEXT_MAX)
			input_mistake(in, f[HELP].value,
			              "help has %zu bytes; one line of at most %u fits", strlen(s),
			              AMP_TEXT_MAX - 1);
		else if (!text_is_clean(s, strlen(s)))
			input_mistake(in, f[HELP].value,
			              "help holds control characters: write one plain line");
		else
			a->help = s;
	}
}

static void read_arguments(const struct input *in, struct manifest *m, const struct node *n)
{
	if (!n)
		return;
	if (n->kind != NODE_MAP) {
		input_mistake(in, n,
		              "arguments is %s; write a map of NAME: {type: ..., default: ...}",
		              node_kind_name(n));
		return;
	}
	if (n->count > AMP_ARGS_MAX) {
		input_mistake(in, n, "%u arguments; at most %u fit", n->count, AMP_ARGS_MAX);
		return;
	}
	for (const struct node *a = n->first; a; a = a->next) {
		if (m->arg_count == AMP_ARGS_MAX) {
			input_mistake(in, a->key, "more than %u arguments, with those before",
			              AMP_ARGS_MAX);
			return;
		}
		read_argument(in, m, a);
	}
}

/* Is the argument of that name, if there is one, of this type? */
static bool argument_is(const struct manifest *m, const char *name, enum amp_arg_type type)
{
	for (unsigned i = 0; i < m->arg_count; i++)
		if (strcmp(m->args[i]->name, name) == 0)
			return m->args[i]->type == type;
	return false;
}

/* The index of the argument that $NAME names, or -1 with a mistake reported. */
static int find_argument(const struct input *in, const struct manifest *m, const struct node *n,
                         const char *name, enum amp_arg_type type)
{
	const char *names[AMP_ARGS_MAX];

	for (unsigned i = 0; i < m->arg_count; i++) {
		names[i] = m->args[i]->name;
		if (strcmp(names[i], name) != 0)
			continue;
		if (m->args[i]->type && m->args[i]->type != type)
			input_mistake(in, n, "$%s is of type %s; it must be %s here", name,
			              value_type_name(m->args[i]->type), value_type_name(type));
		return (int)i;
	}
	const char *near = nearest(name, names, m->arg_count);
	if (near)
		input_mistake(in, n, "no argument %s: did you mean $%s?", name, near);
	else
		input_mistake(in, n, "no argument %s: declare it under arguments with type %s",
		              name, value_type_name(type));
	return -1;
}

/* ---- libraries ---- */

/* What a library brings along, but for the manifest's `own`, which are the first. */
static void read_arguments_of(const struct library *l, struct manifest *m, unsigned own,
                              struct report *report)
{
	const struct input in = { l->shown, report };
	const struct node *all = l->arguments;

	for (const struct node *a = all && all->kind == NODE_MAP ? all->first : NULL; a;
	     a = a->next)
		for (unsigned i = own; i < m->arg_count; i++)
			if (strcmp(m->args[i]->name, a->key->text) == 0)
				input_mistake(&in, a->key,
				              "argument %s is another library's, too: the "
				              "manifest has to say which one it is",
				              a->key->text);
	read_arguments(&in, m, all);
}

static void read_libraries(const struct input *in, struct manifest *m, const struct node *n)
{
	const unsigned own = m->arg_count;

	if (!library_add(&m->libraries, "core", in->report))
		report_at(in->report, join(m->libraries.sdk, "os/core/library.yaml"), 0, 0,
		          "not there: the installation is incomplete");
	if (!field_list(in, n, "libraries"))
		return;
	for (const struct node *l = n->first; l; l = l->next) {
		const char *s = field_text(in, l, "a library's name");
		if (!s)
			continue;
		for (const struct node *o = n->first; o != l; o = o->next)
			if (o->kind == NODE_TEXT && strcmp(o->text, s) == 0) {
				input_mistake(in, l, "library %s is named twice: keep one", s);
				s = NULL;
				break;
			}
		const struct library *added = s ? library_add(&m->libraries, s, in->report) : NULL;
		if (s && !added)
			added = library_add_folder(&m->libraries, in, l, m->folder, s);
		if (added)
			read_arguments_of(added, m, own, in->report);
		if (!s || added)
			continue;
		if (strpbrk(s, "./") && !strchr("/.", *s) ? access(join(m->folder, s), F_OK) == 0
		                                          : strchr("/.", *s) != NULL) {
			input_mistake(in, l,
			              "no library %s: that folder of one's own must hold a "
			              "library.yaml",
			              s);
			continue;
		}
		library_read_known(&m->libraries);
		const char *near = nearest(s, m->libraries.known, m->libraries.known_count);
		if (near)
			input_mistake(in, l, "no library %s: did you mean %s?", s, near);
		else
			input_mistake(in, l, "no library %s: there are %s", s,
			              library_known_text(&m->libraries));
	}
	if (m->libraries.count > AMP_LIBRARIES_MAX)
		input_mistake(in, n, "%u libraries with what they require; at most %u fit",
		              m->libraries.count, AMP_LIBRARIES_MAX);
}

/* Two libraries may be over the same archive. */
static void add_archives(struct manifest *m, struct archive *const *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned k = 0;

		while (k < m->archive_count && strcmp(m->archives[k]->path, list[i]->path) != 0)
			k++;
		if (k == m->archive_count)
			list_add(&m->archives, &m->archive_count, list[i]);
		else
			m->archives[k]->threads_fail |= list[i]->threads_fail;
	}
}

static void collect_archives(struct manifest *m)
{
	add_archives(m, m->foreign.archives, m->foreign.archive_count);
	for (unsigned i = 0; i < m->libraries.count; i++) {
		const struct library *l = m->libraries.list[i];

		add_archives(m, l->archives, l->archive_count);
		add_archives(m, l->foreign.archives, l->foreign.archive_count);
	}
}

/* ---- sources ---- */

static const char *other_language(const char *path)
{
	static const struct {
		const char *ending, *language;
	} known[] = { { ".cc", "C++" },
		      { ".cpp", "C++" },
		      { ".cxx", "C++" },
		      { ".c++", "C++" },
		      { ".C", "C++" },
		      { ".hpp", "C++" },
		      { ".hh", "C++" },
		      { ".rs", "Rust" },
		      { ".go", "Go" },
		      { ".zig", "Zig" },
		      { ".d", "D" },
		      { ".m", "Objective-C" },
		      { ".py", "Python" },
		      { ".js", "JavaScript" },
		      { ".ts", "TypeScript" },
		      { ".ml", "OCaml" },
		      { ".hs", "Haskell" },
		      { ".swift", "Swift" },
		      { ".java", "Java" },
		      { ".s", "assembly" },
		      { ".S", "assembly" },
		      { ".asm", "assembly" },
		      { ".h", "a header, which sources include" } };

	for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
		if (text_ends(path, known[i].ending))
			return known[i].language;
	return NULL;
}

static void add_source(const struct input *in, struct manifest *m, const struct node *n,
                       const char *path, bool from_glob)
{
	size_t size = strlen(path);
	struct stat st;

	if (size < 3 || strcmp(path + size - 2, ".c") != 0) {
		const char *language = other_language(path);

		if (language)
			input_mistake(
			        in, n,
			        "%s is %s: appliances are written in C; give C files here, that "
			        "end in .c",
			        path, language);
		else
			input_mistake(in, n, "%s is no C file: sources end in .c", path);
		return;
	}
	if (from_glob && stat(join(m->folder, path), &st) == 0 && S_ISDIR(st.st_mode))
		return;
	if (stat(join(m->folder, path), &st) < 0 || !S_ISREG(st.st_mode) ||
	    access(join(m->folder, path), R_OK) < 0) {
		input_mistake(in, n, "%s: no such file in %s", path, m->folder);
		return;
	}
	for (unsigned i = 0; i < m->source_count; i++)
		if (strcmp(m->sources[i], path) == 0) {
			if (!from_glob)
				input_mistake(in, n, "%s is named twice: keep one", path);
			return;
		}
	list_add(&m->sources, &m->source_count, keep_text(path, size));
}

static void read_glob(const struct input *in, struct manifest *m, const struct node *n,
                      const char *pattern)
{
	struct text whole = { 0 };
	glob_t g;

	/* The folder's own name is no pattern. */
	for (const char *c = m->folder; *c; c++)
		text_add(&whole, strchr("*?[]\\", *c) ? "\\%c" : "%c", *c);
	text_add(&whole, "/%s", pattern);
	int e = glob(whole.s, 0, NULL, &g);
	if (e == GLOB_NOMATCH || (e == 0 && g.gl_pathc == 0))
		input_mistake(in, n, "%s matches no file in %s", pattern, m->folder);
	else if (e)
		input_mistake(in, n, "%s cannot be looked up: %s", pattern, strerror(errno));
	else
		for (size_t i = 0; i < g.gl_pathc; i++)
			add_source(in, m, n, g.gl_pathv[i] + strlen(m->folder) + 1, true);
	if (e == 0)
		globfree(&g);
}

static void read_sources(const struct input *in, struct manifest *m, const struct node *n)
{
	if (!field_list(in, n, "sources"))
		return;
	if (n->count == 0)
		input_mistake(in, n, "sources is empty: write [main.c]");
	for (const struct node *s = n->first; s; s = s->next) {
		const char *path = field_text(in, s, "a source");

		if (!path || !check_path(in, s, path))
			continue;
		if (strpbrk(path, "*?["))
			read_glob(in, m, s, path);
		else
			add_source(in, m, s, path, false);
	}
}

/* ---- memory, tasks, cpu ---- */

static void read_memory(const struct input *in, struct manifest *m, const struct node *n)
{
	enum { MIN, DEFAULT, FIELDS };
	struct field f[FIELDS] = { [MIN] = { "min" }, [DEFAULT] = { "default" } };
	const uint64_t low = MANIFEST_MEMORY_LOW, high = MANIFEST_MEMORY_HIGH;

	if (!n)
		return;
	if (n->kind != NODE_MAP) {
		if (field_size(in, n, "memory", low, high, &m->memory_default))
			m->memory_min = m->memory_default;
		return;
	}
	fields_take(in, n, "memory", f, FIELDS);
	bool min = field_size(in, f[MIN].value, "min", low, high, &m->memory_min);
	bool def = field_size(in, f[DEFAULT].value, "default", low, high, &m->memory_default);
	if (min && !f[DEFAULT].value && m->memory_default < m->memory_min)
		m->memory_default = m->memory_min;
	if (def && !f[MIN].value)
		m->memory_min = m->memory_default;
	if (min && def && m->memory_min > m->memory_default)
		input_mistake(in, f[DEFAULT].value, "default: %s is less than min: %s; raise it",
		              f[DEFAULT].value->text, f[MIN].value->text);
}

static void read_cpu(const struct input *in, struct manifest *m, const struct node *n)
{
	static const char *const levels[] = { "x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4" };
	const char *s = field_text(in, n, "cpu");

	if (!s)
		return;
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(s, levels[i]) == 0) {
			m->cpu_level = i + 1;
			return;
		}
	input_mistake(in, n, "no cpu %s: there are x86-64, x86-64-v2, x86-64-v3, x86-64-v4", s);
}

/* ---- interfaces ---- */

/* Entries of a device's rings. */
static uint32_t ring_size(const struct input *in, const struct node *n, uint32_t by_default)
{
	uint64_t number, up = 64;
	if (!field_number(in, n, "ring", 64, 32768, &number))
		return by_default;
	while (up < number)
		up *= 2;
	if (up != number)
		input_mistake(in, n, "ring: %llu is no power of two; write %llu",
		              (unsigned long long)number, (unsigned long long)up);
	return (uint32_t)number;
}

/* May a host have this address on a network of this prefix? */
static bool check_host(const struct input *in, const struct node *n, const char *key, const char *s,
                       uint32_t address, uint8_t prefix)
{
	uint32_t host = prefix ? (uint32_t)((1ull << (32 - prefix)) - 1) : UINT32_MAX;
	uint8_t top = (uint8_t)(address >> 24);

	if (top == 0 || top == 127 || (top >= 224 && top < 240) || address == UINT32_MAX)
		input_mistake(in, n, "%s: no host may have %s; write one of its own", key, s);
	else if (prefix == 0)
		input_mistake(in, n, "%s: %s: a prefix of 0 takes in every host; write 1 to 32",
		              key, s);
	else if (prefix < 31 && ((address & host) == 0 || (address & host) == host))
		input_mistake(in, n, "%s: %s is its network's %s address; write a host's", key, s,
		              address & host ? "broadcast" : "own");
	else
		return true;
	return false;
}

/* ---- IPv6: what has a colon, or is an argument of its types ---- */

static bool is_six(const struct manifest *m, const char *s)
{
	if (*s == '$')
		return argument_is(m, s + 1, AMP_ARG_CIDR6) || argument_is(m, s + 1, AMP_ARG_IP6);
	return strchr(s, ':');
}

/* May a host have it, or a link be reached by it? */
static bool six_host(const uint8_t a[16])
{
	static const uint8_t none[15];
	return a[0] != 0xff && !(memcmp(a, none, 15) == 0 && a[15] <= 1);
}

/* ADDRESS/LEN, or without /LEN for type AMP_ARG_IP6; or an argument of that type. False: a mistake, or an argument. */
static bool read_six(const struct input *in, const struct manifest *m, const struct node *n,
                     const char *key, const char *s, enum amp_arg_type type,
                     struct manifest_network *to)
{
	char copy[INET6_ADDRSTRLEN];
	uint64_t number;
	const char *why;

	*to = (struct manifest_network){ .arg = -1 };
	if (*s == '$') {
		to->arg = find_argument(in, m, n, s + 1, type);
		return false;
	}
	if ((why = value_parse(type, s, &number)) != NULL) {
		input_mistake(in, n, "%s: %s %s", key, s, why);
		return false;
	}
	snprintf(copy, sizeof copy, "%.*s", (int)strcspn(s, "/"), s);
	inet_pton(AF_INET6, copy, to->six);
	if (strchr(s, '/'))
		to->prefix = (uint8_t)atoi(strchr(s, '/') + 1);
	return true;
}

static void add_six_address(const struct input *in, const struct manifest *m,
                            struct manifest_interface *i, const struct node *n, const char *key,
                            const char *s)
{
	struct manifest_network *a = keep(sizeof *a);

	if (read_six(in, m, n, key, s, AMP_ARG_CIDR6, a)) {
		if (!six_host(a->six))
			input_mistake(in, n, "%s: no host may have %s; write one of its own", key,
			              s);
		else if (a->prefix < 16)
			input_mistake(in, n,
			              "%s: %s: a network of %u bits is too wide; write 16 to 128",
			              key, s, a->prefix);
		for (unsigned k = 0; k < i->six_address_count; k++)
			if (i->six_addresses[k]->arg < 0 &&
			    memcmp(i->six_addresses[k]->six, a->six, 16) == 0)
				input_mistake(in, n, "%s: %s is there twice; take one out", key, s);
	}
	list_add(&i->six_addresses, &i->six_address_count, a);
}

static void read_address(const struct input *in, const struct manifest *m,
                         struct manifest_interface *i, const struct node *n)
{
	const char *s = field_text(in, n, "address"), *why;
	uint64_t number;

	if (!s)
		return;
	if (strcmp(s, "auto") == 0)
		return;
	i->automatic = false;
	if (strcmp(s, "dhcp") == 0)
		return;
	i->dhcp = false;
	if (strcmp(s, "none") == 0 || is_six(m, s)) {
		i->no_ip4 = true;
		if (strcmp(s, "none") != 0)
			add_six_address(in, m, i, n, "address", s);
		return;
	}
	if (*s == '$') {
		i->address_arg = find_argument(in, m, n, s + 1, AMP_ARG_CIDR);
		return;
	}
	if ((why = value_parse(AMP_ARG_CIDR, s, &number)) != NULL) {
		input_mistake(
		        in, n,
		        "address: %s is neither auto, dhcp nor none, nor A.B.C.D/LEN "
		        "(192.0.2.1/24), nor an IPv6 address (\"2001:db8::1/64\"), nor $ARGUMENT",
		        s);
		return;
	}
	i->prefix = (uint8_t)number;
	i->address = (uint32_t)(number >> 8);
	check_host(in, n, "address", s, i->address, i->prefix);
}

static void read_gateway(const struct input *in, const struct manifest *m,
                         struct manifest_interface *i, const struct node *n)
{
	const char *s = field_text(in, n, "gateway");
	uint64_t number;

	if (!s)
		return;
	if (i->dhcp)
		input_mistake(in, n,
		              "gateway: comes with the address; take it out, or give a static "
		              "address");
	if (*s == '$') {
		i->gateway_arg = find_argument(in, m, n, s + 1, AMP_ARG_IPV4);
		return;
	}
	if (value_parse(AMP_ARG_IPV4, s, &number) != NULL) {
		input_mistake(in, n, "gateway: %s is neither A.B.C.D (192.0.2.1) nor $ARGUMENT", s);
		return;
	}
	i->gateway = (uint32_t)number;
	/* A prefix of 32 has no network: its gateway is a neighbour all the same. */
	if (i->gateway && i->prefix && i->prefix < 32 &&
	    (i->gateway ^ i->address) >> (32 - i->prefix))
		input_mistake(
		        in, n,
		        "gateway: %s is not within %s/%u, so it cannot be reached; correct one", s,
		        value_ipv4_text(i->address), i->prefix);
	else if (i->gateway && i->prefix && i->gateway == i->address)
		input_mistake(in, n, "gateway: %s is the interface's own address; correct one", s);
}

/* A.B.C.D/LEN or $ARG; what it stands for is checked by the caller. False: a mistake, or an argument. */
static bool read_network(const struct input *in, const struct manifest *m, const struct node *n,
                         const char *key, const char *s, struct manifest_network *to)
{
	uint64_t number;

	*to = (struct manifest_network){ .arg = -1 };
	if (*s == '$') {
		to->arg = find_argument(in, m, n, s + 1, AMP_ARG_CIDR);
		return false;
	}
	if (value_parse(AMP_ARG_CIDR, s, &number) != NULL) {
		input_mistake(in, n, "%s: %s is neither A.B.C.D/LEN (192.0.2.1/24) nor $ARGUMENT",
		              key, s);
		return false;
	}
	to->prefix = (uint8_t)number;
	to->address = (uint32_t)(number >> 8);
	return true;
}

/* False: it is absent, no list, or too long. */
static bool networks_list(const struct input *in, const struct node *n, const char *key)
{
	if (!n || !field_list(in, n, key))
		return false;
	if (n->count <= MANIFEST_NETWORKS_MAX)
		return true;
	input_mistake(in, n, "%u %s; at most %u fit", n->count, key, MANIFEST_NETWORKS_MAX);
	return false;
}

static void read_addresses(const struct input *in, const struct manifest *m,
                           struct manifest_interface *i, const struct node *n)
{
	if (!networks_list(in, n, "addresses"))
		return;
	for (const struct node *at = n->first; at; at = at->next) {
		struct manifest_network *a = keep(sizeof *a);
		const char *s = field_text(in, at, "addresses");
		if (!s)
			continue;
		if (strcmp(s, "auto") == 0) {
			i->six_automatic = true;
			continue;
		}
		if (strcmp(s, "dhcp") == 0) {
			if (!i->dhcp)
				input_mistake(in, at,
				              "addresses: dhcp, but `address` names another one; "
				              "take one out");
			i->automatic = false;
			continue;
		}
		if (is_six(m, s)) {
			add_six_address(in, m, i, at, "addresses", s);
			continue;
		}
		if (i->no_ip4)
			input_mistake(in, at,
			              "addresses: %s is IPv4's, of which `address` says none: "
			              "write it as `address`",
			              s);
		if (read_network(in, m, at, "addresses", s, a) &&
		    check_host(in, at, "addresses", s, a->address, a->prefix)) {
			bool twice = a->address == i->address;
			for (unsigned k = 0; k < i->address_count; k++)
				twice |= i->addresses[k]->address == a->address;
			if (twice)
				input_mistake(in, at, "addresses: %s is there twice; take one out",
				              value_ipv4_text(a->address));
		}
		list_add(&i->addresses, &i->address_count, a);
	}
}

static void read_route(const struct input *in, const struct manifest *m,
                       struct manifest_interface *i, const struct node *n)
{
	enum { TO, GATEWAY, FIELDS };
	struct field f[FIELDS] = { [TO] = { "to", true }, [GATEWAY] = { "gateway", true } };
	struct manifest_route *r = keep(sizeof *r);
	uint64_t number;
	const char *s;

	*r = (struct manifest_route){ .to = { .arg = -1 }, .gateway_arg = -1 };
	if (!fields_take(in, n, "a route", f, FIELDS))
		return;
	if ((s = field_text(in, f[TO].value, "to")) != NULL && is_six(m, s)) {
		if (read_six(in, m, f[TO].value, "to", s, AMP_ARG_CIDR6, &r->to) &&
		    r->to.six[0] == 0xff)
			input_mistake(in, f[TO].value, "to: %s: groups need no route", s);
		s = field_text(in, f[GATEWAY].value, "gateway");
		if (s &&
		    read_six(in, m, f[GATEWAY].value, "gateway", s, AMP_ARG_IP6, &r->gateway6) &&
		    !six_host(r->gateway6.six))
			input_mistake(in, f[GATEWAY].value,
			              "gateway: no host may have %s; write a router's address", s);
		if (!i->six_automatic && !i->six_address_count)
			input_mistake(in, n,
			              "a route of IPv6, but no address: add one to `addresses`, or "
			              "`auto`");
		list_add(&i->six_routes, &i->six_route_count, r);
		return;
	}
	if ((s = field_text(in, f[TO].value, "to")) != NULL &&
	    read_network(in, m, f[TO].value, "to", s, &r->to)) {
		uint32_t mask = r->to.prefix ? UINT32_MAX << (32 - r->to.prefix) : 0;
		if (r->to.address & ~mask)
			input_mistake(in, f[TO].value,
			              "to: %s is a host of its network; write %s/%u", s,
			              value_ipv4_text(r->to.address & mask), r->to.prefix);
	}
	if ((s = field_text(in, f[GATEWAY].value, "gateway")) != NULL) {
		if (*s == '$')
			r->gateway_arg =
			        find_argument(in, m, f[GATEWAY].value, s + 1, AMP_ARG_IPV4);
		else if (value_parse(AMP_ARG_IPV4, s, &number) != NULL || number == 0)
			input_mistake(in, f[GATEWAY].value,
			              "gateway: %s is neither A.B.C.D (192.0.2.1) nor $ARGUMENT",
			              s);
		else if (check_host(in, f[GATEWAY].value, "gateway", s, (uint32_t)number, 32))
			r->gateway = (uint32_t)number;
	}
	list_add(&i->routes, &i->route_count, r);
}

static void read_interface(const struct input *in, struct manifest *m, const struct node *n)
{
	enum {
		NAME,
		ADDRESS,
		ADDRESSES,
		GATEWAY,
		ROUTES,
		TEMPORARY,
		OPTIONAL,
		RING,
		FRAMES,
		FIELDS
	};
	struct field f[FIELDS] = { [NAME] = { "name" },           [ADDRESS] = { "address" },
		                   [ADDRESSES] = { "addresses" }, [GATEWAY] = { "gateway" },
		                   [ROUTES] = { "routes" },       [TEMPORARY] = { "temporary" },
		                   [OPTIONAL] = { "optional" },   [RING] = { "ring" },
		                   [FRAMES] = { "frames" } };
	struct manifest_interface *i = keep(sizeof *i);
	uint64_t number;
	const char *s;

	*i = (struct manifest_interface){ .name = keep_format("net%u", m->interface_count),
		                          .dhcp = true,
		                          .automatic = true,
		                          .address_arg = -1,
		                          .gateway_arg = -1,
		                          .ring = 1024 };
	if (fields_take(in, n, "an interface", f, FIELDS)) {
		if ((s = field_text(in, f[NAME].value, "name")) != NULL &&
		    check_name(in, f[NAME].value, "name", s))
			i->name = s;
		for (unsigned k = 0; k < m->interface_count; k++)
			if (strcmp(m->interfaces[k]->name, i->name) == 0)
				input_mistake(in, f[NAME].value ? f[NAME].value : n,
				              "a second interface %s: give each its own name",
				              i->name);
		read_address(in, m, i, f[ADDRESS].value);
		read_gateway(in, m, i, f[GATEWAY].value);
		read_addresses(in, m, i, f[ADDRESSES].value);
		if (networks_list(in, f[ROUTES].value, "routes"))
			for (const struct node *r = f[ROUTES].value->first; r; r = r->next)
				read_route(in, m, i, r);
		field_bool(in, f[TEMPORARY].value, "temporary", &i->six_temporary);
		if (i->six_temporary && !i->six_automatic)
			input_mistake(in, f[TEMPORARY].value,
			              "temporary: is of addresses that routers name: add `auto` to "
			              "`addresses`");
		if (i->no_ip4 && !i->six_automatic && !i->six_address_count)
			input_mistake(in, f[ADDRESS].value,
			              "address: none, and no IPv6 either: add `auto` or an address "
			              "to `addresses`");
		if (i->no_ip4 && f[GATEWAY].value)
			input_mistake(in, f[GATEWAY].value,
			              "gateway: is IPv4's: for IPv6 write a route to \"::/0\"");
		field_bool(in, f[OPTIONAL].value, "optional", &i->optional);
		i->ring = ring_size(in, f[RING].value, 1024);
		i->frames = 4 * i->ring;
		if (field_number(in, f[FRAMES].value, "frames", 64, 262144, &number))
			i->frames = (uint32_t)number;
	}
	list_add(&m->interfaces, &m->interface_count, i);
}

static void read_interfaces(const struct input *in, struct manifest *m, const struct node *n)
{
	if (!n)
		return;
	if (!field_list(in, n, "interfaces"))
		return;
	if (n->count > AMP_DEVICES_MAX) {
		input_mistake(in, n, "%u interfaces; at most %u fit", n->count, AMP_DEVICES_MAX);
		return;
	}
	if (n->count && !library_find(&m->libraries, "net"))
		input_mistake(in, n->key, "interfaces need library net: add it to libraries");
	for (const struct node *i = n->first; i; i = i->next)
		read_interface(in, m, i);
}

/* ---- block devices ---- */

static bool device_name_taken(const struct manifest *m, const char *name)
{
	for (unsigned k = 0; k < m->interface_count; k++)
		if (strcmp(m->interfaces[k]->name, name) == 0)
			return true;
	for (unsigned k = 0; k < m->block_count; k++)
		if (strcmp(m->blocks[k]->name, name) == 0)
			return true;
	return false;
}

static void read_block(const struct input *in, struct manifest *m, const struct node *n)
{
	enum { NAME, SIZE, READ_ONLY, OPTIONAL, FORMAT, RING, FIELDS };
	struct field f[FIELDS] = {
		[NAME] = { "name" },         [SIZE] = { "size" },     [READ_ONLY] = { "read-only" },
		[OPTIONAL] = { "optional" }, [FORMAT] = { "format" }, [RING] = { "ring" }
	};
	struct manifest_block *b = keep(sizeof *b);
	const char *s;

	*b = (struct manifest_block){ .name = keep_format("block%u", m->block_count),
		                      .format = "" };
	if (fields_take(in, n, "a block device", f, FIELDS)) {
		if ((s = field_text(in, f[NAME].value, "name")) != NULL &&
		    check_name(in, f[NAME].value, "name", s))
			b->name = s;
		if (device_name_taken(m, b->name))
			input_mistake(in, f[NAME].value ? f[NAME].value : n,
			              "a second device %s: give each its own name", b->name);
		if ((s = field_text(in, f[SIZE].value, "size")) != NULL) {
			const char *why = value_parse(AMP_ARG_SIZE, s, &b->size);
			if (why)
				input_mistake(in, f[SIZE].value, "size: %s %s", s, why);
			else if (b->size % 512)
				input_mistake(
				        in, f[SIZE].value,
				        "size: %s is no multiple of a sector (512); write %llu", s,
				        (unsigned long long)(b->size / 512 + 1) * 512);
		}
		field_bool(in, f[READ_ONLY].value, "read-only", &b->read_only);
		field_bool(in, f[OPTIONAL].value, "optional", &b->optional);
		b->ring = ring_size(in, f[RING].value, 64);
		if ((s = field_text(in, f[FORMAT].value, "format")) != NULL) {
			if (strlen(s) < AMP_FORMAT_MAX && value_is_name(s))
				b->format = s;
			else
				input_mistake(in, f[FORMAT].value,
				              "format: %s is none; write btree, fat, sqlite, or a "
				              "name of "
				              "your own of at "
				              "most %u bytes",
				              s, AMP_FORMAT_MAX - 1);
		}
	}
	list_add(&m->blocks, &m->block_count, b);
}

static void read_blocks(const struct input *in, struct manifest *m, const struct node *n)
{
	if (!n || !field_list(in, n, "blocks"))
		return;
	if (n->count + m->interface_count > AMP_DEVICES_MAX) {
		input_mistake(in, n, "%u devices; at most %u fit", n->count + m->interface_count,
		              AMP_DEVICES_MAX);
		return;
	}
	if (n->count && !library_find(&m->libraries, "store"))
		input_mistake(in, n->key, "block devices need library store: add it to libraries");
	for (const struct node *i = n->first; i; i = i->next)
		read_block(in, m, i);
}

/* ---- resolvers ---- */

static void read_resolver(const struct input *in, struct manifest *m, const struct node *n)
{
	const char *s = field_text(in, n, "a resolver");
	struct manifest_resolver *r = keep(sizeof *r);
	uint64_t number;

	*r = (struct manifest_resolver){ .arg = -1 };
	if (!s)
		return;
	if (*s == '$' && is_six(m, s)) {
		r->arg = find_argument(in, m, n, s + 1, AMP_ARG_IP6);
	} else if (*s == '$') {
		r->arg = find_argument(in, m, n, s + 1, AMP_ARG_IPV4);
		if (r->arg < 0)
			return;
	} else if (is_six(m, s)) {
		struct manifest_network six;
		if (!read_six(in, m, n, "resolvers", s, AMP_ARG_IP6, &six))
			return;
		if (!six_host(six.six)) {
			input_mistake(in, n,
			              "resolvers: no host may have %s; write a server's address",
			              s);
			return;
		}
		memcpy(r->address, six.six, 16);
	} else if (value_parse(AMP_ARG_IPV4, s, &number) != NULL) {
		input_mistake(
		        in, n,
		        "resolvers: %s is neither A.B.C.D (192.0.2.1), nor an IPv6 address, nor "
		        "$ARGUMENT",
		        s);
		return;
	} else {
		uint8_t top = (uint8_t)(number >> 24);
		r->address[10] = r->address[11] = 0xff;
		for (unsigned k = 0; k < 4; k++)
			r->address[12 + k] = (uint8_t)(number >> (24 - 8 * k));
		if (top == 0 || top == 127 || top >= 224) {
			input_mistake(in, n,
			              "resolvers: no host may have %s; write a server's address",
			              s);
			return;
		}
	}
	for (unsigned k = 0; k < m->resolver_count; k++)
		if (m->resolvers[k]->arg == r->arg &&
		    memcmp(m->resolvers[k]->address, r->address, 16) == 0) {
			input_mistake(in, n, "resolvers: %s is named twice: keep one", s);
			return;
		}
	list_add(&m->resolvers, &m->resolver_count, r);
}

static void read_resolvers(const struct input *in, struct manifest *m, const struct node *n)
{
	if (!n || !field_list(in, n, "resolvers"))
		return;
	if (n->count > MANIFEST_RESOLVERS_MAX) {
		input_mistake(in, n, "%u resolvers; at most %u are asked", n->count,
		              MANIFEST_RESOLVERS_MAX);
		return;
	}
	if (n->count && !library_find(&m->libraries, "net"))
		input_mistake(in, n->key, "resolvers need library net: add it to libraries");
	for (const struct node *r = n->first; r; r = r->next)
		read_resolver(in, m, r);
}

/* ---- files ---- */

/* The name under which file_find() finds it: no component may be empty, . or .., so that it is one
 * spelling. */
static const char *file_name_flaw(const char *name)
{
	const char *p = name;

	if (!*name)
		return "is empty";
	if (!text_is_clean(name, strlen(name)))
		return "holds control characters";
	if (strlen(name) > 255)
		return "is longer than 255 bytes";
	for (;;) {
		size_t n = strcspn(p, "/");
		if (n == 0)
			return *name == '/' ? "begins with /" : "has an empty part";
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return "has a part . or ..";
		p += n;
		if (!*p)
			return NULL;
		p++;
	}
}

static void add_file(const struct input *in, struct manifest *m, const struct node *n,
                     const char *name, const char *path, uint64_t size)
{
	struct manifest_file *f = keep(sizeof *f);
	const char *flaw = file_name_flaw(name);

	if (flaw) {
		input_mistake(in, n, "%s %s: give it another name: {name: ..., from: ...}",
		              *name ? name : "the name", flaw);
		return;
	}
	if (m->file_count == MANIFEST_FILES_MAX)
		input_mistake(in, n, "more than %u files: pack them into one", MANIFEST_FILES_MAX);
	if (m->file_count > MANIFEST_FILES_MAX)
		return;
	*f = (struct manifest_file){ keep_text(name, strlen(name)), path, size, n->line,
		                     n->column };
	list_add(&m->files, &m->file_count, f);
}

/* A folder being read, and the ones that it lies in. */
struct folder {
	const struct folder *above;
	dev_t device;
	ino_t inode;
	unsigned depth;
};

static void add_folder(const struct input *in, struct manifest *m, const struct node *n,
                       const char *name, const char *path, const struct stat *is,
                       const struct folder *above)
{
	const struct folder here = { above, is->st_dev, is->st_ino, above ? above->depth + 1 : 0 };
	struct dirent **entries;

	/* At its first turn: two links in one folder double the paths with each level. */
	for (const struct folder *f = above; f; f = f->above)
		if (f->device == here.device && f->inode == here.inode) {
			input_mistake(in, n, "%s: a link in a circle: remove it", path);
			return;
		}
	if (here.depth > FOLDER_DEPTH) {
		input_mistake(in, n, "%s: more than %u folders deep", path, FOLDER_DEPTH);
		return;
	}
	int count = scandir(path, &entries, NULL, alphasort);
	if (count < 0) {
		input_mistake(in, n, "%s: %s", path, strerror(errno));
		return;
	}
	for (int i = 0; i < count; i++) {
		const char *entry = entries[i]->d_name, *below = join(path, entry),
		           *as = join(name, entry);
		struct stat st;

		/* Our own work folder is never meant. */
		if (strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0 ||
		    strcmp(entry, ".ampoule") == 0)
			;
		else if (stat(below, &st) < 0)
			input_mistake(in, n, "%s: %s", below, strerror(errno));
		else if (S_ISDIR(st.st_mode))
			add_folder(in, m, n, as, below, &st, &here);
		else if (!S_ISREG(st.st_mode))
			input_mistake(in, n, "%s is neither file nor folder: move it away", below);
		else if (access(below, R_OK) < 0)
			input_mistake(in, n, "%s: %s", below, strerror(errno));
		else if (m->file_count <= MANIFEST_FILES_MAX)
			add_file(in, m, n, as, below, (uint64_t)st.st_size);
		free(entries[i]);
	}
	free(entries);
}

static void read_file(const struct input *in, struct manifest *m, const struct node *n)
{
	enum { NAME, FROM, FIELDS };
	struct field f[FIELDS] = { [NAME] = { "name", true }, [FROM] = { "from", true } };
	const struct node *at = n;
	const char *name, *from;
	struct stat st;

	if (n->kind == NODE_MAP) {
		fields_take(in, n, "a file", f, FIELDS);
		name = field_text(in, f[NAME].value, "name");
		from = field_text(in, f[FROM].value, "from");
		at = f[FROM].value ? f[FROM].value : n;
	} else {
		name = from = field_text(in, n, "a file");
	}
	if (!name || !from || !check_path(in, at, from))
		return;
	/* www/ and www are the same folder. */
	char *trimmed = keep_text(name, strlen(name));
	for (size_t z = strlen(trimmed); z > 1 && trimmed[z - 1] == '/'; z--)
		trimmed[z - 1] = 0;
	const char *path = join(m->folder, from);
	if (stat(path, &st) < 0)
		input_mistake(in, at, "%s: no such file in %s", from, m->folder);
	else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		input_mistake(in, at, "%s is neither file nor folder", from);
	else if (access(path, R_OK) < 0)
		input_mistake(in, at, "%s: %s", from, strerror(errno));
	else if (S_ISREG(st.st_mode))
		add_file(in, m, n, trimmed, path, (uint64_t)st.st_size);
	else {
		const char *flaw = file_name_flaw(trimmed);
		if (flaw)
			input_mistake(in, n, "%s %s: give it another name: {name: ..., from: ...}",
			              trimmed, flaw);
		else
			add_folder(in, m, n, trimmed, path, &st, NULL);
	}
}

static void read_compile(const struct input *in, struct manifest *m, const struct node *n)
{
	enum { NAME, WITH, FROM, FIELDS };
	struct field f[FIELDS] = {
		[NAME] = { "name", true }, [WITH] = { "with", true }, [FROM] = { "from" }
	};
	struct manifest_compile *c = keep(sizeof *c);
	const char *s;

	*c = (struct manifest_compile){ .line = n->line, .column = n->column };
	if (!fields_take(in, n, "an entry of compile", f, FIELDS))
		return;
	c->name = field_text(in, f[NAME].value, "name");
	if ((s = field_text(in, f[WITH].value, "with")) != NULL) {
		c->compiler = library_compiler(&m->libraries, s);
		if (c->compiler && !(c->executable = sdk_helper(c->compiler->executable,
		                                                c->compiler->library->name)))
			input_mistake(in, f[WITH].value, "%s: %s of library %s is not installed", s,
			              c->compiler->executable, c->compiler->library->name);
		if (!c->compiler) {
			const char *names[64], *near;
			unsigned count = 0;
			struct text all = { 0 };

			for (unsigned i = 0; i < m->libraries.count; i++)
				for (unsigned j = 0;
				     j < m->libraries.list[i]->compiler_count && count < 64; j++) {
					names[count] = m->libraries.list[i]->compilers[j]->name;
					text_add(&all, "%s%s", count ? ", " : "", names[count]);
					count++;
				}
			near = nearest(s, names, count);
			if (near)
				input_mistake(in, f[WITH].value, "no compiler %s: did you mean %s?",
				              s, near);
			else if (count)
				input_mistake(in, f[WITH].value,
				              "no compiler %s: the libraries have %s", s, all.s);
			else
				input_mistake(in, f[WITH].value,
				              "no compiler %s: none of the libraries has one; add "
				              "its library",
				              s);
		}
	}
	if (field_list(in, f[FROM].value, "from"))
		for (const struct node *a = f[FROM].value->first; a; a = a->next) {
			s = field_text(in, a, "from");
			if (s && !text_is_clean(s, strlen(s)))
				input_mistake(in, a, "control characters: write plain text");
			else if (s)
				list_add(&c->arguments, &c->argument_count, s);
		}
	if (!c->name)
		return;
	unsigned before = m->file_count;
	add_file(in, m, f[NAME].value, c->name, NULL, 0);
	if (m->file_count > before)
		list_add(&m->compiles, &m->compile_count, c);
}

static int by_file_name(const void *a, const void *b)
{
	const struct manifest_file *x = *(struct manifest_file *const *)a,
	                           *y = *(struct manifest_file *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->line != y->line ? x->line - y->line : x->column - y->column;
}

static void finish_files(const struct input *in, struct manifest *m)
{
	uint64_t bytes = 0;

	if (m->file_count > 1)
		qsort(m->files, m->file_count, sizeof *m->files, by_file_name);
	for (unsigned i = 0; i < m->file_count; i++) {
		const struct manifest_file *f = m->files[i];

		bytes += f->size;
		if (i && strcmp(f->name, m->files[i - 1]->name) == 0)
			report_at(in->report, in->shown, f->line, f->column,
			          "a second file %s, first in line %d: give each its own name",
			          f->name, m->files[i - 1]->line);
		if (bytes > MANIFEST_FILES_BYTES && bytes - f->size <= MANIFEST_FILES_BYTES)
			report_at(in->report, in->shown, f->line, f->column,
			          "with %s the files pass 1G in all, the most that fits: leave "
			          "some out",
			          f->name);
	}
}

/* ---- health ---- */

static void read_health_time(const struct input *in, const struct node *n, const char *name,
                             uint64_t least, uint32_t *ms)
{
	uint64_t ns;
	const char *s = field_text(in, n, name);
	if (!s)
		return;
	if (value_parse(AMP_ARG_DURATION, s, &ns) || ns / 1000000 < least ||
	    ns / 1000000 > AMP_HEALTH_MS_MAX)
		input_mistake(in, n,
		              "%s: %s is none; write a time of up to an hour, as 5s or 500ms", name,
		              *s ? s : "\"\"");
	else
		*ms = (uint32_t)(ns / 1000000);
}

/* $ARG in front, where a port is to be. The text with a port. */
static const char *health_port(const struct input *in, const struct manifest *m,
                               const struct node *n, const char *text, uint32_t *port_arg)
{
	if (*text != '$')
		return text;
	size_t size = strcspn(text, "/");
	int arg = find_argument(in, m, n, keep_text(text + 1, size - 1), AMP_ARG_U16);
	if (arg < 0)
		return NULL;
	*port_arg = (uint32_t)arg + 1;
	return keep_format("%s%s", m->args[arg]->value, text + size);
}

static void read_health(const struct input *in, struct manifest *m, const struct node *n)
{
	enum { KINDS = AMP_HEALTH_COMMAND, INTERVAL = KINDS, TIMEOUT, RETRIES, START, FIELDS };
	struct field f[FIELDS] = { [INTERVAL] = { "interval" },
		                   [TIMEOUT] = { "timeout" },
		                   [RETRIES] = { "retries" },
		                   [START] = { "start-period" } };
	struct amp_note_health h = { 0 };
	struct defect why;
	uint32_t kind = 0, port_arg = 0;
	uint64_t number;
	if (!n)
		return;
	for (uint32_t k = 0; k < KINDS; k++)
		f[k].name = health_kind_name(k + 1);
	if (!fields_take(in, n, "health", f, FIELDS))
		return;
	for (uint32_t k = 0; k < KINDS; k++) {
		if (!f[k].value)
			continue;
		if (kind) {
			input_mistake(in, f[k].value, "health asks by %s and by %s: keep one",
			              f[kind - 1].name, f[k].name);
			return;
		}
		kind = k + 1;
	}
	if (!kind) {
		input_mistake(in, n,
		              "health asks nothing: write one of tcp, http, dns, command, as "
		              "{http: 80/}");
		return;
	}
	const struct node *at = f[kind - 1].value;
	const char *s = field_text(in, at, f[kind - 1].name);
	s = s ? health_port(in, m, at, s, &port_arg) : NULL;
	if (!s)
		return;
	if (health_note_parse(&h, kind, s, &why)) {
		input_mistake(in, at, "%s: %s %s", f[kind - 1].name, *s ? s : "\"\"", why.text);
		return;
	}
	h.port_arg = port_arg;
	read_health_time(in, f[INTERVAL].value, "interval", 10, &h.interval_ms);
	read_health_time(in, f[TIMEOUT].value, "timeout", 10, &h.timeout_ms);
	read_health_time(in, f[START].value, "start-period", 0, &h.start_ms);
	if (field_number(in, f[RETRIES].value, "retries", 1, 1000, &number))
		h.retries = (uint16_t)number;
	m->health = h;
}

/* ---- ca ---- */

/* Whom clients of TLS trust: without the key, Debian's authorities, where the machine has them. */
static void read_authorities(const struct input *in, struct manifest *m, const struct node *n)
{
	size_t size;

	if (!n) {
		if (library_find(&m->libraries, "app/tls") &&
		    access(MANIFEST_AUTHORITIES, R_OK) == 0)
			m->authorities = MANIFEST_AUTHORITIES;
		return;
	}
	const char *s = field_text(in, n, "ca");
	if (!s || !check_path(in, n, s))
		return;
	const char *path = join(m->folder, s);
	if (!library_find(&m->libraries, "app/tls")) {
		input_mistake(in, n, "ca is whom clients of TLS trust: add app/tls to libraries");
		return;
	}
	char *text = (char *)file_read(path, &size);
	if (!text)
		input_mistake(in, n, "%s: %s", s, strerror(errno));
	else if (!memmem(text, size, "-----BEGIN CERTIFICATE-----", 27))
		input_mistake(in, n, "%s holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
		              s);
	else
		m->authorities = path;
}

/* ---- the whole ---- */

struct manifest *manifest_read(const char *folder, const char *shown, const char *sdk,
                               struct report *report)
{
	enum {
		NAME,
		VERSION,
		SOURCES,
		LIBRARIES,
		INCLUDE,
		DEFINES,
		FLAGS,
		ARCHIVES,
		PACKAGES,
		INTERNALS,
		CPU,
		MEMORY,
		TASKS,
		STACK,
		INTERFACES,
		BLOCKS,
		RESOLVERS,
		FILES,
		COMPILE,
		CA,
		ARGUMENTS,
		HEALTH,
		FIELDS
	};
	struct field f[FIELDS] = {
		[NAME] = { "name", true },
		[VERSION] = { "version" },
		[SOURCES] = { "sources", true },
		[LIBRARIES] = { "libraries" },
		[INCLUDE] = { "include" },
		[DEFINES] = { "defines" },
		[FLAGS] = { "flags" },
		[ARCHIVES] = { "archives" },
		[PACKAGES] = { "packages" },
		[INTERNALS] = { "internals" },
		[CPU] = { "cpu" },
		[MEMORY] = { "memory" },
		[TASKS] = { "tasks" },
		[STACK] = { "stack" },
		[INTERFACES] = { "interfaces" },
		[BLOCKS] = { "blocks" },
		[RESOLVERS] = { "resolvers" },
		[FILES] = { "files" },
		[COMPILE] = { "compile" },
		[CA] = { "ca" },
		[ARGUMENTS] = { "arguments" },
		[HEALTH] = { "health" },
	};
	struct manifest *m = keep(sizeof *m);
	struct input in = { shown, report };
	uint64_t number;
	const char *s;

	*m = (struct manifest){ .folder = folder,
		                .name = "",
		                .version = "0.0.0",
		                .libraries.sdk = sdk,
		                .cpu_level = 3,
		                .memory_min = 16 << 20,
		                .memory_default = 16 << 20,
		                .tasks = MANIFEST_TASKS_DEFAULT,
		                .stack = 64 << 10 };
	if (access(join(folder, "appliance.yaml"), F_OK) < 0) {
		report_at(report, shown, 0, 0, "%s; `ampoule new NAME` makes a new appliance",
		          strerror(errno));
		return m;
	}
	struct node *root = yaml_read(join(folder, "appliance.yaml"), shown, report);
	if (!root || !fields_take(&in, root, "the manifest", f, FIELDS))
		return m;

	if ((s = field_text(&in, f[NAME].value, "name")) != NULL &&
	    check_name(&in, f[NAME].value, "name", s))
		m->name = s;
	if ((s = field_text(&in, f[VERSION].value, "version")) != NULL) {
		bool plain = *s && strlen(s) < AMP_NAME_MAX;
		for (const char *c = s; *c; c++)
			plain = plain && *c > ' ' && *c < 0x7f;
		if (!plain)
			input_mistake(
			        &in, f[VERSION].value,
			        "version: %s is none; write at most 31 printable ASCII characters",
			        *s ? s : "\"\"");
		else if (text_ends(s, MANIFEST_CHECKED))
			input_mistake(&in, f[VERSION].value,
			              "version: %s: " MANIFEST_CHECKED
			              " is what `ampoule build --checked` adds; leave it out",
			              s);
		m->version = s;
	}
	read_arguments(&in, m, f[ARGUMENTS].value);
	read_libraries(&in, m, f[LIBRARIES].value);
	foreign_read(&m->foreign, &in, folder, NULL,
	             &(struct foreign_keys){ f[INCLUDE].value, f[DEFINES].value, f[FLAGS].value,
	                                     f[ARCHIVES].value, f[PACKAGES].value });
	collect_archives(m);
	field_bool(&in, f[INTERNALS].value, "internals", &m->internals);
	read_sources(&in, m, f[SOURCES].value);
	read_cpu(&in, m, f[CPU].value);
	read_memory(&in, m, f[MEMORY].value);
	/* One stack more is the event loop's. */
	if (field_number(&in, f[TASKS].value, "tasks", 1, AMP_STACKS_MAX - 1, &number))
		m->tasks = (uint32_t)number;
	if (field_size(&in, f[STACK].value, "stack", 2 * AMP_PAGE, AMP_STACK_SIZE_MAX, &number))
		m->stack = (uint32_t)number;
	if (m->tasks + 1ull > MANIFEST_STACKS_BYTES / (m->stack + MANIFEST_STACK_GUARD))
		input_mistake(&in, f[TASKS].value ? f[TASKS].value : f[STACK].value,
		              "%u tasks with stacks of %s each pass 16G in all: lower one",
		              m->tasks, value_size_text(m->stack));
	read_interfaces(&in, m, f[INTERFACES].value);
	read_health(&in, m, f[HEALTH].value);
	read_blocks(&in, m, f[BLOCKS].value);
	read_resolvers(&in, m, f[RESOLVERS].value);
	if (field_list(&in, f[FILES].value, "files"))
		for (const struct node *n = f[FILES].value->first; n; n = n->next)
			read_file(&in, m, n);
	if (field_list(&in, f[COMPILE].value, "compile"))
		for (const struct node *n = f[COMPILE].value->first; n; n = n->next)
			read_compile(&in, m, n);
	read_authorities(&in, m, f[CA].value);
	finish_files(&in, m);
	return m;
}
