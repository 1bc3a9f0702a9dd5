/* SPDX-License-Identifier: ISC */
/* What is said of an appliance, as words of a command line or as lines of a file of standbys, read for its unit. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/output.h>
#include <cli/unit.h>
#include <standby/lines.h>
#include <tender/device/publish.h>
#include <tender/snapshot.h>

#define KEEP_STATE "--keep-state="

/* ---- Options ---- */

/* --NAME=VALUE of either form; a name alone where it has no value. */
static const char *next_option(char *const *words, int count, int *at)
{
	static const char *const plain[] = { "--detach",         "--replace", "--rm",
		                             "--no-healthcheck", "--timing",  "--fixed-layout",
		                             "--verbose",        "--help" };
	static const struct {
		char letter;
		const char *name;
	} letters[] = { { 'p', "publish" }, { 'm', "memory" }, { 'd', "detach" },
		        { 'v', "verbose" }, { 'e', "env" },    { 'n', "count" },
		        { 'f', "file" } };
	const char *word = words[(*at)++], *name = NULL, *value = NULL;
	if (word[0] == '-' && word[1] && word[1] != '-') {
		for (unsigned i = 0; i < sizeof letters / sizeof *letters; i++)
			if (letters[i].letter == word[1])
				name = keep_format("--%s", letters[i].name);
		if (!name)
			die(AMP_EXIT_USAGE, "no option %s of `ampoule run`", word);
		value = word[2] ? word + 2 : NULL;
	} else if (begins(word, "--") && word[2]) {
		value = strchr(word, '=');
		name = value ? keep_text(word, (size_t)(value - word)) : word;
		value += value != NULL;
	} else {
		die(AMP_EXIT_USAGE, "%s is no option: name one image, as the last word", word);
	}
	for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
		if (!strcmp(name, plain[i]))
			return name;
	if (!value && *at == count)
		die(AMP_EXIT_USAGE, "%s wants a value", name);
	return keep_format("%s=%s", name, value ? value : words[(*at)++]);
}

static const char *absolute(const char *path)
{
	char *found = realpath(path, NULL);
	if (!found)
		die(AMP_EXIT_USAGE, "%s: %s", path, strerror(errno));
	return found;
}

bool unit_is_snapshot(const char *path)
{
	uint64_t magic = 0;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool is = fd >= 0 && read(fd, &magic, sizeof magic) == sizeof magic &&
	          magic == SNAPSHOT_MAGIC;
	if (fd >= 0)
		close(fd);
	return is;
}

/* Of a standby: an option, or an image. Its paths are absolute. Null: the word that parts them. */
static const char *next_word(char *const *words, int count, int *at)
{
	if (words[*at][0] != '-')
		return absolute(words[(*at)++]);
	if (!strcmp(words[*at], "--")) {
		++*at;
		return NULL;
	}
	const char *option = next_option(words, count, at);
	return begins(option, KEEP_STATE)
	               ? keep_format(KEEP_STATE "%s", absolute(option + strlen(KEEP_STATE)))
	               : option;
}

/* A line of a file of standbys: the waker reads it itself; here it counts for what it needs. */
static void take_line(struct unit *u, char *const *words, int count)
{
	for (int at = 0; at < count;) {
		const char *word = next_word(words, count, &at);
		if (word)
			list_add(&u->lines, &u->line_count, word);
	}
}

static void take_file(struct unit *u, const char *path)
{
	static char *words[LINES_WORDS_MAX + 1];
	struct lines lines;
	struct defect why;
	char *line;
	uint32_t size;
	if (lines_open(&lines, path, &why))
		die(AMP_EXIT_USAGE, "%s", why.text);
	for (int found; (found = lines_next(&lines, &line, &size, &why));) {
		if (found < 0)
			die(AMP_EXIT_USAGE, "%s:%u: %s", path, lines.number, why.text);
		take_line(u, words, lines_split(line, size, words));
	}
	u->file = path;
}

/* What a waker takes otherwise than a run. False: it does not. */
static bool take_standbys(struct unit *u, const char *option, const char *value)
{
	if (begins(option, "--cpus=")) {
		tell("%s is left out: a unit has CPUQuota=, for all who are awake together",
		     option);
	} else if (begins(option, "--watchdog=")) {
		die(AMP_EXIT_USAGE, "not for what stands by: %s", option);
	} else if (begins(option, "--file=")) {
		take_file(u, absolute(value));
		list_add(&u->words, &u->count, keep_format("--file=%s", u->file));
	} else {
		return false;
	}
	return true;
}

static void take_option(struct unit *u, const char *option, const char *value)
{
	static const char *const dropped[] = { "--detach", "--replace", "--rm", "--log-size=" };
	for (unsigned i = 0; i < sizeof dropped / sizeof *dropped; i++)
		if (begins(option, dropped[i]))
			return;
	if (u->standby && take_standbys(u, option, value))
		return;
	if (begins(option, "--name="))
		u->name = value;
	else if (begins(option, "--restart="))
		u->restart = begins(value, "on-failure") ? "on-failure"
		             : begins(value, "no")       ? "no"
		                                         : "always";
	else if (begins(option, "--watchdog="))
		u->watchdog = !strcmp(value, "0") ? NULL : value;
	else if (begins(option, "--health") || begins(option, "--no-healthcheck"))
		tell("%s is left out: systemd asks for nobody's health, but sees by its "
		     "watchdog what hangs",
		     option);
	else if (begins(option, "--cpus="))
		u->cpus = value;
	else if (begins(option, "--secret=") && strchr(value, '='))
		list_add(&u->words, &u->count,
		         keep_format("--set=%.*s@%s", (int)(strchr(value, '=') + 1 - value), value,
		                     strchr(value, '=') + 1));
	else
		list_add(&u->words, &u->count, option);
	if (begins(option, "--memory="))
		u->memory = value;
}

void unit_take(struct unit *u, char *const *words, int count)
{
	u->restart = "on-failure";
	u->watchdog = u->standby ? NULL : UNIT_WATCHDOG;
	for (int at = 0; at < count;) {
		const char *word =
		        u->standby ? next_word(words, count, &at) : next_option(words, count, &at);
		const char *value = word ? strchr(word, '=') : NULL;
		if (word && word[0] != '-')
			list_add(&u->images, &u->image_count, word);
		else if (word)
			take_option(u, word, value ? value + 1 : "");
	}
}

const char *unit_word(const struct unit *u, unsigned i)
{
	return i < u->count                   ? u->words[i]
	       : i - u->count < u->line_count ? u->lines[i - u->count]
	                                      : NULL;
}

struct unit_needs unit_needs(const struct unit *u)
{
	struct unit_needs n = { 0 };
	const char *word;
	for (unsigned i = 0; (word = unit_word(u, i)); i++) {
		struct publish p;
		struct defect why;
		for (const char *equals = strchr(word, '='); equals;
		     equals = strchr(equals + 1, '=')) {
			n.tun |= begins(equals, "=tap:") || begins(equals, "=bridge:");
			n.root |= begins(equals, "=bridge:") || begins(equals, "=macvtap:") ||
			          begins(equals, "=packet:") || begins(equals, "=xdp:");
		}
		if (begins(word, "--publish=") && !publish_parse(&p, word + 10, &why))
			n.low_port |= p.first < 1024;
	}
	return n;
}

/* ---- Whose it is ---- */

bool unit_may_read(const char *path, uid_t user)
{
	struct stat s;
	if (stat(path, &s) || !(s.st_mode & (s.st_uid == user ? S_IRUSR : S_IROTH)))
		return false;
	char *folder = keep_format("%s", path);
	for (char *slash; (slash = strrchr(folder, '/')) && slash > folder;) {
		*slash = 0;
		if (stat(folder, &s) || !(s.st_mode & (s.st_uid == user ? S_IXUSR : S_IXOTH)))
			return false;
	}
	return true;
}

struct owner {
	uid_t user;
	const char *of; /* null: nobody's yet */
};

static void is_of(struct owner *o, const char *path)
{
	struct stat s;
	if (stat(path, &s))
		die(AMP_EXIT_USAGE, "%s: %s", path, strerror(errno));
	if (o->of && o->user != s.st_uid)
		die(AMP_EXIT_USAGE, "%s is another user's than %s, and a unit has one user", path,
		    o->of);
	*o = (struct owner){ s.st_uid, path };
}

static void is_of_if_secret(struct owner *o, const char *path)
{
	if (!unit_may_read(path, UNIT_NOBODY) && unit_is_snapshot(path))
		is_of(o, path);
}

uid_t unit_owner(const struct unit *u)
{
	struct owner o = { UNIT_NOBODY, NULL };
	const char *word;
	is_of_if_secret(&o, u->image);
	for (unsigned i = 0; i < u->image_count; i++)
		is_of_if_secret(&o, u->images[i]);
	if (u->file && !unit_may_read(u->file, UNIT_NOBODY))
		is_of(&o, u->file);
	for (unsigned i = 0; (word = unit_word(u, i)); i++)
		if (begins(word, KEEP_STATE))
			is_of(&o, word + strlen(KEEP_STATE));
		else if (word[0] != '-')
			is_of_if_secret(&o, word);
	if (o.of && o.user && !u->user && unit_needs(u).root)
		die(AMP_EXIT_USAGE,
		    "%s: its networks want root, who reads there only what is root's: "
		    "chown root %s",
		    o.of, o.of);
	return o.user;
}
