/* SPDX-License-Identifier: ISC */
/* Finds the installation's parts from the place of the running executable (sdk.h). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <builder/sdk.h>
#include <builder/text.h>

static const char *own_folder(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n <= 0)
		return ".";
	path[n] = 0;
	char *slash = strrchr(path, '/');
	if (slash)
		*slash = 0;
	return keep_text(path, strlen(path));
}

static const char *try_folder(const char *path)
{
	char *real = realpath(path, NULL);

	if (!real)
		return NULL;
	if (access(keep_format("%s/abi/ampoule_abi.h", real), R_OK) < 0) {
		free(real);
		return NULL;
	}
	const char *kept = keep_text(real, strlen(real));
	free(real);
	return kept;
}

const char *sdk_folder(void)
{
	const char *own = own_folder(), *named = getenv("AMPOULE_SDK"), *found;

	if (named && *named) {
		found = try_folder(named);
		if (!found)
			die(125,
			    "AMPOULE_SDK=%s: no abi/ampoule_abi.h is there; name the folder that "
			    "holds abi and os, "
			    "or unset it",
			    named);
		return found;
	}
	/* Helpers are in libexec/ampoule, the command itself in bin. */
	found = try_folder(keep_format("%s/../share/ampoule", own));
	if (!found)
		found = try_folder(keep_format("%s/../../share/ampoule", own));
#ifdef AMPOULE_SOURCE_ROOT
	if (!found)
		found = try_folder(AMPOULE_SOURCE_ROOT);
#endif
	if (!found)
		die(126, "the library OS's sources are not installed (share/ampoule); set "
		         "AMPOULE_SDK to the folder that "
		         "holds abi and os");
	return found;
}

const char *sdk_helper(const char *name, const char *library)
{
	const char *own = own_folder();
	const char *places[] = { keep_format("%s/%s", own, name),
		                 keep_format("%s/../libexec/ampoule/%s", own, name),
		                 keep_format("%s/os/%s/%s", own, library, name) };

	for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}
