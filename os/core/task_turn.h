/* SPDX-License-Identifier: ISC */
/* The event loop's side of the scheduler (task.c). */
#ifndef CORE_TASK_TURN_H
#define CORE_TASK_TURN_H

#include <stdbool.h>

bool task_turn(void);     /* runs every task that was ready at the call, once; false: none was */
bool task_is_ready(void); /* would task_turn find one? */
/* For tests and checks. */
bool task_is_valid(void);

#endif
