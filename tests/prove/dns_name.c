/* SPDX-License-Identifier: ISC */
/* DNS names, compressed: messages of 24 bytes, read from every offset. WP proves for all sizes that
 * the cursor is kept, Eva that the name has room for each label. */
// eva: -eva-precision 0 -eva-slevel 100
// wp: dns_name_read bytes_copy
#include <prove.h>

#include <app/dns/name.c>

int main(void)
{
	struct dns_name name;
	uint8_t message[24];
	prove_any(message);
	struct bytes_in in = bytes_in(message, sizeof message);
	in.at = prove_number(0, sizeof message);
	dns_name_read(&in, &name);
	return 0;
}
