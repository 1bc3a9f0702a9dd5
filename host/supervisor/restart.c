/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include <supervisor/restart.h>

bool restart_parse(struct restart *r, const char *text)
{
	static const char on_failure[] = "on-failure";
	size_t n = sizeof on_failure - 1;
	memset(r, 0, sizeof *r);
	if (!strcmp(text, "no"))
		return true;
	if (!strcmp(text, "always") || !strcmp(text, "unless-stopped")) {
		r->when = RESTART_ALWAYS;
		return true;
	}
	if (strncmp(text, on_failure, n) != 0)
		return false;
	r->when = RESTART_ON_FAILURE;
	if (!text[n])
		return true;
	const char *digits = text + n + 1;
	size_t count = strspn(digits, "0123456789");
	if (text[n] != ':' || !count || count > 6 || digits[count])
		return false;
	for (; *digits; digits++)
		r->max = r->max * 10 + (uint32_t)(*digits - '0');
	return r->max > 0;
}

const char *restart_text(const struct restart *r, char room[32])
{
	static const char *const names[] = { "no", "on-failure", "always" };
	if (r->max)
		snprintf(room, 32, "%s:%u", names[r->when], r->max);
	else
		snprintf(room, 32, "%s", names[r->when]);
	return room;
}

bool restart_next(struct restart *r, int status, uint64_t life_ms, uint32_t *pause)
{
	if (life_ms >= RESTART_LIFE_MS)
		r->pause = r->count = 0;
	if (r->when == RESTART_NO ||
	    (r->when == RESTART_ON_FAILURE && (!status || (r->max && r->count >= r->max))))
		return false;
	r->pause = !r->pause                        ? RESTART_FIRST_MS
	           : r->pause * 2 > RESTART_LAST_MS ? RESTART_LAST_MS
	                                            : r->pause * 2;
	r->count++;
	*pause = r->pause;
	return true;
}
