/* SPDX-License-Identifier: ISC */
/*
 * What is measured, for whatever store: KEYS puts in random order, BATCH to a commit; random gets; walks over everything;
 * commits of one put each, durable one by one. Who includes this has written work_now, work_batch, work_get and work_scan,
 * which stop the program when they fail.
 */
#ifndef WORK_H
#define WORK_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KEYS    20000u
#define BATCH   1000u
#define GETS    100000u
#define SCANS   10u
#define COMMITS 300u

#define KEY_SIZE   16u
#define VALUE_SIZE 100u

static uint64_t work_now(void); /* ns */
static void work_batch(const uint32_t *numbers,
                       uint32_t count); /* puts them, in one durable commit */
static void work_get(uint32_t number);  /* compares it, too */
static uint32_t work_scan(void);        /* how many there are; looks at each value */

static uint64_t work_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void work_entry(uint32_t number, uint8_t key[KEY_SIZE], uint8_t value[VALUE_SIZE])
{
	uint64_t state = number, a = work_random(&state), b = work_random(&state);
	memcpy(key, &a, 8);
	memcpy(key + 8, &b, 8);
	if (value)
		memset(value, (int)(a & 255), VALUE_SIZE);
}

static void work_run(void)
{
	static uint32_t numbers[KEYS];
	uint64_t state = 1, since = work_now(), ns[4];
	uint32_t found = 0;
	for (uint32_t k = 0; k < KEYS; k++)
		numbers[k] = k;
	for (uint32_t k = 0; k < KEYS; k += BATCH)
		work_batch(numbers + k, BATCH);
	ns[0] = work_now() - since;
	since = work_now();
	for (uint32_t k = 0; k < GETS; k++)
		work_get((uint32_t)(work_random(&state) % KEYS));
	ns[1] = work_now() - since;
	since = work_now();
	for (uint32_t k = 0; k < SCANS; k++)
		found += work_scan();
	ns[2] = work_now() - since;
	since = work_now();
	for (uint32_t k = 0; k < COMMITS; k++) {
		uint32_t number = (uint32_t)(work_random(&state) % KEYS);
		work_batch(&number, 1);
	}
	ns[3] = work_now() - since;
	printf("{\"put\": %llu, \"get\": %llu, \"scan\": %llu, \"commit\": %llu, \"found\": %u}\n",
	       (unsigned long long)(KEYS * 1000000000ull / ns[0]),
	       (unsigned long long)(GETS * 1000000000ull / ns[1]),
	       (unsigned long long)((uint64_t)SCANS * KEYS * 1000000000ull / ns[2]),
	       (unsigned long long)(COMMITS * 1000000000ull / ns[3]), found);
}

#endif
