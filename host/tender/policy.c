/* SPDX-License-Identifier: ISC */
/* A line at a time: a word with its value, or an item of the list that the last word began. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tender/policy.h>

struct reading {
	struct policy *policy;
	char folder[4096];
	bool has_images, has_keys, in_keys;
};

/* Cuts comment, trailing blanks and one pair of quotes off. */
static char *trim(char *text)
{
	char *comment = text;
	while ((comment = strchr(comment, '#')) && comment > text && comment[-1] != ' ' &&
	       comment[-1] != '\t')
		comment++;
	if (comment)
		*comment = 0;
	size_t n = strlen(text);
	while (n && strchr(" \t\r", text[n - 1]))
		text[--n] = 0;
	return text;
}

static char *value_of(char *text)
{
	text += strspn(text, " \t");
	size_t n = strlen(text);
	if (n >= 2 && (*text == '"' || *text == '\'') && text[n - 1] == *text) {
		text[n - 1] = 0;
		text++;
	}
	return text;
}

static int take_images(struct reading *r, const char *value, struct defect *why)
{
	static const char *const words[] = { "any", "digest", "signed" };
	if (r->has_images)
		return defect_set(why, "images is there twice");
	r->has_images = true;
	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(value, words[i])) {
			r->policy->images = (enum policy_images)i;
			return 0;
		}
	return defect_set(why, "images is any, digest or signed, not '%s'", value);
}

static int take_item(struct reading *r, char *value, struct defect *why)
{
	struct policy *p = r->policy;
	if (!r->in_keys)
		return defect_set(why, "an item of no list: keys: comes before it");
	if (!*value)
		return defect_set(why, "an item names a key or its file");
	if (p->key_count == POLICY_KEYS_MAX)
		return defect_set(why, "more than %u keys", POLICY_KEYS_MAX);
	return minisign_key(&p->keys[p->key_count++], value, r->folder, why);
}

static int take_line(struct reading *r, char *line, struct defect *why)
{
	char *start = trim(line) + strspn(line, " ");
	if (!*start || !strcmp(start, "---"))
		return 0;
	if (start[0] == '-' && (start[1] == ' ' || !start[1]))
		return take_item(r, value_of(start + 1), why);
	r->in_keys = false;
	if (start == line && !strncmp(line, "images:", 7))
		return take_images(r, value_of(line + 7), why);
	if (start == line && !strcmp(line, "keys:") && !r->has_keys) {
		r->has_keys = r->in_keys = true;
		return 0;
	}
	return defect_set(why,
	                  "a policy has `images: any`, `digest` or `signed`, and `keys:` with "
	                  "`- FILE` below it, once each; not '%s'",
	                  start);
}

static int take_text(struct reading *r, char *text, struct defect *why)
{
	const char *name = r->policy->name;
	struct defect what;
	for (unsigned number = 1; *text; number++) {
		char *line = text;
		text += strcspn(text, "\n");
		if (*text)
			*text++ = 0;
		if (take_line(r, line, &what))
			return defect_set(why, "%s:%u: %s", name, number, what.text);
	}
	if (!r->has_images)
		return defect_set(why, "%s: says nothing: images is any, digest or signed", name);
	if (r->policy->images == POLICY_SIGNED && !r->policy->key_count)
		return defect_set(why, "%s: wants signed images, and names no key", name);
	return 0;
}

int policy_read(struct policy *p, const char *path, struct defect *why)
{
	static char text[POLICY_SIZE_MAX];
	struct reading r;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return POLICY_NONE;
	*p = (struct policy){ .name = path };
	r = (struct reading){ .policy = p };
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0) {
		defect_set(why, "%s: cannot be read: %s", path, strerror(error));
		return error == EMFILE || error == ENFILE ? IMAGE_HOST : -1;
	}
	if (n == sizeof text || memchr(text, 0, (size_t)n))
		return defect_set(why, "%s: is no text, or longer than %u bytes", path,
		                  POLICY_SIZE_MAX - 1);
	text[n] = 0;
	const char *slash = strrchr(path, '/');
	int length = snprintf(r.folder, sizeof r.folder, "%.*s", slash ? (int)(slash - path) : 1,
	                      slash ? path : ".");
	if (length < 0 || (size_t)length >= sizeof r.folder)
		return defect_set(why, "%s: its name is too long", path);
	return take_text(&r, text, why);
}
