/* SPDX-License-Identifier: ISC */
/* What the least program with the C library costs, linked statically: the floor that bench/boot
 * compares with. */
#include <stdio.h>

int main(void)
{
	puts("Hello from a process.");
	return 0;
}
