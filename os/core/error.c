/* SPDX-License-Identifier: ISC */
/* Errors in words. */
#include <core/error.h>

static const char *const texts[] = {
	[OK] = "no error",
	[-ERR_MEMORY] = "out of memory",
	[-ERR_INVALID] = "invalid argument",
	[-ERR_EXISTS] = "already taken",
	[-ERR_ABSENT] = "not found",
	[-ERR_TIMEOUT] = "timed out",
	[-ERR_TOO_BIG] = "too big",
	[-ERR_UNREACHABLE] = "unreachable",
	[-ERR_CLOSED] = "closed",
	[-ERR_MALFORMED] = "malformed",
	[-ERR_AGAIN] = "nothing there now",
	[-ERR_REFUSED] = "refused",
	[-ERR_RESET] = "reset by the peer",
	[-ERR_IO] = "input/output error",
	[-ERR_CORRUPT] = "stored data is damaged",
	[-ERR_READ_ONLY] = "read-only",
	[-ERR_FAILED] = "the other side failed",
};

const char *error_text(int error)
{
	int count = sizeof texts / sizeof texts[0];
	if (error > 0)
		return texts[0];
	return error > -count ? texts[-error] : "unknown error";
}
