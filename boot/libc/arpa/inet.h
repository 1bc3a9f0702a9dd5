/* SPDX-License-Identifier: ISC */
#ifndef BOOT_LIBC_ARPA_INET_H
#define BOOT_LIBC_ARPA_INET_H

#define AF_INET6         10
#define INET6_ADDRSTRLEN 46

/* Of AF_INET6 only. */
int inet_pton(int family, const char *text, void *to);

#endif
