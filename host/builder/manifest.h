/* SPDX-License-Identifier: ISC */
/* appliance.yaml, read and checked: docs/manifest.md is the contract. */
#ifndef BUILD_MANIFEST_H
#define BUILD_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include <ampoule_abi.h>
#include <builder/foreign.h>
#include <builder/library.h>
#include <builder/report.h>

/* A further address of an interface; or where a route leads. */
struct manifest_network {
	uint32_t address; /* host byte order */
	uint8_t six[16];  /* or, in a list of IPv6's, this */
	uint8_t prefix;
	int arg; /* index of the argument that has both instead; -1: none */
};

struct manifest_route {
	struct manifest_network to;
	uint32_t gateway;                 /* host byte order */
	int gateway_arg;                  /* -1: none */
	struct manifest_network gateway6; /* of IPv6 */
};

struct manifest_interface {
	const char *name;
	bool dhcp, optional;
	bool automatic;            /* with dhcp: the tender's word goes first */
	uint32_t address, gateway; /* host byte order; gateway 0: none */
	uint8_t prefix;
	int address_arg, gateway_arg; /* index of the argument; -1: none */
	uint32_t ring, frames;
	struct manifest_network **addresses; /* beside the first */
	unsigned address_count;
	struct manifest_route **routes;
	unsigned route_count;
	bool no_ip4;
	bool six_automatic, six_temporary; /* IPv6 as routers say; with temporary addresses */
	struct manifest_network **six_addresses;
	unsigned six_address_count;
	struct manifest_route **six_routes;
	unsigned six_route_count;
};

struct manifest_block {
	const char *name;
	const char *format; /* "": any */
	bool read_only, optional;
	uint64_t size; /* bytes at least */
	uint32_t ring;
};

struct manifest_resolver {
	uint8_t address[16]; /* of IPv4: ::ffff:A.B.C.D */
	int arg;             /* index of the argument that has it instead; -1: none */
};

struct manifest_file {
	const char *name; /* in the image */
	const char *path; /* absolute; of a compiled one: null */
	uint64_t size;    /* when the manifest was read */
	int line, column;
};

struct manifest_compile {
	const char *name;
	const struct compiler *compiler;
	const char *executable; /* absolute */
	const char **arguments;
	unsigned argument_count;
	int line, column;
};

struct manifest_arg {
	const char *name;
	const char *id; /* as a part of a C identifier */
	enum amp_arg_type type;
	bool dynamic;
	bool renewable;    /* a secret: of which it takes new versions while it runs */
	const char *value; /* text form */
	uint64_t number;   /* as enum amp_arg_type says */
	const char *help;
	int line, column;
};

/* The end of a checked image's version in its note; no manifest's version may end so. */
#define MANIFEST_CHECKED "+checked"

struct manifest {
	const char *folder; /* absolute */
	bool checked;       /* `ampoule build --checked`; not the manifest's */
	const char *name, *version;
	const char **sources; /* relative to folder, sorted as given, globs resolved */
	unsigned source_count;
	struct foreign foreign; /* of the sources */
	struct libraries libraries;
	struct archive **archives; /* all, of the libraries, too; each file once */
	unsigned archive_count;
	unsigned cpu_level; /* 1 to 4 */
	bool internals;     /* the sources may include the libraries' private headers */
	uint64_t memory_min, memory_default;
	uint32_t tasks, stack;
	struct manifest_interface **interfaces;
	unsigned interface_count;
	struct manifest_block **blocks;
	unsigned block_count;
	struct manifest_resolver **resolvers;
	unsigned resolver_count;
	struct manifest_file **files; /* sorted by name, compiled ones included */
	unsigned file_count;
	struct manifest_compile **compiles;
	unsigned compile_count;
	const char *authorities; /* the file of `ca`, for app/tls; null: none */
	struct manifest_arg **args;
	unsigned arg_count;
	struct amp_note_health health; /* kind 0: none */
};

#define MANIFEST_NETWORKS_MAX                                                                      \
	16u /* further addresses, and routes, of an interface: os/include/net/interface.h */
#define MANIFEST_RESOLVERS_MAX 3u /* what os/include/net/resolver.h takes */
#define MANIFEST_FILES_MAX     65536u
#define MANIFEST_AUTHORITIES                                                                       \
	"/etc/ssl/certs/ca-certificates.crt" /* Debian's package ca-certificates */
#define MANIFEST_FILES_BYTES                                                                       \
	(1ull << 30) /* all files together: code and data must reach each other */
/* Unmapped below each stack: code from archives has frames that are not probed page by page. */
#define MANIFEST_STACK_GUARD   (64u << 10)
#define MANIFEST_STACKS_BYTES  (16ull << 30) /* what a tender maps at most */
#define MANIFEST_MEMORY_LOW    (64ull << 10)
#define MANIFEST_MEMORY_HIGH   (1ull << 40)
#define MANIFEST_TASKS_DEFAULT 16u

/* Reads FOLDER/appliance.yaml; `shown` is the file's name in messages. All that is wrong is in the
 * report; with an empty report the manifest can be built. */
struct manifest *manifest_read(const char *folder, const char *shown, const char *sdk,
                               struct report *);

#endif
