/* SPDX-License-Identifier: ISC */
/*
 * Records that go out (RFC 8446 §5.2), encrypted from where the protocol has its bytes to where TCP sends them from. libssl copies them
 * into a buffer of the connection's and encrypts there, from which TCP copies them again. It can leave this to a kernel, to which it gives
 * the keys once a handshake of TLS 1.3 is done; here it is this file. Other suites than AES-GCM, and TLS 1.2, stay libssl's.
 */
#include <app/tls/internal.h>

#include <string.h>

#include <openssl/evp.h>

#define HEAD 5u
#define TAG  16u

/* linux/tls.h's struct tls12_crypto_info_aes_gcm_128 and _256: which AES by the cipher, and where the rest begins by that. */
#define VERSION     0x0304u
#define AES_GCM_128 51u
#define AES_GCM_256 52u
struct info {
	uint16_t version, cipher;
	uint8_t iv[8]; /* the last eight bytes of it; the first four are behind the key */
	uint8_t rest[32 + 4 + 8];
};

bool tls_seal_start(struct tls_seal *s, const void *crypto_info)
{
	struct info info;
	memcpy(&info, crypto_info, sizeof info);
	uint32_t key_size = info.cipher == AES_GCM_128 ? 16 : 32;
	const uint8_t *first = info.rest + key_size, *sequence = first + 4;
	if (info.version != VERSION || (info.cipher != AES_GCM_128 && info.cipher != AES_GCM_256))
		return false;
	EVP_CIPHER *aes =
	        EVP_CIPHER_fetch(NULL, key_size == 16 ? "AES-128-GCM" : "AES-256-GCM", NULL);
	EVP_CIPHER_CTX *c = aes ? EVP_CIPHER_CTX_new() : NULL;
	if (c && EVP_EncryptInit_ex2(c, aes, info.rest, NULL, NULL) == 1) {
		s->cipher = c;
		s->type = SSL3_RT_APPLICATION_DATA;
		memcpy(s->iv, first, 4);
		memcpy(s->iv + 4, info.iv, 8);
		s->sequence = 0;
		for (uint32_t k = 0; k < 8; k++)
			s->sequence = s->sequence << 8 | sequence[k];
	} else {
		EVP_CIPHER_CTX_free(c);
	}
	EVP_CIPHER_free(aes);
	OPENSSL_cleanse(&info, sizeof info);
	return s->cipher;
}

void tls_seal_end(struct tls_seal *s)
{
	EVP_CIPHER_CTX_free(s->cipher);
	OPENSSL_cleanse(s, sizeof *s);
}

/* Where the next byte goes. */
struct place {
	const struct tcp_room *room;
	uint32_t part, at;
};

static uint8_t *next(struct place *p, uint32_t *size)
{
	uint32_t left = p->room->parts[p->part].size - p->at;
	if (!left && !p->part) {
		p->part = 1;
		p->at = 0;
		left = p->room->parts[1].size;
	}
	*size = *size < left ? *size : left;
	p->at += *size;
	return p->room->parts[p->part].at + p->at - *size;
}

static void place(struct place *p, const uint8_t *bytes, uint32_t size)
{
	while (size) {
		uint32_t n = size;
		uint8_t *to = next(p, &n);
		memcpy(to, bytes, n);
		bytes += n;
		size -= n;
	}
}

static bool encrypt(EVP_CIPHER_CTX *c, struct place *p, const uint8_t *bytes, uint32_t size)
{
	while (size) {
		uint32_t n = size;
		int done;
		uint8_t *to = next(p, &n);
		if (EVP_EncryptUpdate(c, to, &done, bytes, (int)n) != 1 || done != (int)n)
			return false;
		bytes += n;
		size -= n;
	}
	return true;
}

bool tls_seal_record(struct tls_seal *s, const void *bytes, uint32_t size,
                     const struct tcp_room *room)
{
	uint32_t body = size + TLS_SEAL_MORE - HEAD;
	const uint8_t head[HEAD] = { SSL3_RT_APPLICATION_DATA, 3, 3, (uint8_t)(body >> 8),
		                     (uint8_t)body };
	struct place p = { .room = room };
	uint8_t nonce[sizeof s->iv], tag[TAG];
	int n;
	memcpy(nonce, s->iv, sizeof nonce);
	for (uint32_t k = 0; k < 8; k++)
		nonce[4 + k] ^= (uint8_t)(s->sequence >> (56 - 8 * k));
	place(&p, head, HEAD);
	bool fine = s->sequence != UINT64_MAX &&
	            EVP_EncryptInit_ex2(s->cipher, NULL, NULL, nonce, NULL) == 1 &&
	            EVP_EncryptUpdate(s->cipher, NULL, &n, head, HEAD) == 1 &&
	            encrypt(s->cipher, &p, bytes, size) && encrypt(s->cipher, &p, &s->type, 1) &&
	            EVP_EncryptFinal_ex(s->cipher, tag, &n) == 1 &&
	            EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
	if (fine)
		place(&p, tag, TAG);
	for (uint32_t k = 0; !fine && k < 2; k++)
		if (room->parts[k].size)
			memset(room->parts[k].at, 0, room->parts[k].size);
	s->sequence++;
	s->type = SSL3_RT_APPLICATION_DATA;
	return fine;
}
