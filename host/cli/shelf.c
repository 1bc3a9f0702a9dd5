/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/near.h>
#include <cli/shelf.h>

#define STATE_MAX (1u << 20) /* bytes of state.json that are read */

static json_t *state_read(int folder)
{
	size_t size;
	json_t *state = NULL;
	int fd = openat(folder, PLACE_STATE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t *text = fd < 0 ? NULL : file_read_open(fd, &size);
	if (text && size <= STATE_MAX)
		state = json_loadb((const char *)text, size, 0, NULL);
	if (!json_is_object(state)) {
		json_decref(state);
		state = json_object();
	}
	return state;
}

void appliance_look(struct appliance *a)
{
	/* Whether it lives first: it may write its last state in between. */
	a->is_held = place_is_held(a->folder);
	json_decref(a->state);
	a->state = state_read(a->folder);
	a->id = appliance_text(a, "id");
	a->status = appliance_text(a, "status");
	if (!*a->status)
		a->status = a->is_held ? "starting" : "lost";
	else if (!a->is_held && strcmp(a->status, "exited") != 0)
		a->status = "lost";
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct appliance *)a)->name, ((const struct appliance *)b)->name);
}

void shelf_read(struct shelf *s)
{
	struct defect why;
	s->root = place_open(false, s->path, &why);
	s->items = NULL;
	s->count = 0;
	if (s->root < 0 && why.text[0])
		die(AMP_EXIT_TENDER, "%s", why.text);
	DIR *d = s->root < 0 ? NULL : fdopendir(dup(s->root));
	unsigned room = 0;
	for (struct dirent *e; d && (e = readdir(d));) {
		int folder = place_folder(s->root, e->d_name);
		if (folder < 0)
			continue;
		if (s->count == room) {
			struct appliance *more = keep_array(room = room * 2 + 16, sizeof *more);
			if (s->count)
				memcpy(more, s->items, s->count * sizeof *more);
			s->items = more;
		}
		struct appliance *a = &s->items[s->count++];
		memset(a, 0, sizeof *a);
		strcpy(a->name, e->d_name);
		a->folder = folder;
		appliance_look(a);
	}
	if (d)
		closedir(d);
	if (s->count)
		qsort(s->items, s->count, sizeof *s->items, by_name);
}

struct appliance *shelf_find(struct shelf *s, const char *word)
{
	struct appliance *found = NULL;
	const char **names = keep_array(s->count + 1, sizeof *names);
	unsigned several = 0;
	for (unsigned i = 0; i < s->count; i++) {
		if (!strcmp(s->items[i].name, word))
			return &s->items[i];
		names[i] = s->items[i].name;
		if (*word && !strncmp(s->items[i].id, word, strlen(word))) {
			found = &s->items[i];
			several++;
		}
	}
	if (several == 1)
		return found;
	const char *near = near_find(word, names, s->count);
	if (several)
		tell("%s: the ids of %u appliances begin so", word, several);
	else if (near)
		tell("no appliance %s: did you mean %s?", word, near);
	else
		tell("no appliance %s: `ampoule ps -a` lists them", word);
	return NULL;
}

const char *appliance_text(const struct appliance *a, const char *key)
{
	const char *text = json_string_value(json_object_get(a->state, key));
	return text ? text : "";
}

int64_t appliance_number(const struct appliance *a, const char *key, int64_t otherwise)
{
	const json_t *v = json_object_get(a->state, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

int64_t appliance_time(const struct appliance *a, const char *key)
{
	struct tm tm = { 0 };
	return strptime(appliance_text(a, key), "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
}

struct record_process appliance_process(const struct appliance *a, const char *key)
{
	const json_t *p = json_object_get(a->state, key);
	struct record_process known = { (pid_t)json_integer_value(json_object_get(p, "pid")),
		                        (uint64_t)json_integer_value(json_object_get(p, "start")) };
	if (known.pid < 1 || !known.start || record_process(known.pid).start != known.start)
		known.pid = 0;
	return known;
}

static void kill_one(const struct appliance *a, const char *key)
{
	struct record_process p = appliance_process(a, key);
	int fd = p.pid ? (int)syscall(SYS_pidfd_open, p.pid, 0) : -1;
	if (fd < 0)
		return;
	/* From here on the descriptor is one process for good: is it still the one? */
	if (appliance_process(a, key).pid)
		syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	close(fd);
}

void appliance_kill(const struct appliance *a)
{
	kill_one(a, "supervisor");
	kill_one(a, "tender");
	for (unsigned i = 0;
	     i < 500 && (appliance_process(a, "tender").pid || place_is_held(a->folder)); i++)
		usleep(2000);
}

bool appliance_wait(struct appliance *a, int64_t ms)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + ms;
	if (ms < 0) {
		int lock = place_lock(a->folder, true);
		if (lock >= 0)
			close(lock);
		return true;
	}
	while (place_is_held(a->folder)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec * 1000 + now.tv_nsec / 1000000 > end)
			return false;
		usleep(1000);
	}
	return true;
}
