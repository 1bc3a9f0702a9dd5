/* SPDX-License-Identifier: ISC */
/*
 * What the files of this folder share. A connection's bytes go through connection.c, which finds
 * lines and values in them; command.c and meta.c do what a line says, binary.c what a packet says,
 * with store.c; and answer through reply.c, which sends what a segment's commands said in one go.
 *
 * One handler runs at a time, so what it has to say is gathered in one buffer for all connections;
 * before it returns, all of that was given to TCP, or is kept in the connection (`held`) because
 * TCP had no room, or because a backend has not made it permanent yet.
 */
#ifndef MEMCACHE_CONNECTION_H
#define MEMCACHE_CONNECTION_H

#include <app/memcache/memcache.h>
#include <app/memcache/store.h>
#include <core/list.h>
#include <core/metric.h>
#include <net/tcp_served.h>

#define LINE_MAX    8192u /* bytes of a command; of a longer get keys are taken as they come */
#define BATCH_SIZE  (64u << 10)
#define BATCH_VALUE (8u << 10) /* a larger value goes to TCP without a copy between */
/* The longest reply but for values: room for it is there when a command begins. */
#define REPLY_MAX      (8u << 10)
#define RATE_MIN       1024u /* bytes a second of a command that is coming, after stall_ns */
#define WORDS_MAX      24u
#define PACKET_REQUEST 0x80u /* the first byte of what a client says in the binary protocol */
#define NOT_PERMANENT  "not stored: the device failed, or is full"

/* A connection's first byte decides for all of it. */
enum connection_protocol { PROTOCOL_UNKNOWN, PROTOCOL_TEXT, PROTOCOL_BINARY };

enum connection_state {
	STATE_LINE,    /* the next command: a line, or the head of a packet */
	STATE_VALUE,   /* the value of a command, into c->upload.item */
	STATE_SWALLOW, /* bytes that nobody wants, c->swallow of them; then the next command */
	STATE_GET,     /* a get whose other keys are in c->line, once there is room */
	STATE_KEYS,    /* a get whose other keys are still to come; c->line is the begin of one */
	STATE_DUMP,    /* something long is told, as there is room */
	STATE_WATCH,   /* told what happens, for ever: c->watching; what is said is thrown away */
	STATE_CLOSING, /* everything was said; what still comes is thrown away */
};

struct word {
	const char *at;
	uint32_t size;
};

/* Whose words an answer is in. */
enum upload_kind {
	UPLOAD_TEXT,
	UPLOAD_META, /* c->line is what the value came with */
	UPLOAD_BINARY,
};

/* A value that is coming. */
struct upload {
	struct memcache_item *item;
	uint32_t have; /* of value and line end */
	struct memcache_storing how;
	enum upload_kind kind;
};

/* The packet that is being answered. */
struct packet {
	uint8_t opcode;
	uint8_t mode; /* enum memcache_mode: of a packet that stores */
	uint32_t opaque;
};

/* What a get asks of each of its keys. */
struct getting {
	bool cas, touch;
	bool more; /* the line goes on behind what is in c->line, or came */
	bool any;  /* there was a key */
	bool skip; /* one was no key: the others are not answered */
	uint32_t expires;
};

/* Where an answer of any length is: dump.c. */
struct dumping {
	bool connections;  /* else items */
	uint32_t at, turn; /* the next connection, or segment; and its turn */
	uint32_t item_at;  /* in the segment; 0: it begins */
};

struct memcache_connection {
	struct tcp_served
	        served; /* the first member; BUSY amid a command and while an answer is stuck */
	struct list waiting;       /* in the server's, while its answers are */
	struct watching *watching; /* null: it does not watch */
	uint32_t number;           /* by which "stats conns" and watchers name it */
	struct memcache_server *server;
	uint8_t state;
	uint8_t protocol;
	bool quiet;      /* noreply, or a quiet opcode */
	bool is_waiting; /* for the backend: `held` is not to be sent before `ticket` */
	struct upload upload;
	struct packet packet;
	struct getting getting;
	struct dumping dumping;
	uint64_t swallow;
	char *line; /* the begin of a line or of a packet; in STATE_VALUE a meta command's, in
	               STATE_GET and STATE_KEYS keys */
	uint32_t line_size, line_room;
	struct memcache_item *sending; /* pinned; its text from `sending_at` to `sending_end` is to
	                                  be sent, behind `held` */
	uint32_t sending_at, sending_end;
	char *held;
	uint32_t held_size, held_sent, held_room;
	uint64_t ticket;
};

/* What a watcher is to be told: watch.c. */
struct watching {
	struct list all; /* the server's */
	struct memcache_connection *of;
	uint32_t events; /* enum memcache_watched */
	uint32_t size, at,
	        used;     /* of `ring`: bytes; where what was not told begins, and its size */
	uint64_t skipped; /* lines that found no room, since the last one that did */
	char ring[];
};

struct memcache_server {
	struct memcache_store store;
	struct memcache_options options;
	struct tcp_server served;
	struct timer crawler;
	struct list waiting;
	struct list watchers;
	struct timer watch_timer;
	uint32_t watchers_now;
	uint64_t watch_lines, watch_sent, watch_skipped; /* ever: numbered, told, not told */
	uint32_t numbers;                                /* given to connections */
	uint32_t acting;                                 /* whose commands are done, or were last */
	bool begun;                                      /* until then clients wait */
	struct memcache_counters counters;
	struct metric_source metrics;
	uint64_t started;
	uint32_t batch_size;
	char batch[BATCH_SIZE];
};

void memcache_metrics_add(struct memcache_server *); /* metrics.c */

/* connection.c */
extern const struct tcp_served_protocol memcache_protocol;
void memcache_connection_drop(struct memcache_connection *); /* with a reset */
/* Its buffers, of a line and of held answers, are to be so large; false: there is no room for that. */
bool memcache_connection_keep(struct memcache_connection *, uint32_t line_room, uint32_t held_room);
void memcache_connection_hang_up(struct memcache_connection *); /* when everything was sent */
bool memcache_keep_line(struct memcache_connection *, const char *,
                        uint32_t size); /* in c->line; false: dropped */
bool memcache_append_line(struct memcache_connection *, const char *, uint32_t size);
void memcache_connection_committed(struct memcache_connection *,
                                   int error); /* what it waited for is permanent */

/* command.c: does a line (without its end). `rest` is what follows it, as far as it is here; how
 * much of that it took. */
uint32_t memcache_command(struct memcache_connection *, const char *line, uint32_t size,
                          const char *rest, uint32_t rest_size);
/* A get of which so much is here, and no end: what of it was taken, or 0: it is none. */
uint32_t memcache_command_long_get(struct memcache_connection *, const char *, uint32_t size);
/* In STATE_KEYS: how many bytes were taken. */
uint32_t memcache_command_keys(struct memcache_connection *, const char *, uint32_t size);
/* The next keys of c->line, as far as there is room. */
void memcache_command_get_on(struct memcache_connection *);
/* The value of c->upload is all there. `line`: a meta command's. */
void memcache_command_uploaded(struct memcache_connection *, const char *line, uint32_t size);
/* What a command stores, whatever its words are. */
struct storing_command {
	struct memcache_key key;
	uint32_t flags, expires;
	uint64_t size; /* of the value */
	struct memcache_storing how;
	enum upload_kind kind;
	const char *line; /* of a meta command */
	uint32_t line_size;
};
/* Takes its value, or as much of it as is here, and returns how much that was. What came of it is
 * told here or later, unless *over, an item that took the value at once, is for the caller to tell. */
uint32_t memcache_command_store(struct memcache_connection *, const struct storing_command *,
                                const char *rest, uint32_t rest_size, struct memcache_item **over);
/* For a value that cannot be stored: says so, and it is read all the same. Returns 0. */
uint32_t memcache_command_refuse(struct memcache_connection *, const char *why, uint64_t size);
/* What comes next is nobody's. */
void memcache_command_swallow(struct memcache_connection *, uint64_t size);
/* What a get does to its item, and to the figures; and a touch. Null: there is none. */
struct memcache_item *memcache_command_look(struct memcache_store *, const struct memcache_key *);
struct memcache_item *memcache_command_touch(struct memcache_store *, const struct memcache_key *,
                                             uint32_t expires);
/* Of the item, if there is one, which then is gone. */
void memcache_command_delete(struct memcache_store *, struct memcache_item *);
static inline uint32_t memcache_upload_size(const struct upload *u)
{
	return u->item->value_size + (u->kind == UPLOAD_BINARY ? 0 : 2);
}
/* Splits at spaces; at most `most` words, the last of which is then followed by more. */
uint32_t memcache_words(const char *line, uint32_t size, struct word *, uint32_t most);
static inline bool memcache_word_is(struct word w, const char *text, uint32_t size)
{
	return w.size == size && !__builtin_memcmp(w.at, text, size);
}
#define WORD_IS(w_, literal_) memcache_word_is(w_, literal_, sizeof literal_ - 1)

/* meta.c */
uint32_t memcache_meta(struct memcache_connection *, const struct word *, uint32_t count,
                       const char *line, uint32_t size, const char *rest, uint32_t rest_size);
void memcache_meta_uploaded(struct memcache_connection *, const char *line, uint32_t size,
                            enum memcache_result);

/* binary.c: a packet's head, and what stands with it; how many bytes were taken. */
uint32_t memcache_binary(struct memcache_connection *, const char *bytes, uint32_t size);
void memcache_binary_uploaded(struct memcache_connection *, enum memcache_result);
/* For a value that was not stored: there is no room for it, or (`large`) there never will be. */
void memcache_binary_refuse(struct memcache_connection *, bool large);
void memcache_binary_failed(struct memcache_connection *); /* the device */
/* A figure of "stat"; without a name: there are no more. */
void memcache_binary_stat(struct memcache_connection *, const char *name, const char *value,
                          uint32_t value_size);

/* stats.c */
void memcache_stats(struct memcache_connection *, const struct word *, uint32_t count);
/* Tells these figures, in the connection's words; false: there are none of that name. */
bool memcache_stats_of(struct memcache_connection *, struct word group);
void memcache_stats_reset(struct memcache_server *);

/* watch.c: lines about what happens, for who asked for them. */
void memcache_watch(struct memcache_connection *, const struct word *, uint32_t count);
bool memcache_watch_on(struct memcache_connection *); /* what there is room for; false: not all */
void memcache_watch_end(struct memcache_connection *);
void memcache_watch_connection(struct memcache_connection *, bool ended);

/* dump.c: an answer that may be longer than all buffers. */
void memcache_dump_begin(struct memcache_connection *, bool connections);
void memcache_dump_on(struct memcache_connection *); /* as far as there is room */
#define DUMP_KEY_MAX     (3 * ITEM_KEY_MAX)
#define DUMP_ADDRESS_MAX NET_ADDRESS_TEXT_MAX
/* A key as URLs have it; a peer's address. How many bytes they have. */
uint32_t memcache_dump_key(char *to, const char *key, uint32_t size);
uint32_t memcache_dump_address(char *to, const struct memcache_connection *);
void memcache_lru_crawler(struct memcache_connection *, const struct word *, uint32_t count);

/* reply.c */
void memcache_reply_bytes(struct memcache_connection *, const void *, uint32_t size);
#define REPLY(c_, literal_) memcache_reply_bytes(c_, literal_, sizeof literal_ - 1)
void memcache_reply_line(struct memcache_connection *,
                         const char *); /* unless it is quiet; "\r\n" is added */
void memcache_reply_number(struct memcache_connection *, uint64_t);
/* A part of an item's text, from where it lies. False: there was no room for all of it; the rest
 * follows by itself. */
bool memcache_reply_item(struct memcache_connection *, struct memcache_item *, uint32_t from,
                         uint32_t to);
/* What "me" and "lru_crawler" end an item's line with. */
void memcache_reply_facts(struct memcache_connection *, const struct memcache_item *);
/* Gives bytes to TCP; how many it took. */
uint32_t memcache_reply_give(struct memcache_connection *, const char *, uint32_t size);
bool memcache_reply_flush(
        struct memcache_connection *); /* gives the batch to TCP; false: not all of it */
bool memcache_reply_go_on(
        struct memcache_connection *); /* what is held and being sent; false: there is more */
static inline bool memcache_reply_is_stuck(const struct memcache_connection *c)
{
	return c->is_waiting || c->held_size || c->sending;
}

#endif
