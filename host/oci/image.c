/* SPDX-License-Identifier: ISC */
/* `ampoule image`: images as OCI images, of the .amp (and its signature) alone; to and from registries by skopeo. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <cli/output.h>
#include <oci/archive.h>
#include <oci/layout.h>
#include <oci/words.h>
#include <tender/health_note.h>
#include <tender/image.h>

#define SIGNATURE     ".minisig"
#define SIGNATURE_MAX 65536u

static const char help[] =
        "usage: ampoule image build [--tag NAME] [-o LAYOUT] IMAGE\n"
        "       ampoule image ls LAYOUT\n"
        "       ampoule image extract [--tag NAME] [-o FILE] LAYOUT\n"
        "       ampoule image push [--tag NAME] LAYOUT DESTINATION [-- OPTION...]\n"
        "       ampoule image pull [--tag NAME] SOURCE LAYOUT [-- OPTION...]\n\n"
        "Images as OCI images. A layout is a folder, by the OCI image specification; `build` adds "
        "to one.\n\n"
        "      --tag NAME     the image's name in the layout; default: its version, or the only "
        "one\n"
        "  -o, --output PATH  where it goes; default: NAME-oci, NAME.amp\n"
        "  -h, --help         this text\n\n"
        "push and pull copy by skopeo, whose names they take (docker://HOST/NAME:TAG), and which "
        "gets the options.\n"
        "Exit status: 0; 1 if it cannot be done; 125 if arguments are wrong.\n";

struct call {
	const char *tag, *output; /* null: not given */
	char **words;             /* behind options; `count` of them, up to "--" */
	int count;
	char **more; /* behind "--", and a null */
};

static int told(int failed, const struct defect *why)
{
	if (failed)
		fprintf(stderr, "ampoule image: %s\n", why->text);
	return failed ? 1 : 0;
}

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "ampoule image: %s%s; try `ampoule image --help`\n", what, value);
	return AMP_EXIT_USAGE;
}

/* ---- build ---- */

struct file {
	const void *bytes;
	uint64_t size;
};

/* Maps it; it stays mapped. */
static int map(struct file *f, const char *path, uint64_t most, struct defect *why)
{
	struct stat s;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -1;
	if (fstat(fd, &s) || !S_ISREG(s.st_mode) || !s.st_size || (uint64_t)s.st_size > most) {
		close(fd);
		return defect_set(why, "%s is no file of at most %llu bytes", path,
		                  (unsigned long long)most);
	}
	f->size = (uint64_t)s.st_size;
	f->bytes = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return f->bytes == MAP_FAILED ? defect_set(why, "%s: %s", path, strerror(errno)) : 0;
}

static uint64_t filling(uint64_t size)
{
	return (ARCHIVE_BLOCK - size % ARCHIVE_BLOCK) % ARCHIVE_BLOCK;
}

static int put_layer(struct layout *l, const char *name, const struct file *image,
                     const struct file *signature, char digest[LAYOUT_DIGEST_SIZE], uint64_t *size,
                     struct defect *why)
{
	static const uint8_t zeroes[2 * ARCHIVE_BLOCK];
	uint8_t heads[2][ARCHIVE_BLOCK];
	char second[PATH_MAX];
	unsigned count = 0;
	struct layout_piece pieces[7];
	snprintf(second, sizeof second, "%s" SIGNATURE, name);
	if (!archive_header(heads[0], name, image->size) ||
	    !archive_header(heads[1], second, signature->size))
		return defect_set(why, "%s: the name is too long for a layer", name);
	pieces[count++] = (struct layout_piece){ heads[0], ARCHIVE_BLOCK };
	pieces[count++] = (struct layout_piece){ image->bytes, image->size };
	pieces[count++] = (struct layout_piece){ zeroes, filling(image->size) };
	if (signature->size) {
		pieces[count++] = (struct layout_piece){ heads[1], ARCHIVE_BLOCK };
		pieces[count++] = (struct layout_piece){ signature->bytes, signature->size };
		pieces[count++] = (struct layout_piece){ zeroes, filling(signature->size) };
	}
	pieces[count++] = (struct layout_piece){ zeroes, sizeof zeroes };
	*size = 0;
	for (unsigned i = 0; i < count; i++)
		*size += pieces[i].size;
	return layout_put(l, pieces, count, digest, why);
}

/* How the image's health is asked, for who writes probes; containers have no health that a runtime could ask. */
static void put_health(json_t *notes, const struct amp_note_health *h)
{
	static const char *const names[] = { "interval", "timeout", "retries", "start-period" };
	const uint32_t values[] = { h->interval_ms, h->timeout_ms, h->retries, h->start_ms };
	char text[HEALTH_TEXT_MAX], name[64];
	json_object_set_new(notes, "org.ampoule.health",
	                    json_string(health_note_text(h, h->port, text)));
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(name, sizeof name, "org.ampoule.health.%s", names[i]);
		snprintf(text, sizeof text, i == 2 ? "%u" : "%ums", values[i]);
		json_object_set_new(notes, name, json_string(text));
	}
}

static int put_image(struct layout *l, const struct call *c, const struct image *image,
                     const char *file_name, const struct file *bytes, const struct file *signature,
                     struct defect *why)
{
	char layer[LAYOUT_DIGEST_SIZE], config[LAYOUT_DIGEST_SIZE], manifest[LAYOUT_DIGEST_SIZE],
	        inside[PATH_MAX];
	uint64_t layer_size = 0, config_size = 0, manifest_size = 0;
	const struct amp_note *n = &image->note;
	snprintf(inside, sizeof inside, "/%s", file_name);
	if (put_layer(l, file_name, bytes, signature, layer, &layer_size, why))
		return -1;
	json_t *notes = json_pack("{s:s, s:s, s:s}", "org.opencontainers.image.title", n->name,
	                          "org.opencontainers.image.version", n->version,
	                          "org.ampoule.image", inside);
	if (notes && image->health.kind)
		put_health(notes, &image->health);
	json_t *about = json_pack("{s:s, s:s, s:{s:[s], s:O}, s:{s:s, s:[s]}}", "architecture",
	                          "amd64", "os", "linux", "config", "Entrypoint", inside, "Labels",
	                          notes, "rootfs", "type", "layers", "diff_ids", layer);
	int failed = about ? layout_put_json(l, about, config, &config_size, why)
	                   : defect_set(why, "%s: name and version are not UTF-8", file_name);
	json_t *whole =
	        failed ? NULL
	               : json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:[{s:s, s:s, s:I}], s:O}",
	                           "schemaVersion", 2, "mediaType", LAYOUT_MANIFEST, "config",
	                           "mediaType", LAYOUT_CONFIG, "digest", config, "size",
	                           (json_int_t)config_size, "layers", "mediaType", LAYOUT_LAYER,
	                           "digest", layer, "size", (json_int_t)layer_size, "annotations",
	                           notes);
	const char *tag = c->tag ? c->tag : *n->version ? n->version : "latest";
	if (!failed)
		failed = layout_put_json(l, whole, manifest, &manifest_size, why) ||
		         layout_name(l, tag, manifest, manifest_size, why);
	if (!failed)
		printf("%s:%s: %s, %llu bytes%s\n", l->path, tag, manifest,
		       (unsigned long long)layer_size, signature->size ? ", with a signature" : "");
	json_decref(whole);
	json_decref(about);
	json_decref(notes);
	return failed ? -1 : 0;
}

static int do_build(const struct call *c)
{
	struct defect why;
	struct file bytes = { 0 }, signature = { 0 };
	static struct image image;
	struct layout l;
	char path[PATH_MAX], to[AMP_NAME_MAX + 8];
	if (c->count != 1)
		return usage("build wants one image", "");
	const char *file = c->words[0], *slash = strrchr(file, '/'),
	           *name = slash ? slash + 1 : file;
	struct defect what;
	if (image_open_copy(&image, file, &what))
		return told(defect_set(&why, "%s: %s", file, what.text), &why);
	image_close(&image);
	if (map(&bytes, file, IMAGE_FILE_MAX, &why))
		return told(-1, &why);
	why.text[0] = 0;
	if (snprintf(path, sizeof path, "%s" SIGNATURE, file) < (int)sizeof path &&
	    map(&signature, path, SIGNATURE_MAX, &why) && *why.text)
		return told(-1, &why);
	snprintf(to, sizeof to, "%s-oci", image.note.name);
	if (layout_open(&l, c->output ? c->output : to, true, &why))
		return told(-1, &why);
	int failed = put_image(&l, c, &image, name, &bytes, &signature, &why);
	layout_close(&l);
	return told(failed, &why);
}

/* ---- ls, extract ---- */

static int do_ls(const struct call *c)
{
	struct defect why;
	struct layout l;
	int failed = 0;
	if (c->count != 1)
		return usage("ls wants one layout", "");
	if (layout_open(&l, c->words[0], false, &why))
		return told(-1, &why);
	const json_t *all = json_object_get(l.index, "manifests");
	printf("%-20s %-20s %-12s %-12s %s\n", "TAG", "NAME", "VERSION", "BYTES", "DIGEST");
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *d = json_array_get(all, i);
		const char *digest = json_string_value(json_object_get(d, "digest"));
		json_t *m = layout_json(&l, digest, &why);
		if (!m) {
			failed = told(-1, &why);
			continue;
		}
		const json_t *notes = json_object_get(m, "annotations"),
		             *layer = json_array_get(json_object_get(m, "layers"), 0);
		const char *words[] = {
			json_string_value(
			        json_object_get(json_object_get(d, "annotations"), LAYOUT_NAME)),
			json_string_value(json_object_get(notes, "org.opencontainers.image.title")),
			json_string_value(
			        json_object_get(notes, "org.opencontainers.image.version")),
		};
		struct defect clean[3];
		for (unsigned k = 0; k < 3; k++)
			defect_set(&clean[k], "%s", words[k] && *words[k] ? words[k] : "-");
		printf("%-20s %-20s %-12s %-12lld %s\n", clean[0].text, clean[1].text,
		       clean[2].text, (long long)json_integer_value(json_object_get(layer, "size")),
		       digest);
		json_decref(m);
	}
	layout_close(&l);
	return failed;
}

struct extraction {
	const char *image;      /* its name in the layer */
	char to[PATH_MAX + 32]; /* of the image, until it is whole */
	bool has_image, has_signature;
};

static int open_part(const char *name, void *context)
{
	struct extraction *x = context;
	size_t size = strlen(x->image);
	char path[PATH_MAX + 64];
	while (!strncmp(name, "./", 2) || *name == '/')
		name += *name == '/' ? 1 : 2;
	bool is_image = !strcmp(name, x->image) && !x->has_image;
	bool is_signature = !strncmp(name, x->image, size) && !strcmp(name + size, SIGNATURE) &&
	                    !x->has_signature;
	if (!is_image && !is_signature)
		return -1;
	snprintf(path, sizeof path, "%s%s", x->to, is_signature ? SIGNATURE : "");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	x->has_image |= is_image && fd >= 0;
	x->has_signature |= is_signature && fd >= 0;
	return fd;
}

static int check_and_name(struct extraction *x, const char *output, struct defect *why)
{
	static struct image image;
	char from[PATH_MAX + 64], to[PATH_MAX + 64];
	struct defect what;
	if (image_open_copy(&image, x->to, &what))
		return defect_set(why, "the layer's %s: %s", x->image, what.text);
	image_close(&image);
	snprintf(from, sizeof from, "%s" SIGNATURE, x->to);
	snprintf(to, sizeof to, "%s" SIGNATURE, output);
	/* An old signature is no longer the image's. */
	if (x->has_signature ? rename(from, to) : unlink(to) && errno != ENOENT)
		return defect_set(why, "%s: %s", to, strerror(errno));
	if (rename(x->to, output))
		return defect_set(why, "%s: %s", output, strerror(errno));
	printf("%s%s\n", output, x->has_signature ? ", with a signature" : "");
	return 0;
}

static int extract(const struct layout *l, const struct call *c, const json_t *manifest,
                   struct defect *why)
{
	static struct extraction x;
	char blob[PATH_MAX], name[ARCHIVE_NAME_MAX + 1];
	const json_t *layers = json_object_get(manifest, "layers");
	const char *inside = json_string_value(
	        json_object_get(json_object_get(manifest, "annotations"), "org.ampoule.image"));
	if (!inside || *inside != '/' || strlen(inside) > ARCHIVE_NAME_MAX ||
	    strchr(inside + 1, '/') || !inside[1] || inside[1] == '.')
		return defect_set(why,
		                  "%s: this is no image of `ampoule image build`: it has no "
		                  "annotation org.ampoule.image",
		                  l->path);
	strcpy(name, inside + 1);
	x.image = name;
	const char *output = c->output ? c->output : name;
	if (snprintf(x.to, sizeof x.to, "%s.%d", output, (int)getpid()) >= PATH_MAX)
		return defect_set(why, "-o: the path is too long");
	int failed = 0;
	for (size_t i = 0; !failed && i < json_array_size(layers); i++)
		failed = layout_blob(l,
		                     json_string_value(
		                             json_object_get(json_array_get(layers, i), "digest")),
		                     blob, sizeof blob, why) ||
		         archive_read(blob, IMAGE_FILE_MAX + (1u << 20), open_part, &x, why) < 0;
	if (!failed)
		failed = x.has_image
		                 ? check_and_name(&x, output, why)
		                 : defect_set(why, "%s: no layer has %s, or it cannot be written",
		                              l->path, name);
	if (failed) {
		char signature[PATH_MAX + 64];
		snprintf(signature, sizeof signature, "%s" SIGNATURE, x.to);
		unlink(x.to);
		unlink(signature);
	}
	return failed ? -1 : 0;
}

static int do_extract(const struct call *c)
{
	struct defect why;
	struct layout l;
	if (c->count != 1)
		return usage("extract wants one layout", "");
	if (layout_open(&l, c->words[0], false, &why))
		return told(-1, &why);
	json_t *manifest = layout_manifest(&l, c->tag, &why);
	int failed = manifest ? extract(&l, c, manifest, &why) : -1;
	json_decref(manifest);
	layout_close(&l);
	return told(failed, &why);
}

/* ---- push, pull ---- */

static int skopeo(const struct call *c, const char *from, const char *to)
{
	struct words w = { 0 };
	words_add(&w, "skopeo");
	words_add(&w, "copy");
	for (char **more = c->more; *more; more++)
		words_add(&w, "%s", *more);
	words_add(&w, "%s", from);
	words_add(&w, "%s", to);
	execvp(w.all[0], w.all);
	fprintf(stderr, "ampoule image: skopeo cannot be run: %s: apt install skopeo\n",
	        strerror(errno));
	return 1;
}

static int do_push(const struct call *c)
{
	struct defect why;
	struct layout l;
	char from[PATH_MAX + 512];
	if (c->count != 2)
		return usage("push wants a layout and where it goes", "");
	if (layout_open(&l, c->words[0], false, &why))
		return told(-1, &why);
	json_t *manifest = layout_manifest(&l, c->tag, &why);
	if (!manifest)
		return told(-1, &why);
	snprintf(from, sizeof from, "oci:%s%s%s", c->words[0], c->tag ? ":" : "",
	         c->tag ? c->tag : "");
	return skopeo(c, from, c->words[1]);
}

static int do_pull(const struct call *c)
{
	char to[PATH_MAX + 512];
	if (c->count != 2)
		return usage("pull wants where it comes from, and a layout", "");
	/* skopeo's layouts have images without a name, too; ours have one each. */
	snprintf(to, sizeof to, "oci:%s:%s", c->words[1], c->tag ? c->tag : "latest");
	return skopeo(c, c->words[0], to);
}

/* ---- The command line ---- */

static const struct {
	const char *name;
	int (*run)(const struct call *);
} verbs[] = { { "build", do_build },
	      { "ls", do_ls },
	      { "extract", do_extract },
	      { "push", do_push },
	      { "pull", do_pull } };

int main(int argc, char **argv)
{
	static const struct option options[] = { { "tag", required_argument, NULL, 't' },
		                                 { "output", required_argument, NULL, 'o' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	static char *none[1];
	struct call c = { .more = none };
	output_watch("ampoule image");
	opterr = 0;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--")) {
			c.more = argv + i + 1;
			argv[i] = NULL;
			argc = i;
		}
	for (int o; (o = getopt_long(argc, argv, ":t:o:h", options, NULL)) != -1;)
		switch (o) {
		case 't':
			c.tag = optarg;
			if (!*c.tag || c.tag[strspn(c.tag, "abcdefghijklmnopqrstuvwxyz"
			                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			                                   "0123456789_.-")])
				return usage("--tag wants letters, digits and _ . -, not ", optarg);
			break;
		case 'o':
			c.output = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			return usage("unknown option ", argv[optind - 1]);
		}
	if (optind >= argc)
		return usage("want build, ls, extract, push or pull", "");
	c.words = argv + optind + 1;
	c.count = argc - optind - 1;
	for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(verbs[i].name, argv[optind]))
			return verbs[i].run(&c);
	return usage("no verb ", argv[optind]);
}
