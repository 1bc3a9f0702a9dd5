/* SPDX-License-Identifier: ISC */
/* Substitutes, in words, for functions of libc that need an operating system below them. */
#ifndef BUILD_INSTEAD_H
#define BUILD_INSTEAD_H

#include <stdbool.h>

/* "use task_spawn (core/task.h)"; of a function that nothing is known about: "leave that call out". */
const char *instead_of(const char *function);
bool instead_is_known(const char *function);

#endif
