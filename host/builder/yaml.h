/* SPDX-License-Identifier: ISC */
/*
 * A YAML file as a tree whose nodes know where they stand. The plain part of YAML only: one
 * document, no anchors, aliases or tags, at most YAML_DEPTH deep; so a tree is never larger than
 * its file.
 */
#ifndef BUILD_YAML_H
#define BUILD_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <builder/report.h>

#define YAML_SIZE_MAX (16u << 20) /* bytes of a file */
#define YAML_DEPTH    16u

enum node_kind { NODE_NULL, NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	int line, column; /* from 1 */
	const char *text; /* NODE_TEXT: without NUL inside, NUL-terminated */
	size_t size;
	struct node *first; /* NODE_LIST, NODE_MAP: members, in order */
	struct node *next;  /* the next member */
	struct node *key;   /* of a member of a map: a NODE_TEXT */
	unsigned count;
};

/* The file's one document, or null: `report` says why. `shown` is the file's name in messages. A
 * tree may come with reports (duplicate keys, anchors): it is fit for finding more mistakes. */
struct node *yaml_read(const char *path, const char *shown, struct report *);

/* The kind in words, for messages: "a list", "text", ... */
const char *node_kind_name(const struct node *);

#endif
