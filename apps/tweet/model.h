/* SPDX-License-Identifier: ISC */
/*
 * What is stored: people, what they say, and who follows whom. All calls are for tasks and block. What a call that changes
 * something has returned OK for is there after any crash.
 *
 * Keys in the tree, by their first letter (numbers are big-endian, so that they sort; "down" ones are inverted, so that the
 * newest comes first):
 *
 *	u NAME                  struct person as it is kept
 *	p ID                    a post: time, its author's name, NUL, text
 *	a NAME NUL ID(down)     posts of a person: the post
 *	t NAME NUL ID(down)     the timeline of a person: the post
 *	f NAME NUL NAME         who follows whom
 *	b NAME NUL NAME         who is followed by whom
 *	s SHA-256 of a token    a session: until when, whose
 *
 * Posts are copied into the timelines when they are made: a timeline is read a hundred times as often, and then is one range of
 * keys, next to each other.
 */
#ifndef TWEET_MODEL_H
#define TWEET_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <core/sha256.h>
#include <store/block.h>

#define NAME_MAX_      20u   /* letters of a name: a to z, 0 to 9, _ */
#define TEXT_MAX_      1120u /* bytes of a post: 280 characters of at most four */
#define CHARACTERS_MAX 280u
#define PASSWORD_MIN   8u
#define PASSWORD_MAX   200u
#define SESSION_NS     (30ull * 86400 * 1000000000)
#define TOKEN_SIZE     32u /* hexadecimal digits */
#define PAGE_POSTS     30u /* posts of a page */
#define FOLLOWS_MAX    5000u

struct post {
	uint64_t id;
	int64_t time; /* seconds since 1970 */
	char author[NAME_MAX_ + 1];
	uint32_t size;
	char text[TEXT_MAX_ + 1];
};
struct posts {
	uint32_t count;
	uint64_t next; /* what the next page is before; 0: this is the last */
	struct post all[PAGE_POSTS];
};
struct profile {
	char name[NAME_MAX_ + 1];
	int64_t since; /* seconds since 1970 */
	uint64_t followers, following;
	bool followed; /* by who asks */
};

/* Of a device, or of memory if `block` is null. ERR_*; the reason is logged. */
int model_open(struct block *, uint64_t cache);

bool name_is_good(const char *);
/* Text that can be posted: not empty, valid UTF-8 without control characters but line ends, not too long. Trims it. */
bool text_is_good(char *);

/* ERR_EXISTS: the name is taken. ERR_INVALID: name or password. */
int model_sign_up(const char *name, const char *password);
/* ERR_REFUSED: no such name, or not its password. token: TOKEN_SIZE digits and a NUL. */
int model_log_in(const char *name, const char *password, char token[TOKEN_SIZE + 1]);
int model_log_out(const char *token);
/* Whose session it is. ERR_ABSENT. */
int model_session(const char *token, char name[NAME_MAX_ + 1]);

/* ERR_INVALID: text_is_good was not asked. */
int model_post(const char *author, const char *text, uint64_t *id);
/* ERR_ABSENT: there is no such person. ERR_INVALID: oneself. ERR_TOO_BIG: FOLLOWS_MAX. */
int model_follow(const char *who, const char *whom, bool follow);
int model_profile(const char *name, const char *asking, struct profile *); /* asking: may be "" */

/* Posts with a smaller number than `before` (0: the newest), newest first. */
int model_timeline(const char *name, uint64_t before, struct posts *);
int model_posts_of(const char *name, uint64_t before, struct posts *);
int model_all(uint64_t before, struct posts *);

#endif
