/* SPDX-License-Identifier: ISC */
/* What an image uses in place of functions of libc's that need an operating system below them. */
#ifndef BUILD_INSTEAD_H
#define BUILD_INSTEAD_H

/* "use task_spawn (core/task.h)"; of a function that nothing is known about: "leave that call out". */
const char *instead_of(const char *function);

#endif
