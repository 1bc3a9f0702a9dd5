/* SPDX-License-Identifier: ISC */
/* A seccomp filter, written as a list of what is allowed. */
#ifndef TENDER_FILTER_H
#define TENDER_FILTER_H

#include <linux/filter.h>
#include <stdint.h>

#define FILTER_CODE_MAX 512u

struct filter {
	struct sock_filter code[FILTER_CODE_MAX];
	unsigned count;
};

enum filter_test { FILTER_EQUAL, FILTER_AT_MOST }; /* unsigned */
struct filter_arg {
	unsigned index; /* of the system call's arguments, 0 to 5 */
	enum filter_test test;
	uint64_t value;
};

/* Every call that no rule allows gets `refusal` (SECCOMP_RET_*). */
void filter_begin(struct filter *, uint32_t refusal);
/* From here on, instructions outside [low, high) are refused; both lie in the same 4 GiB. */
void filter_within(struct filter *, uint64_t low, uint64_t high);
/* A rule that is there already is not added again, so that each device may say what it needs. */
void filter_allow(struct filter *, int call);
void filter_allow_if(struct filter *, int call, const struct filter_arg *, unsigned count);
void filter_end(struct filter *);

/* no_new_privs, then the filter, on all threads if `flags` says SECCOMP_FILTER_FLAG_TSYNC. 0 or -1,
 * errno. */
int filter_install(const struct filter *, unsigned flags);

#endif
