/* SPDX-License-Identifier: ISC */
/* The form is runc's, which engines read: {"level":"error","msg":"...","time":"..."}. The file is opened for each line, so
 * that the container's process keeps no descriptor of it. */
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <oci/log.h>

static const char *file;
static bool as_json;

void log_to(const char *path, bool json)
{
	file = path;
	as_json = json;
}

static void append(const char *level, const char *text)
{
	char when[32], *line = NULL;
	time_t now = time(NULL);
	struct tm tm;
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	if (fd < 0)
		return;
	if (as_json) {
		json_t *o = json_pack("{s:s, s:s, s:s}", "level", level, "msg", text, "time", when);
		char *dump = o ? json_dumps(o, JSON_COMPACT) : NULL;
		if (dump && asprintf(&line, "%s\n", dump) < 0)
			line = NULL;
		free(dump);
		json_decref(o);
	} else if (asprintf(&line, "time=\"%s\" level=%s msg=\"%s\"\n", when, level, text) < 0) {
		line = NULL;
	}
	/* A full disk has no better place to be told of. */
	if (line && write(fd, line, strlen(line)) < 0)
		file = NULL;
	free(line);
	close(fd);
}

void log_error(const char *text)
{
	fprintf(stderr, "ampoule oci: %s\n", text);
	append("error", text);
}

void log_warning(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (text && !file)
		fprintf(stderr, "ampoule oci: warning: %s\n", text);
	if (text)
		append("warning", text);
	free(text);
}
