/* SPDX-License-Identifier: ISC */
/* The daily verbs, one function each: what main of ampoule-daily calls. Each returns the exit status. */
#ifndef AMPOULE_CLI_DAILY_H
#define AMPOULE_CLI_DAILY_H

#include <getopt.h>

#include <cli/shelf.h>

int daily_ps(int argc, char **argv);
int daily_logs(int argc, char **argv);
int daily_stop(int argc, char **argv);
int daily_kill(int argc, char **argv);
int daily_rm(int argc, char **argv);
int daily_wait(int argc, char **argv);
int daily_inspect(int argc, char **argv);
int daily_restart(int argc, char **argv);
int daily_attach(int argc, char **argv);
int daily_stats(int argc, char **argv);
int daily_up(int argc, char **argv);
int daily_down(int argc, char **argv);
int daily_generate(int argc, char **argv);
int daily_snapshot(int argc, char **argv);
int daily_secret(int argc, char **argv);
int daily_fork(int argc, char **argv);

/* getopt_long that says what is wrong with a word, and what was probably meant, and ends; -h prints `usage`. -1 at the end. */
int daily_option(int argc, char **argv, const char *letters, const struct option *,
                 const char *usage);
/* Seconds, or digits and a unit, in ms; ends the process where it is none. */
int64_t daily_time(const char *option, const char *text);

/* What several verbs do: 0, or an exit status after a line. */
int daily_stop_one(struct appliance *, int64_t ms); /* ms -1: as long as its own --stop-timeout */
int64_t daily_stop_limit(const struct appliance *, int64_t ms); /* how long that may take */
/* Has its supervisor do something, within `ms`. */
int daily_ask(struct appliance *, const char *request, int ms);
int daily_remove_one(struct shelf *, struct appliance *, bool force);

/* Goes on with the log of an appliance until it has ended; from now on only, or from the beginning. */
void daily_follow(const struct appliance *, bool from_now);
/* Runs the command `ampoule` with these words, as its exit status; its standard output is ours, or nothing if `quiet`. */
int daily_command(char *const *words, const char *folder, bool quiet);
/* Each of the words behind the options: `act`, and the word printed where that went well. */
int daily_each(int argc, char **argv, int (*act)(struct shelf *, struct appliance *, void *),
               void *context);

#endif
