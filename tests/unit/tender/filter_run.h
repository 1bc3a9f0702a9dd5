/* SPDX-License-Identifier: ISC */
/* What a filter says of a call, as the kernel would run it. */
#ifndef TEST_FILTER_RUN_H
#define TEST_FILTER_RUN_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <tender/filter.h>

/* Linux's filter.rst. Anything that filter.c does not write fails the test. */
static inline uint32_t filter_run(const struct filter *f, const struct seccomp_data *data)
{
	uint32_t a = 0;
	for (unsigned at = 0; at < f->count; at++) {
		const struct sock_filter *i = &f->code[at];
		bool yes;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k % 4 == 0 && i->k + 4 <= sizeof *data);
			memcpy(&a, (const uint8_t *)data + i->k, 4);
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail_msg("instruction %u is 0x%x", at, i->code);
			return 0;
		}
		at += yes ? i->jt : i->jf;
	}
	fail_msg("it runs past its end");
	return 0;
}

#endif
