/* SPDX-License-Identifier: ISC */
/* What standbys are woken from: opened once, and seen by those alone whom it is lent to. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <standby/source.h>

#include "../tender/picture_make.h"

/* A snapshot by a path that stays. */
static const char *file_of(const struct picture_parts *p, uint64_t cut)
{
	static char paths[4][32];
	static unsigned used;
	assert_true(used < 4);
	snprintf(paths[used], sizeof *paths, "/proc/self/fd/%d", picture_file(p, cut));
	return paths[used++];
}

static bool is_there(const struct source *s)
{
	uintptr_t at = (uintptr_t)s->opened;
	return !msync((void *)(at - at % AMP_PAGE), 1, MS_ASYNC);
}

/* Which of both a child has: bits. */
static int had(const struct source *a, const struct source *b)
{
	int status;
	pid_t pid = fork();
	if (!pid)
		_exit(is_there(a) | is_there(b) << 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_child_has_what_it_is_lent(void **state)
{
	(void)state;
	struct picture_parts parts;
	struct defect why;
	picture_make(&parts);
	struct source *a = source_open(file_of(&parts, 0), &why),
	              *b = source_open(file_of(&parts, 0), &why);
	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	assert_int_equal(a->opened->from.header.generation, parts.header.generation);
	assert_int_equal(a->opened->image.moved, parts.header.moved);
	assert_int_equal(fcntl(a->opened->from.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(had(a, b), 0);
	assert_true(source_lend(a, true));
	assert_int_equal(had(a, b), 1);
	assert_true(source_lend(b, true));
	assert_int_equal(had(a, b), 3);
	assert_true(source_lend(a, false));
	assert_int_equal(had(a, b), 2);
	assert_true(source_lend(b, false));
	assert_int_equal(had(a, b), 0);
	/* A waker has them as long as it lives. */
	snapshot_close(&a->opened->from);
	snapshot_close(&b->opened->from);
}

/* Each leaves nothing open. */
static void what_is_damaged_is_named(void **state)
{
	(void)state;
	struct picture_parts parts;
	struct defect why;
	picture_make(&parts);
	const char *cut = file_of(&parts, 7);
	parts.header.build_id[0] ^= 1;
	picture_seal(&parts);
	const char *other = file_of(&parts, 0);
	int next = dup(0);
	close(next);
	assert_null(source_open(cut, &why));
	assert_non_null(strstr(why.text, cut));
	assert_non_null(strstr(why.text, "cut short"));
	assert_null(source_open(other, &why));
	assert_non_null(strstr(why.text, "another image"));
	assert_int_equal(dup(0), next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_has_what_it_is_lent),
		cmocka_unit_test(what_is_damaged_is_named),
	};
	return cmocka_run_group_tests_name("standby: sources", tests, NULL, NULL);
}
