/* SPDX-License-Identifier: ISC */
/* Folders to items: what the site will have an entry for. Nothing is read here but names, sizes and times. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "builder.h"

#define DEPTH_MAX 64u

struct site_item *site_items;
size_t site_item_count;
int64_t site_newest = 253402300799; /* the last second of a year of four digits */
char **site_read_files;
size_t site_read_count;

static size_t item_room;
static size_t *slots; /* a hash table of item numbers plus 1; 2 * item_room slots, a power of two */
static uint64_t input_size;

void site_note_read(const char *path)
{
	site_read_files = site_checked(
	        realloc(site_read_files, (site_read_count + 1) * sizeof *site_read_files));
	site_read_files[site_read_count++] = site_checked(strdup(path));
}

/* ---- Items ---- */

struct key {
	const char *host, *path;
	uint32_t host_size, path_size;
};

static bool has_key(const struct site_item *i, const struct key *k)
{
	return i->host_size == k->host_size && i->key_size == k->host_size + k->path_size &&
	       memcmp(i->key, k->host, k->host_size) == 0 &&
	       memcmp(i->key + k->host_size, k->path, k->path_size) == 0;
}

static size_t *slot_of(const struct key *key)
{
	size_t mask = 2 * item_room - 1;
	uint64_t h = site_hash_add(SITE_HASH_START, key->host, key->host_size);
	for (size_t k = site_hash_end(site_hash_add(h, key->path, key->path_size));; k++) {
		size_t *slot = &slots[k & mask];
		if (!*slot || has_key(&site_items[*slot - 1], key))
			return slot;
	}
}

static struct key key_of(const char *host, const char *path, uint32_t path_size)
{
	return (struct key){ host, path, (uint32_t)strlen(host), path_size };
}

const struct site_item *site_find(const char *host, const char *path, uint32_t path_size)
{
	struct key key = key_of(host, path, path_size);
	size_t n = item_room ? *slot_of(&key) : 0;
	return n ? &site_items[n - 1] : NULL;
}

static void grow(void)
{
	item_room = item_room ? 2 * item_room : 64;
	site_items = site_checked(realloc(site_items, item_room * sizeof *site_items));
	free(slots);
	slots = site_checked(calloc(2 * item_room, sizeof *slots));
	for (size_t k = 0; k < site_item_count; k++) {
		const struct site_item *i = &site_items[k];
		struct key key = { i->key, i->key + i->host_size, i->host_size,
			           i->key_size - i->host_size };
		*slot_of(&key) = k + 1;
	}
}

struct site_item *site_add(const char *host, const char *path, uint32_t path_size,
                           enum site_kind kind, const char *from)
{
	struct key key = key_of(host, path, path_size);
	if (key.host_size && path_size && !site_find(host, "", 0))
		site_add(host, "", 0, SITE_HOST, from);
	const struct site_item *other = site_find(host, path, path_size);
	if (other)
		site_fail("%s: %s is at %s%s%s already; one of them has to go", from, other->from,
		          *host ? "//" : "", host, path);
	if (site_item_count == item_room)
		grow();
	struct site_item *i = &site_items[site_item_count];
	char *bytes = site_checked(malloc(key.host_size + path_size + 1u));
	memcpy(bytes, host, key.host_size);
	memcpy(bytes + key.host_size, path, path_size);
	bytes[key.host_size + path_size] = 0;
	*i = (struct site_item){ .key = bytes,
		                 .key_size = key.host_size + path_size,
		                 .host_size = key.host_size,
		                 .kind = kind,
		                 .from = site_checked(strdup(from)) };
	*slot_of(&key) = ++site_item_count;
	return i;
}

/* ---- Names ---- */

char *site_escaped(const char *path)
{
	char *to = site_checked(malloc(3 * strlen(path) + 1)), *p = to;
	for (; *path; path++) {
		uint8_t c = (uint8_t)*path;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		             (c >= '0' && c <= '9') || strchr("-._~!$&'()*+,;=:@/", c);
		if (plain)
			*p++ = (char)c;
		else
			p += sprintf(p, "%%%02X", c);
	}
	*p = 0;
	return to;
}

void site_check_name(const char *name, const char *shown)
{
	for (const char *p = name; *p; p++) {
		if ((uint8_t)*p < 0x20 || *p == 0x7f)
			site_fail("%s: its name has a control character, which is in no URL; "
			          "rename it",
			          shown);
	}
}

char *site_host(const char *name, size_t size, const char *shown)
{
	char *host = site_checked(strndup(name, size));
	bool fits = size && size <= SITE_HOST_MAX && *host != '.' && host[size - 1] != '.';
	for (char *p = host; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
		fits = fits && ((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
		                *p == '_' || (*p == '.' && p[1] != '.'));
	}
	if (!fits || strlen(host) != size)
		site_fail("%s: //%s is no host's name; write it as in www.example.org, without a "
		          "port",
		          shown, host);
	return host;
}

/* ---- Files ---- */

static void add_file(const char *file, const char *shown, const char *host, const char *url,
                     const char *name)
{
	struct stat st;
	if (stat(file, &st))
		site_fail("%s: %s", shown, strerror(errno));
	input_size += (uint64_t)st.st_size;
	if (input_size > DATABASE_MAX)
		site_fail("%s: with it the site has more than %llu bytes; serve large files from "
		          "elsewhere",
		          shown, DATABASE_MAX);
	site_note_read(file);
	char *path = site_text("%s/%s", url, name), *sent = site_escaped(path);
	if (strlen(sent) > HTTP_TARGET_MAX)
		site_fail("%s: its URL would have more than %u bytes; shorten names", shown,
		          HTTP_TARGET_MAX);
	free(sent);
	struct site_item *i = site_add(host, path, (uint32_t)strlen(path), SITE_FILE, shown);
	i->file = site_checked(strdup(file));
	i->size = (uint64_t)st.st_size;
	i->modified = st.st_mtime < 1 ? 1 : st.st_mtime > site_newest ? site_newest : st.st_mtime;
	size_t number = (size_t)(i - site_items) + 1;
	if (strcmp(name, "index.html") == 0) { /* the directory itself is its index */
		path[strlen(path) - strlen(name)] = 0;
		site_add(host, path, (uint32_t)strlen(path), SITE_FILE, shown)->same_as = number;
	}
	free(path);
}

static int wanted(const struct dirent *e)
{
	return e->d_name[0] != '.' || strcmp(e->d_name, ".well-known") == 0;
}

/* Whatever the locale: the same order everywhere. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Is path the folder, or below it? Both without links. */
static bool within(const char *path, const char *folder)
{
	size_t size = strlen(folder);
	return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == 0);
}

/* So that relative links work: where there is an index to be found. */
static void lead_to_slash(const char *host, const char *url, const char *shown)
{
	char *with_slash = site_text("%s/", url);
	if (site_find(host, with_slash, (uint32_t)strlen(with_slash))) {
		struct site_item *i =
		        site_add(host, url, (uint32_t)strlen(url), SITE_REDIRECT, shown);
		i->status = 301;
		i->location = site_escaped(with_slash);
	}
	free(with_slash);
}

static void walk(const char *root, const char *directory, const char *shown, const char *host,
                 const char *url, unsigned depth)
{
	struct dirent **list;
	if (depth > DEPTH_MAX)
		site_fail("%s: folders are nested more than %u deep", shown, DEPTH_MAX);
	char *here = site_checked(realpath(directory, NULL));
	int n = scandir(directory, &list, wanted, by_bytes);
	if (n < 0)
		site_fail("%s: %s", shown, strerror(errno));
	site_note_read(directory);
	for (int k = 0; k < n; k++) {
		const char *name = list[k]->d_name;
		char *path = site_text("%s/%s", directory, name),
		     *as = site_text("%s/%s", shown, name), *real = realpath(path, NULL);
		struct stat st;
		site_check_name(name, as);
		if (!real || stat(real, &st))
			site_fail("%s: %s%s", as, strerror(errno),
			          errno == ENOENT ? ": it is a link to nothing" : "");
		if (!within(real, root))
			site_fail("%s: it is a link that leads out of the site, to %s; put the "
			          "file itself there",
			          as, real);
		if (S_ISDIR(st.st_mode)) {
			if (within(here, real))
				site_fail("%s: it is a link that leads to a folder that it lies in",
				          as);
			char *below = site_text("%s/%s", url, name);
			walk(root, path, as, host, below, depth + 1);
			free(below);
		} else if (S_ISREG(st.st_mode)) {
			add_file(path, as, host, url, name);
		} else {
			site_fail("%s: it is neither a file nor a folder", as);
		}
		free(path);
		free(as);
		free(real);
		free(list[k]);
	}
	free(list);
	free(here);
	if (*url)
		lead_to_slash(host, url, shown);
}

void site_walk(const char *directory, const char *shown, const char *host, const char *url)
{
	struct stat st;
	char *root = realpath(directory, NULL);
	if (!root || stat(root, &st))
		site_fail("%s: %s; name a directory, PREFIX=DIRECTORY, //HOST=DIRECTORY, "
		          "rules=FILE or cache-control=VALUE",
		          shown, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		site_fail("%s: it is not a directory; name the folder that has the site's files",
		          shown);
	walk(root, directory, shown, host, url, 0);
	free(root);
}
