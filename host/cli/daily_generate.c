/* SPDX-License-Identifier: ISC */
/* `ampoule generate systemd`: units that run an image under systemd, which then is the supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <cli/near.h>
#include <cli/unit.h>

/* The words of an appliance in the background that it was started with; the last one is the image. This process goes to
 * the folder that it was started in. */
static void background(const char *name, struct unit *u, char ***words, int *count)
{
	struct shelf shelf;
	size_t size;
	unsigned kept = 0;
	shelf_read(&shelf);
	struct appliance *a = shelf_find(&shelf, name);
	if (!a)
		exit(AMP_EXIT_USAGE);
	int fd = openat(a->folder, PLACE_WORDS, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text = fd < 0 ? NULL : (char *)file_read_open(fd, &size);
	if (!text || !size || text[size - 1] || chdir(text))
		die(AMP_EXIT_TENDER, "%s: nobody knows any more how it was started", name);
	*words = NULL;
	/* "ampoule", the verb, then options, "--" and the image or a standby's. */
	unsigned n = 0;
	for (size_t at = strlen(text) + 1; at < size; at += strlen(text + at) + 1) {
		if (n == 1)
			u->standby = !strcmp(text + at, "standby");
		if (n++ >= 2 && strcmp(text + at, "--") != 0 && strcmp(text + at, "-d") != 0)
			list_add(words, &kept, text + at);
	}
	if (!kept)
		die(AMP_EXIT_TENDER, "%s: nobody knows any more how it was started", name);
	*count = (int)kept - 1;
}

/* The image's name without folder and .amp or .snap; what systemd would read otherwise becomes a hyphen. */
static const char *unit_name(const char *image)
{
	const char *slash = strrchr(image, '/');
	char *name = keep_format("%s", slash ? slash + 1 : image);
	size_t n = strlen(name);
	if (n > 4 && !strcmp(name + n - 4, ".amp"))
		name[n - 4] = 0;
	if (n > 5 && !strcmp(name + n - 5, ".snap"))
		name[n - 5] = 0;
	for (char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-",
		            *c))
			*c = '-';
	return name;
}

static bool is_time(const char *text)
{
	size_t n = strspn(text, "0123456789");
	return n && n < 9 && strlen(text) == n + 1 && strchr("smh", text[n]);
}

/* The words of a run or a clone, and its image behind them. */
static void take_image(struct unit *u, char *const *words, int count)
{
	const char *image = realpath(words[count], NULL);
	if (!image)
		die(AMP_EXIT_USAGE, "%s: there is no such image", words[count]);
	u->snapshot = unit_is_snapshot(image);
	u->name = unit_name(image);
	u->image = image;
	unit_take(u, words, count);
	if (u->snapshot && u->memory)
		die(AMP_EXIT_USAGE, "%s: a clone has its parent's memory: leave --memory out",
		    words[count]);
}

/* The words of a waker. */
static void take_standby(struct unit *u, char *const *words, int count)
{
	if (u->socket)
		die(AMP_EXIT_USAGE, "--socket is not for standbys: their waker waits itself");
	unit_take(u, words, count);
	if (!u->file && !u->image_count)
		die(AMP_EXIT_USAGE, "no snapshot and no image given, and no --file");
	if (u->file && u->image_count)
		die(AMP_EXIT_USAGE, "%s: beside --file there is no image", u->images[0]);
	u->image = u->file ? u->file : u->images[0];
	u->snapshot = unit_is_snapshot(u->image);
	u->name = u->name ? u->name : unit_name(u->image);
}

int daily_generate(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule generate systemd [--user] [--socket [--idle TIME]] [--output "
	        "FOLDER] [OPTION...] "
	        "IMAGE|SNAPSHOT\n"
	        "       ampoule generate systemd --template [--output FOLDER] [OPTION...]\n"
	        "       ampoule generate systemd [--user] [--output FOLDER] --standby [OPTION...] "
	        "SNAPSHOT...|IMAGE|--file FILE\n\n"
	        "Prints a unit of systemd that runs an image with these options of `ampoule run`, "
	        "or goes on from a snapshot; or,\n"
	        "where IMAGE is the name of an appliance in the background, with those that it was "
	        "started with.\n\n"
	        "  --user           for a user's own manager\n"
	        "  --socket         systemd listens at the port of -p, and starts the appliance at "
	        "the first connection:\n"
	        "                   three units\n"
	        "  --idle TIME      with --socket: ends it when nobody is connected for so long, "
	        "digits "
	        "and one of s m h\n"
	        "  --template       one unit, ampoule@.service, for each image " UNIT_IMAGES
	        "/NAME.amp, with OPTIONS=\n"
	        "                   in " UNIT_OPTIONS "/NAME.conf\n"
	        "  --standby        what follows are the words of `ampoule standby`, the last "
	        "option of this command\n"
	        "  --output FOLDER  writes them there, each into a file of its own\n"
	        "  -h, --help       this text\n";
	int at = 1;
	const char *to = NULL;
	char folder[PATH_MAX];
	struct unit u = { 0 };
	static const char *const kinds[] = { "systemd" };
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc < 2 || strcmp(argv[at++], "systemd") != 0)
		die(AMP_EXIT_USAGE, "want ampoule generate systemd [OPTION...] IMAGE%s",
		    argc > 1 && near_find(argv[1], kinds, 1) ? "; did you mean systemd?" : "");
	for (; at < argc; at++) {
		if (!strcmp(argv[at], "--user"))
			u.user = true;
		else if (!strcmp(argv[at], "--socket"))
			u.socket = true;
		else if (!strcmp(argv[at], "--idle") && at + 1 < argc)
			u.idle = argv[++at];
		else if (!strncmp(argv[at], "--idle=", 7))
			u.idle = argv[at] + 7;
		else if (!strcmp(argv[at], "--template"))
			u.template = true;
		else if (!strcmp(argv[at], "--output") && at + 1 < argc)
			to = argv[++at];
		else if (!strncmp(argv[at], "--output=", 9))
			to = argv[at] + 9;
		else
			break;
	}
	if (at < argc && !strcmp(argv[at], "--standby")) {
		u.standby = true;
		at++;
	}
	char **words = argv + at, output[PATH_MAX];
	/* Before the folder changes. */
	if (to && !realpath(to, output))
		die(AMP_EXIT_USAGE, "%s: %s", to, strerror(errno));
	if (u.idle && !u.socket)
		die(AMP_EXIT_USAGE, "--idle is beside --socket");
	if (u.template) {
		if (u.user || u.socket || u.standby)
			die(AMP_EXIT_USAGE, "--template is for the system's manager, without "
			                    "--user, --socket and --standby");
		u.name = "ampoule";
		u.image = UNIT_IMAGES "/%i.amp";
		unit_take(&u, words, argc - at);
		return unit_print(&u, to ? output : NULL);
	}
	if (u.idle && !is_time(u.idle))
		die(AMP_EXIT_USAGE, "--idle wants digits and one of s m h, not %s", u.idle);
	if (at >= argc || (!u.standby && argv[argc - 1][0] == '-'))
		die(AMP_EXIT_USAGE, "name an image, behind its options: `ampoule generate --help`");
	int count = argc - 1 - at;
	if (!u.standby && !count && access(words[0], F_OK))
		background(words[0], &u, &words, &count);
	if (!getcwd(folder, sizeof folder))
		die(AMP_EXIT_TENDER, "the current folder is gone: %s", strerror(errno));
	u.folder = folder;
	if (u.standby)
		take_standby(&u, words, count + 1);
	else
		take_image(&u, words, count);
	return unit_print(&u, to ? output : NULL);
}
