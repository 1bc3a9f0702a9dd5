/* SPDX-License-Identifier: ISC */
/* Two libraries that are folders of one's own: ring has a public header in a folder, proof requires it. */
#include <own/deep/limits.h>
#include <ring/ring.h>
#include <stdio.h>

#include <proof.h>

static void unused(void)
{
}

int main(void)
{
	struct ring r = { 0 };

	for (int i = 0; i < LIMIT_TWICE; i++)
		ring_put(&r, i);
	printf("%s: %d, %s\n", GREETING, ring_sum(&r), proof_ring(&r) ? "valid" : "broken");
	return 0;
}
