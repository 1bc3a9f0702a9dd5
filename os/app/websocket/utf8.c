/* SPDX-License-Identifier: ISC */
/* UTF-8 as it comes (RFC 3629 §4): the first byte of a character says how many follow and what the next one may be, so that
 * long forms, surrogates and what lies above U+10FFFF end with the byte that makes them so. */
#include <app/websocket/internal.h>

#include <string.h>

static bool begin(struct websocket_utf8 *u, uint8_t byte)
{
	u->least = 0x80;
	u->most = 0xbf;
	if (byte < 0x80)
		return true;
	if (byte < 0xc2 || byte > 0xf4)
		return false;
	u->more = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
	if (byte == 0xe0)
		u->least = 0xa0;
	else if (byte == 0xed)
		u->most = 0x9f;
	else if (byte == 0xf0)
		u->least = 0x90;
	else if (byte == 0xf4)
		u->most = 0x8f;
	return true;
}

bool websocket_utf8_next(struct websocket_utf8 *u, const uint8_t *bytes, uint32_t size)
{
	for (uint32_t k = 0; k < size; k++) {
		uint64_t eight;
		while (!u->more && size - k >= sizeof eight) { /* most text is ASCII */
			memcpy(&eight, bytes + k, sizeof eight);
			if (eight & 0x8080808080808080)
				break;
			k += sizeof eight;
		}
		if (k == size)
			break;
		if (!u->more) {
			if (!begin(u, bytes[k]))
				return false;
			continue;
		}
		if (bytes[k] < u->least || bytes[k] > u->most)
			return false;
		u->more--;
		u->least = 0x80;
		u->most = 0xbf;
	}
	return true;
}
