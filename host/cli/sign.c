/* SPDX-License-Identifier: ISC */
/*
 * `ampoule sign`: makes keys and signatures that minisign reads, and takes its keys. A secret key's file is, after a line of
 * comment, base64 of
 *   "Ed", "Sc" or two zeros (a password or none), "B2", salt (32), operations (8), memory (8), and the secret: id (8),
 *   key (64), and the BLAKE2b-256 of "Ed", id and key; the last three XORed with scrypt's output, where there is a password.
 */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <builder/text.h>
#include <cli/output.h>
#include <tender/digest.h>
#include <tender/minisign.h>

#define PASSWORD_MAX 1024u
#define TEXT_MAX     512u /* of any of the lines that are written */

static const char usage[] =
        "usage: ampoule sign [OPTION...] KEY IMAGE...\n"
        "       ampoule sign --new [--no-password] KEY\n\n"
        "Signs images with a minisign secret key: the signature of IMAGE is IMAGE.minisig.\n"
        "--new makes a key: the secret one is KEY, the public one KEY.pub.\n\n"
        "      --new           makes a key\n"
        "      --no-password   whoever reads its file can sign with it\n"
        "      --comment TEXT  is signed too, and shown by `ampoule verify`; default: time and "
        "name\n"
        "  -h, --help          this text\n\n"
        "A password is asked for on the terminal, or is the first line of standard input.\n"
        "Exit status: 0, or 125 if something is wrong with arguments, key or image.\n";

struct secret {
	uint8_t id[MINISIGN_ID_SIZE], key[64], sum[32];
};
struct secret_layout {
	uint8_t algorithm[2], derivation[2], sum[2], salt[32], operations[8], memory[8];
	struct secret secret;
};
struct signature_layout {
	uint8_t algorithm[2], id[MINISIGN_ID_SIZE], signature[64];
};
struct key_layout {
	uint8_t algorithm[2], id[MINISIGN_ID_SIZE], key[32];
};

static uint64_t number(const uint8_t b[8])
{
	uint64_t n;
	memcpy(&n, b, sizeof n);
	return n;
}

static const char *encode(const void *bytes, size_t size)
{
	size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
	return sodium_bin2base64(keep(room), room, bytes, size, sodium_base64_VARIANT_ORIGINAL);
}

static const char *id_text(const uint8_t id[MINISIGN_ID_SIZE])
{
	char *text = keep(MINISIGN_ID_TEXT);
	minisign_id_text(id, text);
	return text;
}

/* ---- Passwords ---- */

static void read_password(const char *prompt, char to[PASSWORD_MAX])
{
	struct termios before, quiet;
	bool terminal = isatty(0) && !tcgetattr(0, &before);

	if (terminal) {
		fprintf(stderr, "%s: ", prompt);
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(0, TCSAFLUSH, &quiet);
	}
	bool got = fgets(to, PASSWORD_MAX, stdin);
	if (terminal) {
		tcsetattr(0, TCSAFLUSH, &before);
		fprintf(stderr, "\n");
	}
	if (!got)
		die(AMP_EXIT_USAGE, "the key has a password, and standard input has none");
	to[strcspn(to, "\r\n")] = 0;
}

/* XORs the secret with what the password gives. */
static void cover(struct secret_layout *l, const char *password)
{
	struct secret stream;
	uint8_t *to = (uint8_t *)&l->secret;

	if (crypto_pwhash_scryptsalsa208sha256((uint8_t *)&stream, sizeof stream, password,
	                                       strlen(password), l->salt, number(l->operations),
	                                       number(l->memory)))
		die(AMP_EXIT_TENDER, "no memory: a password's key needs %llu MiB",
		    (unsigned long long)number(l->memory) >> 20);
	for (size_t i = 0; i < sizeof stream; i++)
		to[i] ^= ((const uint8_t *)&stream)[i];
	sodium_memzero(&stream, sizeof stream);
}

/* ---- Keys ---- */

static void sum_of(const struct secret_layout *l, uint8_t sum[32])
{
	crypto_generichash_state h;
	crypto_generichash_init(&h, NULL, 0, 32);
	crypto_generichash_update(&h, l->algorithm, sizeof l->algorithm);
	crypto_generichash_update(&h, l->secret.id, sizeof l->secret.id);
	crypto_generichash_update(&h, l->secret.key, sizeof l->secret.key);
	crypto_generichash_final(&h, sum, 32);
}

static void make_key(const char *path, bool with_password)
{
	struct secret_layout l = { .algorithm = "Ed", .sum = "B2" };
	struct key_layout public = { .algorithm = "Ed" };
	struct stat st;
	char password[PASSWORD_MAX], again[PASSWORD_MAX];
	const uint64_t operations = crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE,
	               memory = crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE;
	const char *public_path = keep_format("%s.pub", path);

	if (!lstat(path, &st) || !lstat(public_path, &st))
		die(AMP_EXIT_USAGE, "%s or %s is there already: a key is not written over", path,
		    public_path);
	crypto_sign_ed25519_keypair(public.key, l.secret.key);
	randombytes_buf(l.secret.id, sizeof l.secret.id);
	memcpy(public.id, l.secret.id, sizeof public.id);
	sum_of(&l, l.secret.sum);
	if (with_password) {
		memcpy(l.derivation, "Sc", 2);
		randombytes_buf(l.salt, sizeof l.salt);
		memcpy(l.operations, &operations, sizeof l.operations);
		memcpy(l.memory, &memory, sizeof l.memory);
		read_password("password for the new key", password);
		read_password("once more", again);
		if (strcmp(password, again))
			die(AMP_EXIT_USAGE, "the two passwords differ");
		cover(&l, password);
	}
	const char *id = id_text(public.id);
	char *secret_text =
	        keep_format("untrusted comment: minisign %ssecret key %s\n%s\n",
	                    with_password ? "encrypted " : "", id, encode(&l, sizeof l));
	char *public_text = keep_format("untrusted comment: minisign public key %s\n%s\n", id,
	                                encode(&public, sizeof public));
	if (!file_write(path, secret_text, strlen(secret_text), 0600))
		die(AMP_EXIT_TENDER, "%s: %s", path, strerror(errno));
	if (!file_write(public_path, public_text, strlen(public_text), 0644))
		die(AMP_EXIT_TENDER, "%s: %s", public_path, strerror(errno));
	printf("%s: key %s; give %s to whoever verifies\n", path, id, public_path);
}

static void read_key(struct secret_layout *l, const char *path)
{
	size_t size;
	char *text = (char *)file_read(path, &size), *lines[4], password[PASSWORD_MAX];
	uint8_t sum[32];

	if (!text)
		die(AMP_EXIT_USAGE, "key %s: %s", path, strerror(errno));
	if (strlen(text) != size || !minisign_lines(text, lines, 2) ||
	    !minisign_decode(lines[1], l, sizeof *l) || memcmp(l->algorithm, "Ed", 2) ||
	    memcmp(l->sum, "B2", 2))
		die(AMP_EXIT_USAGE,
		    "key %s is no secret key as minisign writes it: `ampoule sign --new FILE` "
		    "makes one",
		    path);
	bool covered = memcmp(l->derivation, "\0\0", 2) != 0;
	if (covered && memcmp(l->derivation, "Sc", 2) != 0)
		die(AMP_EXIT_USAGE, "key %s has a password of an unknown kind", path);
	if (covered) {
		read_password(keep_format("password of %s", path), password);
		cover(l, password);
		sodium_memzero(password, sizeof password);
	}
	/* minisign writes no sum where there is no password. */
	if (!covered && sodium_is_zero(l->secret.sum, sizeof l->secret.sum))
		return;
	sum_of(l, sum);
	if (memcmp(sum, l->secret.sum, sizeof sum) != 0)
		die(AMP_EXIT_USAGE, covered ? "key %s: wrong password" : "key %s is damaged", path);
}

/* ---- Signatures ---- */

static void sign(const struct secret_layout *l, const char *path, const char *comment)
{
	struct signature_layout s = { .algorithm = "ED" };
	struct image image;
	struct amp_digest digest;
	struct defect why;
	struct stat st;
	uint8_t hash[64], whole[64];
	bool found;

	if (image_open_copy(&image, path, &why) || digest_check(&image, &found, &digest, &why))
		die(AMP_EXIT_USAGE, "%s %s", path, why.text);
	if (fstat(image.fd, &st))
		die(AMP_EXIT_TENDER, "%s: %s", path, strerror(errno));
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, image.fd, 0);
	if (bytes == MAP_FAILED)
		die(AMP_EXIT_TENDER, "%s: %s", path, strerror(errno));
	minisign_hash(bytes, (size_t)st.st_size, hash);
	munmap(bytes, (size_t)st.st_size);
	image_close(&image);

	const char *name = strrchr(path, '/');
	if (!comment)
		comment = keep_format("timestamp:%lld\tfile:%s\thashed", (long long)time(NULL),
		                      name ? name + 1 : path);
	memcpy(s.id, l->secret.id, sizeof s.id);
	crypto_sign_ed25519_detached(s.signature, NULL, hash, sizeof hash, l->secret.key);
	struct text signed_too = { 0 };
	text_bytes(&signed_too, s.signature, sizeof s.signature);
	text_bytes(&signed_too, comment, strlen(comment));
	crypto_sign_ed25519_detached(whole, NULL, (const uint8_t *)signed_too.s, signed_too.size,
	                             l->secret.key);
	const char *to = keep_format("%s%s", path, MINISIGN_SUFFIX);
	char *text = keep_format("untrusted comment: signature from key %s\n%s\n"
	                         "trusted comment: %s\n%s\n",
	                         id_text(s.id), encode(&s, sizeof s), comment,
	                         encode(whole, sizeof whole));
	if (!file_write(to, text, strlen(text), 0644))
		die(AMP_EXIT_TENDER, "%s: %s", to, strerror(errno));
	printf("%s: signed by key %s\n", to, id_text(s.id));
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "new", no_argument, NULL, 'n' },
		                               { "no-password", no_argument, NULL, 'W' },
		                               { "comment", required_argument, NULL, 'c' },
		                               { "help", no_argument, NULL, 'h' },
		                               { 0 } };
	static struct secret_layout key;
	const char *comment = NULL;
	bool new = false, with_password = true;
	int c;

	output_watch("ampoule sign");
	die_as("ampoule sign");
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1)
		switch (c) {
		case 'n':
			new = true;
			break;
		case 'W':
			with_password = false;
			break;
		case 'c':
			comment = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case ':':
			die(AMP_EXIT_USAGE, "%s needs a value: `ampoule sign --help`",
			    argv[optind - 1]);
		default:
			die(AMP_EXIT_USAGE, "no option %s: `ampoule sign --help` lists them",
			    argv[optind - 1]);
		}
	if (comment && (strlen(comment) > TEXT_MAX || !text_is_clean(comment, strlen(comment))))
		die(AMP_EXIT_USAGE, "--comment is one line of at most %u bytes", TEXT_MAX);
	if (sodium_init() < 0)
		die(AMP_EXIT_TENDER, "libsodium does not start: no random numbers?");
	if (new) {
		if (argc - optind != 1)
			die(AMP_EXIT_USAGE, "name one file: ampoule sign --new KEY");
		make_key(argv[optind], with_password);
		return 0;
	}
	if (!with_password)
		die(AMP_EXIT_USAGE,
		    "--no-password is for --new; a key says itself whether it has one");
	if (argc - optind < 2)
		die(AMP_EXIT_USAGE, "name a key and images: ampoule sign KEY IMAGE...");
	read_key(&key, argv[optind]);
	for (int i = optind + 1; i < argc; i++)
		sign(&key, argv[i], comment);
	sodium_memzero(&key, sizeof key);
	return 0;
}
