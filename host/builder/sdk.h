/* SPDX-License-Identifier: ISC */
/* The places of the installation's parts. */
#ifndef BUILD_SDK_H
#define BUILD_SDK_H

/* The folder that holds abi/ and os/: $AMPOULE_SDK, or share/ampoule of the installation, or the
 * source tree. Absolute; ends the process with a clear line if there is none. */
const char *sdk_folder(void);

/* A library's compiler: beside this executable, in ../libexec/ampoule, or in os/LIBRARY of the
 * build folder that this executable lies in. Null if it is in none of them. */
const char *sdk_helper(const char *name, const char *library);

#endif
