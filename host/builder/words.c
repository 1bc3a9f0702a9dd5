/* SPDX-License-Identifier: ISC */
/* Reads the objects' global names by llvm-nm (words.h): they are bitcode. */
#include <string.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <builder/tool.h>
#include <builder/words.h>

static bool has_word(const struct library *l, const char *name)
{
	for (unsigned i = 0; i < l->word_count; i++) {
		size_t n = strlen(l->words[i]);

		if (strncmp(name, l->words[i], n) == 0 && (!name[n] || name[n] == '_'))
			return true;
	}
	return false;
}

static const char *list_words(const struct library *l)
{
	struct text t = { 0 };

	for (unsigned i = 0; i < l->word_count; i++)
		text_add(&t, "%s%s", i ? ", " : "", l->words[i]);
	return t.s;
}

static void check(const char *nm, const struct plan_object *o, struct report *report)
{
	char *names = tool_ask((const char *[]){ nm, "--defined-only", "--extern-only",
	                                         "--format=just-symbols", o->path, NULL }),
	     *rest = NULL;

	if (!names)
		die(AMP_EXIT_TENDER, "llvm-nm-19 cannot read %s", o->path);
	for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
		if (!has_word(o->library, name))
			report_at(
			        report, keep_format("%s/%s", o->library->name, o->source), 0, 0,
			        "`%s` is global and begins with no word of library %s (%s): rename "
			        "it, make it static, or add its word to `words`",
			        name, o->library->name, list_words(o->library));
}

void words_check(const struct plan *p, struct report *report)
{
	const char *nm = NULL;

	for (unsigned i = 0; i < p->object_count; i++) {
		const struct plan_object *o = p->objects[i];

		if (!o->library || !o->library->is_own)
			continue;
		if (!nm && (nm = plan_find_tool("llvm-nm-19")) == NULL)
			die(AMP_EXIT_TENDER,
			    "llvm-nm-19 is not installed: apt-get install llvm-19");
		check(nm, o, report);
	}
}
