/* SPDX-License-Identifier: ISC */
/*
 * The image is checked, and copied into memory beside its NAME.debug; a child becomes QEMU, whose first serial port is our output,
 * whose second one our errors, and which writes the exit status by a port that the command line names: through a pipe each.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_modules.h>
#include <cli/kernel.h>
#include <cli/qemu.h>
#include <tender/args.h>
#include <tender/args_file.h>
#include <tender/device/publish.h>
#include <tender/symbols.h>

#define QEMU        "qemu-system-x86_64"
#define EXIT_PORT   "0x5f4" /* not 0x402, where firmware tells its story */
#define ERRORS_PORT "0x2f8"
#define WORDS_MAX   96u
#define TEXT        8192u

struct command {
	unsigned count;
	const char *words[WORDS_MAX + 1];
	char *next, *end; /* room for words that are composed */
	char text[4 * TEXT];
	bool full;
};

static volatile sig_atomic_t asked;
static pid_t child;

static void add(struct command *c, const char *word)
{
	if (c->count == WORDS_MAX)
		c->full = true;
	else
		c->words[c->count++] = word;
}

__attribute__((format(printf, 2, 3))) static char *compose(struct command *c, const char *format,
                                                           ...)
{
	va_list args;
	va_start(args, format);
	size_t room = (size_t)(c->end - c->next);
	int n = vsnprintf(c->next, room, format, args);
	va_end(args);
	char *word = c->next;
	if (n < 0 || (size_t)n >= room)
		c->full = true;
	else
		c->next += n + 1;
	return word;
}

static int copy(int to, int from, uint64_t at, uint64_t *size, struct defect *why)
{
	struct stat st;
	char bytes[65536];
	if (fstat(from, &st))
		return defect_set(why, "cannot be examined: %s", strerror(errno));
	*size = (uint64_t)st.st_size;
	for (uint64_t done = 0; done < *size;) {
		ssize_t n = pread(from, bytes, sizeof bytes, (off_t)done);
		if (n <= 0 || pwrite(to, bytes, (size_t)n, (off_t)(at + done)) != n)
			return defect_set(why, "cannot be copied: %s",
			                  n ? strerror(errno) : "it became shorter meanwhile");
		done += (uint64_t)n;
	}
	return 0;
}

/* Both files in one, as the boot kernel takes them. A descriptor; -1 with a defect. */
static int module(const struct image *image, const char *path, struct defect *why)
{
	struct amp_modules head = { .magic = AMP_MODULES_MAGIC, .count = 1 };
	int to = memfd_create("module", 0), debug = symbols_open(path);
	uint64_t at = AMP_PAGE;
	if (to < 0)
		return defect_set(why, "cannot be copied: %s", strerror(errno));
	if (copy(to, image->fd, at, &head.size[0], why))
		return -1;
	at += (head.size[0] + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	if (debug >= 0 && !copy(to, debug, at, &head.size[1], why)) {
		head.count = 2;
		at += (head.size[1] + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	}
	if (debug >= 0)
		close(debug);
	if (pwrite(to, &head, sizeof head, 0) != sizeof head || ftruncate(to, (off_t)at))
		return defect_set(why, "cannot be copied: %s", strerror(errno));
	return to;
}

/* ---- Devices ---- */

/* "NAME=TEXT", or "=TEXT" for the first of that type. */
static const struct amp_note_device *named(const struct image *image, uint32_t type,
                                           const char *text)
{
	size_t n = strcspn(text, "=");
	for (uint32_t i = 0; i < image->note.device_count; i++) {
		const struct amp_note_device *d = &image->devices[i];
		if (d->type == type && (!n || (strlen(d->name) == n && !memcmp(d->name, text, n))))
			return d;
	}
	return NULL;
}

/* A virtio device's name ends so. */
static const char *kind(const struct qemu_machine *m)
{
	return strcmp(m->name, "microvm") ? "pci" : "device";
}

const struct qemu_machine *qemu_machine(const char *tender)
{
	static const struct qemu_machine machines[] = { { "qemu", "microvm", false },
		                                        { "qemu-q35", "q35", false },
		                                        { "qemu-nvme", "q35", true } };
	for (unsigned i = 0; i < sizeof machines / sizeof *machines; i++)
		if (!strcmp(tender, machines[i].tender))
			return &machines[i];
	return NULL;
}

struct network {
	uint32_t address, gateway, resolver;
	unsigned prefix;
};

/* The image's address as its arguments say, in a network that QEMU makes around it. */
static int find_network(struct network *n, const struct image *image, const struct args *args,
                        struct defect *why)
{
	const struct amp_note_arg *a = kernel_address(image);
	uint64_t v = a ? args->values[a - image->args].number : 0;
	*n = (struct network){ .address = 0x0a00020f, .prefix = 24 };
	if (v >> 8)
		*n = (struct network){ .address = (uint32_t)(v >> 8), .prefix = v & 255 };
	if (n->prefix > 29 || n->prefix < 8)
		return defect_set(why, "--tender qemu -p needs a network of /8 to /29");
	uint32_t free = (n->address & (UINT32_MAX << (32 - n->prefix))) + 1;
	n->gateway = free += free == n->address;
	free++;
	n->resolver = free + (free == n->address);
	return 0;
}

#define IP(a) (a) >> 24, (a) >> 16 & 255, (a) >> 8 & 255, (a) & 255

static int add_user_net(struct command *c, const struct network *n, const struct publish_texts *p,
                        const char *device, struct defect *why)
{
	char *text = compose(c,
	                     "user,id=net0,net=%u.%u.%u.%u/%u,host=%u.%u.%u.%u,dns=%u.%u.%u.%u,"
	                     "dhcpstart=%u.%u.%u.%u",
	                     IP(n->address & (UINT32_MAX << (32 - n->prefix))), n->prefix,
	                     IP(n->gateway), IP(n->resolver), IP(n->address));
	for (uint32_t i = 0; i < p->count; i++) {
		struct publish one;
		if (publish_parse(&one, p->texts[i], why))
			return -1;
		if (one.address.family == NET_IP6)
			return defect_set(why, "-p %s: --tender qemu publishes IPv4 only",
			                  p->texts[i]);
		uint32_t address = net_ip4_of(one.address.bytes);
		for (uint32_t port = one.first; port <= one.last; port++) {
			c->next--; /* the words go on */
			compose(c, ",hostfwd=%s:%u.%u.%u.%u:%u-%u.%u.%u.%u:%u",
			        one.udp ? "udp" : "tcp", IP(address), port, IP(n->address),
			        one.to + port - one.first);
		}
	}
	add(c, "-netdev");
	add(c, text);
	add(c, "-device");
	add(c, compose(c, "virtio-net-%s,netdev=net0", device));
	return 0;
}

static int add_nets(struct command *c, const struct image *image, const struct tender_options *o,
                    const struct publish_texts *p, const struct network *n, const char *device,
                    struct defect *why)
{
	const struct device_texts *nets = &o->devices[0];
	for (uint32_t i = 0; i < nets->count; i++) {
		const char *text = nets->texts[i] + strcspn(nets->texts[i], "=");
		if (!named(image, AMP_DEVICE_NET, nets->texts[i]))
			return defect_set(why, "--net %s: the image has no such network device",
			                  nets->texts[i]);
		if (strncmp(text, "=tap:", 5) || strchr(text, ','))
			return defect_set(why,
			                  "--net %s: --tender qemu wants NAME=tap:INTERFACE, or -p",
			                  nets->texts[i]);
		add(c, "-netdev");
		add(c, compose(c, "tap,id=tap%u,ifname=%s,script=no,downscript=no,vhost=off", i,
		               text + 5));
		add(c, "-device");
		add(c,
		    compose(c, "virtio-net-%s,netdev=tap%u,mac=02:61:6d:70:00:%02x", device, i, i));
	}
	return p->count ? add_user_net(c, n, p, device, why) : 0;
}

static int add_blocks(struct command *c, const struct image *image, const struct tender_options *o,
                      const struct qemu_machine *m, struct defect *why)
{
	const struct device_texts *blocks = &o->devices[1];
	for (uint32_t i = 0; i < blocks->count; i++) {
		const char *given = blocks->texts[i];
		const struct amp_note_device *d = named(image, AMP_DEVICE_BLOCK, given);
		const char *path = given + strcspn(given, "=") + 1;
		if (!d)
			return defect_set(why, "--block %s: the image has no such block device",
			                  given);
		size_t size = strcspn(path, ",");
		bool ro = !strcmp(path + size, ",ro");
		if (path[size] && !ro)
			return defect_set(
			        why, "--block %s: --tender qemu knows NAME=FILE and NAME=FILE,ro",
			        given);
		add(c, "-drive");
		add(c, compose(c, "if=none,id=disk%u,format=raw,discard=unmap,file=%.*s%s", i,
		               (int)size, path, ro ? ",readonly=on" : ""));
		add(c, "-device");
		add(c, m->nvme ? compose(c, "nvme,drive=disk%u,serial=%s", i, d->name)
		               : compose(c, "virtio-blk-%s,drive=disk%u,serial=%s", kind(m), i,
		                         d->name));
	}
	return 0;
}

/* ---- The command line of the kernel ---- */

static int add_words(struct command *c, const struct image *image, const struct tender_options *o,
                     const struct args *args, const struct network *n, bool user,
                     struct defect *why)
{
	char *text = compose(
	        c, "ampoule.exit=" EXIT_PORT " ampoule.errors=" ERRORS_PORT " ampoule.log=%u",
	        o->verbosity >= 2 ? 3 : 1 + o->verbosity);
	if (o->memory) {
		c->next--;
		compose(c, " ampoule.memory=%llu", (unsigned long long)o->memory);
	}
	if (user) {
		c->next--;
		compose(c,
		        " ampoule.net=address=%u.%u.%u.%u/"
		        "%u,gateway=%u.%u.%u.%u,resolver=%u.%u.%u.%u",
		        IP(n->address), n->prefix, IP(n->gateway), IP(n->resolver));
	}
	for (uint32_t i = 0; i < o->set_count; i++) {
		char value[AMP_TEXT_MAX];
		const char *set = o->sets[i], *equals = strchr(set, '='), *from = equals + 1;
		if (from[0] == '@' && from[1] != '@' &&
		    from[1]) { /* args_make has checked it all */
			if (args_file_read(from + 1, value, why))
				return -1;
			from = value;
		}
		if (strchr(from, '"'))
			return defect_set(why, "--set %s: --tender qemu takes no quotes", set);
		c->next--;
		compose(c, " \"%.*s=%s%s\"", (int)(equals - set), set,
		        from == value && *value == '@' ? "@" : "", from);
	}
	(void)image;
	(void)args;
	add(c, "-append");
	add(c, text);
	return 0;
}

/* ---- The run ---- */

static void on_signal(int signal)
{
	asked = signal;
	if (child > 0)
		kill(child, SIGKILL);
}

static bool put(int to, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(to, bytes, size);
		if (n < 0 && errno == EINTR && !asked)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		size -= (size_t)n;
	}
	return true;
}

/* What QEMU writes through its three pipes: output, errors, and at the end a byte, the status. */
enum { OUTPUT, ERRORS, STATUS, PIPES };

static int follow(const int pipes[PIPES], const char *path)
{
	struct pollfd p[PIPES];
	char bytes[4096];
	int status = -1, how, lost = 0;
	for (unsigned i = 0; i < PIPES; i++)
		p[i] = (struct pollfd){ pipes[i], POLLIN, 0 };
	while (!asked && (p[OUTPUT].fd >= 0 || p[ERRORS].fd >= 0 || p[STATUS].fd >= 0)) {
		if (poll(p, PIPES, -1) < 0)
			continue;
		for (unsigned i = 0; i < PIPES; i++) {
			if (!p[i].revents)
				continue;
			ssize_t n = read(p[i].fd, bytes, sizeof bytes);
			if (n <= 0 && !(n < 0 && errno == EINTR))
				p[i].fd = -1;
			if (n > 0 && i == STATUS)
				status = (uint8_t)bytes[0];
			else if (n > 0 && !put(i == OUTPUT ? 1 : 2, bytes, (size_t)n) &&
			         i == OUTPUT)
				lost = errno;
		}
	}
	while (waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	if (asked)
		return 128 + asked;
	if (lost) {
		say("%s: its output cannot be written: %s", path, strerror(lost));
		return AMP_EXIT_TENDER;
	}
	if (status >= 0)
		return status;
	say("%s: QEMU ended before the image did%s", path,
	    WIFEXITED(how) && WEXITSTATUS(how) == 127 ? ": " QEMU
	                                                " cannot be started: is it installed?"
	                                              : "");
	return AMP_EXIT_TENDER;
}

static int start(struct command *c, const char *path)
{
	static const char *const names[PIPES] = { "out", "errors", "status" };
	struct sigaction on = { .sa_handler = on_signal };
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	int ends[PIPES][2], mine[PIPES];
	for (unsigned i = 0; i < PIPES; i++) {
		if (pipe2(ends[i], O_CLOEXEC)) {
			say("%s: cannot make a pipe: %s", path, strerror(errno));
			return AMP_EXIT_TENDER;
		}
		mine[i] = ends[i][0];
		add(c, "-chardev");
		add(c, compose(c, "file,id=%s,path=/proc/self/fd/%d", names[i], ends[i][1]));
	}
	add(c, "-serial");
	add(c, "chardev:out");
	add(c, "-device");
	add(c, "isa-serial,chardev=errors,iobase=" ERRORS_PORT ",index=1,irq=3");
	add(c, "-device");
	add(c, "isa-debugcon,chardev=status,iobase=" EXIT_PORT);
	c->words[c->count] = NULL;
	if (c->full) {
		say("%s: too much for one command line of QEMU's", path);
		return AMP_EXIT_USAGE;
	}
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &on, NULL);
	child = fork();
	if (child < 0) {
		say("%s: cannot make a process: %s", path, strerror(errno));
		return AMP_EXIT_TENDER;
	}
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (unsigned i = 0; i < PIPES; i++)
			fcntl(ends[i][1], F_SETFD, 0);
		int none = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(none, 0);
		dup2(none, 1);
		execvp(QEMU, (char *const *)(uintptr_t)c->words);
		_exit(127);
	}
	if (asked)
		kill(child, SIGKILL);
	for (unsigned i = 0; i < PIPES; i++)
		close(ends[i][1]);
	return follow(mine, path);
}

/* 0, or the exit status: it has been said why. */
static int check(const struct tender_options *o, struct image *image, struct args *args)
{
	static struct trust trust;
	static struct trust_finding found;
	struct defect why;
	int opened = image_open_file(image, o->path, &why), loaded = 0;
	if (!opened && (loaded = trust_load(&trust, &o->trust, &why))) {
		say("%s", why.text);
		return loaded == IMAGE_HOST ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	if (!opened)
		opened = trust_check(&trust, image, &found, &why);
	if (opened || args_make(args, image, o->sets, o->set_count, &why)) {
		say("%s: %s", o->path, why.text);
		return opened == IMAGE_HOST ? AMP_EXIT_TENDER : AMP_EXIT_USAGE;
	}
	return 0;
}

int qemu_run(const struct tender_options *o, const struct publish_texts *p,
             const struct qemu_machine *machine)
{
	static struct command c;
	static struct image image;
	static struct args args;
	static char kernel[4096];
	struct network n;
	struct defect why;
	const char *device = kind(machine);
	int status = check(o, &image, &args), file;
	if (status)
		return status;
	c.next = c.text;
	c.end = c.text + sizeof c.text;
	if (kernel_path(kernel, sizeof kernel, &why) || find_network(&n, &image, &args, &why) ||
	    (file = module(&image, o->path, &why)) < 0)
		goto fail;
	static const char *const words[] = { QEMU,
		                             "-accel",
		                             "tcg",
		                             "-cpu",
		                             "max",
		                             "-display",
		                             "none",
		                             "-no-reboot",
		                             "-nodefaults",
		                             "-monitor",
		                             "none",
		                             "-global",
		                             "virtio-mmio.force-legacy=false" };
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		add(&c, words[i]);
	add(&c, "-M");
	add(&c, machine->name);
	add(&c, "-m");
	add(&c, compose(&c, "%uM", kernel_memory(&image, o->memory)));
	add(&c, "-kernel");
	add(&c, kernel);
	add(&c, "-initrd");
	add(&c, compose(&c, "/proc/self/fd/%d", file));
	if (add_nets(&c, &image, o, p, &n, device, &why) ||
	    add_blocks(&c, &image, o, machine, &why) ||
	    add_words(&c, &image, o, &args, &n, p->count, &why))
		goto fail;
	add(&c, "-device");
	add(&c, compose(&c, "virtio-rng-%s", device));
	return start(&c, o->path);
fail:
	say("%s: %s", o->path, why.text);
	return AMP_EXIT_USAGE;
}
