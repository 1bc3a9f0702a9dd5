/* SPDX-License-Identifier: ISC */
/* Standard output that could not be written is an error, whatever way a command ends. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

/* First thing in main, and again where the name is known better: from here on a command whose output was not all taken says so in a line, and ends with AMP_EXIT_TENDER
 * where it would have ended with 0. */
void output_watch(const char *program);

#endif
