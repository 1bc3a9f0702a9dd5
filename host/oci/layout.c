/* SPDX-License-Identifier: ISC */
/* A blob appears under its digest once it is whole. What is read is checked against its digest first. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <oci/layout.h>
#include <tender/sha256.h>

#define BLOBS "blobs/sha256"

static int join(const struct layout *l, const char *name, char to[PATH_MAX], struct defect *why)
{
	return snprintf(to, PATH_MAX, "%s/%s", l->path, name) >= PATH_MAX - 32
	               ? defect_set(why, "%s: the path is too long", l->path)
	               : 0;
}

static void say_digest(struct sha256 *s, char to[LAYOUT_DIGEST_SIZE])
{
	uint8_t digest[32];
	sha256_end(s, digest);
	strcpy(to, "sha256:");
	for (unsigned i = 0; i < 32; i++)
		sprintf(to + 7 + 2 * i, "%02x", digest[i]);
}

static int write_pieces(int fd, const struct layout_piece *pieces, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (uint64_t at = 0; at < pieces[i].size;) {
			ssize_t n =
			        write(fd, (const char *)pieces[i].bytes + at, pieces[i].size - at);
			if (n < 0 && errno != EINTR)
				return -1;
			at += n > 0 ? (uint64_t)n : 0;
		}
	return 0;
}

/* The whole, or what was there before. */
static int replace(const char *path, const struct layout_piece *pieces, unsigned count,
                   struct defect *why)
{
	char fresh[PATH_MAX + 32];
	snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid());
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int failed = fd < 0 || write_pieces(fd, pieces, count);
	if (fd >= 0 && close(fd))
		failed = -1;
	if (failed || rename(fresh, path)) {
		defect_set(why, "%s: %s", path, strerror(errno));
		unlink(fresh);
		return -1;
	}
	return 0;
}

static int replace_json(const char *path, const json_t *j, struct defect *why)
{
	char *text = json_dumps(j, JSON_COMPACT);
	if (!text)
		return defect_set(why, "%s: out of memory", path);
	const struct layout_piece piece = { text, strlen(text) };
	int failed = replace(path, &piece, 1, why);
	free(text);
	return failed;
}

static json_t *read_json(const char *path, struct defect *why)
{
	json_error_t error;
	struct stat s;
	json_t *j = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &s))
		defect_set(why, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(s.st_mode) || s.st_size > LAYOUT_JSON_MAX)
		defect_set(why, "%s is no file of at most %u MiB", path, LAYOUT_JSON_MAX >> 20);
	else if (!(j = json_loadfd(fd, 0, &error)))
		defect_set(why, "%s:%d: %s", path, error.line, error.text);
	else if (!json_is_object(j)) {
		defect_set(why, "%s: want an object", path);
		json_decref(j);
		j = NULL;
	}
	if (fd >= 0)
		close(fd);
	return j;
}

static int make_layout(struct layout *l, struct defect *why)
{
	char path[PATH_MAX];
	static const char *const folders[] = { "", "blobs", BLOBS };
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	const struct layout_piece piece = { version, sizeof version - 1 };
	for (unsigned i = 0; i < 3; i++)
		if (join(l, folders[i], path, why))
			return -1;
		else if (mkdir(path, 0755) && errno != EEXIST)
			return defect_set(why, "%s: %s", path, strerror(errno));
	l->index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", LAYOUT_INDEX,
	                     "manifests");
	return join(l, "oci-layout", path, why) || replace(path, &piece, 1, why) ? -1 : 0;
}

int layout_open(struct layout *l, const char *path, bool make, struct defect *why)
{
	char file[PATH_MAX];
	*l = (struct layout){ .path = path };
	if (join(l, "oci-layout", file, why))
		return -1;
	if (access(file, F_OK)) {
		/* rmdir tells whether it is empty, and mkdir makes it again. */
		if (make && (!rmdir(path) || errno == ENOENT))
			return make_layout(l, why);
		return defect_set(why, "%s is no image layout%s", path,
		                  make ? ", and not empty: name another folder"
		                       : ": `ampoule image build` makes one");
	}
	if (join(l, "index.json", file, why))
		return -1;
	/* It is written last: the one who made the rest was killed. */
	if (make && access(file, F_OK))
		return make_layout(l, why);
	if (!(l->index = read_json(file, why)))
		return -1;
	if (json_is_array(json_object_get(l->index, "manifests")))
		return 0;
	layout_close(l);
	return defect_set(why, "%s: manifests: want an array", file);
}

void layout_close(struct layout *l)
{
	json_decref(l->index);
	l->index = NULL;
}

int layout_put(struct layout *l, const struct layout_piece *pieces, unsigned count,
               char digest[LAYOUT_DIGEST_SIZE], struct defect *why)
{
	char path[PATH_MAX], name[128];
	struct sha256 s;
	sha256_start(&s);
	for (unsigned i = 0; i < count; i++)
		sha256_add(&s, pieces[i].bytes, pieces[i].size);
	say_digest(&s, digest);
	snprintf(name, sizeof name, BLOBS "/%s", digest + 7);
	return join(l, name, path, why) || replace(path, pieces, count, why) ? -1 : 0;
}

int layout_put_json(struct layout *l, const json_t *j, char digest[LAYOUT_DIGEST_SIZE],
                    uint64_t *size, struct defect *why)
{
	char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return defect_set(why, "out of memory");
	const struct layout_piece piece = { text, strlen(text) };
	*size = piece.size;
	int failed = layout_put(l, &piece, 1, digest, why);
	free(text);
	return failed;
}

static const char *name_of(const json_t *descriptor)
{
	return json_string_value(
	        json_object_get(json_object_get(descriptor, "annotations"), LAYOUT_NAME));
}

int layout_name(struct layout *l, const char *name, const char *digest, uint64_t size,
                struct defect *why)
{
	char path[PATH_MAX];
	json_t *all = json_object_get(l->index, "manifests");
	for (size_t i = json_array_size(all); i-- > 0;) {
		const char *other = name_of(json_array_get(all, i));
		if (other && !strcmp(other, name))
			json_array_remove(all, i);
	}
	json_array_append_new(all, json_pack("{s:s, s:s, s:I, s:{s:s, s:s}, s:{s:s}}", "mediaType",
	                                     LAYOUT_MANIFEST, "digest", digest, "size",
	                                     (json_int_t)size, "platform", "architecture", "amd64",
	                                     "os", "linux", "annotations", LAYOUT_NAME, name));
	return join(l, "index.json", path, why) || replace_json(path, l->index, why) ? -1 : 0;
}

int layout_blob(const struct layout *l, const char *digest, char *path, size_t size,
                struct defect *why)
{
	static uint8_t piece[1 << 16];
	char whole[PATH_MAX], name[128], found[LAYOUT_DIGEST_SIZE];
	struct sha256 s;
	ssize_t n;
	if (!digest || strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != 71 ||
	    strspn(digest + 7, "0123456789abcdef") != 64)
		return defect_set(why, "%s: a digest is not as sha256:... has it", l->path);
	snprintf(name, sizeof name, BLOBS "/%s", digest + 7);
	if (join(l, name, whole, why))
		return -1;
	int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return defect_set(why, "%s: %s", whole, strerror(errno));
	sha256_start(&s);
	while ((n = read(fd, piece, sizeof piece)) > 0)
		sha256_add(&s, piece, (size_t)n);
	close(fd);
	say_digest(&s, found);
	if (n < 0 || strcmp(found, digest) != 0)
		return defect_set(why, "%s is damaged: its digest is another one", whole);
	snprintf(path, size, "%s", whole);
	return 0;
}

json_t *layout_json(const struct layout *l, const char *digest, struct defect *why)
{
	char path[PATH_MAX];
	return layout_blob(l, digest, path, sizeof path, why) ? NULL : read_json(path, why);
}

json_t *layout_manifest(const struct layout *l, const char *name, struct defect *why)
{
	const json_t *all = json_object_get(l->index, "manifests"), *found = NULL;
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *d = json_array_get(all, i);
		const char *other = name_of(d);
		if (!name && i) {
			defect_set(
			        why,
			        "%s has several images: say which, as --tag NAME (`ampoule image "
			        "ls`)",
			        l->path);
			return NULL;
		}
		if (!name || (other && !strcmp(other, name)))
			found = d;
	}
	if (!found) {
		defect_set(why, "%s has no image%s%s", l->path, name ? " called " : "",
		           name ? name : "");
		return NULL;
	}
	return layout_json(l, json_string_value(json_object_get(found, "digest")), why);
}
