/* SPDX-License-Identifier: ISC */
/* A memcached; durable if the manifest says so, which the compiler folds: the B-tree is linked only
 * then. */
#include "appliance.h"

#include <app/kv/kv.h>

int main(void)
{
	return kv_serve(&(struct kv_options)KV_OPTIONS) || kv_run();
}
