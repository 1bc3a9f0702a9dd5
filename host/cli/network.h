/* SPDX-License-Identifier: ISC */
/* Networks of a file of `ampoule up`: a bridge each, with an address of the host's, for this project alone. */
#ifndef AMPOULE_CLI_NETWORK_H
#define AMPOULE_CLI_NETWORK_H

#include <stdint.h>

#include <net/if.h>

struct network {
	const char *name;
	char bridge[IFNAMSIZ]; /* made of the project's name and the network's */
	uint32_t subnet;       /* host byte order */
	uint8_t prefix;
};

/* The host of this number in it: 1 is the machine itself. */
uint32_t network_host(const struct network *, uint32_t number);
/* Its address as text, kept. */
const char *network_host_text(const struct network *, uint32_t number);

void network_name(struct network *, const char *project, const char *name);
/* One that is there stays as it is. An exit status; the mistake is told. */
int network_make(const struct network *);
int network_remove(const struct network *);

#endif
