/* SPDX-License-Identifier: ISC */
/* Prints a report of `ampoule doctor`: aligned for people, JSON for programs. */
#include "doctor_print.h"

#include <stdio.h>
#include <string.h>

static const char *const words[] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_NOTE] = "note",
	[DOCTOR_WARNING] = "warning",
	[DOCTOR_MISSING] = "missing",
};

/* Ids are GROUP.NAME; the group's title for people. */
static const struct {
	const char *group, *title;
} titles[] = {
	{ "kvm", "KVM" },   { "sandbox", "Sandbox" }, { "net", "Network" },
	{ "host", "Host" }, { "build", "Building" },
};

static const char *title(const char *id, size_t group_length)
{
	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
		if (strlen(titles[i].group) == group_length &&
		    !memcmp(titles[i].group, id, group_length))
			return titles[i].title;
	}
	return id;
}

void doctor_print_text(const struct doctor_report *report)
{
	const char *group = "";

	for (uint32_t i = 0; i < report->count; i++) {
		const struct doctor_line *line = &report->lines[i];
		size_t length = strcspn(line->id, ".");
		const char *name = line->id[length] ? line->id + length + 1 : "";

		if (strncmp(group, line->id, length + 1) != 0) {
			printf("%s%s\n", *group ? "\n" : "", title(line->id, length));
			group = line->id;
		}
		printf("  %-8s%-10s%s\n", words[line->state], name, line->text);
		if (line->remedy[0])
			printf("  %-8s%-10sto do: %s\n", "", "", line->remedy);
	}
	printf("\nimages will run under: %s\n", report->kvm && report->sandbox
	                                                ? "kvm (preferred), sandbox"
	                                        : report->kvm     ? "kvm"
	                                        : report->sandbox ? "sandbox"
	                                                          : "nothing on this host");
}

static void string(const char *text)
{
	putchar('"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < 0x20 || *c >= 0x7f)
			printf("\\u%04x", *c); /* texts are ASCII; what a tool printed may not be */
		else
			putchar(*c);
	}
	putchar('"');
}

void doctor_print_json(const struct doctor_report *report)
{
	printf("{\n  \"tenders\": [%s%s%s],\n  \"preferred\": %s,\n  \"checks\": [",
	       report->kvm ? "\"kvm\"" : "", report->kvm && report->sandbox ? ", " : "",
	       report->sandbox ? "\"sandbox\"" : "",
	       report->kvm       ? "\"kvm\""
	       : report->sandbox ? "\"sandbox\""
	                         : "null");
	for (uint32_t i = 0; i < report->count; i++) {
		const struct doctor_line *line = &report->lines[i];

		printf("%s\n    {\"id\": ", i ? "," : "");
		string(line->id);
		printf(", \"state\": \"%s\", \"value\": ", words[line->state]);
		if (line->unit[0] && __builtin_isfinite(line->value)) {
			printf("%.6g, \"unit\": ", line->value);
			string(line->unit);
		} else {
			printf("null, \"unit\": null");
		}
		printf(", \"text\": ");
		string(line->text);
		printf(", \"remedy\": ");
		if (line->remedy[0])
			string(line->remedy);
		else
			printf("null");
		putchar('}');
	}
	printf("\n  ]\n}\n");
}
