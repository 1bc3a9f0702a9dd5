/* SPDX-License-Identifier: ISC */
/* A seccomp filter, written as a list of what is allowed. */
#ifndef TENDER_FILTER_H
#define TENDER_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#define FILTER_CODE_MAX  4096u /* the kernel's bound */
#define FILTER_KEPT_MAX  512u  /* more than all devices and queues have */
#define FILTER_CALLS_MAX 512u
#define FILTER_WORDS_MAX 8192u

enum filter_test { FILTER_EQUAL, FILTER_AT_MOST }; /* unsigned */
struct filter_arg {
	unsigned index; /* of the system call's arguments, 0 to 5 */
	enum filter_test test;
	uint64_t value;
};

/* Of what a filter takes, only what it needs is touched: each of many tenders has its own. */
struct filter {
	struct sock_filter *code; /* in words, behind the rules, from filter_end on */
	unsigned count;
	uint32_t refusal;
	uint64_t low, high; /* of filter_within; high 0: anywhere */
	unsigned word_count, kept_count;
	int kept[FILTER_KEPT_MAX];        /* descriptors that are needed behind it, each once */
	uint64_t words[FILTER_WORDS_MAX]; /* filter.c has their form */
};

/* Every call that no rule allows gets `refusal` (SECCOMP_RET_*). */
void filter_begin(struct filter *, uint32_t refusal);
/* Instructions outside [low, high) are refused; both lie in the same 4 GiB. */
void filter_within(struct filter *, uint64_t low, uint64_t high);
/* A rule that is there already is not added again, so that each device may say what it needs. */
void filter_allow(struct filter *, int call);
void filter_allow_if(struct filter *, int call, const struct filter_arg *, unsigned count);
/* The same on one descriptor, the call's first argument, which is kept. `args` are further ones. */
void filter_allow_on(struct filter *, int call, int fd, const struct filter_arg *args,
                     unsigned count);
/* A descriptor that must stay open although no call names it: others wait for it, or it holds something. -1: none. */
void filter_keep(struct filter *, int fd);
void filter_end(struct filter *);

/* Closes all descriptors but those that one of the filters keeps: inherited ones, and ours that are done. */
int filter_close_others(const struct filter *const *, unsigned count);

/* no_new_privs, then the filter, on all threads if `flags` says SECCOMP_FILTER_FLAG_TSYNC. 0 or -1,
 * errno. */
int filter_install(const struct filter *, unsigned flags);

#endif
