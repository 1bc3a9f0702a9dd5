/* SPDX-License-Identifier: ISC */
/*
 * The page that a security reviewer wants: claims about one image, each with how it is known. "file": read off the image
 * file, and true of whatever is run. "symbols": from the debug file of the same build, so as honest as that. What no look at a
 * file can tell is said, too. See SPECIFICATION.md for what every image is promised.
 */
#include <stdio.h>
#include <string.h>

#include <builder/text.h>
#include <cli/inspect.h>

enum verdict { HOLDS, FAILS, UNKNOWN };

struct claim {
	const char *name, *text;
	enum verdict verdict;
	const char *how; /* "file", "symbols" */
	const char *detail;
};

#define CLAIMS_MAX 16u

struct review {
	struct claim claims[CLAIMS_MAX];
	unsigned count;
};

static void claim(struct review *r, const char *name, const char *text, enum verdict verdict,
                  const char *how, const char *detail)
{
	r->claims[r->count++] = (struct claim){ name, text, verdict, how, detail };
}

static bool has_symbol(const struct subject *s, const char *name)
{
	for (size_t i = 0; s->has_symbols && i < s->symbols.count; i++)
		if (s->symbols.list[i].name && !strcmp(s->symbols.list[i].name, name))
			return true;
	return false;
}

static void of_trust(struct review *r, const struct subject *s)
{
	claim(r, "whole", "the file is as it was built",
	      s->digest_defect ? FAILS
	      : s->has_digest  ? HOLDS
	                       : UNKNOWN,
	      "file",
	      s->digest_defect ? s->digest_defect
	      : s->has_digest  ? keep_format("BLAKE3 %s",
	                                     inspect_hex(s->digest.blake3, sizeof s->digest.blake3))
	                       : "it has no digest");
	claim(r, "signed", "somebody answers for it",
	      s->is_verified                        ? HOLDS
	      : s->key_count || s->signature_defect ? FAILS
	                                            : UNKNOWN,
	      "file",
	      s->is_verified        ? "by a key that was given"
	      : s->signature_defect ? s->signature_defect
	      : !s->is_signed       ? "there is no signature"
	      : s->key_count        ? "not by a key that was given"
	                            : "there is a signature: give --key to verify it");
}

static void of_code(struct review *r, const struct subject *s)
{
	const struct audit *a = &s->audit;
	uint64_t hidden = 0;
	unsigned code = 0, writable = 0;
	for (unsigned i = 0; i < s->image.segment_count; i++) {
		code += !!(s->image.segments[i].rights & RIGHT_X);
		writable += !!(s->image.segments[i].rights & RIGHT_W);
	}
	for (unsigned p = 0; p < PATTERN_COUNT; p++)
		hidden += a->hidden[p];
	claim(r, "no_way_out", "no instruction leaves the image but through the gate",
	      a->finding_count ? FAILS
	      : a->by_symbols  ? HOLDS
	                       : UNKNOWN,
	      a->by_symbols ? "symbols" : "file",
	      keep_format("%llu instructions decoded%s, %llu refused",
	                  (unsigned long long)a->instructions,
	                  a->by_symbols ? " by function" : " linearly: no debug file of this build",
	                  (unsigned long long)a->finding_count));
	claim(r, "no_hidden_way_out", "no such instruction begins amid another one",
	      hidden ? FAILS : HOLDS, "file",
	      keep_format("%llu places, which control-flow integrity and the tender keep from "
	                  "mattering",
	                  (unsigned long long)hidden));
	claim(r, "write_xor_execute", "nothing is writable and executable, nor becomes it", HOLDS,
	      "file",
	      keep_format("%u segments: %u of code, %u writable; others are refused",
	                  s->image.segment_count, code, writable));
	claim(r, "guards", "an unmapped page lies below each stack", HOLDS, "file",
	      keep_format("%u stacks of %u bytes", s->image.note.stack_count,
	                  s->image.note.stack_size));
	claim(r, "stack_protector", "functions check their return addresses",
	      !s->has_symbols                     ? UNKNOWN
	      : has_symbol(s, "__stack_chk_fail") ? HOLDS
	                                          : FAILS,
	      "symbols", "whether __stack_chk_fail is linked");
}

/* Code that the builder did not compile has neither control-flow integrity nor bounds checks. */
static void of_archives(struct review *r, const struct subject *s)
{
	uint64_t foreign = 0, all = 0;
	for (unsigned i = 0; s->has_symbols && i < s->sizes.count; i++) {
		const struct size_entry *e = s->sizes.list[i];
		all += e->code;
		if (!strcmp(e->name, "libc"))
			foreign += e->code;
	}
	claim(r, "compiled_with_checks", "all code was compiled with the builder's checks",
	      !s->has_symbols ? UNKNOWN
	      : foreign       ? FAILS
	                      : HOLDS,
	      "symbols",
	      keep_format("%llu of %llu bytes of code come from libc.a and other archives",
	                  (unsigned long long)foreign, (unsigned long long)all));
}

static void of_surface(struct review *r, const struct subject *s)
{
	unsigned net = 0, writable = 0, dynamic = 0;
	for (unsigned i = 0; i < s->image.note.device_count; i++) {
		const struct amp_note_device *d = &s->image.devices[i];
		net += d->type == AMP_DEVICE_NET;
		writable += d->type == AMP_DEVICE_BLOCK && !(d->flags & AMP_NOTE_DEVICE_READ_ONLY);
	}
	for (unsigned i = 0; i < s->image.note.arg_count; i++)
		dynamic += !!(s->image.args[i].flags & AMP_NOTE_ARG_DYNAMIC);
	claim(r, "no_network", "it has no network", net ? FAILS : HOLDS, "file",
	      keep_format("%u network devices", net));
	claim(r, "no_writes", "it writes to no device", writable ? FAILS : HOLDS, "file",
	      keep_format("%u writable block devices", writable));
	claim(r, "no_keys", "no private key is compiled in", s->key ? FAILS : HOLDS, "file",
	      s->key ? keep_format("%s, at byte %zu", s->key, s->key_at)
	             : "none in PEM or DER; what is compressed is not looked into");
	claim(r, "fixed", "its configuration cannot be changed at run time",
	      dynamic ? FAILS : HOLDS, "file", keep_format("%u arguments may be set", dynamic));
}

static void make(struct review *r, const struct subject *s)
{
	*r = (struct review){ 0 };
	of_trust(r, s);
	of_code(r, s);
	of_archives(r, s);
	of_surface(r, s);
}

static const char *const not_told[] = {
	"whether the code does what its makers say: the audit is of ways out, not of behaviour",
	"what its tender may ask of the host: SPECIFICATION.md, `ampoule doctor`",
	"side channels, and defects of the host's kernel and processor",
};
#define NOT_TOLD (sizeof not_told / sizeof *not_told)

static const char *word(enum verdict v)
{
	return v == HOLDS ? "yes" : v == FAILS ? "NO" : "unknown";
}

void review_print(const struct subject *s)
{
	const struct amp_note *n = &s->image.note;
	static struct review r;

	make(&r, s);
	printf("%s %s, build %s\n\n", n->name, n->version,
	       inspect_hex(n->build_id, sizeof n->build_id));
	for (unsigned i = 0; i < r.count; i++)
		printf("  %-7s  %s\n           %s (%s)\n", word(r.claims[i].verdict),
		       r.claims[i].text, r.claims[i].detail, r.claims[i].how);
	printf("\nlibraries ");
	for (unsigned i = 0; i < n->library_count; i++)
		printf(" %s", s->image.libraries[i].name);
	printf("\n\nnot told by this page\n");
	for (unsigned i = 0; i < NOT_TOLD; i++)
		printf("  %s\n", not_told[i]);
}

json_t *review_json(const struct subject *s)
{
	json_t *claims = json_object(), *limits = json_array();
	static struct review r;

	make(&r, s);
	for (unsigned i = 0; i < r.count; i++) {
		const struct claim *c = &r.claims[i];
		json_object_set_new(claims, c->name,
		                    json_pack("{s:s, s:o, s:s, s:s}", "claim", c->text, "holds",
		                              c->verdict == UNKNOWN
		                                      ? json_null()
		                                      : json_boolean(c->verdict == HOLDS),
		                              "known_by", c->how, "detail", c->detail));
	}
	for (unsigned i = 0; i < NOT_TOLD; i++)
		json_array_append_new(limits, json_string(not_told[i]));
	return json_pack("{s:o, s:o}", "claims", claims, "not_told", limits);
}
