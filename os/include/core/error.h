/* SPDX-License-Identifier: ISC */
/* The library OS's errors. Functions that can fail return one of these negative values, or 0 and more. They never set errno. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

enum error {
	OK = 0,
	ERR_MEMORY = -1,      /* no memory, frame, slot or stack was left */
	ERR_INVALID = -2,     /* an argument is out of its range */
	ERR_EXISTS = -3,      /* the name, address or port is taken */
	ERR_ABSENT = -4,      /* there is no such thing */
	ERR_TIMEOUT = -5,     /* the deadline came first */
	ERR_TOO_BIG = -6,     /* it does not fit */
	ERR_UNREACHABLE = -7, /* no route, or the neighbour does not answer */
	ERR_CLOSED = -8,      /* the other side, or this one, has closed it */
	ERR_MALFORMED = -9,   /* input does not follow its format */
	ERR_AGAIN = -10,      /* nothing is there now */
	ERR_REFUSED = -11,    /* the other side does not want it */
	ERR_RESET = -12,      /* the other side has broken it off */
	ERR_IO = -13,         /* the device failed */
	ERR_CORRUPT = -14,    /* stored data is not what was written */
	ERR_READ_ONLY = -15,  /* it must not be written */
	ERR_FAILED = -16,     /* the other side could not do it */
};

/* The error in words, lower case, for log lines. */
const char *error_text(int error);

#endif
