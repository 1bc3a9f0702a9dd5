/* SPDX-License-Identifier: ISC */
/*
 * The record of a work folder (record.h): its file `record` has a line for each input, then one for each output:
 *
 *     ampoule record 1
 *     in INODE SIZE MODIFIED CHANGED RIVALS HASH PATH       HASH is - where the identity alone decides
 *     out INODE SIZE MODIFIED CHANGED COUNT INDEX... PATH
 *
 * An input whose identity changed may still have the same content: of those that compilers read, the hash tells. What was
 * changed while a build ran is not recorded, since nobody knows which content the compiler saw; it is made again by the
 * next build. A record of an output holds only for the very file that it was written for, so an interrupted build, which
 * writes no record, leaves nothing that could be taken for the result of an earlier one.
 *
 * A header's rivals are files that an #include of its name would find before it. One that is new or gone counts as a change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <builder/record.h>
#include <tender/sha256.h>
#include <builder/text.h>

#define HEAD        "ampoule record 1\n"
#define HASHED_MAX  (1u << 20)   /* bytes; the content of larger files is not looked at */
#define COARSE_NS   2000000000ll /* the step of times that have no part of a second (FAT: 2 s) */
#define NS_OF_A_SEC 1000000000ll

enum state { UNKNOWN, SAME, DIFFERENT };

struct known {
	struct known *next; /* of the same bucket */
	const char *path;
	struct identity is;
	char hash[65];   /* hexadecimal; "": not looked at */
	uint64_t rivals; /* 0: none; else made of their names */
	enum state state;
	bool own;       /* only builds write it */
	bool noted;     /* looked at after this build */
	unsigned index; /* in the file that is being written, from 1 */
};

struct made {
	const char *output;
	struct identity is;
	struct known **inputs;
	unsigned count;
	bool holds;
};

struct record {
	const char *file;
	const char *base; /* what relative paths of depfiles are relative to */
	int64_t start;    /* of this build */
	const struct plan *plan;
	const char **folders; /* of the application's sources and headers */
	unsigned folder_count;
	struct known **buckets;
	unsigned bucket_count, known_count;
	struct made **list;
	unsigned count;
};

bool identity_of(const char *path, struct identity *id)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*id = (struct identity){
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		.modified = st.st_mtim.tv_sec * NS_OF_A_SEC + st.st_mtim.tv_nsec,
		.changed = st.st_ctim.tv_sec * NS_OF_A_SEC + st.st_ctim.tv_nsec,
	};
	return true;
}

const char *identity_text(const struct identity *id)
{
	return keep_format("%llu %llu %lld %lld", (unsigned long long)id->inode,
	                   (unsigned long long)id->size, (long long)id->modified,
	                   (long long)id->changed);
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return a->inode == b->inode && a->size == b->size && a->modified == b->modified &&
	       a->changed == b->changed;
}

/* ---- inputs, by path ---- */

static uint64_t name_number(const char *name)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	return h;
}

static unsigned bucket_of(const struct record *r, const char *path)
{
	uint64_t h = name_number(path);

	return (unsigned)((h ^ h >> 32) & (r->bucket_count - 1));
}

static void grow(struct record *r)
{
	struct known **old = r->buckets;
	unsigned count = r->bucket_count;

	r->bucket_count = count ? count * 4 : 1024;
	r->buckets = keep_array(r->bucket_count, sizeof(struct known *));
	for (unsigned i = 0; i < count; i++)
		for (struct known *k = old[i], *next; k; k = next) {
			unsigned at = bucket_of(r, k->path);

			next = k->next;
			k->next = r->buckets[at];
			r->buckets[at] = k;
		}
}

static struct known *find(const struct record *r, const char *path)
{
	for (struct known *k = r->bucket_count ? r->buckets[bucket_of(r, path)] : NULL; k;
	     k = k->next)
		if (strcmp(k->path, path) == 0)
			return k;
	return NULL;
}

static struct known *add(struct record *r, const char *path)
{
	struct known *k = keep(sizeof *k);

	if (r->known_count >= r->bucket_count)
		grow(r);
	k->path = path;
	unsigned at = bucket_of(r, path);
	k->next = r->buckets[at];
	r->buckets[at] = k;
	r->known_count++;
	return k;
}

/* Unchanged since the build began, as far as its file system's clock can tell? */
static bool is_settled(const struct record *r, const struct identity *id)
{
	return id->changed + (id->changed % NS_OF_A_SEC ? 0 : COARSE_NS) < r->start;
}

/* False: it is too large, no regular file, or changed while it was read. */
static bool hash(const char *path, const struct identity *is, char hex[65])
{
	struct sha256 h;
	struct identity after;
	uint8_t digest[32];
	size_t size;
	struct stat st;

	if (is->size > HASHED_MAX || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	const uint8_t *bytes = file_read(path, &size);
	if (!bytes || !identity_of(path, &after) || !is_same(is, &after))
		return false;
	sha256_start(&h);
	sha256_add(&h, bytes, size);
	sha256_end(&h, digest);
	for (unsigned i = 0; i < 32; i++) {
		hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	hex[64] = 0;
	return true;
}

/* ---- rivals ---- */

/* What is behind FOLDER/; null if it is not in there. */
static const char *below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static void note_folder(struct record *r, const struct known *k)
{
	const char *slash = strrchr(k->path, '/');

	if (!*k->hash || k->own || !below(k->path, r->plan->folder))
		return;
	size_t n = (size_t)(slash - k->path);
	for (unsigned i = 0; i < r->folder_count; i++)
		if (strlen(r->folders[i]) == n && memcmp(r->folders[i], k->path, n) == 0)
			return;
	list_add(&r->folders, &r->folder_count, keep_text(k->path, n));
}

static void note_folders(struct record *r)
{
	r->folder_count = 0;
	for (unsigned i = 0; i < r->bucket_count; i++)
		for (const struct known *k = r->buckets[i]; k; k = k->next)
			note_folder(r, k);
}

/* One that came while the build ran is told by `unsettled`, if that is wanted. */
static uint64_t rivals_of(const struct record *r, const struct known *k, bool *unsettled)
{
	const struct plan *p = r->plan;
	const char *name = NULL;
	unsigned at = 0;
	uint64_t all = 0;

	if (!*k->hash)
		return 0;
	/* The folder that it was found in: the innermost that is searched. */
	for (unsigned i = 0; i < p->include_count; i++) {
		const char *rest = below(k->path, p->includes[i]);

		if (rest && (!name || strlen(rest) < strlen(name))) {
			name = rest;
			at = i;
		}
	}
	for (unsigned i = 0; name && i < at + r->folder_count; i++) {
		const char *rival =
		        keep_format("%s/%s", i < at ? p->includes[i] : r->folders[i - at], name);
		struct identity id;

		if (strcmp(rival, k->path) == 0 || !identity_of(rival, &id))
			continue;
		all ^= name_number(rival);
		if (unsettled && !is_settled(r, &id))
			*unsettled = true;
	}
	return all;
}

static bool has_its_content(const struct record *r, struct known *k)
{
	struct identity now;
	char hex[65];

	if (k->state != UNKNOWN)
		return k->state == SAME;
	k->state = DIFFERENT;
	if (!identity_of(k->path, &now) || rivals_of(r, k, NULL) != k->rivals)
		return false;
	if (!is_same(&k->is, &now)) {
		if (!*k->hash || !hash(k->path, &now, hex) || strcmp(hex, k->hash) != 0)
			return false;
		if (k->own || is_settled(r, &now))
			k->is = now;
	}
	k->state = SAME;
	return true;
}

/* ---- the file ---- */

static bool read_number(const char **at, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(*at, &end, 10);
	if (end == *at || errno || *end != ' ')
		return false;
	*at = end + 1;
	return true;
}

static bool read_identity(const char **at, struct identity *id)
{
	uint64_t modified, changed;

	if (!read_number(at, &id->inode) || !read_number(at, &id->size) ||
	    !read_number(at, &modified) || !read_number(at, &changed))
		return false;
	id->modified = (int64_t)modified;
	id->changed = (int64_t)changed;
	return true;
}

static struct known *read_input(struct record *r, const char *at)
{
	struct identity is;

	uint64_t rivals;

	if (!read_identity(&at, &is) || !read_number(&at, &rivals))
		return NULL;
	size_t n = strcspn(at, " ");
	if (!at[n] || (n != 64 && n != 1))
		return NULL;
	struct known *k = add(r, at + n + 1);
	k->is = is;
	k->rivals = rivals;
	if (n == 64)
		memcpy(k->hash, at, 64);
	return k;
}

static bool read_output(struct record *r, const char *at, struct known **inputs,
                        unsigned input_count)
{
	struct made *m = keep(sizeof *m);
	uint64_t count, index;

	if (!read_identity(&at, &m->is) || !read_number(&at, &count) || count > input_count)
		return false;
	m->count = (unsigned)count;
	m->inputs = keep_array(m->count, sizeof(struct known *));
	for (unsigned i = 0; i < m->count; i++) {
		if (!read_number(&at, &index) || index >= input_count)
			return false;
		m->inputs[i] = inputs[index];
	}
	m->output = at;
	list_add(&r->list, &r->count, m);
	return true;
}

/* What cannot be read is no record: then everything is made again. */
static void read_record(struct record *r)
{
	size_t size;
	char *text = (char *)file_read(r->file, &size);
	struct known **inputs = NULL;
	unsigned input_count = 0;

	if (!text || strncmp(text, HEAD, strlen(HEAD)) != 0)
		return;
	for (char *line = text + strlen(HEAD), *end; *line; line = end + 1) {
		struct known *k = NULL;
		bool fine = false;

		end = strchr(line, '\n');
		if (end) {
			*end = 0;
			if (strncmp(line, "in ", 3) == 0 && (k = read_input(r, line + 3)) != NULL) {
				list_add(&inputs, &input_count, k);
				fine = true;
			} else if (strncmp(line, "out ", 4) == 0) {
				fine = read_output(r, line + 4, inputs, input_count);
			}
		}
		if (!fine) {
			r->count = 0;
			return;
		}
	}
}

static bool holds(const struct record *r, const struct made *m)
{
	struct identity now;

	if (!identity_of(m->output, &now) || !is_same(&now, &m->is))
		return false;
	for (unsigned i = 0; i < m->count; i++)
		if (!has_its_content(r, m->inputs[i]))
			return false;
	return true;
}

/* The inputs that the plan names come first, in its order. */
static bool fits(const struct record *r, const struct made *m, const struct plan_step *s)
{
	if (m->count < s->input_count)
		return false;
	for (unsigned i = 0; i < s->input_count; i++)
		if (m->inputs[i] != find(r, s->inputs[i]))
			return false;
	return true;
}

static bool all_are_same(const struct made *m)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->inputs[i]->state != SAME)
			return false;
	return true;
}

static void own(struct record *r, const char *path)
{
	struct known *k = find(r, path);

	(k ? k : add(r, path))->own = true;
}

struct record *record_check(const struct plan *p)
{
	struct record *r = keep(sizeof *r);
	struct timespec now;

	/* The clock of file systems: no later change has an earlier time. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	*r = (struct record){ .file = keep_format("%s/record", p->work),
		              .base = p->folder,
		              .plan = p,
		              .start = now.tv_sec * NS_OF_A_SEC + now.tv_nsec };
	read_record(r);
	for (unsigned i = 0; i < p->generated_count; i++)
		own(r, p->generated[i]);
	for (unsigned i = 0; i < p->step_count; i++)
		own(r, p->steps[i]->output);
	note_folders(r);
	struct record by_output = { 0 };
	for (unsigned i = 0; i < r->count; i++) {
		r->list[i]->holds = holds(r, r->list[i]);
		if (!find(&by_output, r->list[i]->output))
			add(&by_output, r->list[i]->output)->index = i;
	}
	for (unsigned i = 0; i < p->step_count; i++) {
		const struct plan_step *s = p->steps[i];
		const struct known *k = find(&by_output, s->output);
		struct made *m = k ? r->list[k->index] : NULL;

		/* An output that is an input, too, may have been removed above. */
		if (m && m->holds && fits(r, m, s) && all_are_same(m))
			continue;
		if (m)
			m->holds = false;
		find(r, s->output)->state = DIFFERENT;
		if ((unlink(s->output) < 0 && errno != ENOENT) ||
		    (unlink(plan_depfile(s)) < 0 && errno != ENOENT))
			die(126, "cannot remove %s: %s", s->output, strerror(errno));
	}
	return r;
}

/* ---- after the build ---- */

/* The input as it is now; null if it changed during the build or is not there. */
static struct known *note(struct record *r, const char *path, bool by_content)
{
	struct known *k = find(r, path);
	struct identity now;

	if (k && k->noted)
		return k->state == SAME ? k : NULL;
	if (!identity_of(path, &now))
		return NULL;
	if (!k)
		k = add(r, path);
	if (k->state == SAME)
		return is_same(&k->is, &now) ? k : NULL;
	k->noted = true;
	k->state = DIFFERENT;
	k->is = now;
	*k->hash = 0;
	if (!k->own && !is_settled(r, &now))
		return NULL;
	if (by_content)
		hash(path, &now, k->hash);
	k->state = SAME;
	return k;
}

/* The next word of make's syntax, behind its end; null at the end of all. */
static char *next_word(char *at, char **word)
{
	char *to;

	for (;; at++) {
		if (at[0] == '\\' && at[1] == '\n')
			at++;
		else if (!*at || !strchr(" \t\n\r", *at))
			break;
	}
	if (!*at)
		return NULL;
	*word = to = at;
	for (; *at && !strchr(" \t\n\r", *at); at++) {
		if (at[0] == '\\' && at[1] == '\n')
			break;
		if ((at[0] == '\\' && at[1] && strchr(" #\\", at[1])) ||
		    (at[0] == '$' && at[1] == '$'))
			at++;
		*to++ = *at;
	}
	char *rest = *at ? at + 1 : at;
	*to = 0;
	return rest;
}

static void add_input(struct made *m, struct known *k)
{
	list_add(&m->inputs, &m->count, k);
}

/* OUTPUT: INPUT... False if one of them changed during the build. */
static bool note_depfile(struct record *r, struct made *m, const struct plan_step *s)
{
	size_t size;
	char *text = (char *)file_read(plan_depfile(s), &size), *word, *at = text;

	if (!text)
		return false;
	/* "OUTPUT:" */
	if (!(at = next_word(at, &word)))
		return false;
	while ((at = next_word(at, &word)) != NULL) {
		const char *path = *word == '/' ? keep_text(word, strlen(word))
		                                : keep_format("%s/%s", r->base, word);
		struct known *k = note(r, path, s->by_content);

		if (!k || strchr(path, '\n'))
			return false;
		add_input(m, k);
	}
	return true;
}

static struct made *note_step(struct record *r, const struct plan_step *s)
{
	struct made *m = keep(sizeof *m);

	m->output = s->output;
	m->holds = true;
	if (!identity_of(s->output, &m->is))
		return NULL;
	for (unsigned i = 0; i < s->input_count; i++) {
		struct known *k = note(r, s->inputs[i], s->by_content);

		if (!k)
			return NULL;
		add_input(m, k);
	}
	return !s->has_depfile || note_depfile(r, m, s) ? m : NULL;
}

void record_write(struct record *r, const struct plan *p)
{
	struct record kept = { 0 };
	struct text ins = { 0 }, outs = { 0 };
	struct identity now;
	unsigned index = 0;

	/* What ninja made although it held: an input was touched. Then what was made of it does not hold. */
	for (unsigned i = 0; i < r->count; i++) {
		struct made *m = r->list[i];
		struct known *k = find(r, m->output);

		m->holds = m->holds && identity_of(m->output, &now) && is_same(&now, &m->is);
		if (!m->holds && k)
			k->state = DIFFERENT;
	}
	for (unsigned i = 0; i < r->count; i++) {
		struct made *m = r->list[i];

		m->holds = m->holds && all_are_same(m);
		if (m->holds)
			add(&kept, m->output);
	}
	for (unsigned i = 0; i < p->step_count; i++) {
		struct made *m =
		        find(&kept, p->steps[i]->output) ? NULL : note_step(r, p->steps[i]);

		if (m)
			list_add(&r->list, &r->count, m);
	}
	note_folders(r);
	text_add(&ins, HEAD);
	for (unsigned i = 0; i < r->count; i++) {
		struct made *m = r->list[i];

		if (!m->holds)
			continue;
		text_add(&outs, "out %s %u ", identity_text(&m->is), m->count);
		for (unsigned k = 0; k < m->count; k++) {
			struct known *in = m->inputs[k];

			if (!in->index) {
				bool unsettled = false;
				in->index = ++index;
				in->rivals = rivals_of(r, in, &unsettled);
				if (unsettled)
					in->rivals = !in->rivals;
				text_add(&ins, "in %s %llu %s %s\n", identity_text(&in->is),
				         (unsigned long long)in->rivals, *in->hash ? in->hash : "-",
				         in->path);
			}
			text_add(&outs, "%u ", in->index - 1);
		}
		text_add(&outs, "%s\n", m->output);
	}
	if (outs.size)
		text_bytes(&ins, outs.s, outs.size);
	if (!file_update(r->file, &ins))
		die(126, "cannot write %s: %s", r->file, strerror(errno));
}
