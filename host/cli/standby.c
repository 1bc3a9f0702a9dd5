/* SPDX-License-Identifier: ISC */
/*
 * Each command line is read twice: when the waker starts, to say what is wrong with it and to open what it names, and again by
 * whoever is woken from it, in a process of its own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cli/clone.h>
#include <cli/run.h>
#include <cli/several.h>
#include <standby/keep.h>
#include <standby/lines.h>
#include <standby/port.h>
#include <supervisor/place.h>
#include <tender/args.h>
#include <tender/device/handed.h>
#include <tender/device/packets.h>
#include <tender/picture_request.h>
#include <tender/trust.h>

#define IDLE_MIN_MS 20u
#define IDLE_MAX_MS (24u * 3600 * 1000)
#define HOLD_MAX    (1u << 30)

const char standby_help[] =
        "usage: ampoule standby [OPTION...] SNAPSHOT...|IMAGE\n"
        "       ampoule standby [-d] [--awake NUMBER] --file FILE\n\n"
        "Waits on the network of appliances that are not running. The first packet for one starts "
        "it, from a snapshot\n"
        "or an image, and is answered; when it has had nothing to do for a while, it ends, and is "
        "waited for again.\n"
        "Of several snapshots of one image, one is drawn at each start.\n\n"
        "  --net "
        "NAME=tap:INTERFACE|NAME=packet:INTERFACE|NAME=bridge:BRIDGE[,address=A.B.C.D/LEN]\n"
        "                            where to wait; other networks are not waited on. In a bridge "
        "all "
        "have one TAP\n"
        "                            device, which answers ARP and neighbour solicitations for "
        "them\n"
        "  --idle TIME               without a packet in or out, until it ends; default: 30s\n"
        "  --keep-state FOLDER       then its state is written to FOLDER/INTERFACE.snap, from "
        "where it goes on\n"
        "  --wake ADDRESS            questions for this address wake it (ARP, neighbour "
        "solicitations); again for\n"
        "                            more; default: those of address= and --set, or what the "
        "snapshot has\n"
        "  -n, --count NUMBER        so many. In the values of options {n} is a standby's number, "
        "from 0 on;\n"
        "                            {5+n} and {10.0.0.2+n} are sums\n"
        "  -f, --file FILE           a line each: the words of a command line as this, up to here; "
        "# begins a comment\n"
        "  --awake NUMBER            so many at once at most; others wait; default: 1000\n"
        "  --hold SIZE               bytes of packets that are held for those who wait behind "
        "bridges; "
        "default: 16M\n\n"
        "Further options, of `ampoule run`, are for those who are woken; -p is not.\n\n";

static int usage(const char *what, const char *value)
{
	say("%s%s; try `ampoule standby --help`", what, value);
	return AMP_EXIT_USAGE;
}

/* Digits alone are seconds. */
static bool parse_time(const char *text, uint32_t *ms)
{
	char seconds[24];
	struct defect why;
	uint64_t ns;
	size_t n = strspn(text, "0123456789");
	if (n && !text[n] && n < sizeof seconds - 1) {
		snprintf(seconds, sizeof seconds, "%ss", text);
		text = seconds;
	}
	if (arg_parse(AMP_ARG_DURATION, text, &ns, &why) || ns / 1000000 < IDLE_MIN_MS ||
	    ns / 1000000 > IDLE_MAX_MS)
		return false;
	*ms = (uint32_t)(ns / 1000000);
	return true;
}

int standby_take(struct standby_words *w, int c, const char *value, bool is_line)
{
	struct filter_wish trial = { 0 };
	struct defect why;
	uint64_t n;
	if (c == 'f' && is_line)
		return usage("a standby has no --file", "");
	if (c == 'f')
		w->file = value;
	if (c == 'K')
		w->folder = value;
	if (c == 'I' && !parse_time(value, &w->idle_ms))
		return usage(
		        "--idle wants seconds, or digits and one of ms s m h, 20ms to 24h, not ",
		        value);
	if (c == 'A' && (arg_parse(AMP_ARG_U32, value, &n, &why) || !n || n > ROSTER_MAX))
		return usage("--awake wants a number from 1 to 1000000, not ", value);
	if (c == 'A')
		w->awake_max = (uint32_t)n;
	if (c == 'H' && (arg_parse(AMP_ARG_SIZE, value, &w->hold, &why) || w->hold > HOLD_MAX))
		return usage("--hold wants digits and nothing or one of K M G, at most 1G, not ",
		             value);
	if (c == 'w' && !strchr(value, '{') && !filter_add(&trial, value))
		return usage("--wake wants an address, not ", value);
	if (c == 'w' && w->wake_count == FILTER_ADDRESSES)
		return usage("too many --wake", "");
	if (c == 'w')
		w->wakes[w->wake_count++] = value;
	return 0;
}

/* ---- Whoever is woken ---- */

/* "NAME=tap:INTERFACE,WORDS" becomes "NAME=fd:NUMBER,WORDS". */
static bool hand_over(const char **text, int fd)
{
	const char *equals = strchr(*text, '='), *comma = strchr(*text, ',');
	static const char keep[] = ",addresses=keep";
	char *own = malloc(strlen(*text) + 24);
	if (!own)
		return false;
	sprintf(own, "%.*s=fd:%d%s", (int)(equals - *text), *text, fd, comma ? comma : "");
	char *word = strstr(own, keep);
	if (word)
		memmove(word, word + sizeof keep - 1, strlen(word + sizeof keep - 1) + 1);
	*text = own;
	return true;
}

static struct device_texts *nets_of(struct tender_options *o)
{
	unsigned i = 0;
	while (device_types[i] != &device_type_net)
		i++;
	return &o->devices[i];
}

/* 0, or the exit status after a line. */
static int go_on_from(struct tender_options *o, const struct standby_order *order)
{
	static char path[PATH_MAX];
	const struct standby *s = order->standby;
	const struct source *source = order->source;
	if (s->plan->folder) {
		bool known;
		int fd = keep_read(s, &known);
		standby_state_path(s, "", path);
		if (fd >= 0) {
			o->path = path;
			o->memory = 0; /* it has its own */
			return clone_from(o, fd, -1, !known);
		}
		if (errno != ENOENT) {
			say("%s: %s", path, strerror(errno));
			return AMP_EXIT_TENDER;
		}
	}
	o->path = source->path;
	if (source->opened) {
		o->from = &source->opened->from;
		o->image = &source->opened->image;
	}
	return 0;
}

/* Its device in a bridge is somebody else's another time: it has the address that was answered for. */
static void find_macs(const struct standby *s, uint8_t macs[AMP_DEVICES_MAX][6])
{
	const struct image *image = &s->plan->source->image;
	for (uint32_t i = 0; i < s->wire_count; i++) {
		const struct wire *w = &s->wires[i];
		if (w->kind == WIRE_BRIDGE)
			packets_mac(macs[w->device], image->note.name,
			            image->devices[w->device].name, w->name);
	}
}

/* The waker has agreed with each TAP device; with those of bridges as with one for an image of today. */
static void tell_agreed(const struct standby *s)
{
	static struct handed_tap agreed[STANDBY_WIRES_MAX];
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->wire_count; i++) {
		const struct wire *w = &s->wires[i];
		struct handed_tap *t = &agreed[n];
		*t = (struct handed_tap){ .fd = w->fd, .features = w->features };
		if (w->kind == WIRE_TAP)
			snprintf(t->name, sizeof t->name, "%s", w->name);
		else if (w->kind == WIRE_PACKET || s->plan->source->image.note.abi_minor < 1 ||
		         !if_indextoname(w->interface, t->name))
			continue;
		n++;
	}
	handed_agreed(agreed, n);
}

static int woken(const struct standby_order *order)
{
	static char *argv[LINES_WORDS_MAX + 2];
	static char name[WIRE_NAME + 16], none[] = "";
	static uint8_t macs[AMP_DEVICES_MAX][6];
	struct standby *s = order->standby;
	struct run_words w;
	argv[0] = none;
	int argc = 1 + lines_split((char *)order->words, order->words_size, argv + 1);
	snprintf(name, sizeof name, "standby %s", s->wires[0].name);
	say_as(name);
	int status = run_read_line(argc, argv, true, &w);
	if (status || !several_number(w.options, s->number))
		return AMP_EXIT_USAGE;
	struct device_texts *nets = nets_of(w.options);
	for (uint32_t i = 0; i < s->wire_count; i++)
		if (!hand_over(&nets->texts[i], s->wires[i].fd))
			return AMP_EXIT_TENDER;
	tell_agreed(s);
	status = go_on_from(w.options, order);
	w.options->traffic = order->traffic;
	find_macs(s, macs);
	w.options->macs = macs;
	return status ? status : tender_run(w.options);
}

/* ---- Standbys, as the waker starts ---- */

static struct standby *all;
static uint32_t count, room, bound; /* bound: of descriptors */
static uint32_t used, left_out;

/* A network's text: the name of its device, the interface, the words. */
struct net {
	const char *device;
	enum wire_kind kind;
	char interface[IFNAMSIZ];
	char *words; /* behind the first comma, or empty */
};

static bool find_kind(const char *text, enum wire_kind *kind)
{
	static const char *const prefixes[] = {
		[WIRE_TAP] = "tap:", [WIRE_PACKET] = "packet:", [WIRE_BRIDGE] = "bridge:"
	};
	for (unsigned i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (!strncmp(text, prefixes[i], strlen(prefixes[i]))) {
			*kind = (enum wire_kind)i;
			return true;
		}
	return false;
}

static int read_net(const struct source *from, char *text, struct net *n, struct defect *why)
{
	char *equals = strchr(text, '='), *at = equals ? equals + 1 : text;
	if (!equals || !find_kind(at, &n->kind))
		return defect_set(why,
		                  "--net %s: want NAME=tap:INTERFACE, NAME=packet:INTERFACE or "
		                  "NAME=bridge:BRIDGE",
		                  text);
	n->device = source_net(from, text, (size_t)(equals - text));
	if (!n->device)
		return defect_set(why, "--net %s: %s has no such network device", text, from->path);
	at = strchr(at, ':') + 1;
	size_t size = strcspn(at, ",");
	if (!size || size >= IFNAMSIZ)
		return defect_set(why, "--net %s: an interface's name has 1 to %d bytes", text,
		                  IFNAMSIZ - 1);
	memcpy(n->interface, at, size);
	n->interface[size] = 0;
	n->words = at + size + (at[size] == ',');
	if (strstr(n->words, "addresses=move"))
		return defect_set(why, "--net %s: the addresses of the host stay: addresses=keep",
		                  text);
	return 0;
}

static void add_addresses(struct filter_wish *wish, const char *words)
{
	static const char key[] = "address=";
	while (words && *words) {
		if (!strncmp(words, key, sizeof key - 1)) {
			char text[64];
			snprintf(text, sizeof text, "%.*s",
			         (int)strcspn(words + sizeof key - 1, ","), words + sizeof key - 1);
			filter_add(wish, text);
		}
		words = strchr(words, ',');
		words += words != NULL;
	}
}

/* Of the arguments those that are an address with its network's length. */
static void add_arguments(struct filter_wish *wish, const struct run_words *w, unsigned n)
{
	for (unsigned k = 0; k < w->options->set_count; k++) {
		char *text = several_text(w->options->sets[k], n);
		const char *value = text ? strchr(text, '=') : NULL;
		if (value && strchr(value, '/'))
			filter_add(wish, value + 1);
		if (text)
			explicit_bzero(text, strlen(text));
		free(text);
	}
}

static bool add_wakes(struct filter_wish *wish, const struct run_words *w, unsigned n)
{
	bool done = true;
	for (unsigned k = 0; k < w->standby->wake_count; k++) {
		char *text = several_text(w->standby->wakes[k], n);
		done &= text && filter_add(wish, text);
		free(text);
	}
	return done;
}

static int find_addresses(struct filter_wish *wish, const struct run_words *w,
                          const struct standby *s, const char *words, struct defect *why)
{
	const struct source *from = s->plan->source;
	unsigned n = s->number;
	if (!add_wakes(wish, w, n))
		return defect_set(why, "--wake wants an address");
	if (w->standby->wake_count)
		return 0;
	add_addresses(wish, words);
	add_arguments(wish, w, n);
	if (wish->ip4_count || wish->ip6_count)
		return 0;
	for (uint32_t k = 1; k < s->plan->pool_count; k++)
		if (memcmp(s->plan->pool[k]->ip4, from->ip4, sizeof from->ip4) != 0)
			return defect_set(why,
			                  "%s has other addresses than %s: name them: address=, "
			                  "--set or --wake",
			                  s->plan->pool[k]->path, from->path);
	for (uint32_t i = 0; i < from->ip4_count && i < FILTER_ADDRESSES; i++)
		wish->ip4[wish->ip4_count++] = from->ip4[i];
	return 0;
}

/* In a bridge a standby bears its first address, from which its MAC address is made. */
static int join_bridge(struct standby *s, const struct net *net, struct filter_wish *wish,
                       struct defect *why)
{
	const struct image *image = &s->plan->source->image;
	struct wire *w = &s->wires[s->wire_count];
	*w = (struct wire){ .fd = -1, .kind = WIRE_BRIDGE };
	struct port *p = port_open(net->interface, why);
	if (!p)
		return -1;
	if (!wish->ip4_count && !wish->ip6_count)
		return defect_set(why,
		                  "bridge:%s: its address has to be known, to be answered for: "
		                  "address=, --set or --wake",
		                  net->interface);
	if (wish->ip4_count)
		snprintf(w->name, sizeof w->name, NET_WORDS_IP4, NET_WORDS_IP4_ARGS(wish->ip4[0]));
	else
		inet_ntop(AF_INET6, wish->ip6[0], w->name, sizeof w->name);
	packets_mac(wish->mac, image->note.name, net->device, w->name);
	return port_join(p, w, wish, count, (uint8_t)s->wire_count, why);
}

static uint8_t device_number(const struct image *image, const char *name)
{
	uint8_t i = 0;
	while (strcmp(image->devices[i].name, name) != 0)
		i++;
	return i;
}

static int add_wire(struct standby *s, const struct run_words *w, char *text, struct defect *why)
{
	struct sock_filter program[FILTER_MAX];
	struct filter_wish wish = { 0 };
	struct net net;
	uint32_t i = s->wire_count;
	const struct source *from = s->plan->source;
	if (i == STANDBY_WIRES_MAX)
		return defect_set(why, "more than %u networks", STANDBY_WIRES_MAX);
	if (read_net(from, text, &net, why) || find_addresses(&wish, w, s, net.words, why))
		return -1;
	packets_mac(wish.mac, from->image.note.name, net.device, net.interface);
	if (net.kind == WIRE_BRIDGE ? join_bridge(s, &net, &wish, why)
	                            : wire_open(&s->wires[i], net.kind, net.interface,
	                                        from->image.note.abi_minor >= 1, wish.mac, why))
		return -1;
	s->wires[i].device = device_number(&from->image, net.device);
	s->wire_count++;
	if (net.kind == WIRE_BRIDGE)
		return 0;
	unsigned size = filter_make(&wish, program);
	s->filter_sizes[i] = (uint16_t)size;
	s->filters[i] = malloc(size * sizeof *program);
	if (!s->filters[i])
		return defect_set(why, "no memory");
	memcpy(s->filters[i], program, size * sizeof *program);
	return 0;
}

static bool is_there(const struct standby *s)
{
	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(all[i].wires[0].name, s->wires[0].name))
			return true;
	return false;
}

static int fill(struct standby *s, const struct run_words *w, struct defect *why)
{
	const struct device_texts *nets = nets_of(w->options);
	int failed = 0;
	for (uint32_t k = 0; !failed && k < nets->count; k++) {
		char *text = several_text(nets->texts[k], s->number);
		failed = text ? add_wire(s, w, text, why) : defect_set(why, "see above");
		free(text);
	}
	if (!failed && !s->wire_count)
		return defect_set(why, "has no network to wait on: --net NAME=tap:INTERFACE");
	/* A TAP device is nobody else's as long as it is open. */
	if (!failed && s->wires[0].kind == WIRE_PACKET && is_there(s))
		return defect_set(why, "%s: there is a standby on it already", s->wires[0].name);
	return failed;
}

/* Those behind a bridge have none while they sleep. */
static uint32_t own_descriptors(const struct device_texts *nets)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < nets->count; i++)
		n += !strstr(nets->texts[i], "=bridge:");
	return n;
}

/* One of a plan. */
static int add_one(const struct standby_plan *plan, const struct run_words *w, unsigned n,
                   struct defect *why)
{
	struct standby s = { .plan = plan, .number = n };
	uint32_t descriptors = own_descriptors(nets_of(w->options));
	used += descriptors;
	if (used + source_descriptors() + STANDBY_DESCRIPTORS > bound) {
		left_out++;
		return 0;
	}
	if (count == room) {
		struct standby *more = realloc(all, (room = room * 2 + 16) * sizeof *all);
		if (!more)
			return defect_set(why, "no memory");
		all = more;
	}
	int failed = fill(&s, w, why);
	if (!failed)
		all[count++] = s;
	used -= failed ? descriptors : 0;
	for (uint32_t i = s.wire_count; failed && i--;) {
		if (s.wires[i].kind == WIRE_BRIDGE)
			port_leave(&s.wires[i]);
		wire_close(&s.wires[i]);
		free(s.filters[i]);
	}
	return failed;
}

/* Are its arguments the image's? Contents of files are left for whoever is woken. */
static int check_arguments(const struct run_words *w, struct source *from, struct defect *why)
{
	static struct args args;
	const char *sets[TENDER_SETS_MAX];
	unsigned n = 0;
	int failed = 0;
	for (unsigned k = 0; !failed && k < w->options->set_count; k++) {
		const char *value = strchr(w->options->sets[k], '=');
		if (value && value[1] == '@')
			continue;
		sets[n] = several_text(w->options->sets[k], 0);
		failed = sets[n] ? 0 : defect_set(why, "see above");
		n += !failed;
	}
	struct defect what;
	if (!failed && args_make(&args, &from->image, sets, n, &what))
		failed = defect_set(why, "%s: %s", from->path, what.text);
	explicit_bzero(&args, sizeof args);
	for (unsigned k = 0; k < n; k++) {
		explicit_bzero((char *)sets[k], strlen(sets[k]));
		free((char *)sets[k]);
	}
	return failed;
}

static int check_folder(const char *folder, struct defect *why)
{
	struct stat st;
	if (stat(folder, &st) || !S_ISDIR(st.st_mode) || access(folder, W_OK | X_OK))
		return defect_set(why, "--keep-state %s: want a folder that may be written to: %s",
		                  folder, strerror(errno ? errno : ENOTDIR));
	if (st.st_mode & 022 || st.st_uid != geteuid())
		return defect_set(
		        why,
		        "--keep-state %s: others may write to it: it is to be this user's, "
		        "mode 0700",
		        folder);
	if (strlen(folder) > PATH_MAX - 64)
		return defect_set(why, "--keep-state: too long a path");
	return 0;
}

/* The copy that all clones have is looked through here, and not by each of them. */
static int check_trust(const struct run_words *w, const struct source *from, struct defect *why)
{
	static struct image image;
	int fd = fcntl(from->image.fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return defect_set(why, "no descriptor is left");
	image_of(&image, from->path, fd);
	int status = trust_image(&w->options->trust, &image, why);
	if (!status)
		image_close(&image);
	return status;
}

/* Several are pictures of several runs of one image. */
static bool fill_pool(struct standby_plan *plan, const struct run_words *w, struct defect *why)
{
	if (w->file_count > STANDBY_POOL_MAX) {
		defect_set(why, "more than %u snapshots", STANDBY_POOL_MAX);
		return false;
	}
	plan->pool = calloc(w->file_count, sizeof *plan->pool);
	if (!plan->pool) {
		defect_set(why, "no memory");
		return false;
	}
	for (unsigned k = 0; k < w->file_count; k++) {
		const char *path = strdup(w->files[k]);
		struct source *from = path ? source_open(path, why) : NULL;
		if (!path)
			defect_set(why, "no memory");
		if (!from)
			return false;
		plan->source = plan->source ? plan->source : from;
		plan->pool[plan->pool_count++] = from;
		if (k && !source_same_image(plan->source, from)) {
			defect_set(why, "%s: no snapshot of the same image as %s", path,
			           plan->source->path);
			return false;
		}
	}
	return true;
}

static struct standby_plan *make_plan(const struct run_words *w, const char *words, uint32_t size,
                                      struct defect *why)
{
	struct standby_plan *plan = calloc(1, sizeof *plan);
	const char *folder = w->standby->folder;
	if (!plan) {
		defect_set(why, "no memory");
		return NULL;
	}
	errno = 0;
	*plan = (struct standby_plan){ .words = words,
		                       .words_size = size,
		                       .idle_ms = w->standby->idle_ms,
		                       .stop_ms = w->options->stop_timeout / 1000000,
		                       .folder = folder ? strdup(folder) : NULL };
	if (!fill_pool(plan, w, why))
		return NULL;
	if (plan->source->opened && w->options->memory) {
		defect_set(why, "%s: a clone has its parent's memory: leave --memory out",
		           plan->source->path);
		return NULL;
	}
	if (plan->source->opened && check_trust(w, plan->source, why))
		return NULL;
	if (check_arguments(w, plan->source, why) || (folder && check_folder(folder, why)))
		return NULL;
	return plan;
}

/* The words of one line, or of the command. What is wrong with it, or with one of them, is said. */
static void add_line(const char *place, const char *words, uint32_t size)
{
	static char own[STANDBY_WORDS_MAX], none[] = "";
	static char *argv[LINES_WORDS_MAX + 2];
	struct defect why;
	struct run_words w;
	if (size > sizeof own) {
		say("%smore than %zu bytes", place, sizeof own);
		return;
	}
	memcpy(own, words, size);
	argv[0] = none;
	int argc = 1 + lines_split(own, size, argv + 1);
	int status = run_read_line(argc, argv, false, &w);
	struct standby_plan *plan = status ? NULL : make_plan(&w, words, size, &why);
	if (!status && !plan)
		say("%s%s", place, why.text);
	for (unsigned n = 0; plan && n < w.count; n++)
		if (add_one(plan, &w, n, &why))
			say("%s%s", place, why.text);
	explicit_bzero(own, size);
}

static int add_file(const char *path)
{
	struct lines lines;
	struct defect why;
	char place[PATH_MAX + 16], *words;
	uint32_t size;
	int found;
	if (lines_open(&lines, path, &why)) {
		say("%s", why.text);
		return AMP_EXIT_USAGE;
	}
	while ((found = lines_next(&lines, &words, &size, &why))) {
		snprintf(place, sizeof place, "%s:%u: ", path, lines.number);
		if (found < 0)
			say("%s%s", place, why.text);
		else
			add_line(place, words, size);
	}
	return 0;
}

static uint32_t descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	/* `--net NAME=fd:N` has 16 bits. */
	return limit.rlim_cur > UINT16_MAX ? UINT16_MAX : (uint32_t)limit.rlim_cur;
}

/* Beside --file only what is of all together. */
static const char *beside_file(const struct detach *d)
{
	for (unsigned i = 2; i < d->count; i++)
		if (strncmp(d->words[i], "--file=", 7) != 0 &&
		    strncmp(d->words[i], "--awake=", 8) != 0 &&
		    strncmp(d->words[i], "--hold=", 7) != 0)
			return d->words[i];
	return NULL;
}

static int check_words(int argc, char **argv, struct tender_options *o, struct detach *d,
                       const struct standby_words *words)
{
	if (d->needs && !d->is_wanted)
		return usage("only with -d there is --", d->needs);
	if (detach_tender_option(d))
		return usage("not for what stands by: --", detach_tender_option(d));
	if (words->file && (optind < argc || beside_file(d)))
		return usage("beside --file there is only --awake, --hold and what -d has: ",
		             optind < argc ? argv[optind] : beside_file(d));
	if (!words->file && optind == argc)
		return usage("no snapshot and no image given, and no --file", "");
	d->has_no_image = words->file;
	if (!words->file) {
		d->others = argv + optind + 1;
		d->other_count = (unsigned)(argc - optind - 1);
	}
	o->path = words->file ? words->file : argv[optind];
	return 0;
}

/* What another supervisor has made for one tender. */
static void forget_supervisor(void)
{
	const char *socket = getenv(PICTURE_SOCKET);
	if (socket && atoi(socket) > 2)
		close(atoi(socket));
	unsetenv(PICTURE_SOCKET);
	unsetenv(PLACE_VARIABLE);
}

int standby_run(int argc, char **argv, struct tender_options *o, struct detach *d,
                const struct standby_words *given)
{
	const struct standby_words words = *given;
	uint32_t size;
	int status = check_words(argc, argv, o, d, &words);
	if (status)
		return status;
	if (d->is_wanted)
		return detach_run(d, o);
	const char *folder = getenv(PLACE_VARIABLE);
	folder = folder ? strdup(folder) : NULL;
	forget_supervisor();
	bound = descriptors();
	if (words.file) {
		status = add_file(words.file);
	} else {
		char *own = lines_keep(argv + 1, argc - 1, &size);
		if (own)
			add_line("", own, size);
	}
	if (left_out)
		say("%u are left out: this process may have %u descriptors open: raise that "
		    "(ulimit -n, LimitNOFILE=)",
		    left_out, bound);
	if (!count && words.file && !status)
		say("%s: nothing stands by", words.file);
	if (!count)
		return AMP_EXIT_USAGE;
	held_limit(words.hold);
	tender_prepare(o);
	tender_keep(o);
	const struct standby_wish wish = { all, count, words.awake_max, folder, woken };
	return standby_serve(&wish);
}
