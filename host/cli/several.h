/* SPDX-License-Identifier: ISC */
/* `-n`: one command line for several appliances, of an image or a snapshot. */
#ifndef AMPOULE_CLI_SEVERAL_H
#define AMPOULE_CLI_SEVERAL_H

#include <cli/detach.h>
#include <tender/tender.h>

#define SEVERAL_MAX 100000u

/* Runs them all and waits for their ends, or for their starts in the background. In the values of options {n} is the number of one, from
 * 0 on; {NUMBER+n} and {A.B.C.D+n} are sums. Returns the first exit status that is not 0. */
int several_run(struct tender_options *, struct detach *, unsigned count);

/* One text with its braces filled in. The result is allocated; null, after a line: something else stands between braces. */
char *several_text(const char *text, unsigned n);

/* Those of all devices and arguments. False after a line. */
bool several_number(struct tender_options *, unsigned n);

#endif
