/* SPDX-License-Identifier: ISC */
/* For tests of what uses addresses alone: an image with IPv6. */
#include <net/interface.h>

const bool interface_ip6 = true;
