/* SPDX-License-Identifier: ISC */
/* Asks llvm-symbolizer (place.h), which answers with FUNCTION and FILE:LINE:COLUMN on lines of their own, the innermost of
 * inlined functions first. */
#include <stdlib.h>
#include <string.h>

#include <builder/place.h>
#include <builder/plan.h>
#include <builder/text.h>
#include <builder/tool.h>

/* Takes ":NUMBER" off the end. */
static bool take_number(char *s, unsigned *n)
{
	char *colon = strrchr(s, ':');

	if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
		return false;
	*n = (unsigned)strtoul(colon + 1, NULL, 10);
	*colon = 0;
	return true;
}

bool place_find(struct place *p, const char *elf, uint64_t address)
{
	const char *tool = plan_find_tool("llvm-symbolizer-19"),
	           *answer = tool ? tool_ask((const char *[]){
	                                    tool, keep_format("--obj=%s", elf),
	                                    keep_format("0x%llx", (unsigned long long)address),
	                                    NULL })
	                          : NULL,
	           *end = answer ? strchr(answer, '\n') : NULL;

	if (!end)
		return false;
	char *file = keep_text(end + 1, strcspn(end + 1, "\n"));
	*p = (struct place){ .function = keep_text(answer, (size_t)(end - answer)) };
	if (!take_number(file, &p->column) || !take_number(file, &p->line) || !p->line ||
	    strncmp(file, "??", 2) == 0)
		return false;
	p->file = strncmp(file, "./", 2) == 0 ? file + 2 : file;
	return true;
}

unsigned place_of_call(const char *path, const char *function)
{
	static const char letters[] =
	        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	size_t size, n = strlen(function);
	const char *s = (const char *)file_read(path, &size);
	unsigned line = 1;

	for (const char *at = s; at && *at; at++) {
		line += *at == '\n';
		if ((at == s || !strchr(letters, at[-1])) && strncmp(at, function, n) == 0 &&
		    at[n + strspn(at + n, " \t")] == '(')
			return line;
	}
	return 0;
}
