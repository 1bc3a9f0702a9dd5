/* SPDX-License-Identifier: ISC */
/* Reading a map of known keys: each mistake is reported at its place, and reading goes on. */
#ifndef BUILD_FIELDS_H
#define BUILD_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include <builder/yaml.h>

struct input {
	const char *shown; /* the file's name in messages */
	struct report *report;
};

/* One known key; `value` is filled in: null if the key is not there. */
struct field {
	const char *name;
	bool required;
	const struct node *value;
};

__attribute__((format(printf, 3, 4))) void
input_mistake(const struct input *, const struct node *at, const char *format, ...);

/* Sorts a map's members into fields. Unknown keys, missing ones and what is not a map are mistakes.
 * `what` names the thing: "the manifest", "an interface". False: it is no map. */
bool fields_take(const struct input *, const struct node *, const char *what, struct field *,
                 unsigned count);

/* The value as text, number, truth, list. Null or false with a mistake reported, or silently if `n`
 * is null. */
const char *field_text(const struct input *, const struct node *, const char *name);
bool field_number(const struct input *, const struct node *, const char *name, uint64_t min,
                  uint64_t max, uint64_t *);
bool field_size(const struct input *, const struct node *, const char *name, uint64_t min,
                uint64_t max, uint64_t *);
bool field_bool(const struct input *, const struct node *, const char *name, bool *);
bool field_list(const struct input *, const struct node *, const char *name);

#endif
