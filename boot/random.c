/* SPDX-License-Identifier: ISC */
/* The key is replaced after each draw, so that what was drawn cannot be found again. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include <boot/processor.h>
#include <boot/random.h>
#include <tender/sha256.h>

#define DRAWS 8u /* of the processor's, 64 bits each */
#define TRIES 100u

static uint8_t key[32], ready[32];
static unsigned left; /* bytes of `ready` */
static uint64_t counter;
static bool fed;

void random_add(const void *bytes, size_t size)
{
	struct sha256 h;
	uint64_t tsc = read_tsc();
	sha256_start(&h);
	sha256_add(&h, key, sizeof key);
	sha256_add(&h, &tsc, sizeof tsc);
	sha256_add(&h, bytes, size);
	sha256_end(&h, key);
	left = 0;
	fed |= size > 0;
}

static bool draw(uint64_t *v)
{
	uint8_t done = 0;
	for (unsigned i = 0; i < TRIES && !done; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(done));
	return done;
}

int random_begin(struct defect *why)
{
	uint64_t v[DRAWS];
	if (cpuid(1, 0).c >> 30 & 1) {
		bool all = true;
		for (unsigned i = 0; i < DRAWS; i++)
			all &= draw(&v[i]);
		if (all && v[0] != v[1])
			random_add(v, sizeof v);
		explicit_bzero(v, sizeof v);
	}
	if (fed)
		return 0;
	return defect_set(why,
	                  "there is no source of randomness: give the machine a virtio entropy "
	                  "device (-device virtio-rng-pci) or a processor with RDRAND");
}

/* Both halves of a step: what goes out, and the next key. */
static void step(void)
{
	static const char out = 'o', next = 'k';
	struct sha256 h;
	counter++;
	sha256_start(&h);
	sha256_add(&h, key, sizeof key);
	sha256_add(&h, &counter, sizeof counter);
	struct sha256 k = h;
	sha256_add(&h, &out, 1);
	sha256_end(&h, ready);
	sha256_add(&k, &next, 1);
	sha256_end(&k, key);
	left = sizeof ready;
}

ssize_t getrandom(void *to, size_t size, unsigned flags)
{
	uint8_t *at = to;
	(void)flags;
	for (size_t done = 0; done < size; done++) {
		if (!left)
			step();
		left--;
		at[done] = ready[left];
		ready[left] = 0;
	}
	return (ssize_t)size;
}
