/* SPDX-License-Identifier: ISC */
/* The end of life, as the loop sees it. */
#ifndef CORE_STOP_TURN_H
#define CORE_STOP_TURN_H

#include <stdbool.h>

#include <core/boot.h>

/* For each turn of the loop: one load, until the tender asks for the end. stop_asked is true from then on. */
static inline bool stop_is_due(void)
{
	return __atomic_load_n(&boot_info->stop_at_ns, __ATOMIC_ACQUIRE) != 0;
}

/* Calls handlers that have not been called, and ends the image if nobody holds it. Each turn, once it is due. True: it did
 * something, which may have left work for another turn. */
bool stop_turn(void);

/* Is there anybody whom the end would wake? */
bool stop_is_awaited(void);

#endif
