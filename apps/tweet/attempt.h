/* SPDX-License-Identifier: ISC */
/*
 * Logging in and signing up, within bounds that keep guessers out and everybody else in.
 *
 * Wrong passwords are counted for each pair of a name and an address, and for each address. So who guesses a name is stopped
 * soon, who tries many names is stopped, too, and neither keeps the name's owner out, who comes from elsewhere. Behind a
 * proxy all people have one address, and share its count. What is refused is not counted: nobody has to wait longer for it.
 *
 * The counts lie in tables that no flood of others makes forget one (app/http/limit.h).
 *
 * A password takes the processor for long, on purpose: one is looked at at a time, and at most ATTEMPTS_AT_ONCE of an address
 * wait for it.
 */
#ifndef TWEET_ATTEMPT_H
#define TWEET_ATTEMPT_H

#include <app/http/http.h>

#include "model.h"

#define ATTEMPTS_AT_ONCE 4u /* of an address: passwords that wait to be looked at */
#define ATTEMPT_PAIR_NS  (30ull * 1000000000) /* then one more of those of a name and an address */
#define ATTEMPT_PEER_NS  (3ull * 1000000000)  /* of those of an address */

/* How many wrong ones go before who asks has to wait: of a pair, of an address. ERR_MEMORY. */
int attempt_open(uint32_t of_pair, uint32_t of_address);
/* As model_log_in and model_sign_up; ERR_AGAIN: not now, but in so many seconds. */
int attempt_log_in(const struct http_exchange *, const char *name, const char *password,
                   char token[TOKEN_SIZE + 1], uint32_t *seconds);
int attempt_sign_up(const struct http_exchange *, const char *name, const char *password,
                    uint32_t *seconds);

#endif
