/* SPDX-License-Identifier: ISC */
/* Being written. */
#include <stdint.h>
