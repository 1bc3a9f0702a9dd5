/* SPDX-License-Identifier: ISC */
/*
 * UDP datagrams without the client's network stack: Ethernet frames of our own making through an AF_XDP socket on the
 * client's interface, so that the load generator is not the limit. All of the interface's packets come here while it is
 * open; ARP requests are answered.
 */
#ifndef BENCH_PACKETS_H
#define BENCH_PACKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKETS_PAYLOAD_MAX 1472u

/* Finds out the server's link address by way of the kernel, then takes the interface over; source ports are
 * port .. port + 63. Ends the program with a line if that cannot be. */
void packets_open(const char *interface, const struct sockaddr_in *server, uint16_t port);

/* Room for the payload of a datagram from source port `port` + channel, or null: none is free now. */
uint8_t *packets_reserve(unsigned channel);
/* What was reserved last, with its size; goes out at packets_flush. */
void packets_add(size_t size);
void packets_flush(void);

/* Calls `take` for each datagram that has come from the server, at most 64; how many. */
typedef void packets_take_fn(unsigned channel, const uint8_t *payload, size_t size, uint64_t at);
int packets_receive(packets_take_fn *take, uint64_t (*now)(void));

#endif
