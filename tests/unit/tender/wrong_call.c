/* SPDX-License-Identifier: ISC */
/*
 * A device whose kind's table has been overwritten: `allow` is a function of another type. A tender with control-flow integrity
 * ends where it would call it (host/tender/device/devices.c). The script of this name builds it with and without.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tender/device/devices.h>

/* In the place of filter.c's, which are asked for first. */
void filter_keep(struct filter *f, int fd)
{
	(void)f, (void)fd;
}

void filter_allow_on(struct filter *f, int call, int fd, const struct filter_arg *args,
                     unsigned count)
{
	(void)f, (void)call, (void)fd, (void)args, (void)count;
}

static void right(const struct device *d, struct filter *f)
{
	(void)d, (void)f;
	puts("called as it should be");
}

static uint32_t polls(const struct device *d, struct pollfd *to)
{
	(void)d, (void)to;
	return 0;
}

static int wrong(int descriptor)
{
	(void)descriptor;
	static const char text[] = "what should not be called was\n";
	(void)!write(STDOUT_FILENO, text, sizeof text - 1);
	_exit(77);
}

int main(int argc, char **argv)
{
	/* Written as an attacker writes: the compiler sees no assignment. */
	void *volatile pointer = argc > 1 && !strcmp(argv[1], "wrong") ? (void *)wrong : (void *)right;
	static struct device_kind kind = { .polls = polls };
	static struct devices devices = { .count = 1, .all = { { .kind = &kind, .watch = -1 } } };
	memcpy(&kind.allow, (void *)&pointer, sizeof pointer);
	devices_allow(&devices, NULL);
	fflush(stdout);
	return 0;
}
