/* SPDX-License-Identifier: ISC */
/* Sending packets in parts. */
#include <stdint.h>
