/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cli/take.h>
#include <supervisor/control.h>

#define WAIT_MS 600000 /* for the writer: memory of many GiB takes its time */

int take_picture(int folder, const char *request, int fd, unsigned long long *pause_us, int *base,
                 struct defect *why)
{
	char text[CONTROL_TEXT_MAX];
	unsigned long long pages;
	if (control_ask_with(folder, request, fd, WAIT_MS, text, base))
		return defect_set(why, "its supervisor does not answer: %s", strerror(errno));
	if (sscanf(text, "ok %llu %llu", pause_us, &pages) == 2)
		return 0;
	return defect_set(why, "no snapshot: %s", text);
}
