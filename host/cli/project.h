/* SPDX-License-Identifier: ISC */
/* A file of `ampoule up`: several appliances that belong together. Its keys are compose's where compose has them. */
#ifndef AMPOULE_CLI_PROJECT_H
#define AMPOULE_CLI_PROJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <builder/fields.h>
#include <cli/network.h>

#define PROJECT_FILE "ampoule.yaml"

struct member {
	const char *name;      /* as the file has it */
	const char *full;      /* PROJECT-NAME: as ps has it */
	const struct node *at; /* where it stands */
	char **words;          /* of `ampoule run -d`, ended by a null */
	unsigned count;
	const struct node *needs; /* list of names, or null */
	const struct node *joins; /* map of interfaces to networks, or null */
	unsigned number;          /* of its address in each of them */
	unsigned
	        rank; /* 1 and more: those with smaller ones start first; 0: not known yet, or in a circle */
};

/* A file that is made where it is not there, for --block: of so many bytes, which take room as they are written. */
struct volume {
	const char *path;
	uint64_t size;
};

struct project {
	const char *name, *folder;
	struct member *members; /* by rank, after project_read */
	unsigned count;
	struct volume *volumes;
	unsigned volume_count;
	struct network *networks;
	unsigned network_count;
};

/* Ends the process with a line a mistake. */
void project_read(struct project *, const char *path);
struct member *project_member(const struct project *, const char *name);

#endif
