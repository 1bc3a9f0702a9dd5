/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/detach.h>
#include <supervisor/log.h>
#include <supervisor/supervisor.h>
#include <tender/args.h>
#include <tender/image.h>

enum {
	DETACH,
	NAME,
	RESTART,
	REPLACE,
	REMOVE,
	HEALTH,
	INTERVAL,
	TIMEOUT,
	RETRIES,
	START_PERIOD,
	NO_HEALTH,
	WATCHDOG,
	LOG_SIZE
};

const struct option detach_options[DETACH_OPTIONS] = {
	{ "detach", no_argument, NULL, DETACH_FIRST + DETACH },
	{ "name", required_argument, NULL, DETACH_FIRST + NAME },
	{ "restart", required_argument, NULL, DETACH_FIRST + RESTART },
	{ "replace", no_argument, NULL, DETACH_FIRST + REPLACE },
	{ "rm", no_argument, NULL, DETACH_FIRST + REMOVE },
	{ "health", required_argument, NULL, DETACH_FIRST + HEALTH },
	{ "health-interval", required_argument, NULL, DETACH_FIRST + INTERVAL },
	{ "health-timeout", required_argument, NULL, DETACH_FIRST + TIMEOUT },
	{ "health-retries", required_argument, NULL, DETACH_FIRST + RETRIES },
	{ "health-start-period", required_argument, NULL, DETACH_FIRST + START_PERIOD },
	{ "no-healthcheck", no_argument, NULL, DETACH_FIRST + NO_HEALTH },
	{ "watchdog", required_argument, NULL, DETACH_FIRST + WATCHDOG },
	{ "log-size", required_argument, NULL, DETACH_FIRST + LOG_SIZE },
};

const char detach_help[] =
        "  -d, --detach              runs it in the background, and prints its id (man "
        "ampoule-daily); with it:\n"
        "    --name NAME             what it is called; default: the image's name and four digits\n"
        "    --restart POLICY        no (the default), on-failure, on-failure:N or always\n"
        "    --health WHAT           tcp:PORT, http:PORT/PATH, dns:PORT/NAME or "
        "command:PORT/TEXT=ANSWER of this host,\n"
        "                            which the image is behind; [ADDRESS:]PORT: elsewhere; "
        "default: as the image\n"
        "                            says of the ports of -p. One that does not answer is "
        "restarted\n"
        "    --health-interval TIME  between questions; default: 5s\n"
        "    --health-timeout TIME   for an answer; default: 2s\n"
        "    --health-retries N      questions without a good answer in a row that are too many; "
        "default: 3\n"
        "    --health-start-period TIME\n"
        "                            in which it may not answer yet; default: 0s\n"
        "    --no-healthcheck        asks nothing, whatever the image says\n"
        "    --watchdog TIME         ends it when its event loop has not turned for so long, and "
        "restarts it as\n"
        "                            --restart says; default: never\n"
        "    --log-size SIZE         of the log, and of its predecessor; default: 1M\n"
        "    --rm                    forgets it when it has ended\n"
        "    --replace               takes the name of one that has ended\n";

bool detach_take(struct detach *d, int option, const char *value)
{
	if (option < DETACH_FIRST || option >= DETACH_FIRST + (int)DETACH_OPTIONS)
		return false;
	unsigned which = (unsigned)(option - DETACH_FIRST);
	if (which == DETACH)
		d->is_wanted = true;
	else
		d->needs = detach_options[which].name;
	d->values[which] = value ? value : "";
	return true;
}

static char *word_make(const char *name, const char *value)
{
	size_t size = 4 + strlen(name) + (value ? strlen(value) : 0);
	char *word = malloc(size);
	if (word)
		snprintf(word, size, "--%s%s%s", name, value ? "=" : "", value ? value : "");
	return word;
}

static char *verb_of(const struct detach *d)
{
	return (char *)(d->verb ? d->verb : "run");
}

/* What starts it anew: each option as it counts in the end. */
static void again_make(struct detach *d, const char *name)
{
	static char command[] = "ampoule", detach[] = "-d", replace[] = "--replace";
	char *const first[] = { command, verb_of(d), detach, replace };
	memcpy(d->again, first, sizeof first);
	d->again_count = 4;
	d->values[NAME] = name;
	for (unsigned i = 0; i < DETACH_OPTIONS; i++) {
		const char *value = d->values[i];
		if (!value || i == DETACH || i == REPLACE || i == REMOVE)
			continue;
		d->again[d->again_count] = word_make(detach_options[i].name, *value ? value : NULL);
		d->again_count += d->again[d->again_count] != NULL;
	}
}

const char *detach_tender_option(const struct detach *d)
{
	for (unsigned i = HEALTH; i <= WATCHDOG; i++)
		if (d->values[i])
			return detach_options[i].name;
	return NULL;
}

bool detach_word(struct detach *d, const char *name, const char *value)
{
	size_t size = 4 + (name ? strlen(name) : 0) + (value ? strlen(value) : 0);
	char *word = malloc(size);
	if (!word || d->count + 4 > DETACH_WORDS_MAX)
		return false;
	if (!d->count) {
		static char command[] = "ampoule";
		d->words[d->count++] = command;
		d->words[d->count++] = verb_of(d);
	}
	if (!name) {
		static char end[] = "--";
		d->words[d->count++] = end;
		snprintf(word, size, "%s", value);
	} else {
		snprintf(word, size, "--%s%s%s", name, value ? "=" : "", value ? value : "");
	}
	d->words[d->count++] = word;
	if (name && !strcmp(name, "publish") && d->port_count < sizeof d->ports / sizeof *d->ports)
		d->ports[d->port_count++] = value;
	return true;
}

static int usage(const char *what, const char *value)
{
	say("%s%s; try `ampoule run --help`", what, value);
	return AMP_EXIT_USAGE;
}

/* The image's name without folder and .amp, and four digits of the id. */
static void name_make(const char *image, const char *id, char name[PLACE_NAME_MAX])
{
	const char *slash = strrchr(image, '/'), *base = slash ? slash + 1 : image;
	size_t n = strlen(base);
	if (n > 4 && !strcmp(base + n - 4, ".amp"))
		n -= 4;
	snprintf(name, PLACE_NAME_MAX, "%.*s-%.4s", (int)(n > 48 ? 48 : n), base, id);
	if (!place_name_is_valid(name))
		snprintf(name, PLACE_NAME_MAX, "image-%.4s", id);
}

static bool id_make(char id[RECORD_ID_SIZE])
{
	unsigned char bytes[RECORD_ID_SIZE / 2];
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return false;
	for (unsigned i = 0; i < sizeof bytes; i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

/* A time of an option, in ms; `value` null: none was given. 0, or the exit status. */
static int take_time(const char *name, const char *value, uint32_t least, uint32_t *ms)
{
	struct defect why;
	uint64_t n;
	if (!value)
		return 0;
	if (arg_parse(AMP_ARG_DURATION, value, &n, &why) || n / 1000000 < least ||
	    n > AMP_HEALTH_MS_MAX * UINT64_C(1000000)) {
		say("--%s wants digits and a unit, %ums to 1h, not %s; try `ampoule run --help`",
		    name, least, value);
		return AMP_EXIT_USAGE;
	}
	*ms = (uint32_t)(n / 1000000);
	return 0;
}

/* The port that the image is asked at, where that is an argument. False: it says nothing of its health. */
static bool take_port(struct image *image, const struct tender_options *t)
{
	struct amp_note_health *h = &image->health;
	const struct amp_note_arg *a = h->port_arg ? &image->args[h->port_arg - 1] : NULL;
	struct defect why;
	uint64_t n;
	size_t size = a ? strlen(a->name) : 0;
	for (uint32_t i = 0; a && i < t->set_count; i++)
		if (!strncmp(t->sets[i], a->name, size) && t->sets[i][size] == '=' &&
		    !arg_parse(AMP_ARG_U16, t->sets[i] + size + 1, &n, &why))
			h->port = (uint16_t)n;
	return h->kind && h->port;
}

static bool has_ip4(const struct image *i)
{
	for (uint32_t k = 0; k < i->note.device_count; k++)
		if (i->devices[k].type == AMP_DEVICE_NET &&
		    !(i->devices[k].flags & AMP_NOTE_DEVICE_NO_IP4))
			return true;
	return false;
}

/* What the user says of it, else what the image says. 0, or the exit status. */
static int take_health(const struct detach *d, const struct tender_options *t,
                       struct supervisor_order *o)
{
	static char text[HEALTH_ADDRESSED_MAX];
	static struct image file;
	struct amp_note_health *note = &o->health.note;
	struct defect why;
	uint64_t n;
	if (d->values[HEALTH] && d->values[NO_HEALTH])
		return usage("--health and --no-healthcheck do not go together", "");
	if (d->values[HEALTH]) {
		if (health_parse(&o->health, d->values[HEALTH], &why)) {
			say("--health %s", why.text);
			return AMP_EXIT_USAGE;
		}
	} else if (!d->values[NO_HEALTH] && !image_open(&file, t->path, &why)) {
		/* What is wrong with the image is the tender's to say. */
		image_close(&file);
		if (take_port(&file, t))
			health_of_image(&o->health, &file.health, !has_ip4(&file), d->ports,
			                d->port_count);
	}
	if (!note->kind)
		return d->values[INTERVAL] || d->values[RETRIES] || d->values[TIMEOUT] ||
		                       d->values[START_PERIOD]
		               ? usage("--health-interval and the like want --health: the image "
		                       "asks for nothing at a port of -p",
		                       "")
		               : 0;
	o->record.health = health_text(&o->health, text);
	if (d->values[RETRIES]) {
		if (arg_parse(AMP_ARG_U16, d->values[RETRIES], &n, &why) || !n)
			return usage("--health-retries wants a number from 1 to 65535, not ",
			             d->values[RETRIES]);
		note->retries = (uint16_t)n;
	}
	int status = take_time("health-interval", d->values[INTERVAL], 10, &note->interval_ms);
	if (!status)
		status = take_time("health-timeout", d->values[TIMEOUT], 10, &note->timeout_ms);
	if (!status)
		status = take_time("health-start-period", d->values[START_PERIOD], 0,
		                   &note->start_ms);
	return status;
}

int detach_run(struct detach *d, const struct tender_options *t)
{
	const char *image = t->path;
	static struct supervisor_order o;
	static char folder[PATH_MAX], root_path[PLACE_PATH_MAX];
	struct record *r = &o.record;
	struct defect why;
	o.health.fd = -1;
	o.log_size = LOG_SIZE_DEFAULT;
	if (!id_make(r->id))
		return usage("no random numbers", "");
	if (!restart_parse(&r->restart, d->values[RESTART] ? d->values[RESTART] : "no"))
		return usage("--restart is no, on-failure, on-failure:N or always, not ",
		             d->values[RESTART]);
	if (t->moved && r->restart.when != RESTART_NO)
		return usage("--keep-connections goes on once: leave out --restart ",
		             d->values[RESTART]);
	if (d->values[REMOVE] && r->restart.when != RESTART_NO)
		return usage("--rm and --restart do not go together", "");
	if (d->values[NAME] && !place_name_is_valid(d->values[NAME]))
		return usage(
		        "--name wants 1 to 63 letters, digits, and _ . - behind the first, not ",
		        d->values[NAME]);
	if (d->values[LOG_SIZE] &&
	    (arg_parse(AMP_ARG_SIZE, d->values[LOG_SIZE], &o.log_size, &why) ||
	     o.log_size < LOG_SIZE_MIN || o.log_size > UINT64_C(1) << 40))
		return usage(
		        "--log-size wants digits and nothing or one of K M G, from 128K on, not ",
		        d->values[LOG_SIZE]);
	int status = take_health(d, t, &o);
	if (!status)
		status = take_time("watchdog", d->values[WATCHDOG], 100, &o.record.watchdog_ms);
	if (status)
		return status;
	bool fits = d->has_no_image || detach_word(d, NULL, image);
	for (unsigned i = 0; fits && i < d->other_count; i++) {
		fits = d->count + 1 < DETACH_WORDS_MAX;
		if (fits)
			d->words[d->count++] = d->others[i];
	}
	if (!fits)
		return usage("too many options", "");
	if (!getcwd(folder, sizeof folder)) {
		say("the current folder is gone: %s", strerror(errno));
		return AMP_EXIT_TENDER;
	}
	if (d->values[NAME])
		snprintf(r->name, sizeof r->name, "%s", d->values[NAME]);
	else
		name_make(image, r->id, r->name);
	r->image = image;
	r->folder = folder;
	r->generation = d->generation;
	r->parent = d->parent;
	r->project = getenv("AMPOULE_PROJECT");
	r->ports = d->ports;
	r->port_count = d->port_count;
	r->exit_status = -1;
	r->created = record_now();
	again_make(d, r->name);
	o.again = d->again;
	o.words = d->words;
	o.root_path = root_path;
	o.remove = d->values[REMOVE];
	r->stop_ms = t->stop_timeout / 1000000;
	o.root = place_open(true, root_path, &why);
	if (o.root < 0 ||
	    place_take(o.root, r->name, d->values[REPLACE], &o.folder, &o.lock, &why)) {
		say("%s", why.text);
		return o.root < 0 ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	r->health_times = o.health.note;
	status = supervisor_start(&o);
	if (!status)
		puts(r->id);
	return status;
}
