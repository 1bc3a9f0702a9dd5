/* SPDX-License-Identifier: ISC */
/* `ampoule secret`: new versions of secrets, to an appliance that runs in the background. The files are read here, and go to its
 * tender as one descriptor of memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/daily.h>
#include <supervisor/control.h>
#include <tender/renewal.h>

#define WAIT_MS 10000 /* its supervisor gives up earlier */

static struct renewal_head head = { .magic = RENEWAL_MAGIC };
static uint8_t bytes[AMP_SECRETS_SIZE];
static uint32_t used;

static _Noreturn void wrong(const char *word, const char *what)
{
	explicit_bzero(bytes, sizeof bytes);
	die(AMP_EXIT_USAGE, "%s: %s", word, what);
}

/* As it is, up to the end: a FIFO or /dev/stdin may be one, too. */
static uint32_t read_file(const char *word, const char *path)
{
	uint8_t more;
	uint32_t size = 0, room = sizeof bytes - used < AMP_SECRET_MAX
	                                  ? (uint32_t)sizeof bytes - used
	                                  : AMP_SECRET_MAX;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	if (fd < 0)
		wrong(word, strerror(errno));
	do {
		n = size < room ? read(fd, bytes + used + size, room - size) : read(fd, &more, 1);
		if (n > 0 && size == room)
			wrong(word, room < AMP_SECRET_MAX
			                    ? "all together are too long: 136 KiB at once"
			                    : "is longer than 64 KiB, which a secret may have");
		size += n > 0 ? (uint32_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		wrong(word, strerror(errno));
	close(fd);
	if (!size)
		wrong(word, "the file is empty");
	return size;
}

static void add(const char *word)
{
	const char *equals = strchr(word, '=');
	size_t size = equals ? (size_t)(equals - word) : 0;
	if (!size || equals[1] != '@' || !equals[2])
		wrong(word, "write NAME=@FILE, as of --set");
	if (size >= AMP_NAME_MAX)
		wrong(word, "no argument has so long a name");
	if (head.count == AMP_ARGS_MAX)
		wrong(word, "too many");
	struct renewal_entry *e = &head.entries[head.count++];
	memcpy(e->name, word, size);
	e->size = read_file(word, equals + 2);
	used += e->size;
}

/* The descriptor of both, behind each other. */
static int pack(void)
{
	int fd = memfd_create("secrets", MFD_CLOEXEC);
	bool fine = fd >= 0 && write(fd, &head, sizeof head) == sizeof head &&
	            write(fd, bytes, used) == (ssize_t)used;
	explicit_bzero(bytes, sizeof bytes);
	if (!fine)
		die(AMP_EXIT_TENDER, "no memory for secrets: %s", strerror(errno));
	return fd;
}

int daily_secret(int argc, char **argv)
{
	static const char usage[] =
	        "usage: ampoule secret APPLIANCE NAME=@FILE...\n\n"
	        "Hands new versions of secrets to an appliance that runs in the background: a "
	        "certificate that was\n"
	        "renewed, with its key. What belongs together is named together. Ends with 0 when "
	        "the appliance uses\n"
	        "them. A restart reads the files of --set: renew these, too.\n\n"
	        "  -h, --help  this text\n";
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	static struct shelf shelf;
	char text[CONTROL_TEXT_MAX];
	while (daily_option(argc, argv, ":h", options, usage) != -1)
		;
	if (argc - optind < 2)
		die(AMP_EXIT_USAGE, "name an appliance, and NAME=@FILE: `ampoule secret --help`");
	shelf_read(&shelf);
	struct appliance *a = shelf_find(&shelf, argv[optind]);
	if (!a)
		return AMP_EXIT_USAGE;
	if (!a->is_held)
		die(AMP_EXIT_USAGE, "%s does not run: it gets its secrets when it starts", a->name);
	for (int i = optind + 1; i < argc; i++)
		add(argv[i]);
	int fd = pack();
	if (control_ask_with(a->folder, "secrets", fd, WAIT_MS, text, NULL)) {
		tell("%s: its supervisor does not answer: %s", a->name, strerror(errno));
		return AMP_EXIT_TENDER;
	}
	if (!strcmp(text, "ok"))
		return 0;
	tell("%s: %s", a->name, text);
	return AMP_EXIT_TENDER;
}
