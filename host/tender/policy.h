/* SPDX-License-Identifier: ISC */
/*
 * A policy file: which images a host, or a user, lets run.
 *
 *   # comment
 *   images: any | digest | signed
 *   keys:
 *     - FILE or KEY       of minisign; a relative path is below the policy file's folder
 *
 * That is all of YAML that there is: the tender has no YAML parser, and what it does not understand it refuses.
 */
#ifndef TENDER_POLICY_H
#define TENDER_POLICY_H

#include <tender/defect.h>
#include <tender/image.h>
#include <tender/minisign.h>

#define POLICY_KEYS_MAX 32u
#define POLICY_SIZE_MAX 16384u

enum policy_images { POLICY_ANY, POLICY_DIGEST, POLICY_SIGNED };

struct policy {
	const char *name; /* in messages: the file; the caller's */
	enum policy_images images;
	struct minisign_key keys[POLICY_KEYS_MAX];
	unsigned key_count; /* at least 1 with POLICY_SIGNED */
};

/* 0; POLICY_NONE if there is no such file; with a defect that names file and line, IMAGE_HOST where the host has no descriptor
 * left for it, else -1. */
#define POLICY_NONE 1
int policy_read(struct policy *, const char *path, struct defect *why);

#endif
