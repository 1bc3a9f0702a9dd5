/* SPDX-License-Identifier: ISC */
#include <stddef.h>

#include <tender/leave.h>

#define MINOR_MIN 3u /* of the ABI */

static struct amp_boot *boot; /* null: there is no image that can be told */
static const struct clock *image_clock;
static uint64_t due; /* CLOCK_MONOTONIC; 0: it has not been told */
bool leave_news;

void leave_place(struct amp_boot *b, uint16_t abi_minor, const struct clock *c)
{
	boot = abi_minor < MINOR_MIN ? NULL : b;
	image_clock = c;
}

static void tell(uint64_t image_ns)
{
	__atomic_store_n(&boot->leave_at_ns, image_ns, __ATOMIC_RELEASE);
	leave_news = true;
}

uint64_t leave_due(void)
{
	uint64_t now = clock_mono();
	if (!boot)
		return 0;
	if (!due || now >= due + LEAVE_SPARE_NS) {
		due = now + LEAVE_NS;
		tell(due + LEAVE_SPARE_NS - image_clock->zero);
	}
	return due;
}

void leave_over(void)
{
	if (due)
		tell(0);
	due = 0;
}

bool leave_is_told(void)
{
	return due != 0;
}
