/* SPDX-License-Identifier: ISC */
/* jansson as it is packaged: parsing, sorted keys (qsort with a comparison of the archive's), numbers, errors. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	json_error_t error;
	json_t *root = json_loads(
	        "{\"b\": [1, 2.5, \"\\u00e9\"], \"a\": null, \"d\": 1e300, \"c\": {}}", 0, &error);
	if (!root)
		return 1;
	json_object_set_new(root, "n", json_pack("{s:i, s:b}", "two", 2, "yes", 1));
	char *text = json_dumps(root, JSON_SORT_KEYS | JSON_COMPACT);
	puts(text);

	/* Its memory functions, by pointers that it gives out. */
	json_malloc_t take;
	json_free_t give;
	json_get_alloc_funcs(&take, &give);
	give(text);
	give(take(100));
	json_decref(root);
	if (json_loads("{\"a\": [1, }", 0, &error))
		return 2;
	printf("line %d: %s\n", error.line, error.text);
	return 0;
}
