/* SPDX-License-Identifier: ISC */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <builder/value.h>
#include <cli/project.h>
#include <supervisor/place.h>

/* Keys that are an option of `ampoule run` each, once or for each member of a list. */
static const struct {
	const char *key, *option;
	bool is_list;
} plain[] = {
	{ "ports", "publish", true },
	{ "nets", "net", true },
	{ "blocks", "block", true },
	{ "env_file", "env-file", true },
	{ "key", "key", true },
	{ "restart", "restart", false },
	{ "memory", "memory", false },
	{ "cpus", "cpus", false },
	{ "tender", "tender", false },
	{ "jail", "jail", false },
	{ "stop_timeout", "stop-timeout", false },
	{ "log_size", "log-size", false },
	{ "health", "health", false },
	{ "health_interval", "health-interval", false },
	{ "health_timeout", "health-timeout", false },
	{ "health_retries", "health-retries", false },
	{ "health_start_period", "health-start-period", false },
	{ "watchdog", "watchdog", false },
};
#define PLAIN (sizeof plain / sizeof *plain)
enum { IMAGE = PLAIN, SET, SECRETS, DEPENDS, NETWORKS, FIELDS };

#define HOST_FIRST 2u /* in a network; 1 is the machine */

static void word(struct member *m, const char *text)
{
	list_add(&m->words, &m->count, text);
}

static void take_plain(const struct input *in, struct member *m, unsigned i,
                       const struct node *value)
{
	if (!value)
		return;
	if (value->kind != NODE_LIST || !plain[i].is_list) {
		const char *text = field_text(in, value, plain[i].key);
		if (text)
			word(m, keep_format("--%s=%s", plain[i].option, text));
		return;
	}
	for (const struct node *n = value->first; n; n = n->next) {
		const char *text = field_text(in, n, plain[i].key);
		if (text)
			word(m, keep_format("--%s=%s", plain[i].option, text));
	}
}

/* Of set and of secrets, whose values are files. */
static void take_map(const struct input *in, struct member *m, const struct node *value,
                     const char *key, const char *example)
{
	if (!value)
		return;
	if (value->kind != NODE_MAP) {
		input_mistake(in, value, "%s is %s; write a map, as %s", key, node_kind_name(value),
		              example);
		return;
	}
	for (const struct node *n = value->first; n; n = n->next) {
		const char *text = field_text(in, n, n->key->text);
		if (text)
			word(m, keep_format("--%s=%s=%s", strcmp(key, "set") ? "secret" : key,
			                    n->key->text, text));
	}
}

static void take_volumes(const struct input *in, struct project *p, const struct node *value)
{
	if (!value)
		return;
	if (value->kind != NODE_MAP) {
		input_mistake(in, value, "volumes is %s; write a map, as {shop.data: 64M}",
		              node_kind_name(value));
		return;
	}
	p->volumes = keep_array(value->count + 1, sizeof *p->volumes);
	for (const struct node *n = value->first; n; n = n->next) {
		struct volume *v = &p->volumes[p->volume_count];
		const char *text = field_text(in, n, n->key->text);
		const char *wrong = text ? value_parse(AMP_ARG_SIZE, text, &v->size) : NULL;
		if (wrong || (text && !v->size))
			input_mistake(in, n, "volume %s: '%s' %s", n->key->text, text,
			              wrong ? wrong : "is no size of a disk");
		v->path = *n->key->text == '/' ? n->key->text
		                               : keep_format("%s/%s", p->folder, n->key->text);
		p->volume_count++;
	}
}

/* ---- Networks ---- */

static void take_networks(const struct input *in, struct project *p, const struct node *value)
{
	if (!value)
		return;
	if (value->kind != NODE_MAP) {
		input_mistake(in, value, "networks is %s; write a map, as {back: 10.80.0.0/24}",
		              node_kind_name(value));
		return;
	}
	p->networks = keep_array(value->count + 1, sizeof *p->networks);
	for (const struct node *n = value->first; n; n = n->next) {
		struct network *w = &p->networks[p->network_count++];
		const char *text = field_text(in, n, n->key->text);
		uint64_t cidr = 0;
		const char *wrong = text ? value_parse(AMP_ARG_CIDR, text, &cidr) : NULL;
		network_name(w, p->name, n->key->text);
		w->prefix = (uint8_t)cidr;
		if (wrong || (text && (w->prefix < 8 || w->prefix > 29)))
			input_mistake(in, n, "network %s: '%s' %s", w->name, text,
			              wrong ? wrong : "is no network of /8 to /29");
		else if (text)
			w->subnet = (uint32_t)(cidr >> 8) & ~0u << (32 - w->prefix);
	}
}

static const struct network *find_network(const struct project *p, const char *name)
{
	for (unsigned i = 0; i < p->network_count; i++)
		if (!strcmp(p->networks[i].name, name))
			return &p->networks[i];
	return NULL;
}

/* A word for each interface that is in a network. */
static void join(const struct input *in, const struct project *p, struct member *m)
{
	const char **names = keep_array(p->network_count + 1, sizeof *names);
	if (m->joins && m->joins->kind != NODE_MAP) {
		input_mistake(
		        in, m->joins,
		        "networks is %s; write a map of the image's interfaces, as {service: back}",
		        node_kind_name(m->joins));
		m->joins = NULL;
	}
	for (unsigned i = 0; i < p->network_count; i++)
		names[i] = p->networks[i].name;
	for (const struct node *n = m->joins ? m->joins->first : NULL; n; n = n->next) {
		const char *text = field_text(in, n, n->key->text);
		const struct network *w = text ? find_network(p, text) : NULL;
		const char *near = text && !w ? nearest(text, names, p->network_count) : NULL;
		if (text && !w)
			input_mistake(in, n, "there is no network %s%s%s%s", text,
			              near ? ": did you mean " : "", near ? near : "",
			              near ? "?" : "");
		if (!w || !w->prefix)
			continue;
		if (m->number > (1u << (32 - w->prefix)) - 2)
			input_mistake(in, n,
			              "network %s has no address left for it: make it larger",
			              text);
		word(m, keep_format("--net=%s=bridge:%s,address=%s/%u,gateway=%s", n->key->text,
		                    w->bridge, network_host_text(w, m->number), w->prefix,
		                    network_host_text(w, 1)));
	}
}

/* The address of one as another finds it: in a network that both are in. Null: there is none. */
static const char *address_for(const struct project *p, const struct member *of,
                               const struct member *whom)
{
	for (const struct node *a = of->joins ? of->joins->first : NULL; a; a = a->next)
		for (const struct node *b = whom->joins ? whom->joins->first : NULL; b; b = b->next)
			if (a->text && b->text && !strcmp(a->text, b->text)) {
				const struct network *w = find_network(p, a->text);
				return w ? network_host_text(w, of->number) : NULL;
			}
	return NULL;
}

/* {NAME} in a value of set, which is the address of that appliance. */
static void put_addresses(const struct input *in, const struct project *p, struct member *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (!m->words[i] || strncmp(m->words[i], "--set=", 6) != 0)
			continue;
		for (unsigned k = 0; k < p->count; k++) {
			const struct member *of = &p->members[k];
			const char *mark = keep_format("{%s}", of->name);
			for (char *at; of->joins && (at = strstr(m->words[i], mark));) {
				const char *address = address_for(p, of, m);
				if (!address) {
					input_mistake(in, m->at, "%s is in no network with %s",
					              m->name, of->name);
					return;
				}
				m->words[i] = keep_format("%.*s%s%s", (int)(at - m->words[i]),
				                          m->words[i], address, at + strlen(mark));
			}
		}
	}
}

static void take_member(const struct input *in, const struct project *p, struct member *m,
                        const struct node *at)
{
	struct field fields[FIELDS] = { 0 };
	for (unsigned i = 0; i < PLAIN; i++)
		fields[i].name = plain[i].key;
	fields[IMAGE] = (struct field){ "image", true, NULL };
	fields[SET].name = "set";
	fields[SECRETS].name = "secrets";
	fields[DEPENDS].name = "depends_on";
	fields[NETWORKS].name = "networks";
	m->name = at->key->text;
	m->full = keep_format("%s-%s", p->name, m->name);
	m->at = at->key;
	if (!place_name_is_valid(m->full))
		input_mistake(in, at->key,
		              "%s is no name: write letters, digits, and _ . - behind the first; "
		              "with the project's "
		              "it has 63 at most",
		              m->name);
	const char *const first[] = { "ampoule", "run", "-d", "--replace" };
	for (unsigned i = 0; i < sizeof first / sizeof *first; i++)
		word(m, first[i]);
	word(m, keep_format("--name=%s", m->full));
	if (!fields_take(in, at, keep_format("appliance %s", m->name), fields, FIELDS))
		return;
	for (unsigned i = 0; i < PLAIN; i++)
		take_plain(in, m, i, fields[i].value);
	take_map(in, m, fields[SET].value, "set", "{port: 81}");
	take_map(in, m, fields[SECRETS].value, "secrets", "{key: key.pem}");
	m->needs = fields[DEPENDS].value;
	if (m->needs && m->needs->kind != NODE_LIST) {
		input_mistake(in, m->needs, "depends_on is %s; write a list of names, as [db]",
		              node_kind_name(m->needs));
		m->needs = NULL;
	}
	m->joins = fields[NETWORKS].value;
	m->number = p->count - 1 + HOST_FIRST;
	join(in, p, m);
	const char *image = field_text(in, fields[IMAGE].value, "image");
	word(m, "--");
	if (image)
		word(m, image);
	list_add(&m->words, &m->count, NULL);
}

struct member *project_member(const struct project *p, const char *name)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!strcmp(p->members[i].name, name))
			return &p->members[i];
	return NULL;
}

/* Ranks: one more than the largest of what it needs. Who has none in the end is in a circle, or behind one. */
static void rank(const struct input *in, struct project *p)
{
	const char **names = keep_array(p->count + 1, sizeof *names);
	for (unsigned i = 0; i < p->count; i++)
		names[i] = p->members[i].name;
	for (unsigned i = 0; i < p->count; i++)
		for (const struct node *n = p->members[i].needs ? p->members[i].needs->first : NULL;
		     n; n = n->next) {
			const char *text = field_text(in, n, "depends_on");
			if (!text || project_member(p, text))
				continue;
			const char *near = nearest(text, names, p->count);
			input_mistake(in, n, "there is no appliance %s%s%s%s", text,
			              near ? ": did you mean " : "", near ? near : "",
			              near ? "?" : "");
		}
	if (in->report->count)
		return;
	for (bool more = true; more;) {
		more = false;
		for (unsigned i = 0; i < p->count; i++) {
			struct member *m = &p->members[i];
			unsigned most = 1;
			for (const struct node *n = m->needs ? m->needs->first : NULL; n && most;
			     n = n->next) {
				unsigned of = project_member(p, n->text)->rank;
				most = !of ? 0 : of + 1 > most ? of + 1 : most;
			}
			if (m->rank || !most)
				continue;
			m->rank = most;
			more = true;
		}
	}
	for (unsigned i = 0; i < p->count; i++)
		if (!p->members[i].rank) {
			input_mistake(in, p->members[i].at,
			              "%s waits for itself, by depends_on of others",
			              p->members[i].name);
			return;
		}
}

static int by_rank(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	return x->rank != y->rank ? x->rank < y->rank ? -1 : 1 : x->at->line - y->at->line;
}

/* The project is named by the folder, as compose does it: what is no letter there becomes a hyphen. */
static const char *folder_name(const char *folder)
{
	char *name = keep_format("%s", strrchr(folder, '/') + 1);
	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-",
		            *p))
			*p = '-';
	if (strlen(name) > 30)
		name[30] = 0;
	return place_name_is_valid(name) ? name : "project";
}

void project_read(struct project *p, const char *path)
{
	static struct report report;
	const struct input in = { path, &report };
	struct field fields[] = { { "name", false, NULL },
		                  { "appliances", true, NULL },
		                  { "volumes", false, NULL },
		                  { "networks", false, NULL } };
	char folder[PATH_MAX];
	memset(p, 0, sizeof *p);
	struct node *root = yaml_read(path, path, &report);
	if (!root)
		goto end;
	char *copy = keep_format("%s", path);
	if (!realpath(dirname(copy), folder))
		die(AMP_EXIT_USAGE, "%s: its folder is gone", path);
	p->folder = keep_format("%s", folder);
	p->name = folder_name(p->folder);
	if (!fields_take(&in, root, "the file", fields, 4))
		goto end;
	if (fields[0].value) {
		const char *name = field_text(&in, fields[0].value, "name");
		if (name && (!place_name_is_valid(name) || strlen(name) > 30))
			input_mistake(&in, fields[0].value,
			              "%s is no name: write up to 30 letters, digits, and _ . - "
			              "behind the first",
			              name);
		p->name = name ? name : p->name;
	}
	take_volumes(&in, p, fields[2].value);
	take_networks(&in, p, fields[3].value);
	const struct node *list = fields[1].value;
	if (list && list->kind != NODE_MAP) {
		input_mistake(&in, list, "appliances is %s; write a map: each by its name",
		              node_kind_name(list));
		goto end;
	}
	p->members = keep_array((list ? list->count : 0) + 1, sizeof *p->members);
	for (const struct node *n = list ? list->first : NULL; n; n = n->next)
		take_member(&in, p, &p->members[p->count++], n);
	for (unsigned i = 0; i < p->count; i++)
		put_addresses(&in, p, &p->members[i]);
	rank(&in, p);
	if (p->count)
		qsort(p->members, p->count, sizeof *p->members, by_rank);
end:
	if (report_print(&report, stderr))
		exit(AMP_EXIT_USAGE);
}
