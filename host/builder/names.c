/* SPDX-License-Identifier: ISC */
/*
 * "Hash, displace": the buckets with the most names look for a number first that puts all of them
 * into free slots; those of one name come last and take what is left. With four names a bucket that
 * is a few tries each, whatever the count.
 */
#include <stdlib.h>
#include <string.h>

#include <builder/names.h>

#define PER_BUCKET 4u
#define TRIES      (1u << 20) /* of a bucket: far more than are ever needed */
#define SALTS      16u
#define DIRECT     0x80000000u

/* The same as in os/core/file.c. */
static uint64_t hash(const char *name, uint64_t salt)
{
	uint64_t h = salt;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint32_t slot(uint64_t h, uint32_t displace, uint32_t count)
{
	uint64_t v = (h ^ displace) * 0xbf58476d1ce4e5b9ull;
	return (uint32_t)((v >> 32) * count >> 32);
}

struct keyed {
	uint64_t hash;
	uint32_t bucket, number;
	uint32_t size; /* of its bucket */
};

static int by_bucket(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->bucket < y->bucket ? -1 : x->bucket > y->bucket;
}

/* Puts one bucket's names into free slots. */
static bool place(struct names *n, const struct keyed *k, uint32_t size, bool *used)
{
	for (uint32_t displace = 0; displace < TRIES; displace++) {
		uint32_t done = 0;
		for (; done < size; done++) {
			uint32_t s = slot(k[done].hash, displace, n->count);
			if (used[s])
				break;
			used[s] = true;
			n->slots[s] = k[done].number;
		}
		if (done == size) {
			n->buckets[k->bucket] = displace;
			return true;
		}
		while (done--)
			used[slot(k[done].hash, displace, n->count)] = false;
	}
	return false;
}

static bool place_all(struct names *n, const struct keyed *keys, bool *used)
{
	uint32_t at = 0, next = 0;
	for (; at < n->count && keys[at].size > 1; at += keys[at].size)
		if (!place(n, keys + at, keys[at].size, used))
			return false;
	for (; at < n->count; at++) {
		while (used[next])
			next++;
		used[next] = true;
		n->slots[next] = keys[at].number;
		n->buckets[keys[at].bucket] = DIRECT | next;
	}
	return true;
}

static bool try_salt(struct names *n, const char *const *list, struct keyed *keys, uint32_t *sizes,
                     bool *used)
{
	memset(sizes, 0, n->bucket_count * sizeof *sizes);
	memset(used, 0, n->count);
	memset(n->buckets, 0, n->bucket_count * sizeof *n->buckets);
	for (uint32_t k = 0; k < n->count; k++) {
		keys[k].hash = hash(list[k], n->salt);
		keys[k].number = k;
		keys[k].bucket = (uint32_t)((keys[k].hash & 0xffffffff) * n->bucket_count >> 32);
		sizes[keys[k].bucket]++;
	}
	for (uint32_t k = 0; k < n->count; k++)
		keys[k].size = sizes[keys[k].bucket];
	qsort(keys, n->count, sizeof *keys, by_bucket);
	return place_all(n, keys, used);
}

bool names_hash(struct names *n, const char *const *list, uint32_t count)
{
	*n = (struct names){ .count = count,
		             .bucket_count = (count + PER_BUCKET - 1) / PER_BUCKET };
	if (!count)
		return true;
	n->buckets = calloc(n->bucket_count, sizeof *n->buckets);
	n->slots = calloc(count, sizeof *n->slots);
	struct keyed *keys = calloc(count, sizeof *keys);
	uint32_t *sizes = calloc(n->bucket_count, sizeof *sizes);
	bool *used = calloc(count, 1), done = false;
	for (uint32_t k = 0; k < SALTS && !done && n->buckets && n->slots && keys && sizes && used;
	     k++) {
		n->salt = 0xcbf29ce484222325ull + k;
		done = try_salt(n, list, keys, sizes, used);
	}
	free(keys);
	free(sizes);
	free(used);
	if (!done)
		names_free(n);
	return done;
}

void names_free(struct names *n)
{
	free(n->buckets);
	free(n->slots);
	n->buckets = n->slots = NULL;
}
