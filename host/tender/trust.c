/* SPDX-License-Identifier: ISC */
/* Policies are read before the image is opened: they say whether a copy is needed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tender/digest.h>
#include <tender/trust.h>

/* One more policy: of that file, which may have to be there. */
static int add(struct trust *t, const char *path, bool must, struct defect *why)
{
	int status = policy_read(&t->policies[t->count], path, why);
	if (status == POLICY_NONE)
		return must ? defect_set(why, "%s: there is no such policy", path) : 0;
	if (!status)
		t->count++;
	return status;
}

static int add_user(struct trust *t, struct defect *why)
{
	static char path[4096];
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	bool own = config && *config == '/';
	if (!own && (!home || *home != '/'))
		return 0;
	int n = snprintf(path, sizeof path, "%s%s/%s", own ? config : home, own ? "" : "/.config",
	                 TRUST_USER);
	if (n < 0 || (size_t)n >= sizeof path)
		return 0; /* no file has such a name */
	/* A home that is not ours to look into, as after a change of user, is nobody's policy. */
	return access(path, F_OK) ? 0 : add(t, path, false, why);
}

static int add_keys(struct trust *t, const struct trust_options *o, struct defect *why)
{
	struct policy *p = &t->policies[t->count++];
	*p = (struct policy){ .name = "--key", .images = POLICY_SIGNED };
	for (; p->key_count < o->key_count; p->key_count++)
		if (minisign_key(&p->keys[p->key_count], o->keys[p->key_count], NULL, why))
			return -1;
	return 0;
}

int trust_load(struct trust *t, const struct trust_options *o, struct defect *why)
{
	t->count = 0;
	int status = add(t, TRUST_HOST, false, why);
	if (!status)
		status = o->policy ? add(t, o->policy, true, why) : add_user(t, why);
	if (status)
		return status;
	return o->key_count ? add_keys(t, o, why) : 0;
}

static bool wants_signature(const struct trust *t)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->policies[i].images == POLICY_SIGNED)
			return true;
	return false;
}

static int satisfied(const struct policy *p, const struct trust_finding *f, const void *bytes,
                     size_t size, struct defect *why)
{
	char id[MINISIGN_ID_TEXT];
	if (p->images == POLICY_DIGEST && !f->has_digest)
		return defect_set(why, "has no digest, and %s wants one: build it again", p->name);
	if (p->images != POLICY_SIGNED)
		return 0;
	if (!f->is_signed)
		return defect_set(why, "is not signed, and %s wants it: `ampoule sign` does",
		                  p->name);
	minisign_id_text(f->signature.id, id);
	bool known = false;
	for (unsigned i = 0; i < p->key_count; i++) {
		if (minisign_verify(&f->signature, &p->keys[i], bytes, size))
			return 0;
		known |= !memcmp(f->signature.id, p->keys[i].id, sizeof p->keys[i].id);
	}
	return known ? defect_set(why,
	                          "is not what was signed: image or signature have changed "
	                          "(key %s)",
	                          id)
	             : defect_set(why, "is signed by key %s, which %s does not name", id, p->name);
}

static int check(const struct trust *t, const struct image *image, struct trust_finding *f,
                 struct defect *why)
{
	struct stat st;
	void *bytes = NULL;
	int status = digest_check(image, &f->has_digest, &f->digest, why);
	f->is_signed = false;
	if (status || !t->count)
		return status;
	if (wants_signature(t)) {
		status = minisign_signature(&f->signature, image->path, why);
		if (status < 0)
			return -1;
		f->is_signed = !status;
		if (fstat(image->fd, &st))
			return defect_set(why, "cannot be examined: %s", strerror(errno));
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, image->fd, 0);
		if (bytes == MAP_FAILED)
			return defect_set(why, "cannot be mapped: %s", strerror(errno));
	}
	status = 0;
	for (unsigned i = 0; !status && i < t->count; i++)
		status = satisfied(&t->policies[i], f, bytes, bytes ? (size_t)st.st_size : 0, why);
	if (bytes)
		munmap(bytes, (size_t)st.st_size);
	return status;
}

int trust_check(const struct trust *t, struct image *image, struct trust_finding *f,
                struct defect *why)
{
	if ((wants_signature(t) && image_copy(image, why)) || image_check(image, why))
		return -1;
	if (!check(t, image, f, why))
		return 0;
	image_close(image);
	return -1;
}

int trust_open(const struct trust *t, struct image *image, const char *path,
               struct trust_finding *f, struct defect *why)
{
	int status = image_open_file(image, path, why);
	return status ? status : trust_check(t, image, f, why);
}

int trust_image(const struct trust_options *o, struct image *image, struct defect *why)
{
	static struct trust trust;
	static struct trust_finding found;
	struct defect what;
	int status = trust_load(&trust, o, why);
	if (!status && (status = trust_check(&trust, image, &found, &what)))
		defect_set(why, "%s: %s", image->path, what.text);
	return status;
}
