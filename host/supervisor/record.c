/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <supervisor/record.h>
#include <tender/process.h>

/* Bytes of a sequence of UTF-8 (RFC 3629 section 4), 0 if it is none. */
static unsigned sequence(const unsigned char *p)
{
	unsigned n = *p < 0x80                 ? 1
	             : *p >= 0xc2 && *p < 0xe0 ? 2
	             : *p >= 0xe0 && *p < 0xf0 ? 3
	             : *p >= 0xf0 && *p < 0xf5 ? 4
	                                       : 0;
	for (unsigned i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* JSON knows UTF-8 only (RFC 8259 section 8.1): a path's other bytes become '?'. */
static void put_text(FILE *f, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	fputc('"', f);
	while (*p) {
		unsigned n = sequence(p);
		if (n == 1 && (*p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\'))
			fprintf(f, "\\u%04x", *p);
		else if (n)
			fwrite(p, 1, n, f);
		else
			fputc('?', f);
		p += n ? n : 1;
	}
	fputc('"', f);
}

static void put_key(FILE *f, const char *key, const char *text)
{
	fprintf(f, ",\n  \"%s\": ", key);
	if (text)
		put_text(f, text);
	else
		fputs("null", f);
}

static void put_time(FILE *f, const char *key, int64_t ns)
{
	char text[40];
	time_t seconds = ns / 1000000000;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof text - n, ".%09" PRId64 "Z", ns % 1000000000);
	put_key(f, key, ns ? text : NULL);
}

static void put_process(FILE *f, const char *key, const struct record_process *p)
{
	if (p->pid)
		fprintf(f, ",\n  \"%s\": {\"pid\": %d, \"start\": %" PRIu64 "}", key, p->pid,
		        p->start);
	else
		fprintf(f, ",\n  \"%s\": null", key);
}

static void put(FILE *f, const struct record *r)
{
	static const char *const names[] = { "starting", "running", "stopping", "restarting",
		                             "exited" };
	char policy[32];
	fputs("{\n  \"id\": ", f);
	put_text(f, r->id);
	put_key(f, "name", r->name);
	put_key(f, "image", r->image);
	put_key(f, "folder", r->folder);
	put_key(f, "project", r->project);
	fprintf(f, ",\n  \"generation\": %" PRIu64, r->generation);
	put_key(f, "parent", r->parent);
	put_key(f, "status", names[r->status]);
	put_key(f, "restart", restart_text(&r->restart, policy));
	fprintf(f, ",\n  \"restarts\": %u", r->restarts);
	if (r->exit_status >= 0)
		fprintf(f, ",\n  \"exit\": %d", r->exit_status);
	else
		fputs(",\n  \"exit\": null", f);
	put_time(f, "created", r->created);
	put_time(f, "started", r->started);
	put_time(f, "finished", r->finished);
	fprintf(f, ",\n  \"stop_ms\": %" PRIu64, r->stop_ms);
	put_process(f, "supervisor", &r->supervisor);
	put_process(f, "tender", &r->tender);
	put_key(f, "health", r->health);
	put_key(f, "health_status", r->health ? r->health_status : NULL);
	if (r->health)
		fprintf(f,
		        ",\n  \"health_interval_ms\": %u,\n  \"health_timeout_ms\": %u,\n  "
		        "\"health_retries\": %u,\n  \"health_start_period_ms\": %u",
		        r->health_times.interval_ms, r->health_times.timeout_ms,
		        r->health_times.retries, r->health_times.start_ms);
	if (r->watchdog_ms)
		fprintf(f, ",\n  \"watchdog_ms\": %u", r->watchdog_ms);
	fputs(",\n  \"ports\": [", f);
	for (unsigned i = 0; i < r->port_count; i++) {
		if (i)
			fputs(", ", f);
		put_text(f, r->ports[i]);
	}
	fputs("]\n}\n", f);
}

int record_write(int folder, const struct record *r)
{
	int fd = openat(folder, PLACE_STATE ".new",
	                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	put(f, r);
	bool failed = ferror(f);
	failed |= fclose(f) != 0;
	return failed || renameat(folder, PLACE_STATE ".new", folder, PLACE_STATE) ? -1 : 0;
}

struct record_process record_process(pid_t pid)
{
	return (struct record_process){ pid, process_start(pid) };
}

int64_t record_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}
