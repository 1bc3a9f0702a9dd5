/* SPDX-License-Identifier: ISC */
/* From frame to frame: what a server's work on a packet costs inside the image, without any device
 * or tender. */
#include "appliance.h"

#include <string.h>

#include <app/dns/dns.h>
#include <app/http/http.h>
#include <app/site/site.h>
#include <core/file.h>

#include "wire.h"
#include "work.h"

bool work_wanted(const char *name)
{
	const char *only = arg_only();
	return !*only || strcmp(only, name) == 0;
}

int main(void)
{
	static struct wire plain, offloads;
	struct http_server *server;
	struct site *site;

	wire_open(&plain, "plain", 0);
	wire_open(&offloads, "offloads",
	          AMP_NET_TX_CHECKSUM | AMP_NET_RX_CHECKSUM | AMP_NET_TX_SEGMENT |
	                  AMP_NET_TX_DIRECT);
	if (site_open(&site, file_find("site")) ||
	    http_serve(&server, &(struct http_options){ .port = 80 }) || site_route(server, site))
		return 1;
	work_dns(&plain, 0x0a000002);
	work_http(&plain, 0x0a000002, "HTTP, 612 bytes");
	work_http(&offloads, 0x0a000102, "HTTP, 612 bytes, checksums by the device, no copy");
	return 0;
}
