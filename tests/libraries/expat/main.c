/* SPDX-License-Identifier: ISC */
/* Expat as it is packaged: it calls handlers of ours through pointers, and memory functions of ours, too. */
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned allocations;

static void *take(size_t size)
{
	allocations++;
	return malloc(size);
}

static void start(void *depth, const XML_Char *name, const XML_Char **attributes)
{
	printf("%*s<%s", 2 * (*(int *)depth)++, "", name);
	for (; *attributes; attributes += 2)
		printf(" %s=%s", attributes[0], attributes[1]);
	puts(">");
}

static void end(void *depth, const XML_Char *name)
{
	(void)name;
	--*(int *)depth;
}

static void text(void *depth, const XML_Char *s, int size)
{
	printf("%*s%.*s\n", 2 * *(int *)depth, "", size, s);
}

static int parse(const char *document)
{
	const XML_Memory_Handling_Suite memory = { take, realloc, free };
	XML_Parser p = XML_ParserCreate_MM(NULL, &memory, NULL);
	int depth = 0;

	XML_SetUserData(p, &depth);
	XML_SetElementHandler(p, start, end);
	XML_SetCharacterDataHandler(p, text);
	int fine = XML_Parse(p, document, (int)strlen(document), 1) == XML_STATUS_OK;
	if (!fine)
		printf("line %lu: %s\n", XML_GetCurrentLineNumber(p),
		       XML_ErrorString(XML_GetErrorCode(p)));
	XML_ParserFree(p);
	return fine;
}

int main(void)
{
	if (!parse("<shop open='yes'><item>caf\xc3\xa9&amp; tea</item><empty/></shop>") ||
	    parse("<shop><item></shop>") || !allocations)
		return 1;
	return 0;
}
