/* SPDX-License-Identifier: ISC */
/*
 * Asks a cloud's metadata service for user-data, and writes it as it is: the boot kernel reads it as words, and takes at most 16 KiB. EC2's
 * is asked with a token (IMDSv2), which a proxy or a redirected request of somebody else's does not come by; Google's has to
 * answer with the field that says whose it is. A machine without user-data has no words.
 */
#include "appliance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <app/http/client.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/log.h>
#include <core/task.h>
#include <net/interface.h>

#define SERVICE    "169.254.169.254"
#define MOST       16384u
#define TOKEN_MOST 512u
#define NONE       "#ampoule\n"
#define WHOLE      (60 * NS_PER_S) /* after which there is no service */
#define AGAIN      NS_PER_S        /* between two tries: it may come up after the machine */

static char data[MOST + 1];
static uint64_t end;

/* All of a body, which has to be shorter than `room`. Its size, or an error. */
static int64_t read_all(struct http_client *c, char *to, uint32_t room)
{
	uint32_t size = 0;
	for (;;) {
		int64_t n = http_client_read(c, to + size, room - size, end);
		if (n <= 0)
			return n ? n : size;
		size += (uint32_t)n;
		if (size == room)
			return ERR_TOO_BIG;
	}
}

/* EC2's token, as a field. False: there is none. */
static bool fetch_token(struct http_client *c, char *field, size_t room)
{
	char token[TOKEN_MOST];
	struct http_response r;
	int error = http_client_request(c, "PUT", "/latest/api/token",
	                                "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n", NULL, NULL,
	                                0, &r, end);
	if (error) {
		log_error("metadata", "no token: %s", error_text(error));
		return false;
	}
	int64_t size = r.status == 200 ? read_all(c, token, sizeof token) : 0;
	for (int64_t i = 0; i < size; i++)
		if (token[i] <= ' ' || token[i] > '~')
			size = 0;
	if (size <= 0) {
		log_error("metadata", "no token: the service answers %" PRIu32, r.status);
		return false;
	}
	snprintf(field, room, "X-aws-ec2-metadata-token: %.*s\r\n", (int)size, token);
	return true;
}

static int fetch(struct http_client *c, bool google)
{
	char field[TOKEN_MOST + 64] = "Metadata-Flavor: Google\r\n";
	const char *target =
	        google ? "/computeMetadata/v1/instance/attributes/user-data" : "/latest/user-data";
	struct http_response r;
	if (!google && !fetch_token(c, field, sizeof field))
		return 1;
	int error = http_client_request(c, "GET", target, field, NULL, NULL, 0, &r, end);
	if (error) {
		log_error("metadata", "%s: %s", target, error_text(error));
		return 1;
	}
	struct http_text flavor = http_client_header(c, "metadata-flavor");
	if (google && !http_text_is(flavor, "Google")) {
		log_error("metadata", "the service does not say that it is Google's");
		return 1;
	}
	if (r.status == 404) {
		fputs(NONE, stdout);
		return 0;
	}
	int64_t size = r.status == 200 ? read_all(c, data, sizeof data) : ERR_INVALID;
	if (size < 0) {
		log_error("metadata", "%s: the service answers %" PRIu32 ": %s", target, r.status,
		          error_text((int)size));
		return 1;
	}
	fwrite(data, 1, (size_t)size, stdout);
	return 0;
}

int main(void)
{
	struct http_client *c;
	const char *service = arg_service();
	bool google = !strcmp(service, "gce");
	struct interface *i = interface_find("service");
	end = clock_now() + WHOLE;
	int error = interface_wait_address(i, end);
	while (!error && (error = http_client_open(&c, SERVICE, 80, clock_now() + 5 * NS_PER_S)) &&
	       clock_now() + AGAIN < end) {
		task_sleep_until(clock_now() + AGAIN);
		error = OK;
	}
	if (error) {
		log_error("metadata", "no service at " SERVICE ": %s", error_text(error));
		return 1;
	}
	int status = fetch(c, google);
	http_client_close(c);
	return status;
}
