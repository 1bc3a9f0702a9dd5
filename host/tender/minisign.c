/* SPDX-License-Identifier: ISC */
/*
 * Layouts, after base64:
 *   public key   "Ed", id (8), key (32); the second line of its file
 *   signature    "Ed" or "ED" (hashed), id (8), signature (64); the second line. The third is "trusted comment: TEXT",
 *                the fourth the signature (64) of the first one's 64 bytes and TEXT.
 * Ed25519, BLAKE2b and base64 are libsodium's. It is not initialised: what is used here needs no random numbers, and asking
 * the processor what it can do exits from a virtual machine each time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tender/minisign.h>

#define TRUSTED    "trusted comment: "
#define PATH_BYTES 4096u

struct key_layout {
	uint8_t algorithm[2], id[MINISIGN_ID_SIZE], key[32];
};
struct signature_layout {
	uint8_t algorithm[2], id[MINISIGN_ID_SIZE], signature[64];
};

bool minisign_decode(const char *text, void *to, size_t size)
{
	size_t got;
	return !sodium_base642bin(to, size, text, strlen(text), NULL, &got, NULL,
	                          sodium_base64_VARIANT_ORIGINAL) &&
	       got == size;
}

bool minisign_lines(char *text, char *lines[4], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!*text)
			return false;
		lines[i] = text;
		text += strcspn(text, "\n");
		char *end = text;
		if (*text)
			*text++ = 0;
		if (end > lines[i] && end[-1] == '\r')
			end[-1] = 0;
	}
	return !text[strspn(text, "\r\n")];
}

/* A small text file; false with errno, 0 where it is too large or no text. */
static bool read_text(const char *path, char to[MINISIGN_FILE_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, to, MINISIGN_FILE_MAX);
	int error = errno;
	close(fd);
	errno = n < 0 ? error : 0;
	if (n < 0 || n == MINISIGN_FILE_MAX || memchr(to, 0, (size_t)n))
		return false;
	to[n] = 0;
	return true;
}

static bool take_key(struct minisign_key *key, const char *text)
{
	struct key_layout l;
	if (!minisign_decode(text, &l, sizeof l) || memcmp(l.algorithm, "Ed", 2))
		return false;
	memcpy(key->id, l.id, sizeof key->id);
	memcpy(key->key, l.key, sizeof key->key);
	return true;
}

int minisign_key(struct minisign_key *key, const char *text, const char *folder, struct defect *why)
{
	char path[PATH_BYTES], file[MINISIGN_FILE_MAX], *lines[4];
	if (take_key(key, text))
		return 0;
	int n = snprintf(path, sizeof path, "%s%s%s", folder && *text != '/' ? folder : "",
	                 folder && *text != '/' ? "/" : "", text);
	if (n < 0 || (size_t)n >= sizeof path)
		return defect_set(why, "a key's name is too long");
	if (!read_text(path, file))
		return defect_set(why, "key %s: %s", path,
		                  errno ? strerror(errno) : "it is no text, or too long");
	if (minisign_lines(file, lines, 2) && take_key(key, lines[1]))
		return 0;
	return defect_set(
	        why, "key %s is no public key as `minisign -G` and `ampoule sign --new` write it",
	        path);
}

int minisign_signature_load(const char *path, char file[MINISIGN_FILE_MAX], struct defect *why)
{
	char name[PATH_BYTES];
	int n = snprintf(name, sizeof name, "%s%s", path, MINISIGN_SUFFIX);
	if (n < 0 || (size_t)n >= sizeof name)
		return defect_set(why, "its name is too long");
	if (!read_text(name, file)) {
		if (errno == ENOENT || errno == ENOTDIR)
			return MINISIGN_NONE;
		return defect_set(why, "its signature %s: %s", name,
		                  errno ? strerror(errno) : "is no text, or too long");
	}
	return 0;
}

int minisign_signature_parse(struct minisign_signature *s, char *file, struct defect *why)
{
	struct signature_layout l;
	char *lines[4];
	if (!minisign_lines(file, lines, 4) || !minisign_decode(lines[1], &l, sizeof l) ||
	    l.algorithm[0] != 'E' || (l.algorithm[1] != 'd' && l.algorithm[1] != 'D') ||
	    strncmp(lines[2], TRUSTED, strlen(TRUSTED)) ||
	    strlen(lines[2]) >= strlen(TRUSTED) + MINISIGN_COMMENT_MAX ||
	    !minisign_decode(lines[3], s->whole, sizeof s->whole))
		return defect_set(why, "its signature is not as minisign writes it");
	memcpy(s->id, l.id, sizeof s->id);
	memcpy(s->signature, l.signature, sizeof s->signature);
	s->hashed = l.algorithm[1] == 'D';
	strcpy(s->comment, lines[2] + strlen(TRUSTED));
	return 0;
}

int minisign_signature(struct minisign_signature *s, const char *path, struct defect *why)
{
	char file[MINISIGN_FILE_MAX];
	int status = minisign_signature_load(path, file, why);
	return status ? status : minisign_signature_parse(s, file, why);
}

void minisign_hash(const void *bytes, size_t size, uint8_t to[64])
{
	crypto_generichash_blake2b(to, 64, bytes, size, NULL, 0);
}

bool minisign_verify(const struct minisign_signature *s, const struct minisign_key *key,
                     const void *bytes, size_t size)
{
	uint8_t hash[64], whole[sizeof s->signature + MINISIGN_COMMENT_MAX];
	size_t comment = strlen(s->comment);
	if (memcmp(s->id, key->id, sizeof s->id))
		return false;
	if (s->hashed) {
		minisign_hash(bytes, size, hash);
		bytes = hash;
		size = sizeof hash;
	}
	memcpy(whole, s->signature, sizeof s->signature);
	memcpy(whole + sizeof s->signature, s->comment, comment);
	return !crypto_sign_ed25519_verify_detached(s->signature, bytes, size, key->key) &&
	       !crypto_sign_ed25519_verify_detached(s->whole, whole, sizeof s->signature + comment,
	                                            key->key);
}

const char *minisign_comment(struct minisign_signature *s)
{
	for (unsigned char *c = (unsigned char *)s->comment; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = *c == '\t' ? ' ' : '?';
	return s->comment;
}

void minisign_id_text(const uint8_t id[MINISIGN_ID_SIZE], char to[MINISIGN_ID_TEXT])
{
	for (unsigned i = 0; i < MINISIGN_ID_SIZE; i++)
		snprintf(to + 2 * i, 3, "%02X", id[MINISIGN_ID_SIZE - 1 - i]);
}
