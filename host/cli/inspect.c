/* SPDX-License-Identifier: ISC */
/*
 * `ampoule inspect`: what an image is made of, for people or as JSON. The image is read by the
 * tender's reader, which takes it for hostile; so is its debug file here. All files are opened
 * first, and nothing of them is looked at before inspect_seal. See ampoule-inspect(1).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/manifest.h>
#include <builder/text.h>
#include <builder/value.h>
#include <builder/keys.h>
#include <cli/inspect.h>
#include <cli/inspect_seal.h>
#include <cli/inspect_snapshot.h>
#include <cli/output.h>
#include <tender/digest.h>
#include <tender/health_note.h>

#define EXIT_REFUSED 1 /* the audit found something */

static const char usage[] =
        "usage: ampoule inspect [OPTION...] IMAGE\n\n"
        "Shows what an image is made of, and audits its code.\n\n"
        "      --json       as one JSON object\n"
        "      --audit      what a security reviewer asks for\n"
        "      --key KEY    a minisign key that may have signed it: a file, or the key itself\n"
        "      --debug FILE its debug file (default: IMAGE with .debug for .amp)\n"
        "  -h, --help       this text\n\n"
        "Exit status: 0, or 1 if the audit found something, a private key is in it, or the digest "
        "is wrong, 125 if IMAGE is "
        "no image.\n";

/* Names from a debug file and texts from a note may hold anything that a terminal acts on. */
static const char *clean(const char *s)
{
	return defect_clean(keep_text(s, strnlen(s, AMP_TEXT_MAX)));
}

/* The debug file, opened and not looked at; -1 with the note set. */
static int open_debug(struct subject *s, const char *path, bool asked)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && asked)
		die(AMP_EXIT_USAGE, "%s: %s", path, strerror(errno));
	if (fd < 0)
		s->debug_note = keep_format("no %s beside it", path);
	return fd;
}

static void read_debug(struct subject *s, int fd, const char *path, bool asked)
{
	size_t size;
	uint8_t *bytes = file_read_open(fd, &size);
	const char *why;

	if (!bytes && asked)
		die(AMP_EXIT_USAGE, "%s: %s", path, strerror(errno));
	if (!bytes) {
		s->debug_note = keep_format("%s cannot be read", path);
		return;
	}
	if ((why = symbols_read(&s->symbols, bytes, size)) != NULL)
		s->debug_note = keep_format("%s %s", path, why);
	else if (!s->symbols.build_id ||
	         memcmp(s->symbols.build_id, s->image.note.build_id, 32) != 0)
		s->debug_note = keep_format("%s is of another build", path);
	else
		s->has_symbols = true;
	if (!s->has_symbols && asked)
		die(AMP_EXIT_USAGE, "%s", s->debug_note);
}

/* All of the image file's bytes, for a signature. */
static uint8_t *all_bytes(struct subject *s, size_t *size)
{
	struct stat st;
	if (fstat(s->image.fd, &st) || st.st_size <= 0)
		die(AMP_EXIT_USAGE, "%s cannot be read", s->path);
	uint8_t *bytes = keep((size_t)st.st_size);
	for (*size = 0; *size < (size_t)st.st_size;) {
		ssize_t n =
		        pread(s->image.fd, bytes + *size, (size_t)st.st_size - *size, (off_t)*size);
		if (n <= 0)
			die(AMP_EXIT_USAGE, "%s cannot be read", s->path);
		*size += (size_t)n;
	}
	return bytes;
}

static void check_trust(struct subject *s, char *signature)
{
	struct defect why;
	size_t size;

	if (digest_check(&s->image, &s->has_digest, &s->digest, &why))
		s->digest_defect = keep_text(why.text, strlen(why.text));
	if (!signature)
		return;
	s->is_signed = true;
	if (minisign_signature_parse(&s->signature, signature, &why)) {
		s->signature_defect = keep_text(why.text, strlen(why.text));
		return;
	}
	const uint8_t *bytes = s->key_count ? all_bytes(s, &size) : NULL;
	for (unsigned i = 0; i < s->key_count; i++)
		s->is_verified |= minisign_verify(&s->signature, &s->keys[i], bytes, size);
}

static void look_for_keys(struct subject *s)
{
	size_t size;
	const uint8_t *bytes = all_bytes(s, &size);

	s->key = keys_find(bytes, size, &s->key_at);
}

static void read_tables(struct subject *s)
{
	struct defect why;
	struct amp_table t;

	s->tables = keep((s->image.table_count + 1) * sizeof *s->tables);
	for (uint32_t i = 0; i < s->image.table_count; i++) {
		if (image_read(&s->image, &t, sizeof t, s->image.tables_at + i * sizeof t, &why))
			die(AMP_EXIT_USAGE, "%s %s", s->path, why.text);
		s->tables[i] = (struct audit_range){ t.address, t.size };
	}
}

static void run_audit(struct subject *s)
{
	read_tables(s);
	for (unsigned i = 0; i < s->image.segment_count; i++) {
		const struct image_segment *g = &s->image.segments[i];
		if (!(g->rights & RIGHT_X))
			continue;
		uint8_t *bytes = keep(g->size);
		for (uint64_t done = 0; done < g->file_size;) {
			ssize_t n = pread(s->image.fd, bytes + done, g->file_size - done,
			                  (off_t)(g->file_offset + done));
			if (n <= 0)
				die(AMP_EXIT_USAGE, "%s cannot be read: %s", s->path,
				    n ? strerror(errno) : "cut short");
			done += (uint64_t)n;
		}
		struct audit_code c = { bytes, g->at, g->size, s->tables, s->image.table_count };
		audit_code(&s->audit, &c, s->has_symbols ? &s->symbols : NULL);
	}
}

static const char *families(const struct amp_note_device *d)
{
	return d->flags & AMP_NOTE_DEVICE_NO_IP4 ? "IPv6"
	       : d->flags & AMP_NOTE_DEVICE_IP6  ? "IPv4 and IPv6"
	                                         : "IPv4";
}

static const char *rights_text(uint32_t r)
{
	return r & RIGHT_X ? "RX" : r & RIGHT_W ? "RW" : "R";
}

const char *inspect_hex(const uint8_t *bytes, unsigned count)
{
	struct text t = { 0 };

	for (unsigned i = 0; i < count; i++)
		text_add(&t, "%02x", bytes[i]);
	return t.s;
}

static const char *build_id_text(const struct amp_note *n)
{
	return inspect_hex(n->build_id, sizeof n->build_id);
}

static const char *signer_id(const struct subject *s)
{
	char id[MINISIGN_ID_TEXT];
	minisign_id_text(s->signature.id, id);
	return keep_text(id, strlen(id));
}

static void print_trust(struct subject *s)
{
	if (s->digest_defect)
		printf("  digest     WRONG: it %s\n", s->digest_defect);
	else
		printf("  digest     %s\n",
		       s->has_digest ? inspect_hex(s->digest.blake3, sizeof s->digest.blake3)
		                     : "none: built by an older ampoule");
	if (!s->is_signed)
		printf("  signed by  nobody\n");
	else if (s->signature_defect)
		printf("  signed by  nobody: %s\n", s->signature_defect);
	else
		printf("  signed by  %s (%s): %s\n", signer_id(s),
		       s->is_verified ? "verified"
		       : s->key_count ? "NOT TRUE for the keys given"
		                      : "not verified: give --key",
		       minisign_comment(&s->signature));
}

static const char *finding_place(const struct audit_finding *f)
{
	return f->function
	               ? keep_format("%s+0x%llx", clean(f->function), (unsigned long long)f->offset)
	               : keep_format("0x%llx", (unsigned long long)f->address);
}

static unsigned wider(unsigned width, const char *s)
{
	return strlen(s) > width ? (unsigned)strlen(s) : width;
}

static void print_arguments(const struct image *image)
{
	unsigned name = 0, value = 0, kind = 7;

	if (!image->note.arg_count)
		return;
	for (unsigned i = 0; i < image->note.arg_count; i++) {
		if (image->args[i].flags & AMP_NOTE_ARG_RENEWABLE)
			kind = 9;
		name = wider(name, image->args[i].name);
		value = wider(value, image->args[i].value);
	}
	printf("\narguments\n");
	for (unsigned i = 0; i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		printf("  %-*s  %-8s  %-*s  %-*s%s%s\n", (int)name, a->name,
		       value_type_name(a->type), (int)kind,
		       a->flags & AMP_NOTE_ARG_RENEWABLE ? "renewable"
		       : a->flags & AMP_NOTE_ARG_DYNAMIC ? "dynamic"
		                                         : "static",
		       *a->help ? (int)value : 0, clean(a->value), *a->help ? "  " : "",
		       clean(a->help));
	}
}

static void print_sizes(const struct subject *s)
{
	unsigned width = 8;

	if (!s->has_symbols)
		return;
	for (unsigned i = 0; i < s->sizes.count; i++)
		width = wider(width, s->sizes.list[i]->name);
	printf("\n%-*s  %10s  %10s  %10s\n", (int)width + 2, "bytes by library", "code",
	       "constants", "data");
	for (unsigned i = 0; i < s->sizes.count; i++) {
		const struct size_entry *e = s->sizes.list[i];
		printf("  %-*s  %10llu  %10llu  %10llu\n", (int)width, e->name,
		       (unsigned long long)e->code, (unsigned long long)e->constants,
		       (unsigned long long)e->data);
	}
	printf("\nlargest functions\n");
	for (unsigned i = 0; i < s->sizes.function_count; i++) {
		const struct symbol *f = s->sizes.functions[i];
		printf("  %8llu  %s  (%s)\n", (unsigned long long)f->size, clean(f->name),
		       sizes_part(&s->image, &s->symbols, f));
	}
}

/* The last function before an address. */
static const char *before(const struct subject *s, uint64_t address)
{
	const char *name = "what has no symbols";

	for (size_t i = 0; s->has_symbols && i < s->symbols.count; i++)
		if (s->symbols.list[i].function && s->symbols.list[i].address < address)
			name = s->symbols.list[i].name;
	return clean(name);
}

static void print_audit(const struct subject *s)
{
	const struct audit *a = &s->audit;

	printf("\naudit: %s\n", a->finding_count ? "REFUSED" : "no way out but the gate");
	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++)
		printf("  %s at %s\n", a->findings[i].what, finding_place(&a->findings[i]));
	if (a->finding_count > AUDIT_FINDINGS)
		printf("  and %llu more\n",
		       (unsigned long long)(a->finding_count - AUDIT_FINDINGS));
	if (s->key)
		printf("  REFUSED: it holds %s, at byte %zu: " KEYS_INSTEAD "\n", s->key,
		       s->key_at);
	if (a->by_symbols)
		printf("  %llu instructions in %llu functions, %llu bytes of padding\n",
		       (unsigned long long)a->instructions, (unsigned long long)a->functions,
		       (unsigned long long)a->padding);
	else
		printf("  %llu instructions, decoded linearly: %s\n",
		       (unsigned long long)a->instructions, s->debug_note);
	if (a->table_count) {
		uint64_t all = 0;
		for (unsigned i = 0; i < a->table_count; i++)
			all += a->tables[i].size;
		printf("  %u tables among code, %llu bytes, searched at every byte\n",
		       a->table_count, (unsigned long long)all);
	}
	for (unsigned i = 0; i < a->table_count; i++)
		printf("    0x%llx  %6llu bytes  behind %s\n",
		       (unsigned long long)a->tables[i].address,
		       (unsigned long long)a->tables[i].size, before(s, a->tables[i].address));
	printf("  patterns at any offset:");
	for (unsigned p = 0; p < PATTERN_COUNT; p++)
		printf("%s %s %llu", p ? "," : "", audit_pattern_name(p),
		       (unsigned long long)a->hidden[p]);
	printf("\n");
}

static bool is_checked(const struct amp_note *n)
{
	return text_ends(n->version, MANIFEST_CHECKED);
}

/* ---- What an image brings against its own defects ---- */

static bool has_symbol(const struct subject *s, const char *part)
{
	for (size_t i = 0; i < s->symbols.count; i++)
		if (strstr(s->symbols.list[i].name, part))
			return true;
	return false;
}

/* What each is, and the part of a name that only an image with it has; `where`: that only one to which it matters has. What
 * the note tells is not here. */
static const struct hardening {
	const char *key, *text, *symbol, *where;
} hardenings[] = {
	{ "cfi", "calls go to functions of their type", ".cfi", "" },
	{ "canaries", "a buffer that overflows does not return, by a canary for each stack",
	  "__stack_chk_fail", "" },
	{ "heap", "canaries, drawn places, zeroed and held back when freed", "heap_held",
	  "slab_alloc" },
};
#define HARDENINGS (sizeof hardenings / sizeof *hardenings)

enum found { ABSENT, PRESENT, NOT_USED, NOT_KNOWN };

static enum found find_hardening(const struct subject *s, const struct hardening *h)
{
	if (!s->has_symbols)
		return NOT_KNOWN;
	if (has_symbol(s, h->symbol))
		return PRESENT;
	return has_symbol(s, h->where) ? ABSENT : NOT_USED;
}

static bool seed_goes(const struct amp_note *n)
{
	return n->abi_minor >= 3;
}

static void print_hardening(const struct subject *s)
{
	const struct amp_note *n = &s->image.note;

	printf("\nhardening\n  layout     %s\n", s->image.movable
	                                                 ? "drawn for each run, and for each build"
	                                                 : "drawn for each build only");
	printf("  guards     %s unmapped below each stack\n",
	       value_size_text(image_stack_guard(&s->image)));
	printf("  seed       %s\n",
	       seed_goes(n) ? "in memory that the image erases" : "readable for the image's life");
	for (unsigned i = 0; i < HARDENINGS; i++) {
		const struct hardening *h = &hardenings[i];
		const char *const texts[] = { "no", h->text, "not used",
			                      "not known without symbols" };

		printf("  %-10s %s\n", h->key, texts[find_hardening(s, h)]);
	}
	printf("  returns    no shadow stack\n");
}

static void print_text(struct subject *s)
{
	const struct amp_note *n = &s->image.note;

	printf("%s %s\n\n", n->name, n->version);
	if (is_checked(n))
		printf("  checked    its invariants, after each turn of its loop\n");
	printf("  build      %s\n", build_id_text(n));
	print_trust(s);
	printf("  abi        %u.%u\n", n->abi_major, n->abi_minor);
	printf("  cpu        x86-64%s\n",
	       n->cpu_level == 1 ? "" : keep_format("-v%u", n->cpu_level));
	printf("  memory     %s, at least %s\n", value_size_text(n->memory_default),
	       value_size_text(n->memory_min));
	printf("  stacks     %u of %s at 0x%llx\n", n->stack_count, value_size_text(n->stack_size),
	       (unsigned long long)n->stack_base);
	if (s->image.health.kind) {
		const struct amp_note_health *h = &s->image.health;
		char text[HEALTH_TEXT_MAX];
		printf("  health     %s each %u ms, for %u ms; %u bad ones are too many, "
		       "%u ms after the start\n",
		       health_note_text(h, h->port, text), h->interval_ms, h->timeout_ms,
		       h->retries, h->start_ms);
	}
	printf("  entry      0x%llx\n", (unsigned long long)s->image.entry);
	printf("  libraries ");
	for (unsigned i = 0; i < n->library_count; i++)
		printf(" %s", s->image.libraries[i].name);
	printf("\n\nsegments\n");
	for (unsigned i = 0; i < s->image.segment_count; i++) {
		const struct image_segment *g = &s->image.segments[i];
		printf("  0x%llx  %-2s  %10llu bytes, %llu in the file\n",
		       (unsigned long long)g->at, rights_text(g->rights),
		       (unsigned long long)g->size, (unsigned long long)g->file_size);
	}
	if (n->device_count)
		printf("\ndevices\n");
	for (unsigned i = 0; i < n->device_count; i++) {
		const struct amp_note_device *d = &s->image.devices[i];
		const char *optional = d->flags & AMP_NOTE_DEVICE_OPTIONAL ? ", optional" : "";
		if (d->type == AMP_DEVICE_NET)
			printf("  %s  network%s, %s, rings of %u, %u frames\n", d->name, optional,
			       families(d), d->ring_size, d->frame_count);
		else
			printf("  %s  block%s%s, %llu bytes at least%s%s, rings of %u\n", d->name,
			       optional, d->flags & AMP_NOTE_DEVICE_READ_ONLY ? ", read-only" : "",
			       (unsigned long long)d->size_min, d->format[0] ? ", format " : "",
			       d->format, d->ring_size);
	}
	print_arguments(&s->image);
	print_hardening(s);
	print_sizes(s);
	print_audit(s);
}

/* ---- JSON ---- */

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *hardening_json(const struct subject *s)
{
	const struct amp_note *n = &s->image.note;
	json_t *all = json_pack("{s:b, s:o, s:b, s:b}", "layout_per_run", s->image.movable,
	                        "stack_guard", number(image_stack_guard(&s->image)),
	                        "seed_erasable", seed_goes(n), "shadow_stack", 0);

	for (unsigned i = 0; all && i < HARDENINGS; i++) {
		enum found found = find_hardening(s, &hardenings[i]);

		json_object_set_new(all, hardenings[i].key,
		                    found == ABSENT || found == PRESENT
		                            ? json_boolean(found == PRESENT)
		                            : json_null());
	}
	return all;
}

static json_t *hex(uint64_t n)
{
	return json_sprintf("0x%llx", (unsigned long long)n);
}

static json_t *audit_json(const struct subject *s)
{
	const struct audit *a = &s->audit;
	json_t *findings = json_array(), *hidden = json_object(), *tables = json_array();

	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++)
		json_array_append_new(findings,
		                      json_pack("{s:s, s:s, s:o}", "what", a->findings[i].what,
		                                "place", finding_place(&a->findings[i]), "address",
		                                hex(a->findings[i].address)));
	for (unsigned i = 0; i < a->table_count; i++)
		json_array_append_new(tables,
		                      json_pack("{s:o, s:o}", "address", hex(a->tables[i].address),
		                                "size", number(a->tables[i].size)));
	for (unsigned p = 0; p < PATTERN_COUNT; p++)
		json_object_set_new(hidden, audit_pattern_name(p), number(a->hidden[p]));
	return json_pack("{s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}", "passed",
	                 a->finding_count == 0, "by_symbols", a->by_symbols, "functions",
	                 number(a->functions), "instructions", number(a->instructions), "bytes",
	                 number(a->bytes), "padding", number(a->padding), "finding_count",
	                 number(a->finding_count), "findings", findings, "patterns", hidden,
	                 "tables", tables, "holds_key", s->key != NULL);
}

static json_t *trust_json(struct subject *s)
{
	bool whole = s->has_digest && !s->digest_defect,
	     is_signed = s->is_signed && !s->signature_defect;
	return json_pack(
	        "{s:s?, s:b, s:s?, s:b, s:s?}", "blake3",
	        s->has_digest ? inspect_hex(s->digest.blake3, sizeof s->digest.blake3) : NULL,
	        "whole", whole, "signed_by", is_signed ? signer_id(s) : NULL, "verified",
	        s->is_verified, "comment", is_signed ? minisign_comment(&s->signature) : NULL);
}

static int print_json(struct subject *s, bool review)
{
	const struct amp_note *n = &s->image.note;
	json_t *segments = json_array(), *devices = json_array(), *args = json_array(),
	       *libraries = json_array();
	json_t *sizes = json_array(), *functions = json_array();

	for (unsigned i = 0; i < s->image.segment_count; i++) {
		const struct image_segment *g = &s->image.segments[i];
		json_array_append_new(
		        segments, json_pack("{s:o, s:s, s:o, s:o}", "address", hex(g->at), "rights",
		                            rights_text(g->rights), "size", number(g->size),
		                            "file_size", number(g->file_size)));
	}
	for (unsigned i = 0; i < n->device_count; i++) {
		const struct amp_note_device *d = &s->image.devices[i];
		json_array_append_new(
		        devices,
		        json_pack("{s:s, s:s, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:s}", "name",
		                  d->name, "type", d->type == AMP_DEVICE_NET ? "network" : "block",
		                  "optional", d->flags & AMP_NOTE_DEVICE_OPTIONAL, "read_only",
		                  d->flags & AMP_NOTE_DEVICE_READ_ONLY, "ip4",
		                  d->type == AMP_DEVICE_NET && !(d->flags & AMP_NOTE_DEVICE_NO_IP4),
		                  "ip6", d->flags & AMP_NOTE_DEVICE_IP6, "ring",
		                  number(d->ring_size), "frames", number(d->frame_count),
		                  "size_min", number(d->size_min), "format", d->format));
	}
	for (unsigned i = 0; i < n->arg_count; i++) {
		const struct amp_note_arg *a = &s->image.args[i];
		json_array_append_new(args,
		                      json_pack("{s:s, s:s, s:b, s:b, s:s, s:s}", "name", a->name,
		                                "type", value_type_name(a->type), "dynamic",
		                                a->flags & AMP_NOTE_ARG_DYNAMIC, "renewable",
		                                a->flags & AMP_NOTE_ARG_RENEWABLE, "default",
		                                a->value, "help", a->help));
	}
	for (unsigned i = 0; i < n->library_count; i++)
		json_array_append_new(libraries, json_string(s->image.libraries[i].name));
	for (unsigned i = 0; s->has_symbols && i < s->sizes.count; i++) {
		const struct size_entry *e = s->sizes.list[i];
		json_array_append_new(sizes,
		                      json_pack("{s:s, s:o, s:o, s:o}", "library", e->name, "code",
		                                number(e->code), "constants", number(e->constants),
		                                "data", number(e->data)));
	}
	for (unsigned i = 0; s->has_symbols && i < s->sizes.function_count; i++) {
		const struct symbol *f = s->sizes.functions[i];
		json_array_append_new(functions,
		                      json_pack("{s:s, s:o, s:s}", "name", clean(f->name), "size",
		                                number(f->size), "library",
		                                sizes_part(&s->image, &s->symbols, f)));
	}
	json_t *all = json_pack(
	        "{s:s, s:s, s:b, s:s, s:[i,i], s:i, s:{s:o, s:o}, s:{s:o, s:o, s:o}, s:o, s:o, "
	        "s:o, "
	        "s:o, s:o, "
	        "s:o, s:o, s:o, s:o}",
	        "name", n->name, "version", n->version, "checked", is_checked(n), "build_id",
	        build_id_text(n), "abi", n->abi_major, n->abi_minor, "cpu_level", (int)n->cpu_level,
	        "memory", "min", number(n->memory_min), "default", number(n->memory_default),
	        "stacks", "count", number(n->stack_count), "size", number(n->stack_size), "base",
	        hex(n->stack_base), "entry", hex(s->image.entry), "segments", segments, "devices",
	        devices, "arguments", args, "libraries", libraries, "sizes", sizes, "functions",
	        functions, "audit", audit_json(s), "hardening", hardening_json(s));
	if (all)
		json_object_set_new(all, "trust", trust_json(s));
	if (all && s->image.health.kind) {
		const struct amp_note_health *h = &s->image.health;
		char text[HEALTH_TEXT_MAX];
		json_object_set_new(all, "health",
		                    json_pack("{s:s, s:i, s:i, s:i, s:i}", "ask",
		                              health_note_text(h, h->port, text), "interval_ms",
		                              (int)h->interval_ms, "timeout_ms", (int)h->timeout_ms,
		                              "retries", (int)h->retries, "start_period_ms",
		                              (int)h->start_ms));
	}
	if (all && review)
		json_object_set_new(all, "review", review_json(s));
	if (!all ||
	    (json_dumpf(all, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) < 0 && !ferror(stdout)))
		die(AMP_EXIT_TENDER, "out of memory");
	putchar('\n');
	json_decref(all);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },      { "audit", no_argument, NULL, 'a' },
		{ "key", required_argument, NULL, 'k' }, { "debug", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },      { 0 }
	};
	static struct subject s;
	const char *debug = NULL;
	struct defect why;
	static char signature[MINISIGN_FILE_MAX];
	bool json = false, review = false;
	int c;

	output_watch("ampoule inspect");
	die_as("ampoule inspect");
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1)
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'a':
			review = true;
			break;
		case 'k':
			if (s.key_count == INSPECT_KEYS_MAX)
				die(AMP_EXIT_USAGE, "too many --key");
			if (minisign_key(&s.keys[s.key_count++], optarg, NULL, &why))
				die(AMP_EXIT_USAGE, "%s", why.text);
			break;
		case 'd':
			debug = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case ':':
			die(AMP_EXIT_USAGE, "%s needs a value: `ampoule inspect --help`",
			    argv[optind - 1]);
		default:
			die(AMP_EXIT_USAGE, "no option %s: `ampoule inspect --help` lists them",
			    argv[optind - 1]);
		}
	if (argc - optind != 1)
		die(AMP_EXIT_USAGE, "name one image: ampoule inspect [--json] IMAGE");
	s.path = argv[optind];
	if (image_open_file(&s.image, s.path, &why))
		die(AMP_EXIT_USAGE, "%s %s", s.path, why.text);
	size_t n = strlen(s.path);
	if (n > 4 && strcmp(s.path + n - 4, ".amp") == 0)
		n -= 4;
	const char *debug_path = debug ? debug : keep_format("%.*s.debug", (int)n, s.path);
	int debug_file = open_debug(&s, debug_path, debug != NULL),
	    signed_by = minisign_signature_load(s.path, signature, &why);
	if (signed_by < 0) {
		s.is_signed = true;
		s.signature_defect = keep_text(why.text, strlen(why.text));
	}
	inspect_seal();
	if (inspect_is_snapshot(s.image.fd))
		return inspect_snapshot(s.image.fd, s.path, json);
	if (image_check(&s.image, &why))
		die(AMP_EXIT_USAGE, "%s %s", s.path, why.text);
	if (debug_file >= 0)
		read_debug(&s, debug_file, debug_path, debug != NULL);
	check_trust(&s, signed_by ? NULL : signature);
	if (s.has_symbols)
		sizes_count(&s.sizes, &s.image, &s.symbols);
	run_audit(&s);
	look_for_keys(&s);
	if (json)
		print_json(&s, review);
	else if (review)
		review_print(&s);
	else
		print_text(&s);
	return s.audit.finding_count || s.digest_defect || s.key ? EXIT_REFUSED : 0;
}
