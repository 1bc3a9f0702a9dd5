/* SPDX-License-Identifier: ISC */
/* Heads of frames (RFC 6455 §5.2), masks (§5.3), codes of Close (§7.4). */
#include <app/websocket/internal.h>

#include <string.h>

static bool is_known(uint8_t opcode)
{
	return opcode <= OPCODE_BINARY || (opcode >= OPCODE_CLOSE && opcode <= OPCODE_PONG);
}

int32_t websocket_frame_parse(struct websocket_frame *f, const uint8_t *p, uint32_t size)
{
	if (!size)
		return 0;
	f->fin = p[0] & 0x80;
	f->rsv1 = p[0] & 0x40;
	f->opcode = p[0] & 15;
	bool control = f->opcode >= OPCODE_CLOSE;
	if (p[0] & 0x30 || !is_known(f->opcode) || (control && (!f->fin || f->rsv1)))
		return ERR_MALFORMED;
	if (size < 2)
		return 0;
	uint32_t length = p[1] & 0x7f, more = length < 126 ? 0 : length == 126 ? 2 : 8;
	if (!(p[1] & 0x80) || (control && more))
		return ERR_MALFORMED;
	if (size < 2 + more)
		return 0;
	f->size = more ? 0 : length;
	for (uint32_t k = 0; k < more; k++)
		f->size = f->size << 8 | p[2 + k];
	if (more && (f->size < (more == 2 ? 126u : 65536u) || f->size >> 63))
		return ERR_MALFORMED;
	if (size < 2 + more + 4)
		return 0;
	memcpy(f->mask, p + 2 + more, 4);
	return (int32_t)(2 + more + 4);
}

uint32_t websocket_frame_print(uint8_t to[WEBSOCKET_HEAD_MAX], uint8_t first, uint64_t size)
{
	uint32_t more = size < 126 ? 0 : size < 65536 ? 2 : 8;
	to[0] = first;
	to[1] = more == 0 ? (uint8_t)size : more == 2 ? 126 : 127;
	for (uint32_t k = 0; k < more; k++)
		to[2 + k] = (uint8_t)(size >> 8 * (more - 1 - k));
	return 2 + more;
}

void websocket_unmask(uint8_t *to, const uint8_t *from, uint32_t size, const uint8_t mask[4],
                      uint64_t at)
{
	uint8_t turned[8];
	uint64_t key, word;
	for (uint32_t k = 0; k < 8; k++)
		turned[k] = mask[(at + k) & 3];
	memcpy(&key, turned, 8);
	uint32_t k = 0;
	for (; size - k >= 8; k += 8) {
		memcpy(&word, from + k, 8);
		word ^= key;
		memcpy(to + k, &word, 8);
	}
	for (; k < size; k++)
		to[k] = from[k] ^ turned[k & 7];
}

bool websocket_code_is_sent(uint32_t code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != WEBSOCKET_NO_CODE &&
	        code != WEBSOCKET_ABNORMAL) ||
	       (code >= 3000 && code <= 4999);
}
