/* SPDX-License-Identifier: ISC */
/* The cursor: its contracts, and that it makes no run-time error, for buffers of every size. */
// wp: bytes_left bytes_get bytes_skip bytes_seek bytes_slice bytes_get_u8 bytes_get_u16 bytes_get_u32 bytes_get_u64 bytes_room bytes_put bytes_rewind
#include <core/bytes.h>
