/* SPDX-License-Identifier: ISC */
/*
 * Which system calls a process may make: filtercalls PID... reads the seccomp filters that the kernel holds for each thread
 * and prints a line for each set: the thread, how many calls its filters let pass for any arguments at all, and which. A
 * filter is run for each number with both ways of every test that looks at an argument or at where the call comes from.
 * Needs root and a kernel with CONFIG_CHECKPOINT_RESTORE. Status 0 and "none" where there is no filter.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

#define NUMBERS     512u
#define FILTERS_MAX 16u

struct program {
	struct sock_filter code[4096];
	int count;
};

/* What a test sees: a number, or (a field that the caller chooses) anything. */
struct word {
	uint32_t value;
	bool any;
};

static bool seen[4096];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* Can the program end with "allow" from instruction `at` on? Jumps go forward only, so that this ends; an instruction that
 * has been passed with an unknown accumulator is not passed again. */
static bool allows(const struct program *p, int at, struct word a, uint32_t number)
{
	for (; at < p->count; at++) {
		const struct sock_filter *i = &p->code[at];
		uint32_t operand = i->k;
		bool yes;
		if (a.any) {
			if (seen[at])
				return false;
			seen[at] = true;
		}
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = (struct word){ .any = i->k > offsetof(struct seccomp_data, arch) };
			if (i->k == offsetof(struct seccomp_data, nr))
				a.value = number;
			else if (i->k == offsetof(struct seccomp_data, arch))
				a.value = AUDIT_ARCH_X86_64;
			continue;
		case BPF_LD | BPF_IMM:
			a = (struct word){ .value = operand };
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a.value &= operand;
			continue;
		case BPF_JMP | BPF_JA:
			at += (int)i->k;
			continue;
		case BPF_RET | BPF_K:
			return (i->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW ||
			       (i->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_LOG;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a.value == operand;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a.value > operand;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a.value >= operand;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = a.value & operand;
			break;
		default:
			fprintf(stderr, "filtercalls: instruction 0x%x is not known\n", i->code);
			exit(1);
		}
		if (a.any && allows(p, at + 1 + i->jt, a, number))
			return true;
		at += a.any || !yes ? i->jf : i->jt;
	}
	return false;
}

static void print(pid_t tid, const struct program *programs, int count)
{
	char path[64], name[32] = "?\n", list[NUMBERS * 4] = "";
	unsigned allowed = 0;
	snprintf(path, sizeof path, "/proc/%d/comm", tid);
	FILE *comm = fopen(path, "r");
	if (comm) {
		if (!fgets(name, sizeof name, comm))
			strcpy(name, "?\n");
		fclose(comm);
	}
	name[strcspn(name, "\n")] = 0;
	for (uint32_t n = 0; n < NUMBERS; n++) {
		bool all = true;
		for (int k = 0; k < count && all; k++) {
			memset(seen, 0, sizeof seen);
			all = allows(&programs[k], 0, (struct word){ 0 }, n);
		}
		if (!all)
			continue;
		size_t used = strlen(list);
		snprintf(list + used, sizeof list - used, "%s%u", allowed ? "," : "", n);
		allowed++;
	}
	if (count)
		printf("%d %s %u %s\n", tid, name, allowed, list);
	else
		printf("%d %s none\n", tid, name);
}

static void thread(pid_t tid)
{
	static struct program programs[FILTERS_MAX];
	int status, count = 0;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0)) {
		/* What somebody else traces (gVisor's stubs) is skipped, and said. */
		printf("%d ? traced by another\n", tid);
		return;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) || waitpid(tid, &status, __WALL) != tid)
		fail("filtercalls: stop");
	for (; count < (int)FILTERS_MAX; count++) {
		int n = (int)ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(intptr_t)count, NULL);
		if (n < 0 && (errno == ENOENT || errno == EINVAL))
			break;
		if (n < 0 || n > (int)(sizeof programs->code / sizeof *programs->code) ||
		    ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(intptr_t)count,
		           programs[count].code) != n)
			fail("filtercalls: filter");
		programs[count].count = n;
	}
	ptrace(PTRACE_DETACH, tid, 0, 0);
	print(tid, programs, count);
}

int main(int argc, char **argv)
{
	for (int k = 1; k < argc; k++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/task", atoi(argv[k]));
		DIR *tasks = opendir(path);
		struct dirent *t;
		while (tasks && (t = readdir(tasks)))
			if (t->d_name[0] != '.')
				thread(atoi(t->d_name));
		if (tasks)
			closedir(tasks);
	}
	return 0;
}
