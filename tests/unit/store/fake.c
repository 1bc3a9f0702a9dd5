/* SPDX-License-Identifier: ISC */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <core/check.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/list.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/task.h>

long fake_allocated;
uint64_t fake_memory_left = UINT64_MAX;

static bool out_of_memory(void)
{
	if (fake_memory_left == UINT64_MAX)
		return false;
	if (!fake_memory_left)
		return true;
	fake_memory_left--;
	return false;
}

void *heap_alloc(size_t size)
{
	void *p = out_of_memory() ? NULL : malloc(size ? size : 1);
	fake_allocated += p != NULL;
	return p;
}

void *heap_alloc_aligned(size_t size, size_t align)
{
	void *p = NULL;
	if (!out_of_memory() && posix_memalign(&p, align < 16 ? 16 : align, size ? size : 1))
		p = NULL;
	fake_allocated += p != NULL;
	return p;
}

void *heap_alloc_zero(size_t count, size_t size)
{
	void *p = out_of_memory() ? NULL : calloc(count ? count : 1, size);
	fake_allocated += p != NULL;
	return p;
}

void *heap_resize(void *p, size_t size)
{
	if (out_of_memory())
		return NULL;
	fake_allocated += !p;
	return realloc(p, size);
}

void heap_free(void *p)
{
	fake_allocated -= p != NULL;
	free(p);
}

void panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

#ifdef AMPOULE_CHECKED
static struct {
	const void *of;
	check_fn *is_valid;
	const char *invariant;
} watched[CHECK_WATCHED_MAX];
static unsigned watched_count;

void check_watch(const void *of, check_fn *is_valid, const char *library, const char *invariant)
{
	(void)library;
	if (watched_count == CHECK_WATCHED_MAX)
		panic("a test opens %u stores at once", CHECK_WATCHED_MAX + 1);
	watched[watched_count].of = of;
	watched[watched_count].is_valid = is_valid;
	watched[watched_count++].invariant = invariant;
}

void check_forget(const void *of)
{
	for (unsigned i = watched_count; i-- > 0;)
		if (watched[i].of == of)
			watched[i] = watched[--watched_count];
}

void fake_check(void)
{
	for (unsigned i = 0; i < watched_count; i++)
		if (!watched[i].is_valid(watched[i].of))
			panic("invariant does not hold: %s", watched[i].invariant);
}
#else
void fake_check(void)
{
}
#endif

uint32_t fake_log_lines;
char fake_log_text[256];

__attribute__((weak)) bool log_wants(enum log_level level)
{
	(void)level;
	return true;
}

__attribute__((weak)) void log_line(enum log_level level, const char *who, const char *format, ...)
{
	va_list args;
	(void)level, (void)who;
	va_start(args, format);
	vsnprintf(fake_log_text, sizeof fake_log_text, format, args);
	va_end(args);
	fake_log_lines++;
}

/* A test with tasks of its own has these otherwise. */
__attribute__((weak)) void task_queue_init(struct task_queue *q)
{
	list_init(&q->waiting);
}

__attribute__((weak)) int task_wait(struct task_queue *q, uint64_t deadline)
{
	(void)q, (void)deadline;
	panic("a task would wait");
}

__attribute__((weak)) bool task_wake_one(struct task_queue *q)
{
	(void)q;
	return false;
}

__attribute__((weak)) void task_wake_all(struct task_queue *q)
{
	(void)q;
}
