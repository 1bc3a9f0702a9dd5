/* SPDX-License-Identifier: ISC */
/* What a response says of itself as a whole. */
#ifndef DNS_MESSAGE_H
#define DNS_MESSAGE_H

#include <stdint.h>

/* Seconds that it may be kept: the least TTL of the answer section (RFC 8484 §5.1); and that of a SOA in the authority section,
 * which is RFC 2308's already and there for what is not. 0: not at all: it is an error, or tells of a delegation, or is cut. */
uint32_t dns_message_ttl(const uint8_t *message, uint32_t size);

#endif
