/* SPDX-License-Identifier: ISC */
/*
 * `ampoule inspect`: what an image is made of, for people or as JSON. The image is read by the
 * tender's reader, which takes it for hostile; so is its debug file here. See ampoule-inspect(1).
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/audit.h>
#include <builder/manifest.h>
#include <builder/sizes.h>
#include <builder/symbols.h>
#include <builder/text.h>
#include <builder/value.h>
#include <cli/output.h>
#include <tender/image.h>

#define EXIT_REFUSED 1 /* the audit found something */

static const char usage[] =
        "usage: ampoule inspect [OPTION...] IMAGE\n\n"
        "Shows what an image is made of, and audits its code.\n\n"
        "      --json       as one JSON object\n"
        "      --debug FILE its debug file (default: IMAGE with .debug for .amp)\n"
        "  -h, --help       this text\n\n"
        "Exit status: 0, or 1 if the audit found something, 125 if IMAGE is no image.\n";

struct subject {
	const char *path;
	struct image image;
	struct symbols symbols;
	bool has_symbols;
	const char *debug_note; /* why there are no symbols */
	struct sizes sizes;
	struct audit audit;
};

/* Names from a debug file may hold anything. */
static const char *clean(const char *s)
{
	char *copy;
	size_t n = strnlen(s, 200);

	copy = keep_text(s, n);
	for (char *c = copy; *c; c++)
		if (*c < 0x20 || *c >= 0x7f)
			*c = '?';
	return copy;
}

static void read_debug(struct subject *s, const char *path, bool asked)
{
	size_t size;
	uint8_t *bytes = file_read(path, &size);
	const char *why;

	if (!bytes && asked)
		die(AMP_EXIT_USAGE, "%s: %s", path, strerror(errno));
	if (!bytes) {
		s->debug_note = keep_format("no %s beside it", path);
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

static void run_audit(struct subject *s)
{
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
		struct audit_code c = { bytes, g->at, g->size };
		audit_code(&s->audit, &c, s->has_symbols ? &s->symbols : NULL);
	}
}

static const char *rights_text(uint32_t r)
{
	return r & RIGHT_X ? "RX" : r & RIGHT_W ? "RW" : "R";
}

static const char *build_id_text(const struct amp_note *n)
{
	struct text t = { 0 };

	for (unsigned i = 0; i < sizeof n->build_id; i++)
		text_add(&t, "%02x", n->build_id[i]);
	return t.s;
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
	unsigned name = 0, value = 0;

	if (!image->note.arg_count)
		return;
	for (unsigned i = 0; i < image->note.arg_count; i++) {
		name = wider(name, image->args[i].name);
		value = wider(value, image->args[i].value);
	}
	printf("\narguments\n");
	for (unsigned i = 0; i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		printf("  %-*s  %-8s  %-7s  %-*s%s%s\n", (int)name, a->name,
		       value_type_name(a->type),
		       a->flags & AMP_NOTE_ARG_DYNAMIC ? "dynamic" : "static",
		       *a->help ? (int)value : 0, a->value, *a->help ? "  " : "", a->help);
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

static void print_audit(const struct subject *s)
{
	const struct audit *a = &s->audit;

	printf("\naudit: %s\n", a->finding_count ? "REFUSED" : "no way out but the gate");
	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++)
		printf("  %s at %s\n", a->findings[i].what, finding_place(&a->findings[i]));
	if (a->finding_count > AUDIT_FINDINGS)
		printf("  and %llu more\n",
		       (unsigned long long)(a->finding_count - AUDIT_FINDINGS));
	if (a->by_symbols)
		printf("  %llu instructions in %llu functions, %llu bytes of padding\n",
		       (unsigned long long)a->instructions, (unsigned long long)a->functions,
		       (unsigned long long)a->padding);
	else
		printf("  %llu instructions, decoded linearly: %s\n",
		       (unsigned long long)a->instructions, s->debug_note);
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

static void print_text(const struct subject *s)
{
	const struct amp_note *n = &s->image.note;

	printf("%s %s\n\n", n->name, n->version);
	if (is_checked(n))
		printf("  checked    its invariants, after each turn of its loop\n");
	printf("  build      %s\n", build_id_text(n));
	printf("  abi        %u.%u\n", n->abi_major, n->abi_minor);
	printf("  cpu        x86-64%s\n",
	       n->cpu_level == 1 ? "" : keep_format("-v%u", n->cpu_level));
	printf("  memory     %s, at least %s\n", value_size_text(n->memory_default),
	       value_size_text(n->memory_min));
	printf("  stacks     %u of %s at 0x%llx\n", n->stack_count, value_size_text(n->stack_size),
	       (unsigned long long)n->stack_base);
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
			printf("  %s  network%s, rings of %u, %u frames\n", d->name, optional,
			       d->ring_size, d->frame_count);
		else
			printf("  %s  block%s%s, %llu bytes at least%s%s, rings of %u\n", d->name,
			       optional, d->flags & AMP_NOTE_DEVICE_READ_ONLY ? ", read-only" : "",
			       (unsigned long long)d->size_min, d->format[0] ? ", format " : "",
			       d->format, d->ring_size);
	}
	print_arguments(&s->image);
	print_sizes(s);
	print_audit(s);
}

/* ---- JSON ---- */

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *hex(uint64_t n)
{
	return json_sprintf("0x%llx", (unsigned long long)n);
}

static json_t *audit_json(const struct subject *s)
{
	const struct audit *a = &s->audit;
	json_t *findings = json_array(), *hidden = json_object();

	for (uint64_t i = 0; i < a->finding_count && i < AUDIT_FINDINGS; i++)
		json_array_append_new(findings,
		                      json_pack("{s:s, s:s, s:o}", "what", a->findings[i].what,
		                                "place", finding_place(&a->findings[i]), "address",
		                                hex(a->findings[i].address)));
	for (unsigned p = 0; p < PATTERN_COUNT; p++)
		json_object_set_new(hidden, audit_pattern_name(p), number(a->hidden[p]));
	return json_pack("{s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "passed",
	                 a->finding_count == 0, "by_symbols", a->by_symbols, "functions",
	                 number(a->functions), "instructions", number(a->instructions), "bytes",
	                 number(a->bytes), "padding", number(a->padding), "finding_count",
	                 number(a->finding_count), "findings", findings, "patterns", hidden);
}

static int print_json(const struct subject *s)
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
		        json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:s}", "name", d->name,
		                  "type", d->type == AMP_DEVICE_NET ? "network" : "block",
		                  "optional", d->flags & AMP_NOTE_DEVICE_OPTIONAL, "read_only",
		                  d->flags & AMP_NOTE_DEVICE_READ_ONLY, "ring",
		                  number(d->ring_size), "frames", number(d->frame_count),
		                  "size_min", number(d->size_min), "format", d->format));
	}
	for (unsigned i = 0; i < n->arg_count; i++) {
		const struct amp_note_arg *a = &s->image.args[i];
		json_array_append_new(args, json_pack("{s:s, s:s, s:b, s:s, s:s}", "name", a->name,
		                                      "type", value_type_name(a->type), "dynamic",
		                                      a->flags & AMP_NOTE_ARG_DYNAMIC, "default",
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
	        "s:o, s:o, s:o}",
	        "name", n->name, "version", n->version, "checked", is_checked(n), "build_id",
	        build_id_text(n), "abi", n->abi_major, n->abi_minor, "cpu_level", (int)n->cpu_level,
	        "memory", "min", number(n->memory_min), "default", number(n->memory_default),
	        "stacks", "count", number(n->stack_count), "size", number(n->stack_size), "base",
	        hex(n->stack_base), "entry", hex(s->image.entry), "segments", segments, "devices",
	        devices, "arguments", args, "libraries", libraries, "sizes", sizes, "functions",
	        functions, "audit", audit_json(s));
	if (!all || (json_dumpf(all, stdout, JSON_INDENT(2)) < 0 && !ferror(stdout)))
		die(AMP_EXIT_TENDER, "out of memory");
	putchar('\n');
	json_decref(all);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "json", no_argument, NULL, 'j' },
		                               { "debug", required_argument, NULL, 'd' },
		                               { "help", no_argument, NULL, 'h' },
		                               { 0 } };
	static struct subject s;
	const char *debug = NULL;
	struct defect why;
	bool json = false;
	int c;

	output_watch();
	die_as("ampoule inspect");
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1)
		switch (c) {
		case 'j':
			json = true;
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
	if (image_open(&s.image, s.path, &why) < 0)
		die(AMP_EXIT_USAGE, "%s %s", s.path, why.text);
	size_t n = strlen(s.path);
	if (n > 4 && strcmp(s.path + n - 4, ".amp") == 0)
		n -= 4;
	read_debug(&s, debug ? debug : keep_format("%.*s.debug", (int)n, s.path), debug != NULL);
	if (s.has_symbols)
		sizes_count(&s.sizes, &s.image, &s.symbols);
	run_audit(&s);
	if (json)
		print_json(&s);
	else
		print_text(&s);
	return s.audit.finding_count ? EXIT_REFUSED : 0;
}
