/* SPDX-License-Identifier: ISC */
/*
 * Every state meets every kind of segment. The table says what comes out and which state is left,
 * by RFC 9293 §3.10.7 with RFC 5961's answers and RFC 1337's TIME-WAIT. Each cell is a scenario of
 * its own.
 *
 * Answers:
 *   .  nothing   A  an ACK   S  our SYN-ACK   R  a reset
 * After it the new state, if it changes:
 *   c  CLOSED         r  SYN-RECEIVED   e  ESTABLISHED   1  FIN-WAIT-1   2  FIN-WAIT-2
 *   w  CLOSE-WAIT     g  CLOSING        l  LAST-ACK      t  TIME-WAIT
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	SYN_NEW, /* a SYN with a number that the peer has not used, in the window where there is one
	          */
	SYN_ACK_GOOD, /* SYN and ACK of our SYN, from the peer's ISS */
	ACK_OLD,      /* no data, acknowledges nothing new */
	ACK_ALL,      /* acknowledges everything that we have sent */
	ACK_FUTURE,   /* what we have not sent */
	DATA,         /* the next bytes */
	DATA_OLD,     /* bytes from before the window */
	DATA_BEYOND,  /* bytes beyond the window */
	DATA_NO_ACK,  /* the next bytes, without the ACK bit */
	FIN_NEXT,     /* the peer's FIN, in order */
	RST_EXACT,    /* a reset with exactly the next number */
	RST_IN_WINDOW,
	RST_OUTSIDE,
	URGENT, /* data with URG: taken as data */
	KINDS
};

static const char *const kind_names[KINDS] = {
	"a SYN",
	"a SYN-ACK",
	"an old ACK",
	"an ACK of everything",
	"an ACK of the future",
	"data",
	"old data",
	"data beyond the window",
	"data without ACK",
	"a FIN",
	"an exact reset",
	"a reset in the window",
	"a reset outside of the window",
	"urgent data",
};

struct row {
	enum tcp_state state;
	const char *cells[KINDS];
};

static const struct row table[] = {
	/*                   SYN   SYNACK ACK_O ACK_A ACK_F DATA  OLD   BEYND NOACK FIN   RSTX  RSTW
	   RSTO  URG */
	{ TCP_CLOSED, { "R", "R", "R", "R", "R", "R", "R", "R", "R", "R", ".", ".", ".", "R" } },
	{ TCP_LISTEN, { "Sr", "R", "R", "R", "R", "R", "R", "R", ".", "R", ".", ".", ".", "R" } },
	{ TCP_SYN_SENT,
	  { "Sr", "Ae", "R", ".", "R", ".", ".", ".", ".", ".", "-", "-", "-", "." } },
	{ TCP_SYN_RECEIVED,
	  { "A", "S", "R", ".e", "R", ".e", "A", "A", ".", "Aw", ".c", "A", ".", ".e" } },
	{ TCP_ESTABLISHED,
	  { "A", "A", ".", ".", "A", ".", "A", "A", ".", "Aw", ".c", "A", ".", "." } },
	{ TCP_FIN_WAIT_1,
	  { "A", "A", ".", ".2", "A", ".", "A", "A", ".", "Ag", ".c", "A", ".", "." } },
	{ TCP_FIN_WAIT_2,
	  { "A", "A", ".", ".", "A", ".", "A", "A", ".", "At", ".c", "A", ".", "." } },
	{ TCP_CLOSE_WAIT,
	  { "A", "A", ".", ".", "A", ".", "A", "A", ".", ".", ".c", "A", ".", "." } },
	{ TCP_CLOSING, { "A", "A", ".", ".t", "A", ".", "A", "A", ".", ".", ".c", "A", ".", "." } },
	{ TCP_LAST_ACK,
	  { "A", "A", ".", ".c", "A", ".", "A", "A", ".", ".", ".c", "A", ".", "." } },
	{ TCP_TIME_WAIT,
	  { "Sr", "A", ".", ".", ".", "A", "A", "A", "A", "A", ".", ".", ".", "A" } },
};

static void send_kind(enum tcp_state state, enum kind kind)
{
	bool all_acked = state == TCP_FIN_WAIT_2 || state == TCP_TIME_WAIT;
	bool fin_out = state == TCP_FIN_WAIT_1 || state == TCP_CLOSING || state == TCP_LAST_ACK;
	bool fresh = state == TCP_CLOSED || state == TCP_LISTEN || state == TCP_SYN_SENT;
	/* What the peer may acknowledge: relative to our ISS. In SYN-SENT and SYN-RECEIVED: our
	 * SYN. */
	uint32_t all = fin_out || all_acked ? 2 : 1, old = all_acked ? 2 : 1;
	uint32_t next = h.seq;
	if (state == TCP_SYN_SENT || state == TCP_SYN_RECEIVED)
		old = 0xffffff00u;
	if (fin_out)
		old = 1;
	switch (kind) {
	case SYN_NEW:
		in(SYN, .seq = fresh ? ISS : next + 100, .mss = 1460);
		break;
	case SYN_ACK_GOOD:
		in(SYN | ACK, .seq = ISS, .ack = 1, .mss = 1460);
		break;
	case ACK_OLD:
		in(ACK, .ack = old);
		break;
	case ACK_ALL:
		in(ACK, .ack = all);
		break;
	case ACK_FUTURE:
		in(ACK, .ack = all + 1000);
		break;
	case DATA:
		in(ACK, .ack = old == 0xffffff00u ? 1 : old, .data = "data");
		break;
	case DATA_OLD:
		in(ACK, .ack = all, .seq = next - 50, .data = "data");
		break;
	case DATA_BEYOND:
		in(ACK, .ack = all, .seq = next + 1000000, .data = "data");
		break;
	case DATA_NO_ACK:
		in(0, .data = "data");
		break;
	case FIN_NEXT:
		in(FIN | ACK, .ack = old == 0xffffff00u ? 1 : old);
		break;
	case RST_EXACT:
		in(RST, .seq = next);
		break;
	case RST_IN_WINDOW:
		in(RST, .seq = next + 10);
		break;
	case RST_OUTSIDE:
		in(RST, .seq = next + 1000000);
		break;
	case URGENT:
		in(ACK | URG, .ack = old == 0xffffff00u ? 1 : old, .data = "data");
		break;
	case KINDS:
		break;
	}
}

static enum tcp_state state_of(char letter)
{
	switch (letter) {
	case 'c':
		return TCP_CLOSED;
	case 'r':
		return TCP_SYN_RECEIVED;
	case 'e':
		return TCP_ESTABLISHED;
	case '1':
		return TCP_FIN_WAIT_1;
	case '2':
		return TCP_FIN_WAIT_2;
	case 'w':
		return TCP_CLOSE_WAIT;
	case 'g':
		return TCP_CLOSING;
	case 'l':
		return TCP_LAST_ACK;
	default:
		return TCP_TIME_WAIT;
	}
}

static void run_cell(void **state)
{
	const struct {
		const struct row *row;
		enum kind kind;
	} *cell = *state;
	const char *want = cell->row->cells[cell->kind];
	to_state(cell->row->state);
	enum tcp_state before = cell->row->state == TCP_LISTEN ? TCP_CLOSED : cell->row->state;
	send_kind(cell->row->state, cell->kind);
	switch (*want) {
	case 'A':
		out(ACK, .ack = 0);
		break;
	case 'S':
		out(SYN | ACK, .ack = 0);
		break;
	case 'R': {
		/* With or without ACK, as the segment had one. */
		struct packet p;
		bool found = false;
		while (world_sent(&p))
			found |= p.bytes[SIX ? 20 : 23] == 6 && p.bytes[54 + MORE - 7] & RST;
		assert_true(found);
		break;
	}
	default:
		break;
	}
	quiet();
	if (want[1])
		before = state_of(want[1]);
	if (*want != '-')
		state_is(before);
}

int main(void)
{
	static struct {
		const struct row *row;
		enum kind kind;
	} cells[sizeof table / sizeof *table * KINDS];
	static struct CMUnitTest tests[sizeof cells / sizeof *cells];
	size_t n = 0;
	for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
		for (enum kind k = 0; k < KINDS; k++) {
			char *name;
			if (table[r].cells[k][0] == '-')
				continue; /* said by name in test_open.c */
			cells[n].row = &table[r];
			cells[n].kind = k;
			if (asprintf(&name, "RFC 9293 §3.10.7: %s meets %s",
			             tcp_state_name(table[r].state), kind_names[k]) < 0)
				return 1;
			tests[n] = (struct CMUnitTest){ name, run_cell, harness_open, harness_close,
				                        &cells[n] };
			n++;
		}
	}
	int failed = _cmocka_run_group_tests("tcp states", tests, n, NULL, NULL);
	for (size_t k = 0; k < n; k++)
		free((char *)(uintptr_t)tests[k].name);
	return failed;
}
