/* SPDX-License-Identifier: ISC */
/* A memcached through TLS. */
#include "appliance.h"

#include <app/kv/tls/tls.h>

int main(void)
{
	return kv_tls_serve(&(struct kv_options)KV_OPTIONS,
	                    &(struct kv_tls_options)KV_TLS_OPTIONS) ||
	       kv_run();
}
