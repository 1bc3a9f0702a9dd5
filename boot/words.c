/* SPDX-License-Identifier: ISC */
/* fw_cfg: QEMU's docs/specs/fw_cfg, by its ports. Its directory has names of 56 bytes; numbers in it are big-endian. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <boot/processor.h>
#include <boot/words.h>

#define FW_DIRECTORY 0x19u
#define FW_FILES_MAX 256u
#define FW_NAME      56u
#define FW_PREFIX    "opt/ampoule/"

static bool begins(const char *word, const char *with)
{
	return !strncmp(word, with, strlen(with));
}

/* What loaders, hypervisors and habit give to kernels. */
static bool is_others(const char *word)
{
	static const char *const names[] = {
		"BOOT_IMAGE=",  "console=",       "earlyprintk",   "reboot=",      "panic=",
		"pci=",         "root=",          "rootfstype=",   "rootflags=",   "ro",
		"rw",           "quiet",          "nomodule",      "noapic",       "acpi=",
		"apic=",        "tsc=",           "i8042.",        "8250.",        "init=",
		"random.",      "loglevel=",      "nokaslr",       "virtio_mmio.", "swiotlb=",
		"clocksource=", "no_timer_check", "noreplace-smp", "cryptomgr.",   "maxcpus=",
		"lapic=",
	};
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		size_t n = strlen(names[i]);
		bool prefix = strchr("=.", names[i][n - 1]);
		if (prefix ? begins(word, names[i]) : !strcmp(word, names[i]))
			return true;
	}
	return false;
}

/* Digits, or hexadecimal ones behind 0x; moves on. */
static bool number(const char **at, uint64_t *v)
{
	unsigned base = begins(*at, "0x") ? 16 : 10;
	const char *from = *at += base == 16 ? 2 : 0;
	*v = 0;
	for (;; (*at)++) {
		char c = **at;
		unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
		             : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
		             : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
		                                    : 99;
		if (d >= base || *v > (UINT64_MAX - d) / base)
			return *at > from;
		*v = *v * base + d;
	}
}

static void scale(const char **at, uint64_t *v)
{
	static const char units[] = "KMG";
	const char *unit = **at ? strchr(units, **at & ~0x20) : NULL;
	if (unit) {
		*v <<= 10 * (unit - units + 1);
		(*at)++;
	}
}

static int mmio(struct words *w, const char *text, struct defect *why)
{
	uint64_t size, at, line;
	const char *p = text;
	if (number(&p, &size)) {
		scale(&p, &size);
		if (*p++ == '@' && number(&p, &at) && *p++ == ':' && number(&p, &line) &&
		    w->mmio_count < WORDS_MMIO) {
			w->mmio[w->mmio_count].at = at;
			w->mmio[w->mmio_count].size = size;
			w->mmio[w->mmio_count++].line = (uint32_t)line;
			return 0;
		}
	}
	return defect_set(why, "virtio_mmio.device=%s: want SIZE@ADDRESS:LINE", text);
}

static int own(struct words *w, const char *word, struct defect *why)
{
	const char *value = strchr(word, '=');
	struct defect what;
	uint64_t v = 0;
	if (!value)
		return defect_set(why, "%s: want %s=VALUE", word, word);
	const char *p = ++value;
	if (begins(word, "ampoule.memory=")) {
		if (arg_parse(AMP_ARG_SIZE, value, &w->memory, &what) || !w->memory)
			return defect_set(why, "%s: want digits and nothing or one of K M G", word);
	} else if (begins(word, "ampoule.log=")) {
		if (!number(&p, &v) || *p || v > 3)
			return defect_set(why, "%s: want 0 to 3", word);
		w->log_level = (unsigned)v;
	} else if (begins(word, "ampoule.exit=")) {
		if (!number(&p, &v) || *p || v > 0xffff)
			return defect_set(why, "%s: want the number of a port", word);
		w->exit_port = (uint16_t)v;
	} else if (begins(word, "ampoule.errors=")) {
		if (!number(&p, &v) || *p || v > 0xffff)
			return defect_set(why, "%s: want the number of a port", word);
		w->errors_port = (uint16_t)v;
	} else if (!strcmp(word, "ampoule.timing=1")) {
		w->timing = true;
	} else if (begins(word, "ampoule.net=")) {
		w->net = value;
	} else if (!strcmp(value, "ec2") && begins(word, "ampoule.metadata=")) {
		w->metadata = value;
		w->metadata_set = "service=ec2";
	} else if (!strcmp(value, "gce") && begins(word, "ampoule.metadata=")) {
		w->metadata = value;
		w->metadata_set = "service=gce";
	} else if (begins(word, "ampoule.metadata=")) {
		return defect_set(why, "%s: want ec2 or gce", word);
	} else if (begins(word, "ampoule.disk=")) {
		w->disk = value;
	} else {
		return defect_set(why,
		                  "%s: no such word; there are ampoule.memory, .log, .net, .exit, "
		                  ".errors, .metadata, .timing and .disk",
		                  word);
	}
	return 0;
}

static int take(struct words *w, const char *word, struct defect *why)
{
	if (begins(word, "virtio_mmio.device="))
		return mmio(w, word + strlen("virtio_mmio.device="), why);
	if (begins(word, "ampoule.") && w->arguments_only)
		return defect_set(why, "%s: user-data of a service sets arguments only", word);
	if (begins(word, "ampoule."))
		return own(w, word, why);
	if (is_others(word))
		return 0;
	const char *equals = strchr(word, '=');
	for (uint32_t i = 0; equals && i < w->earlier; i++)
		if (!strncmp(w->sets[i], word, (size_t)(equals - word) + 1)) {
			w->sets[i] = word;
			return 0;
		}
	if (w->set_count == WORDS_SETS)
		return defect_set(why, "more than %u arguments are set", WORDS_SETS);
	w->sets[w->set_count++] = word;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int cut(struct words *w, char *line, struct defect *why)
{
	char *from = line, *to = line;
	while (*from) {
		while (is_space(*from))
			from++;
		if (!*from)
			break;
		char *word = to;
		bool quoted = false;
		for (; *from && (quoted || !is_space(*from)); from++) {
			if (*from == '"')
				quoted = !quoted;
			else
				*to++ = *from;
		}
		bool more = *from;
		from += more;
		*to++ = 0;
		if (quoted)
			return defect_set(why, "%s: a quote has no end", word);
		if (take(w, word, why))
			return -1;
		if (!more)
			break;
	}
	return 0;
}

static void fw_read(void *to, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = in8(PLATFORM_FW_DATA);
}

static int fw_words(struct words *w, struct defect *why)
{
	struct {
		uint8_t size[4], key[2], reserved[2];
		char name[FW_NAME];
	} file, found[WORDS_SETS];
	uint8_t head[4];
	uint32_t count = 0;
	if (!platform_is_qemu())
		return 0;
	out16(PLATFORM_FW_SELECT, FW_DIRECTORY);
	fw_read(head, sizeof head);
	uint32_t files = (uint32_t)head[2] << 8 | head[3];
	for (uint32_t i = 0; i < files && i < FW_FILES_MAX; i++) {
		fw_read(&file, sizeof file);
		if (!memcmp(file.name, FW_PREFIX, strlen(FW_PREFIX)) && count < WORDS_SETS)
			found[count++] = file;
	}
	for (uint32_t i = 0; i < count; i++) {
		const char *name = found[i].name + strlen(FW_PREFIX);
		size_t n = strnlen(name, FW_NAME - strlen(FW_PREFIX));
		uint32_t size = (uint32_t)found[i].size[2] << 8 | found[i].size[3];
		if (n == FW_NAME - strlen(FW_PREFIX) || size >= AMP_TEXT_MAX || found[i].size[0] ||
		    found[i].size[1])
			return defect_set(why, "fw_cfg's " FW_PREFIX "%.*s: longer than %u bytes",
			                  (int)n, name, AMP_TEXT_MAX - 1);
		char *word = malloc(n + 1 + size + 1);
		memcpy(word, name, n);
		word[n] = '=';
		out16(PLATFORM_FW_SELECT, (uint16_t)(found[i].key[0] << 8 | found[i].key[1]));
		fw_read(word + n + 1, size);
		word[n + 1 + size] = 0;
		if (take(w, word, why))
			return -1;
	}
	return 0;
}

/* Lines that begin with a #. */
static void blank_comments(char *at)
{
	bool comment = false;
	for (bool first = true; *at; at++) {
		comment = first ? *at == '#' : comment;
		first = *at == '\n';
		if (comment && !first)
			*at = ' ';
	}
}

int words_add(struct words *w, char *text, bool arguments_only, struct defect *why)
{
	static const char first[] = "#ampoule";
	size_t n = strlen(first);
	if (!begins(text, first) || (text[n] && !is_space(text[n])))
		return defect_set(
		        why,
		        "user-data is not for this kernel: want `%s` as its first line, and "
		        "NAME=VALUE in the next ones",
		        first);
	blank_comments(text);
	w->earlier = w->set_count;
	w->arguments_only = arguments_only;
	return cut(w, text, why);
}

int words_read(struct words *w, struct platform *p, struct defect *why)
{
	*w = (struct words){ .log_level = 1 };
	return cut(w, p->words, why) || fw_words(w, why) ? -1 : 0;
}
