/* SPDX-License-Identifier: ISC */
/* What tests/tls/renewal.py hands secrets to. */
#include "appliance.h"

#include <stdio.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/secret.h>
#include <core/task.h>

static struct secret_listener listener;

static void tell(const char *name, struct boot_secret s)
{
	if (s.bytes)
		printf("%s: %zu bytes, %.20s, %zu\n", name, s.size, s.bytes, strlen(s.bytes));
}

static int renewed(struct secret_listener *l)
{
	(void)l;
	tell("token", secret_renewed(arg_token()));
	tell("other", secret_renewed(arg_other()));
	tell("fixed", secret_renewed(arg_fixed()));
	return strcmp(arg_mode(), "refuse") == 0 ? ERR_INVALID : OK;
}

static int is_erased(void)
{
	const struct amp_secrets *b = (const struct amp_secrets *)boot_info->secrets;
	for (uint32_t k = 0; k < AMP_SECRETS_SIZE; k++)
		if (b->bytes[k])
			return 0;
	return 1;
}

/* Each word is another lie in each turn. */
static void lie(void)
{
	struct amp_secrets *b = (struct amp_secrets *)boot_info->secrets;
	for (uint64_t k = 0;; k++) {
		__atomic_store_n(&b->taken, k % 3 ? UINT64_MAX - k : k, __ATOMIC_RELEASE);
		b->refused = (uint32_t)(k * 0x9e3779b9u);
		b->sequence = ~k;
		b->count = UINT32_MAX;
		memset(b->versions, (int)k, sizeof b->versions);
		memset(b->bytes, (int)k, sizeof b->bytes);
		task_sleep_until(clock_now() + NS_PER_MS);
	}
}

int main(void)
{
	const char *mode = arg_mode();
	printf("%s\n", boot_info->secrets ? "there is a place" : "there is no place");
	tell("given", arg_token());
	if (strcmp(mode, "lie") == 0)
		lie();
	for (volatile uint64_t k = 0; strcmp(mode, "busy") == 0; k++)
		;
	listener.renewed = renewed;
	if (strcmp(mode, "deaf") != 0)
		secret_listen(&listener);
	for (uint64_t seen = 0;;) {
		const struct amp_secrets *b = (const struct amp_secrets *)boot_info->secrets;
		if (b && b->taken != seen) {
			seen = b->taken;
			printf("erased=%d\n", is_erased());
		}
		task_sleep_until(clock_now() + 50 * NS_PER_MS);
	}
}
