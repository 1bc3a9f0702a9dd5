/* SPDX-License-Identifier: ISC */
/* Serves the zones compiled into the image: an authoritative name server. */
#include "appliance.h"

#include <app/nameserver/nameserver.h>

int main(void)
{
	return nameserver_serve(NULL, &(struct nameserver_options)NAMESERVER_OPTIONS) ||
	       nameserver_run();
}
