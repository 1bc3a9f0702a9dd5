/* SPDX-License-Identifier: ISC */
/* A temporary folder for one test, gone when it ends. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

/* The folder; made on first use. */
const char *folder(void);
/* Writes FOLDER/path, making the folders above it. */
void folder_put(const char *path, const char *text);
void folder_remove(void);
/* FOLDER/path; kept. */
const char *folder_path(const char *path);

#endif
