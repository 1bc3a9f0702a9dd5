/* SPDX-License-Identifier: ISC */
/* Says hello on the console: the smallest program that Ampoule builds and runs. */
#include <stdio.h>

int main(void)
{
	printf("Hello from inside the ampoule.\n");
	return 0;
}
