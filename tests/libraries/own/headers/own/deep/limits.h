/* SPDX-License-Identifier: ISC */
/* A header in folders of the appliance's own. */
#define LIMIT_TWICE (2 * LIMIT)
