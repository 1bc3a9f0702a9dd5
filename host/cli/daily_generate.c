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
static bool background(const char *name, char ***words, int *count)
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
	/* "ampoule", "run", then options, "--" and the image. */
	unsigned n = 0;
	for (size_t at = strlen(text) + 1; at < size; at += strlen(text + at) + 1)
		if (n++ >= 2 && strcmp(text + at, "--") != 0 && strcmp(text + at, "-d") != 0)
			list_add(words, &kept, text + at);
	*count = (int)kept - 1;
	return kept > 0;
}

/* The image's name without folder and .amp; what systemd would read otherwise becomes a hyphen. */
static const char *unit_name(const char *image)
{
	const char *slash = strrchr(image, '/');
	char *name = keep_format("%s", slash ? slash + 1 : image);
	size_t n = strlen(name);
	if (n > 4 && !strcmp(name + n - 4, ".amp"))
		name[n - 4] = 0;
	for (char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-",
		            *c))
			*c = '-';
	return name;
}

int daily_generate(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule generate systemd [--user] [--socket] [--output FOLDER] [OPTION...] "
	        "IMAGE\n"
	        "       ampoule generate systemd --template [--output FOLDER] [OPTION...]\n\n"
	        "Prints a unit of systemd that runs an image with these options of `ampoule run`, "
	        "or, where IMAGE is the name\n"
	        "of an appliance in the background, with those that it was started with.\n\n"
	        "  --user           for a user's own manager\n"
	        "  --socket         systemd listens at the port of -p, and starts the appliance at "
	        "the first connection:\n"
	        "                   three units\n"
	        "  --template       one unit, ampoule@.service, for each image " UNIT_IMAGES
	        "/NAME.amp, with OPTIONS=\n"
	        "                   in " UNIT_OPTIONS "/NAME.conf\n"
	        "  --output FOLDER  writes them there, each into a file of its own\n"
	        "  -h, --help       this text\n";
	int at = 1;
	const char *to = NULL;
	char image[PATH_MAX], folder[PATH_MAX];
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
		else if (!strcmp(argv[at], "--template"))
			u.template = true;
		else if (!strcmp(argv[at], "--output") && at + 1 < argc)
			to = argv[++at];
		else if (!strncmp(argv[at], "--output=", 9))
			to = argv[at] + 9;
		else
			break;
	}
	char **words = argv + at, output[PATH_MAX];
	/* Before the folder changes. */
	if (to && !realpath(to, output))
		die(AMP_EXIT_USAGE, "%s: %s", to, strerror(errno));
	if (u.template) {
		if (u.user || u.socket)
			die(AMP_EXIT_USAGE,
			    "--template is for the system's manager, without --user and --socket");
		u.name = "ampoule";
		u.image = UNIT_IMAGES "/%i.amp";
		unit_take(&u, words, argc - at);
		return unit_print(&u, to ? output : NULL);
	}
	if (at >= argc || argv[argc - 1][0] == '-')
		die(AMP_EXIT_USAGE, "name an image, behind its options: `ampoule generate --help`");
	int count = argc - 1 - at;
	const char *named = argv[argc - 1];
	if (!count && access(named, F_OK) && background(named, &words, &count))
		named = words[count];
	if (!realpath(named, image))
		die(AMP_EXIT_USAGE, "%s: there is no such image", named);
	if (!getcwd(folder, sizeof folder))
		die(AMP_EXIT_TENDER, "the current folder is gone: %s", strerror(errno));
	u.name = unit_name(image);
	u.image = image;
	u.folder = folder;
	unit_take(&u, words, count);
	return unit_print(&u, to ? output : NULL);
}
