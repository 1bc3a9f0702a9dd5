/* SPDX-License-Identifier: ISC */
/* zlib as it is packaged: a round trip in memory, checked sums, and a file that is compiled in, read by gzopen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define SIZE 200000

int main(void)
{
	static unsigned char plain[SIZE], packed[SIZE], again[SIZE];
	uLongf packed_size = sizeof packed, again_size = sizeof again;

	for (unsigned i = 0; i < SIZE; i++)
		plain[i] = (unsigned char)(i * i >> 7);
	if (compress2(packed, &packed_size, plain, SIZE, 9) != Z_OK ||
	    uncompress(again, &again_size, packed, packed_size) != Z_OK)
		return 1;
	printf("%s, %s\n", packed_size < SIZE ? "smaller" : "larger",
	       again_size == SIZE && !memcmp(plain, again, SIZE) ? "the same" : "different");
	packed[packed_size / 2] ^= 1;
	again_size = sizeof again;
	printf("damaged: %s\n", zError(uncompress(again, &again_size, packed, packed_size)));

	char line[80];
	gzFile f = gzopen("text.gz", "rb");
	while (f && gzgets(f, line, sizeof line))
		printf("gz: %s", line);
	if (!f || gzclose(f) != Z_OK)
		return 2;
	return gzopen("none.gz", "rb") ? 3 : 0;
}
