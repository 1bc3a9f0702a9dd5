/* SPDX-License-Identifier: ISC */
/*
 * What libcrypto asks of an operating system, given here under the names of its own functions, so that its members that
 * would go to the system are not linked: entropy comes from the image's generator, and there are no files, folders, sockets,
 * terminals, shared objects or engines. Each refusal is what the callers expect where such a thing fails.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* EVP_CIPHER_meth_new */
#include <stddef.h>
#include <errno.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <openssl/async.h>
#include <openssl/bio.h>
#include <openssl/cmp_util.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/engine.h>
#include <openssl/http.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509_vfy.h>

#include <core/clock.h>
#include <core/random.h>
#include <core/task.h>

/* ---- Entropy: instead of rand_unix.c ---- */
typedef struct rand_pool_st RAND_POOL;
size_t ossl_rand_pool_bytes_needed(RAND_POOL *, unsigned factor);
int ossl_rand_pool_add(RAND_POOL *, const unsigned char *, size_t, size_t bits);
size_t ossl_rand_pool_entropy_available(RAND_POOL *);
size_t ossl_pool_acquire_entropy(RAND_POOL *);
int ossl_pool_add_nonce_data(RAND_POOL *);
int ossl_rand_pool_add_additional_data(RAND_POOL *);
int ossl_rand_pool_init(void);
void ossl_rand_pool_cleanup(void);
void ossl_rand_pool_keep_random_devices_open(int);

static int add_random(RAND_POOL *pool, size_t size)
{
	unsigned char bytes[64];
	int fine = 1;
	while (size && fine) {
		size_t n = size < sizeof bytes ? size : sizeof bytes;
		random_bytes(bytes, n);
		fine = ossl_rand_pool_add(pool, bytes, n, 8 * n);
		size -= n;
	}
	OPENSSL_cleanse(bytes, sizeof bytes);
	return fine;
}

size_t ossl_pool_acquire_entropy(RAND_POOL *pool)
{
	return add_random(pool, ossl_rand_pool_bytes_needed(pool, 1))
	               ? ossl_rand_pool_entropy_available(pool)
	               : 0;
}

int ossl_pool_add_nonce_data(RAND_POOL *pool)
{
	return add_random(pool, 16);
}

int ossl_rand_pool_add_additional_data(RAND_POOL *pool)
{
	return add_random(pool, 16);
}

int ossl_rand_pool_init(void)
{
	return 1;
}

void ossl_rand_pool_cleanup(void)
{
}

void ossl_rand_pool_keep_random_devices_open(int keep)
{
	(void)keep;
}

/* ---- Random bytes: the image's generator, which clones seed anew, and no other that is fed by it ---- */
int tls_random(OSSL_LIB_CTX *, unsigned char *to, size_t size,
               unsigned strength) __asm__("__wrap_RAND_bytes_ex");
int tls_random_private(OSSL_LIB_CTX *, unsigned char *to, size_t size,
                       unsigned strength) __asm__("__wrap_RAND_priv_bytes_ex");
int tls_random_plain(unsigned char *to, int size) __asm__("__wrap_RAND_bytes");
int tls_random_private_plain(unsigned char *to, int size) __asm__("__wrap_RAND_priv_bytes");

int tls_random(OSSL_LIB_CTX *c, unsigned char *to, size_t size, unsigned strength)
{
	(void)c, (void)strength; /* 256 bits, which is the most that is asked for */
	random_bytes(to, size);
	return 1;
}

int tls_random_private(OSSL_LIB_CTX *c, unsigned char *to, size_t size, unsigned strength)
{
	return tls_random(c, to, size, strength);
}

int tls_random_plain(unsigned char *to, int size)
{
	return size >= 0 && tls_random(NULL, to, (size_t)size, 0);
}

int tls_random_private_plain(unsigned char *to, int size)
{
	return tls_random_plain(to, size);
}

/* ---- Algorithms by old names: instead of c_allc.c and c_alld.c. TLS fetches them from the provider (provider.c), but looks here for how
 * strong the digest under a certificate's signature is, and for a cipher's number, by which it knows what a kernel, or seal.c, can do. ---- */
void openssl_add_all_ciphers_int(void);
void openssl_add_all_digests_int(void);

void openssl_add_all_ciphers_int(void)
{
	EVP_add_cipher(EVP_CIPHER_meth_new(NID_aes_128_gcm, 1, 16));
	EVP_add_cipher(EVP_CIPHER_meth_new(NID_aes_256_gcm, 1, 32));
}

void openssl_add_all_digests_int(void)
{
	EVP_add_digest(EVP_sha1());
	EVP_add_digest(EVP_sha224());
	EVP_add_digest(EVP_sha256());
	EVP_add_digest(EVP_sha384());
	EVP_add_digest(EVP_sha512());
}

/* ---- Engines and configuration files ---- */
void engine_load_openssl_int(void);
void engine_load_dynamic_int(void);
void engine_load_padlock_int(void);
void engine_load_afalg_int(void);
void engine_load_rdrand_int(void);

void engine_load_openssl_int(void)
{
}

void engine_load_dynamic_int(void)
{
}

void engine_load_padlock_int(void)
{
}

void engine_load_afalg_int(void)
{
}

void engine_load_rdrand_int(void)
{
}

void ENGINE_load_builtin_engines(void)
{
}

void OPENSSL_load_builtin_modules(void)
{
}

void OSSL_CMP_log_close(void)
{
}

/* ---- Shared objects: a method without any function fails each call ---- */
const void *DSO_METHOD_openssl(void);
const void *DSO_METHOD_openssl(void)
{
	static const void *const none[32];
	return none;
}

/* ---- Jobs that run beside: never begun (SSL_MODE_ASYNC) ---- */
int async_init(void);
void async_deinit(void);

int async_init(void)
{
	return 1;
}

void async_deinit(void)
{
}

int ASYNC_start_job(ASYNC_JOB **job, ASYNC_WAIT_CTX *wait, int *result, int (*fn)(void *),
                    void *args, size_t size)
{
	(void)job, (void)wait, (void)result, (void)fn, (void)args, (void)size;
	return ASYNC_ERR;
}

ASYNC_JOB *ASYNC_get_current_job(void)
{
	return NULL;
}

ASYNC_WAIT_CTX *ASYNC_WAIT_CTX_new(void)
{
	return NULL;
}

void ASYNC_WAIT_CTX_free(ASYNC_WAIT_CTX *c)
{
	(void)c;
}

int ASYNC_WAIT_CTX_get_all_fds(ASYNC_WAIT_CTX *c, OSSL_ASYNC_FD *fds, size_t *count)
{
	(void)c, (void)fds, (void)count;
	return 0;
}

int ASYNC_WAIT_CTX_get_changed_fds(ASYNC_WAIT_CTX *c, OSSL_ASYNC_FD *added, size_t *n,
                                   OSSL_ASYNC_FD *gone, size_t *m)
{
	(void)c, (void)added, (void)n, (void)gone, (void)m;
	return 0;
}

int ASYNC_WAIT_CTX_set_callback(ASYNC_WAIT_CTX *c, ASYNC_callback_fn fn, void *context)
{
	(void)c, (void)fn, (void)context;
	return 0;
}

int ASYNC_WAIT_CTX_get_status(ASYNC_WAIT_CTX *c)
{
	(void)c;
	return ASYNC_STATUS_UNSUPPORTED;
}

/* ---- Memory that is never swapped out: all of an image's, as far as it knows ---- */

int CRYPTO_secure_malloc_init(size_t size, size_t least)
{
	(void)size, (void)least;
	return 0;
}

int CRYPTO_secure_malloc_done(void)
{
	return 1;
}

int CRYPTO_secure_malloc_initialized(void)
{
	return 0;
}

void *CRYPTO_secure_malloc(size_t size, const char *file, int line)
{
	return CRYPTO_malloc(size, file, line);
}

void *CRYPTO_secure_zalloc(size_t size, const char *file, int line)
{
	return CRYPTO_zalloc(size, file, line);
}

void CRYPTO_secure_free(void *p, const char *file, int line)
{
	CRYPTO_free(p, file, line);
}

void CRYPTO_secure_clear_free(void *p, size_t size, const char *file, int line)
{
	CRYPTO_clear_free(p, size, file, line);
}

int CRYPTO_secure_allocated(const void *p)
{
	(void)p;
	return 0;
}

size_t CRYPTO_secure_used(void)
{
	return 0;
}

/* ---- Files, folders and stores of certificates ---- */
typedef struct OPENSSL_dir_context_st OPENSSL_DIR_CTX;
const char *OPENSSL_DIR_read(OPENSSL_DIR_CTX **, const char *);
int OPENSSL_DIR_end(OPENSSL_DIR_CTX **);

const BIO_METHOD *BIO_s_file(void)
{
	return NULL;
}

BIO *BIO_new_file(const char *path, const char *mode)
{
	(void)path, (void)mode;
	return NULL;
}

BIO *BIO_new_fp(FILE *f, int flags)
{
	(void)f, (void)flags;
	return NULL;
}

const char *OPENSSL_DIR_read(OPENSSL_DIR_CTX **c, const char *path)
{
	(void)c, (void)path;
	return NULL;
}

int OPENSSL_DIR_end(OPENSSL_DIR_CTX **c)
{
	(void)c;
	return 1;
}

X509_LOOKUP_METHOD *X509_LOOKUP_hash_dir(void)
{
	return NULL;
}

X509_LOOKUP_METHOD *X509_LOOKUP_store(void)
{
	return NULL;
}

OSSL_STORE_CTX *OSSL_STORE_open(const char *uri, const UI_METHOD *ui, void *ui_data,
                                OSSL_STORE_post_process_info_fn process, void *data)
{
	(void)uri, (void)ui, (void)ui_data, (void)process, (void)data;
	return NULL;
}

OSSL_STORE_INFO *OSSL_STORE_load(OSSL_STORE_CTX *c)
{
	(void)c;
	return NULL;
}

int OSSL_STORE_eof(OSSL_STORE_CTX *c)
{
	(void)c;
	return 1;
}

int OSSL_STORE_error(OSSL_STORE_CTX *c)
{
	(void)c;
	return 1;
}

int OSSL_STORE_close(OSSL_STORE_CTX *c)
{
	(void)c;
	return 1;
}

int OSSL_STORE_INFO_get_type(const OSSL_STORE_INFO *i)
{
	(void)i;
	return 0;
}

void OSSL_STORE_INFO_free(OSSL_STORE_INFO *i)
{
	(void)i;
}

OSSL_STORE_INFO *OSSL_STORE_INFO_new(int type, void *data);
X509 *OSSL_STORE_INFO_get0_CERT(const OSSL_STORE_INFO *i)
{
	(void)i;
	return NULL;
}

char *OSSL_STORE_INFO_get1_NAME(const OSSL_STORE_INFO *i);
const char *OSSL_STORE_INFO_get0_NAME(const OSSL_STORE_INFO *i)
{
	(void)i;
	return NULL;
}

void ossl_store_cleanup_int(void);
void ossl_store_cleanup_int(void)
{
}

/* ---- Sockets ---- */

const BIO_METHOD *BIO_s_socket(void)
{
	return NULL;
}

const BIO_METHOD *BIO_s_connect(void)
{
	return NULL;
}

BIO_ADDR *BIO_ADDR_new(void)
{
	return NULL;
}

void BIO_ADDR_free(BIO_ADDR *a)
{
	(void)a;
}

void BIO_ADDR_clear(BIO_ADDR *a)
{
	(void)a;
}

extern CRYPTO_RWLOCK *bio_lookup_lock;
CRYPTO_RWLOCK *bio_lookup_lock; /* of names looked up: never taken */

int BIO_socket_wait(int fd, int for_read, time_t until)
{
	(void)fd, (void)for_read, (void)until;
	return -1;
}

void bio_sock_cleanup_int(void);
void bio_sock_cleanup_int(void)
{
}

BIO *OSSL_HTTP_get(const char *url, const char *proxy, const char *no_proxy, BIO *bio, BIO *rbio,
                   OSSL_HTTP_bio_cb_t update, void *arg, int buffer_size,
                   const STACK_OF(CONF_VALUE) * headers, const char *type, int asn1, size_t most,
                   int timeout)
{
	(void)url, (void)proxy, (void)no_proxy, (void)bio, (void)rbio, (void)update, (void)arg;
	(void)buffer_size, (void)headers, (void)type, (void)asn1, (void)most, (void)timeout;
	return NULL;
}

/* ---- Terminals: no key that needs a pass phrase is read ---- */

const UI_METHOD *UI_get_default_method(void)
{
	return UI_null();
}

/* ---- What nobody calls, beside OpenSSL's own functions ---- */

ssize_t sendfile(int to, int from, off_t *at, size_t size)
{
	(void)to, (void)from, (void)at, (void)size;
	errno = EBADF;
	return -1;
}

unsigned sleep(unsigned seconds)
{
	task_sleep_until(clock_now() + seconds * NS_PER_S);
	return 0;
}

int usleep(unsigned us)
{
	task_sleep_until(clock_now() + us * 1000ull);
	return 0;
}
