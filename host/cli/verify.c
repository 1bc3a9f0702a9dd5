/* SPDX-License-Identifier: ISC */
/* `ampoule verify`: what `ampoule run` would say of the image's digest and signature. */
#include <getopt.h>
#include <stdio.h>

#include <tender/trust.h>

int verb_verify(int argc, char **argv);

#define EXIT_REFUSED 1

static const char help[] =
        "Usage: ampoule verify [OPTION]... IMAGE\n"
        "Tells whether an image is whole, and whether it is signed as wanted.\n"
        "\n"
        "  --key KEY      a minisign key, a file or the key itself, that has to have signed it; "
        "again: or this one\n"
        "  --policy FILE  a policy that it has to satisfy, in place of the user's own\n"
        "  -h, --help     prints this\n"
        "\n"
        "Without --key only the policies of host and user say what is wanted (man ampoule-run).\n"
        "The exit status: 0; 1: it is not as wanted; 125: bad arguments, key or policy.\n";

static int usage(const char *what, const char *value)
{
	say("verify: %s%s; try `ampoule verify --help`", what, value);
	return AMP_EXIT_USAGE;
}

static void print(const struct image *image, struct trust_finding *f)
{
	char id[MINISIGN_ID_TEXT];
	printf("%s: ", image->path);
	if (f->has_digest) {
		printf("whole, BLAKE3 ");
		for (unsigned i = 0; i < sizeof f->digest.blake3; i++)
			printf("%02x", f->digest.blake3[i]);
	} else {
		printf("has no digest: built by an older ampoule");
	}
	if (f->is_signed) {
		minisign_id_text(f->signature.id, id);
		printf("; signed by key %s: %s", id, minisign_comment(&f->signature));
	} else {
		printf("; no signature was wanted");
	}
	printf("\n");
}

int verb_verify(int argc, char **argv)
{
	static const struct option options[] = { { "key", required_argument, NULL, 'k' },
		                                 { "policy", required_argument, NULL, 'p' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	static struct trust trust;
	static struct trust_finding found;
	struct trust_options o = { 0 };
	struct image image;
	struct defect why;

	optind = 0;
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
		switch (c) {
		case 'k':
			if (o.key_count == POLICY_KEYS_MAX)
				return usage("too many --key", "");
			o.keys[o.key_count++] = optarg;
			break;
		case 'p':
			o.policy = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			return usage("unknown option ", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return usage("no image given", "");
	if (optind + 1 < argc)
		return usage("more than one image given: ", argv[optind + 1]);
	if (trust_load(&trust, &o, &why)) {
		say("%s", why.text);
		return AMP_EXIT_USAGE;
	}
	if (trust_open(&trust, &image, argv[optind], &found, &why)) {
		say("%s: %s", argv[optind], why.text);
		return EXIT_REFUSED;
	}
	print(&image, &found);
	image_close(&image);
	return 0;
}
