/* SPDX-License-Identifier: ISC */
/* The gate calls. This file holds the only indirect call that leaves the image. */
#include <core/boot.h>
#include <core/gate.h>

typedef int64_t gate_fn(uint64_t call, uint64_t a, uint64_t b, uint64_t c);

#if defined(__clang__)
__attribute__((no_sanitize("cfi-icall"))) /* the tender's code is not among the image's functions */
#endif
static int64_t
gate(uint64_t call, uint64_t a, uint64_t b, uint64_t c)
{
	return ((gate_fn *)boot_info->gate)(call, a, b, c);
}

void gate_exit(int code)
{
	gate(AMP_GATE_EXIT, (uint64_t)(int64_t)code, 0, 0);
	__builtin_trap();
}

void gate_wait(uint64_t deadline_ns, uint64_t events)
{
	gate(AMP_GATE_WAIT, deadline_ns, events, 0);
}

void gate_kick(uint32_t device)
{
	gate(AMP_GATE_KICK, device, 0, 0);
}

void gate_puts(enum amp_stream stream, const void *bytes, uint64_t size)
{
	const char *at = bytes;
	while (size > 0) {
		uint64_t part = size < AMP_PUTS_MAX ? size : AMP_PUTS_MAX;
		int64_t taken = gate(AMP_GATE_PUTS, stream, (uint64_t)at, part);
		if (taken <= 0 || (uint64_t)taken > part)
			return; /* the reader has gone: the output is lost, the image goes on */
		at += taken;
		size -= (uint64_t)taken;
	}
}
