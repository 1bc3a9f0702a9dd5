/* SPDX-License-Identifier: ISC */
/* DNS queries: every message of up to 48 bytes, EDNS options among them. The name is database.c's to read. */
// eva: -eva-precision 0 -eva-slevel 100
// wp: read_opt
#include <prove.h>

#include <app/dns/query.c>
#include <app/dns/database.c>

int main(void)
{
	struct dns_query q;
	uint8_t message[48];
	uint32_t size = prove_number(0, sizeof message);
	prove_any(message);
	//@ split size;
	dns_query_read(&q, message + sizeof message - size, size);
	return 0;
}
