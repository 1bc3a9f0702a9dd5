/* SPDX-License-Identifier: ISC */
#ifndef LIBC_SYS_UIO_H
#define LIBC_SYS_UIO_H

#include <stddef.h>

struct iovec {
	void *iov_base;
	size_t iov_len;
};

#endif
