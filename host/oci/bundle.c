/* SPDX-License-Identifier: ISC */
/* Each function reads one part. A part that is wrong is named by its path, as in linux.namespaces[2].type. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <oci/bundle.h>

const char *const bundle_space_names[BUNDLE_SPACES] = { "network", "ipc", "uts" };

static int wrong(struct defect *why, const char *where, const char *what)
{
	return defect_set(why, "config.json: %s: %s", where, what);
}

/* The member of that type; null is "not there". */
static int member(const json_t *of, const char *name, json_type type, const json_t **to,
                  const char *where, struct defect *why)
{
	static const char *const types[] = { "an object", "an array", "a string", "a number" };
	const json_t *v = json_object_get(of, name);
	*to = NULL;
	if (!v || json_is_null(v))
		return 0;
	if (json_typeof(v) != type)
		return defect_set(why, "config.json: %s: want %s", where,
		                  type < 4 ? types[type] : "true or false");
	*to = v;
	return 0;
}

static int strings(const json_t *of, const char *name, const json_t **to, const char *where,
                   struct defect *why)
{
	size_t i;
	json_t *v;
	if (member(of, name, JSON_ARRAY, to, where, why))
		return -1;
	json_array_foreach(*to, i, v)
	{
		if (!json_is_string(v))
			return defect_set(why, "config.json: %s[%zu]: want a string", where, i);
	}
	return 0;
}

/* An array of objects which have the string `key`. */
static int objects(const json_t *of, const char *name, const char *key, bool absolute,
                   const json_t **to, const char *where, struct defect *why)
{
	size_t i;
	json_t *v;
	if (member(of, name, JSON_ARRAY, to, where, why))
		return -1;
	json_array_foreach(*to, i, v)
	{
		const char *text = json_string_value(json_object_get(v, key));
		if (!text || (absolute && *text != '/'))
			return defect_set(why, "config.json: %s[%zu].%s: want %s", where, i, key,
			                  absolute ? "an absolute path" : "a string");
	}
	return 0;
}

static int read_process(struct bundle *b, struct defect *why)
{
	const json_t *p, *size, *v;
	if (member(b->config, "process", JSON_OBJECT, &p, "process", why) ||
	    strings(p, "args", &b->args, "process.args", why) ||
	    strings(p, "env", &b->env, "process.env", why) ||
	    member(p, "consoleSize", JSON_OBJECT, &size, "process.consoleSize", why) ||
	    member(p, "oomScoreAdj", JSON_INTEGER, &b->oom_score, "process.oomScoreAdj", why))
		return -1;
	v = json_object_get(p, "terminal");
	if (v && !json_is_boolean(v))
		return wrong(why, "process.terminal", "want true or false");
	b->terminal = json_is_true(v);
	b->rows = (uint16_t)json_integer_value(json_object_get(size, "height"));
	b->columns = (uint16_t)json_integer_value(json_object_get(size, "width"));
	if (!b->sandbox && !json_array_size(b->args))
		return wrong(why, "process.args",
		             "it is missing or empty: its first word is the image's path in the "
		             "root");
	return 0;
}

static int read_root(struct bundle *b, struct defect *why)
{
	const json_t *root, *path;
	if (member(b->config, "root", JSON_OBJECT, &root, "root", why) ||
	    member(root, "path", JSON_STRING, &path, "root.path", why))
		return -1;
	const char *text = json_string_value(path);
	if (!text || !*text)
		return wrong(why, "root.path", "it is missing");
	int n = *text == '/' ? snprintf(b->root, sizeof b->root, "%s", text)
	                     : snprintf(b->root, sizeof b->root, "%s/%s", b->path, text);
	if (n >= (int)sizeof b->root)
		return wrong(why, "root.path", "it is too long");
	struct stat s;
	if (stat(b->root, &s) || !S_ISDIR(s.st_mode))
		return defect_set(why, "config.json: root.path: %s is no folder", b->root);
	return 0;
}

static int read_spaces(struct bundle *b, const json_t *linux_part, struct defect *why)
{
	const json_t *all;
	json_t *v;
	size_t i;
	if (objects(linux_part, "namespaces", "type", false, &all, "linux.namespaces", why))
		return -1;
	json_array_foreach(all, i, v)
	{
		const char *type = json_string_value(json_object_get(v, "type"));
		json_t *path = json_object_get(v, "path");
		for (size_t j = 0; j < i; j++)
			if (!strcmp(type, json_string_value(
			                          json_object_get(json_array_get(all, j), "type"))))
				return defect_set(
				        why,
				        "config.json: linux.namespaces[%zu]: %s is there twice", i,
				        type);
		const char *text = json_string_value(path);
		if (path && (!text || (*text && *text != '/')))
			return defect_set(
			        why,
			        "config.json: linux.namespaces[%zu].path: want an absolute path",
			        i);
		for (unsigned k = 0; k < BUNDLE_SPACES; k++)
			if (!strcmp(type, bundle_space_names[k])) {
				b->spaces[k].wish = text && *text ? SPACE_JOIN : SPACE_NEW;
				b->spaces[k].path = text;
			}
	}
	return 0;
}

static int read_hooks(struct bundle *b, struct defect *why)
{
	const char *name;
	json_t *v;
	if (member(b->config, "hooks", JSON_OBJECT, &b->hooks, "hooks", why))
		return -1;
	json_object_foreach((json_t *)b->hooks, name, v)
	{
		char where[128];
		const json_t *all, *words;
		json_t *hook;
		size_t i;
		snprintf(where, sizeof where, "hooks.%s", name);
		if (objects(b->hooks, name, "path", true, &all, where, why))
			return -1;
		json_array_foreach(all, i, hook)
		{
			if (strings(hook, "args", &words, where, why) ||
			    strings(hook, "env", &words, where, why))
				return -1;
			json_t *timeout = json_object_get(hook, "timeout");
			if (timeout && json_integer_value(timeout) <= 0)
				return defect_set(why,
				                  "config.json: %s[%zu].timeout: want seconds, "
				                  "1 or more",
				                  where, i);
		}
	}
	return 0;
}

static int read_all(struct bundle *b, struct defect *why)
{
	const json_t *linux_part, *v;
	const char *key;
	json_t *each;
	if (!json_is_object(b->config))
		return wrong(why, "the whole", "want an object");
	const char *version = json_string_value(json_object_get(b->config, "ociVersion"));
	if (!version || strncmp(version, "1.", 2) != 0)
		return wrong(why, "ociVersion", "want 1.x.y: nothing else is understood here");
	if (member(b->config, "annotations", JSON_OBJECT, &b->annotations, "annotations", why))
		return -1;
	json_object_foreach((json_t *)b->annotations, key, each)
	{
		if (!json_is_string(each))
			return defect_set(why, "config.json: annotations.%s: want a string", key);
	}
	/* What CRI calls the process that holds a pod's namespaces. */
	const char *kind = bundle_annotation(b, "io.kubernetes.cri.container-type");
	if (!kind)
		kind = bundle_annotation(b, "io.kubernetes.cri-o.ContainerType");
	b->sandbox = kind && !strcmp(kind, "sandbox");
	if (read_process(b, why) || read_root(b, why) ||
	    objects(b->config, "mounts", "destination", false, &b->mounts, "mounts", why) ||
	    read_hooks(b, why) ||
	    member(b->config, "linux", JSON_OBJECT, &linux_part, "linux", why) ||
	    read_spaces(b, linux_part, why) ||
	    objects(linux_part, "devices", "path", true, &b->devices, "linux.devices", why) ||
	    member(linux_part, "resources", JSON_OBJECT, &b->resources, "linux.resources", why) ||
	    member(linux_part, "cgroupsPath", JSON_STRING, &v, "linux.cgroupsPath", why))
		return -1;
	b->cgroup = json_string_value(v);
	return 0;
}

int bundle_read(struct bundle *b, const char *path, struct defect *why)
{
	char file[PATH_MAX + 16];
	struct stat s;
	json_error_t error;
	*b = (struct bundle){ 0 };
	if (!realpath(path, b->path))
		return defect_set(why, "bundle %s: %s", path, strerror(errno));
	snprintf(file, sizeof file, "%s/config.json", b->path);
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &s)) {
		defect_set(why, "%s: %s: a bundle is a folder with config.json", file,
		           strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (!S_ISREG(s.st_mode) || s.st_size > BUNDLE_CONFIG_MAX)
		defect_set(why, "%s is no file of at most %u MiB", file, BUNDLE_CONFIG_MAX >> 20);
	else if (!(b->config = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error)))
		defect_set(why, "%s:%d:%d: %s", file, error.line, error.column, error.text);
	close(fd);
	if (!b->config)
		return -1;
	if (!read_all(b, why))
		return 0;
	bundle_free(b);
	return -1;
}

void bundle_free(struct bundle *b)
{
	json_decref(b->config);
	b->config = NULL;
}

const char *bundle_annotation(const struct bundle *b, const char *name)
{
	return json_string_value(json_object_get(b->annotations, name));
}
