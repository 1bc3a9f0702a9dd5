/* SPDX-License-Identifier: ISC */
/*
 * Which images may run: the host's policy, the user's, and the keys of the command line. Each of them that is there has to
 * be satisfied by itself, so that a user can add to what the host wants and take nothing from it.
 */
#ifndef TENDER_TRUST_H
#define TENDER_TRUST_H

#include <stdbool.h>

#include <tender/image.h>
#include <tender/policy.h>

#define TRUST_HOST "/etc/ampoule/policy.yaml"
#define TRUST_USER "ampoule/policy.yaml" /* below $XDG_CONFIG_HOME, or $HOME/.config */

struct trust_options {
	const char *keys[POLICY_KEYS_MAX]; /* files or keys of the command line */
	unsigned key_count;
	const char *policy; /* read in the user's place, and has to be there; null: the user's */
};

struct trust {
	unsigned count;
	struct policy policies[3];
};

/* 0, or IMAGE_HOST (as image_open) or -1 with a defect. Whatever cannot be read or understood is refused. */
int trust_load(struct trust *, const struct trust_options *, struct defect *why);

/* What it found out, beside whether the image may run. */
struct trust_finding {
	bool has_digest, is_signed;
	struct amp_digest digest;
	struct minisign_signature signature;
};

/* Opens the image and checks digest and, where one is wanted, signature. Then the image is a sealed copy: what was
 * checked is what runs, whoever writes to the file. As image_open. */
int trust_open(const struct trust *, struct image *, const char *path, struct trust_finding *,
               struct defect *why);
/* The second half of it: of an image that image_open_file has opened, which is closed where it fails. */
int trust_check(const struct trust *, struct image *, struct trust_finding *, struct defect *why);
/* Both: may such an image run? The defect names the file that is wrong. */
int trust_image(const struct trust_options *, struct image *, struct defect *why);

#endif
