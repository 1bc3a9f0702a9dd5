/* SPDX-License-Identifier: ISC */
/*
 * Annotations come from whoever describes the container, who may have no rights on this host: they name things of the
 * container alone, an image in its root and mounts by their destination, and never a path of the host.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <oci/command.h>
#include <oci/log.h>

#define PREFIX      "org.ampoule."
#define SECRETS     "/run/secrets/"
#define RESOLV_CONF "/etc/resolv.conf"

/* Opens a path of the container: its links lead nowhere else. */
static int open_inside(const struct bundle *b, const char *path, uint64_t flags)
{
	const struct open_how how = { .flags = flags | O_CLOEXEC,
		                      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int root = open(b->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how), error = errno;
	close(root);
	errno = error;
	return fd;
}

static int find_image(struct command *c, const struct bundle *b, struct defect *why)
{
	const char *name = bundle_annotation(b, PREFIX "image");
	char link[64];
	struct defect what;
	if (!name)
		name = json_string_value(json_array_get(b->args, 0));
	int fd = open_inside(b, name, O_PATH);
	if (fd < 0)
		return defect_set(why,
		                  "image %s: %s in the container's root %s: process.args[0] or the "
		                  "annotation " PREFIX "image says where it is",
		                  name, strerror(errno), b->root);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, c->path, sizeof c->path - 1);
	close(fd);
	if (n <= 0)
		return defect_set(why, "image %s: %s", name, strerror(errno));
	c->path[n] = 0;
	if (image_open(&c->image, c->path, &what))
		return defect_set(why, "image %s: %s", name, what.text);
	image_close(&c->image);
	return 0;
}

/* ---- Arguments ---- */

/* The value of the last NAME=VALUE from word `from` on; null: there is none. */
static const char *value_of(const json_t *words, size_t from, const char *name)
{
	size_t size = strlen(name);
	for (size_t i = json_array_size(words); i-- > from;) {
		const char *word = json_string_value(json_array_get(words, i));
		if (!strncmp(word, name, size) && word[size] == '=')
			return word + size + 1;
	}
	return NULL;
}

static const json_t *mount_at(const struct bundle *b, const char *destination)
{
	/* Of two on the same place the later one is seen. */
	for (size_t i = json_array_size(b->mounts); i-- > 0;) {
		const json_t *m = json_array_get(b->mounts, i);
		if (!strcmp(json_string_value(json_object_get(m, "destination")), destination))
			return m;
	}
	return NULL;
}

/* A mount's source on the host; relative ones are the bundle's. False: it has none. */
static bool source_of(const struct bundle *b, const json_t *mount, char to[PATH_MAX])
{
	const char *source = json_string_value(json_object_get(mount, "source"));
	return source && *source &&
	       (*source == '/' ? snprintf(to, PATH_MAX, "%s", source)
	                       : snprintf(to, PATH_MAX, "%s/%s", b->path, source)) < PATH_MAX;
}

static void set_arguments(struct command *c, const struct bundle *b)
{
	for (uint32_t i = 0; i < c->image.note.arg_count; i++) {
		const struct amp_note_arg *a = &c->image.args[i];
		char secret[sizeof SECRETS + AMP_NAME_MAX], source[PATH_MAX];
		const char *value = value_of(b->args, 1, a->name);
		if (!(a->flags & AMP_NOTE_ARG_DYNAMIC)) {
			if (value)
				log_warning("%s is compiled into the image: its manifest does not "
				            "say dynamic: true",
				            a->name);
			continue;
		}
		snprintf(secret, sizeof secret, SECRETS "%s", a->name);
		const json_t *mount = mount_at(b, secret);
		if (!value)
			value = value_of(b->env, 0, a->name);
		if (!value && mount && source_of(b, mount, source)) {
			words_add(&c->words, "--set");
			words_add(&c->words, "%s=@%s", a->name, source);
		} else if (value) {
			words_add(&c->words, "--set");
			words_add(&c->words, "%s=%s%s", a->name, *value == '@' ? "@" : "", value);
		}
	}
}

/* ---- Block devices ---- */

static bool is_read_only(const json_t *mount)
{
	const json_t *options = json_object_get(mount, "options");
	bool read_only = false;
	for (size_t i = 0; i < json_array_size(options); i++) {
		const char *word = json_string_value(json_array_get(options, i));
		if (word && (!strcmp(word, "ro") || !strcmp(word, "rro")))
			read_only = true;
		else if (word && !strcmp(word, "rw"))
			read_only = false;
	}
	return read_only;
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int block_from_mount(struct command *c, const struct bundle *b, const char *name,
                            const json_t *mount, struct defect *why)
{
	const char *destination = json_string_value(json_object_get(mount, "destination"));
	char source[PATH_MAX];
	struct stat s;
	if (!source_of(b, mount, source))
		return defect_set(why, "block device %s: the mount at %s has no source", name,
		                  destination);
	if (stat(source, &s))
		return defect_set(why, "block device %s: %s: %s", name, source, strerror(errno));
	if (!S_ISREG(s.st_mode) && !S_ISBLK(s.st_mode))
		return defect_set(why,
		                  "block device %s: %s is neither a file nor a block device: mount "
		                  "one at %s (truncate -s SIZE makes a file)",
		                  name, source, destination);
	words_add(&c->words, "--block");
	words_add(&c->words, "%s=%s%s", name, source, is_read_only(mount) ? ",ro" : "");
	return 0;
}

/* A device of the container may have no node on the host that we know: one is made in our folder. */
static int block_from_device(struct command *c, const struct bundle *b, const char *name,
                             const json_t *device, int folder, const char *folder_path,
                             struct defect *why)
{
	unsigned major = (unsigned)json_integer_value(json_object_get(device, "major")),
	         minor = (unsigned)json_integer_value(json_object_get(device, "minor"));
	const json_t *rules = json_object_get(b->resources, "devices");
	bool writable = true;
	char node[AMP_NAME_MAX + 8];
	for (size_t i = 0; i < json_array_size(rules); i++) {
		const json_t *r = json_array_get(rules, i);
		const char *access = json_string_value(json_object_get(r, "access"));
		if (json_is_true(json_object_get(r, "allow")) && access &&
		    json_is_integer(json_object_get(r, "major")) &&
		    json_integer_value(json_object_get(r, "major")) == major &&
		    json_integer_value(json_object_get(r, "minor")) == minor)
			writable = strchr(access, 'w') != NULL;
	}
	snprintf(node, sizeof node, "block-%s", name);
	if (mknodat(folder, node, S_IFBLK | 0600, makedev(major, minor)))
		return defect_set(why, "block device %s: cannot make a node for device %u:%u: %s",
		                  name, major, minor, strerror(errno));
	words_add(&c->words, "--block");
	words_add(&c->words, "%s=%s/%s%s", name, folder_path, node, writable ? "" : ",ro");
	return 0;
}

static const json_t *device_at(const struct bundle *b, const char *path)
{
	for (size_t i = 0; i < json_array_size(b->devices); i++) {
		const json_t *d = json_array_get(b->devices, i);
		const char *type = json_string_value(json_object_get(d, "type"));
		if (type && !strcmp(type, "b") &&
		    !strcmp(json_string_value(json_object_get(d, "path")), path))
			return d;
	}
	return NULL;
}

static int set_block(struct command *c, const struct bundle *b, const char *name, int folder,
                     const char *folder_path, struct defect *why)
{
	char key[sizeof PREFIX + 8 + AMP_NAME_MAX];
	snprintf(key, sizeof key, PREFIX "block.%s", name);
	const char *wanted = bundle_annotation(b, key);
	const json_t *mount = wanted ? mount_at(b, wanted) : NULL;
	const json_t *device = wanted && !mount ? device_at(b, wanted) : NULL;
	for (size_t i = json_array_size(b->mounts); !wanted && !mount && i-- > 0;) {
		const json_t *m = json_array_get(b->mounts, i);
		if (!strcmp(last_name(json_string_value(json_object_get(m, "destination"))), name))
			mount = m;
	}
	for (size_t i = 0; !wanted && !mount && !device && i < json_array_size(b->devices); i++) {
		const char *path =
		        json_string_value(json_object_get(json_array_get(b->devices, i), "path"));
		if (!strcmp(last_name(path), name))
			device = device_at(b, path);
	}
	if (mount)
		return block_from_mount(c, b, name, mount, why);
	if (device)
		return block_from_device(c, b, name, device, folder, folder_path, why);
	return wanted ? defect_set(why, "annotation %s: nothing is mounted at %s", key, wanted) : 0;
}

/* ---- Networks ---- */

/* Of either family, that one of a host elsewhere can be asked: no loopback's, no link's, no group's. */
static bool is_server(const char *text)
{
	uint8_t a[16];
	static const uint8_t none[15];
	if (inet_pton(AF_INET, text, a) == 1)
		return a[0] && a[0] != 127 && a[0] < 224;
	return inet_pton(AF_INET6, text, a) == 1 && memcmp(a, none, sizeof none) && a[0] != 0xff &&
	       !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

/* The servers of the container's resolv.conf: a mount's, or its root's. */
static void read_resolvers(struct command *c, const struct bundle *b)
{
	char source[PATH_MAX], line[256], text[64];
	unsigned count = 0;
	const json_t *mount = mount_at(b, RESOLV_CONF);
	int fd = mount && source_of(b, mount, source)
	                 ? open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
	                 : open_inside(b, RESOLV_CONF, O_RDONLY | O_NONBLOCK);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	size_t at = 0;
	while (f && count < 3 && fgets(line, sizeof line, f))
		if (sscanf(line, "nameserver %63s", text) == 1 && is_server(text)) {
			at += (size_t)snprintf(c->resolvers + at, sizeof c->resolvers - at,
			                       ",resolver=%s", text);
			count++;
		}
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
}

struct interfaces {
	unsigned count;
	char names[AMP_DEVICES_MAX][IFNAMSIZ];
};

/* Those that are up and Ethernet's, in the order of their numbers. */
static void list_interfaces(struct interfaces *is)
{
	struct if_nameindex *all = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	is->count = 0;
	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		struct ifreq q = { 0 };
		snprintf(q.ifr_name, sizeof q.ifr_name, "%s", i->if_name);
		if (strchr(i->if_name, ',') || ioctl(fd, SIOCGIFFLAGS, &q) ||
		    !(q.ifr_flags & IFF_UP) || q.ifr_flags & (IFF_LOOPBACK | IFF_NOARP) ||
		    ioctl(fd, SIOCGIFHWADDR, &q) || q.ifr_hwaddr.sa_family != ARPHRD_ETHER)
			continue;
		if (is->count < AMP_DEVICES_MAX)
			strcpy(is->names[is->count++], i->if_name);
	}
	if (all)
		if_freenameindex(all);
	if (fd >= 0)
		close(fd);
}

static bool take(struct interfaces *is, unsigned at, char to[IFNAMSIZ])
{
	if (at >= is->count)
		return false;
	strcpy(to, is->names[at]);
	memmove(is->names[at], is->names[at + 1], (--is->count - at) * IFNAMSIZ);
	return true;
}

static bool take_named(struct interfaces *is, const char *name, char to[IFNAMSIZ])
{
	for (unsigned i = 0; i < is->count; i++)
		if (!strcmp(is->names[i], name))
			return take(is, i, to);
	return false;
}

int command_networks(struct command *c, bool own, struct defect *why)
{
	struct interfaces is;
	char taken[AMP_DEVICES_MAX][IFNAMSIZ] = { "" };
	list_interfaces(&is);
	/* A device that is called like an interface gets it, and the others what is left. */
	for (unsigned by_name = 2; by_name-- > 0;)
		for (uint32_t i = 0; i < c->image.note.device_count; i++) {
			const struct amp_note_device *d = &c->image.devices[i];
			if (d->type != AMP_DEVICE_NET || *taken[i])
				continue;
			if (own)
				return defect_set(
				        why,
				        "image %s has a network, and the container shares the "
				        "network namespace that this runtime was started in, whose "
				        "interfaces are not taken away: give it one of its own (no "
				        "--network=host, no hostNetwork)",
				        c->path);
			bool got = by_name ? take_named(&is, d->name, taken[i])
			                   : take(&is, 0, taken[i]);
			if (!got && !by_name && !(d->flags & AMP_NOTE_DEVICE_OPTIONAL))
				return defect_set(
				        why,
				        "image %s: no interface is left in the container's network "
				        "for its network device %s (up and Ethernet's)",
				        c->path, d->name);
			if (!got)
				continue;
			words_add(&c->words, "--net");
			words_add(&c->words, "%s=packet:%s%s", d->name, taken[i], c->resolvers);
		}
	return 0;
}

/* ---- The whole ---- */

static void set_option(struct command *c, const struct bundle *b, const char *option)
{
	char key[64];
	snprintf(key, sizeof key, PREFIX "%s", option);
	const char *value = bundle_annotation(b, key);
	if (!value)
		return;
	words_add(&c->words, "--%s", option);
	words_add(&c->words, "%s", value);
}

int command_make(struct command *c, const struct bundle *b, int folder, const char *folder_path,
                 struct defect *why)
{
	*c = (struct command){ 0 };
	words_add(&c->words, "ampoule");
	words_add(&c->words, "run");
	if (b->sandbox)
		return 0;
	if (find_image(c, b, why))
		return -1;
	set_option(c, b, "tender");
	set_option(c, b, "jail");
	set_option(c, b, "memory");
	/* How long an end may take is the engine's to say, by SIGKILL. */
	if (bundle_annotation(b, PREFIX "stop-timeout")) {
		set_option(c, b, "stop-timeout");
	} else {
		words_add(&c->words, "--stop-timeout");
		words_add(&c->words, "1h");
	}
	set_arguments(c, b);
	for (uint32_t i = 0; i < c->image.note.device_count; i++)
		if (c->image.devices[i].type == AMP_DEVICE_BLOCK &&
		    set_block(c, b, c->image.devices[i].name, folder, folder_path, why))
			return -1;
	read_resolvers(c, b);
	return 0;
}

void command_limits(struct command *c, const struct group_limits *l)
{
	if (l->memory) {
		/* What the tender itself gives an image of its group's memory. */
		words_add(&c->words, "--memory");
		words_add(&c->words, "%llu", (unsigned long long)(l->memory / 4 * 3));
	}
	if (l->quota) {
		uint64_t period = l->period ? l->period : 100000;
		words_add(&c->words, "--cpus");
		words_add(&c->words, "%llu.%03llu", (unsigned long long)(l->quota / period),
		          (unsigned long long)(l->quota % period * 1000 / period));
	}
}

int command_run(struct command *c, struct defect *why)
{
	static const char *const places[] = { "/ampoule", "/../../bin/ampoule" };
	char own[PATH_MAX], path[PATH_MAX + 32] = "";
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	own[n > 0 ? n : 0] = 0;
	if (n > 0)
		*strrchr(own, '/') = 0;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s%s", own, places[i]);
		if (!access(path, X_OK))
			break;
	}
	words_add(&c->words, "--");
	words_add(&c->words, "%s", c->path);
	execv(path, c->words.all);
	return defect_set(why, "cannot run %s: %s", path, strerror(errno));
}
