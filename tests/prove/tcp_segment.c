/* SPDX-License-Identifier: ISC */
/* TCP's header and options: every message of up to 64 bytes. */
// eva: -eva-precision 0 -eva-slevel 100
// wp: parse_option parse_options
#include <prove.h>

#include <net/tcp/segment.c>

int main(void)
{
	uint8_t message[64];
	prove_any(message);
	//@ loop unroll 65;
	for (uint32_t size = 0; size <= sizeof message; size++) {
		struct tcp_segment s;
		tcp_segment_parse(&s, message + sizeof message - size, size);
	}
	return 0;
}
