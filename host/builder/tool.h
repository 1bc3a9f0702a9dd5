/* SPDX-License-Identifier: ISC */
/* Asks another program. */
#ifndef BUILD_TOOL_H
#define BUILD_TOOL_H

/* What the program prints, which is named by the first word and takes them all (a null behind them); null if it cannot be run
 * or fails. It reads nothing, and its errors are not shown. */
char *tool_ask(const char *const *words);

#endif
