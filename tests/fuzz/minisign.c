/* SPDX-License-Identifier: ISC */
/* Fuzzes what reads a signature's file and a key's text. No input may verify: nobody has the key. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tender/minisign.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void require(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const char known[] = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
	struct minisign_signature s;
	struct minisign_key key;
	struct defect why = { "" };
	char text[MINISIGN_FILE_MAX], id[MINISIGN_ID_TEXT];
	if (size >= sizeof text)
		size = sizeof text - 1;
	memcpy(text, input, size);
	text[size] = 0;
	if (minisign_signature_parse(&s, text, &why)) {
		require(*why.text && !strchr(why.text, '\n'), "one line says why");
	} else {
		require(memchr(s.comment, 0, sizeof s.comment) != NULL, "the comment ends");
		require(!minisign_key(&key, known, NULL, &why), "the key is one");
		memcpy(s.id, key.id, sizeof s.id);
		require(!minisign_verify(&s, &key, input, size), "nothing verifies");
		for (const char *c = minisign_comment(&s); *c; c++)
			require(*c >= 0x20 && *c < 0x7f, "a comment that is shown is printable");
		minisign_id_text(s.id, id);
	}
	return 0;
}
