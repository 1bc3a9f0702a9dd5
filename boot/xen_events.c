/* SPDX-License-Identifier: ISC */
/*
 * In the shared page: a byte that says that an upcall is due, a word that says which words of `pending` have bits, those bits, and
 * those of `mask`. Xen sends the vector when the byte becomes set; so all three are cleared from the top down before a look.
 */
#include <boot/processor.h>
#include <boot/xen_call.h>
#include <boot/xen_events.h>

#define ALLOC_UNBOUND     6
#define SEND              4
#define POLL              3
#define SET_UPCALL_VECTOR 23
#define SELECTED_AT       8u
#define PENDING_AT        2048u
#define MASK_AT           2560u
#define WORDS             64u

static volatile uint8_t *upcall;
static volatile uint64_t *selected, *pending, *mask;

void events_begin(volatile uint8_t *shared)
{
	struct {
		uint32_t cpu;
		uint8_t vector;
	} p = { 0, VECTOR_WAKE };
	upcall = shared;
	selected = (volatile uint64_t *)(shared + SELECTED_AT);
	pending = (volatile uint64_t *)(shared + PENDING_AT);
	mask = (volatile uint64_t *)(shared + MASK_AT);
	for (uint32_t i = 0; i < WORDS; i++)
		mask[i] = UINT64_MAX;
	xen_call(XEN_HVM_OP, SET_UPCALL_VECTOR, &p);
}

void events_clear(uint32_t port)
{
	if (port / 64 < WORDS)
		__atomic_and_fetch(&pending[port / 64], ~(1ull << port % 64), __ATOMIC_SEQ_CST);
}

void events_open(uint32_t port)
{
	if (port / 64 >= WORDS)
		return;
	__atomic_and_fetch(&mask[port / 64], ~(1ull << port % 64), __ATOMIC_SEQ_CST);
	events_clear(port);
}

uint32_t events_offer(uint16_t domain)
{
	struct {
		uint16_t own, other;
		uint32_t port;
	} p = { XEN_SELF, domain, 0 };
	if (xen_call(XEN_EVENT_OP, ALLOC_UNBOUND, &p))
		return 0;
	events_open(p.port);
	return p.port;
}

void events_send(uint32_t port)
{
	xen_call(XEN_EVENT_OP, SEND, &port);
}

void events_settle(void)
{
	if (!upcall)
		return;
	__atomic_store_n(upcall, 0, __ATOMIC_SEQ_CST);
	uint64_t which = __atomic_exchange_n(selected, 0, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; which; i++, which >>= 1)
		if (which & 1)
			__atomic_and_fetch(&pending[i], mask[i], __ATOMIC_SEQ_CST);
}

void events_wait(uint32_t port, uint64_t ns)
{
	struct {
		const uint32_t *ports;
		uint32_t count, pad;
		uint64_t until;
	} p = { &port, 1, 0, xen_up() + ns };
	xen_call(XEN_SCHED_OP, POLL, &p);
}
