/* SPDX-License-Identifier: ISC */
/* An OCI image layout: a folder of blobs by digest and an index (OCI image specification, image-layout.md). */
#ifndef OCI_LAYOUT_H
#define OCI_LAYOUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <tender/defect.h>

#define LAYOUT_INDEX       "application/vnd.oci.image.index.v1+json"
#define LAYOUT_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define LAYOUT_CONFIG      "application/vnd.oci.image.config.v1+json"
#define LAYOUT_LAYER       "application/vnd.oci.image.layer.v1.tar"
#define LAYOUT_NAME        "org.opencontainers.image.ref.name"
#define LAYOUT_JSON_MAX    (4u << 20)
#define LAYOUT_DIGEST_SIZE 72u /* "sha256:", 64 digits, NUL */

struct layout {
	const char *path; /* the caller's */
	json_t *index;    /* owned */
};

/* Opens it; makes an empty one if `make` and there is nothing or an empty folder. -1 with a defect. */
int layout_open(struct layout *, const char *path, bool make, struct defect *why);
void layout_close(struct layout *);

/* Writes a blob of several pieces, one behind the other. */
struct layout_piece {
	const void *bytes;
	uint64_t size;
};
int layout_put(struct layout *, const struct layout_piece *, unsigned count,
               char digest[LAYOUT_DIGEST_SIZE], struct defect *why);
int layout_put_json(struct layout *, const json_t *, char digest[LAYOUT_DIGEST_SIZE],
                    uint64_t *size, struct defect *why);
/* Names a manifest; one that had the name loses it. Writes the index. */
int layout_name(struct layout *, const char *name, const char *digest, uint64_t size,
                struct defect *why);

/* The manifest called so; with null the only one. Its digest has been checked. The caller's; null with a defect. */
json_t *layout_manifest(const struct layout *, const char *name, struct defect *why);
/* The path of a blob, once its digest has been checked. */
int layout_blob(const struct layout *, const char *digest, char *path, size_t size,
                struct defect *why);
/* A blob that is JSON; the caller's; null with a defect. */
json_t *layout_json(const struct layout *, const char *digest, struct defect *why);

#endif
