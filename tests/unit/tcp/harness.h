/* SPDX-License-Identifier: ISC */
/*
 * TCP packet by packet, in simulated time: a scenario says what the peer sends, what has to come out, what the application
 * does, and how much time passes. Sequence numbers are relative: the peer's SYN is 1000, its first byte 1001; our SYN is
 * 0, our first byte 1. Ports: 4000 there, 80 here. The same scenarios run over IPv4 and, with HARNESS_FAMILY 6, over IPv6, whose
 * addresses are 2001:db8:: with IPv4's in the last four bytes; the MTU makes up for the larger header.
 *
 *	in(SYN, .mss = 1460);
 *	out(SYN | ACK, .ack = 1001, .mss = 1460);
 *	in(ACK, .data = "GET");
 *	out(ACK, .ack = 1004);
 *	pass(200);
 *	quiet();
 */
#ifndef TCP_HARNESS_H
#define TCP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <net/tcp/internal.h>

#include "../net/world.h"

#define FIN TCP_FIN
#define SYN TCP_SYN
#define RST TCP_RST
#define PSH TCP_PSH
#define ACK TCP_ACK
#define URG TCP_URG
#define ECE TCP_ECE
#define CWR TCP_CWR

#define ISS   1000u /* the peer's */
#define FIRST 1001u

struct segment {
	uint32_t seq; /* in: 0: the peer's next; out: 0: not looked at */
	uint32_t
	        ack; /* in: 0: all that has come out; out: 0: not looked at. Relative to our ISS (in), theirs are as is */
	const char *data; /* in: payload; out: if set, it is compared */
	uint32_t
	        size; /* of the payload; in: 0 with data: its length as text; without data: so many bytes of a pattern */
	uint32_t win;  /* in: 0: 65535, NO_WINDOW: 0; out: 0: not looked at. As on the wire */
	uint16_t mss;  /* 0: none (out: not looked at) */
	uint8_t scale; /* plus 1; 0: none (out: not looked at) */
	bool sack_ok;
	uint32_t value,
	        echo; /* timestamps; in: with h.stamps they have defaults: the peer's clock, what came last */
	bool no_stamp; /* in: none in this one, whatever h.stamps says */
	bool ce, ect;  /* of the IP header; ect: out: has to be there */
	uint8_t dscp;  /* out: of the IP header; 0: not looked at */
	uint32_t sacks
	        [4][2]; /* out: relative to nothing (the peer's numbers); in: relative to our ISS */
	uint32_t sack_count;
	bool bad_checksum;
	uint16_t port; /* the peer's; 0: 4000 */
	uint32_t from; /* its address; 0: PEER */
};
#define NO_WINDOW UINT32_MAX
#define ZERO_MSS  UINT16_MAX /* in: the option is there and says 0 */
#define NO_ACK    0

#ifndef HARNESS_FAMILY
#define HARNESS_FAMILY 4
#endif
#define SIX  (HARNESS_FAMILY == 6)
#define MORE (SIX ? 20u : 0u) /* bytes that the header has beyond IPv4's */

struct harness {
	struct tcp_listener *listener;
	struct tcp_connection *c;
	struct tcp_options options; /* of listener and connect */
	uint32_t iss;               /* ours, once seen */
	uint32_t seq, ack;          /* the peer's next; what it acknowledges */
	bool stamps;                /* the peer uses timestamps */
	uint32_t clock, echo;       /* its TSval; the last TSval that came out */
	uint16_t us, peer;          /* ports */
	struct segment last;        /* what out() has found */
	/* what handlers were told: */
	char got[1 << 16];
	uint32_t got_size, take; /* take: bytes a call; UINT32_MAX: all */
	uint32_t opened, received, finished, writable, drained, closed;
	int reason;
	bool refuse;    /* the accept handler does not want it */
	bool deaf;      /* nobody listens */
	char order[64]; /* o r f w d c, as they came */
	void (*on_received)(void);
};
extern struct harness h;

int harness_open(
        void **state); /* cmocka's set-up and tear-down: a world with TCP listening on port 80 */
int harness_close(void **state);

void segment_in(int line, uint32_t flags, struct segment);
void segment_out(int line, uint32_t flags, struct segment);
void nothing_out(int line);
#define in(flags_, ...)  segment_in(__LINE__, flags_, (struct segment){ __VA_ARGS__ })
#define out(flags_, ...) segment_out(__LINE__, flags_, (struct segment){ __VA_ARGS__ })
#define quiet()          nothing_out(__LINE__)
void report_in(
        uint8_t type, uint8_t code, uint16_t mtu,
        uint32_t
                seq); /* an ICMP error about a segment of ours, by IPv4's words; ICMPv6's that means the same */
struct net_address address_of(uint32_t ip4); /* the family's own, for PEER and its like */
uint32_t word_of(uint32_t ip4);              /* as connections have it; 0: nobody holds it */
void peer_says(const uint8_t mac[6]);        /* where it is now, as an answer */
void address_changes(void);                  /* IPv4's to US + 1; IPv6's goes */
void address_goes_away(void);
void pass(uint64_t ms);
void pass_us(uint64_t us);
uint32_t skip_all(void); /* throws away what came out; how many segments */

/* Openings. Plain: no options but MSS 1460. Full: MSS 1460, SACK, timestamps, scale 7. */
void opened(void); /* passive, plain; h.c is ESTABLISHED */
void opened_fully(void);
void connecting(void);         /* active: the SYN has come out */
void connected(void);          /* active, plain */
void to_state(enum tcp_state); /* from scratch, plain */
void write_text(const char *);
void write_bytes(uint32_t size); /* of the pattern, in one write */
uint8_t pattern(uint32_t at);

enum tcp_state
state_now(void); /* of h.c; TCP_TIME_WAIT if only that is left; TCP_CLOSED: nothing */
#define state_is(state_)   assert_string_equal(tcp_state_name(state_now()), tcp_state_name(state_))
#define counted(what_, n_) assert_int_equal(tcp_counter(what_), n_)

struct scenario {
	const char *rfc; /* null: not of this family */
	const char *name;
	void (*run)(void **);
};
#define S(rfc_, name_)  { rfc_, #name_, name_ }
#define S4(rfc_, name_) { SIX ? NULL : rfc_, #name_, name_ } /* of what IPv4 alone has */
int run_scenarios(const struct scenario *, size_t count);

#endif
