/* SPDX-License-Identifier: ISC */
/* What Frama-C does not know of the compiler's own words: included before each driver. */
#ifndef PROVE_PRELUDE_H
#define PROVE_PRELUDE_H

#define __attribute__(x_)
#define _Static_assert(condition_, text_) struct amp_asserted
#define __builtin_expect(value_, usual_)  (value_)

#define __atomic_load_n(at_, order_)          (*(at_))
#define __atomic_store_n(at_, value_, order_) (*(at_) = (value_))
#define __int128                              long long /* of hashes, which no driver reaches */

/*@ assigns \result \from x; */
unsigned short __builtin_bswap16(unsigned short x);
/*@ assigns \result \from x; */
unsigned __builtin_bswap32(unsigned x);
/*@ assigns \result \from x; */
unsigned long __builtin_bswap64(unsigned long x);

#endif
