/* SPDX-License-Identifier: ISC */
/* Whether a ring is as it should be. */
#ifndef PROOF_H
#define PROOF_H

#include <ring/ring.h>
#include <stdbool.h>

bool proof_ring(const struct ring *);

#endif
