/* SPDX-License-Identifier: ISC */
/* The networks that a tender starts in the background (passt). They end with the tender's end of their socket, by
 * themselves, as a rule: passt of 2023 has been seen to turn for ever over a connection that it had closed twice. */
#ifndef SUPERVISOR_NETWORK_H
#define SUPERVISOR_NETWORK_H

/* Ends those that have come to this process as their subreaper. For when no tender of this process runs: they hold the
 * ports that the next one publishes. */
void network_end(void);

#endif
