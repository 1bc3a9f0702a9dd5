/* SPDX-License-Identifier: ISC */
/* Files of the kernel's that take a text: of /proc, of control groups. */
#ifndef TENDER_TEXT_FILE_H
#define TENDER_TEXT_FILE_H

/* By one write, to a file that exists; `path` as of openat. -1 with errno. */
int text_file_write(int folder, const char *path, const char *text);

#endif
