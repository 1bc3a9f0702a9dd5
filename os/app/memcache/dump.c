/* SPDX-License-Identifier: ISC */
/*
 * Answers of any length: a line for each item, or for each connection. A part is told as there is room
 * for it, and then the place is kept. What is moved, made or ended meanwhile may be told twice or not
 * at all; all else is told once.
 */
#include <app/memcache/connection.h>

#include <app/memcache/number.h>

#define PART 64u /* lines between two looks at whether there is room */

uint32_t memcache_dump_key(char *to, const char *key, uint32_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	char *at = to;
	for (uint32_t k = 0; k < size; k++) {
		uint8_t b = (uint8_t)key[k];
		if ((b >= '0' && b <= '9') || ((b | 0x20) >= 'a' && (b | 0x20) <= 'z') ||
		    b == '-' || b == '_' || b == '.' || b == '~') {
			*at++ = key[k];
			continue;
		}
		*at++ = '%';
		*at++ = hex[b >> 4];
		*at++ = hex[b & 15];
	}
	return (uint32_t)(at - to);
}

static uint64_t date_of(const struct memcache_store *s, uint32_t second)
{
	return (uint64_t)(s->began_wall + (int64_t)second - MEMCACHE_SECONDS_FROM);
}

static void put_item(struct memcache_connection *c, const struct memcache_item *i)
{
	const struct memcache_store *s = &c->server->store;
	char key[DUMP_KEY_MAX];
	REPLY(c, "key=");
	memcache_reply_bytes(c, key, memcache_dump_key(key, memcache_item_key(i), i->key_size));
	if (i->expires) {
		REPLY(c, " exp=");
		memcache_reply_number(c, date_of(s, i->expires));
	} else {
		REPLY(c, " exp=-1");
	}
	REPLY(c, " la=");
	memcache_reply_number(c, date_of(s, i->used_at));
	memcache_reply_facts(c, i);
	REPLY(c, "\n");
}

/* The next one that lives; null: there is none. */
static const struct memcache_item *next_item(struct memcache_connection *c)
{
	struct dumping *d = &c->dumping;
	const struct memcache_store *s = &c->server->store;
	for (; d->at < s->memory.count; d->at++, d->item_at = 0) {
		const struct memcache_segment *g = &s->memory.segments[d->at];
		const struct memcache_item *i;
		if (!d->item_at) {
			d->item_at = MEMORY_FIRST;
			d->turn = g->turn;
		}
		while (g->state != SEGMENT_FREE && g->turn == d->turn &&
		       (i = memcache_memory_walk(&s->memory, d->at, &d->item_at)))
			if (i->bits & ITEM_LINKED && (!i->expires || i->expires > s->now) &&
			    i->cas > s->flushed)
				return i;
	}
	return NULL;
}

uint32_t memcache_dump_address(char *to, const struct memcache_connection *of)
{
	return net_address_print(to, of->served.remote);
}

static void put_connection(struct memcache_connection *c, const struct memcache_connection *of)
{
	char address[DUMP_ADDRESS_MAX];
	REPLY(c, "STAT ");
	memcache_reply_number(c, of->number);
	REPLY(c, ":addr tcp:");
	memcache_reply_bytes(c, address, memcache_dump_address(address, of));
	REPLY(c, ":");
	memcache_reply_number(c, of->served.remote_port);
	REPLY(c, "\r\nSTAT ");
	memcache_reply_number(c, of->number);
	switch ((enum connection_state)of->state) {
	case STATE_VALUE:
		REPLY(c, ":state conn_nread\r\n");
		break;
	case STATE_SWALLOW:
		REPLY(c, ":state conn_swallow\r\n");
		break;
	case STATE_CLOSING:
		REPLY(c, ":state conn_closing\r\n");
		break;
	case STATE_WATCH:
		REPLY(c, ":state conn_watch\r\n");
		break;
	default:
		if (memcache_reply_is_stuck(of))
			REPLY(c, ":state conn_mwrite\r\n");
		else
			REPLY(c, ":state conn_read\r\n");
	}
}

/* So many from the next one on; false: there are no more. */
static bool put_connections(struct memcache_connection *c, uint32_t most)
{
	struct tcp_server *s = &c->server->served;
	struct list *const lists[] = { &s->busy, &s->idle };
	uint32_t number = 0, from = c->dumping.at;
	for (uint32_t k = 0; k < 2; k++)
		list_each (at, lists[k]) {
			struct tcp_served *of = container_of(at, struct tcp_served, all);
			if (number++ < from)
				continue;
			if (number > from + most)
				return true;
			put_connection(c, container_of(of, struct memcache_connection, served));
			c->dumping.at = number;
		}
	return false;
}

void memcache_dump_begin(struct memcache_connection *c, bool connections)
{
	c->dumping = (struct dumping){ .connections = connections };
	c->state = STATE_DUMP;
	memcache_dump_on(c);
}

void memcache_dump_on(struct memcache_connection *c)
{
	const struct memcache_item *i = NULL;
	bool more = true;
	while (more && c->served.tcp && !memcache_reply_is_stuck(c)) {
		if (c->dumping.connections)
			more = put_connections(c, PART);
		for (uint32_t k = 0; !c->dumping.connections && more && k < PART; k++) {
			i = next_item(c);
			more = i != NULL;
			if (i)
				put_item(c, i);
		}
		memcache_reply_flush(c);
	}
	if (more || !c->served.tcp)
		return;
	c->state = STATE_LINE;
	REPLY(c, "END\r\n");
}

void memcache_lru_crawler(struct memcache_connection *c, const struct word *w, uint32_t n)
{
	if (n == 3 && WORD_IS(w[1], "metadump")) {
		if (WORD_IS(w[2], "all") || WORD_IS(w[2], "hash") || WORD_IS(w[2], "1"))
			memcache_dump_begin(c, false);
		else
			memcache_reply_line(c, "BADCLASS invalid class id");
	} else if (n == 2 && (WORD_IS(w[1], "enable") || WORD_IS(w[1], "disable"))) {
		memcache_reply_line(c, "OK"); /* what is dead is always looked for */
	} else {
		c->server->counters.malformed++;
		memcache_reply_line(c, "ERROR");
	}
}
