/* SPDX-License-Identifier: ISC */
/* `--env-file`: arguments of an image from a file, so that they are not in the list of processes. */
#ifndef AMPOULE_CLI_ENV_FILE_H
#define AMPOULE_CLI_ENV_FILE_H

#include <tender/defect.h>

#define ENV_FILE_MAX (1u << 20) /* bytes */

/* Adds each line NAME=VALUE to `sets`, as --set would but with nothing special in VALUE; empty lines and those that begin with
 * # are none. *count counts up to `max`. 0, or -1 with a defect that names file and line. */
int env_file_read(const char *path, const char **sets, unsigned *count, unsigned max,
                  struct defect *);

#endif
