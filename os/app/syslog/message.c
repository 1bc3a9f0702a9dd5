/* SPDX-License-Identifier: ISC */
/* The form of a message: RFC 5424 §6, with the registered structured data `origin` and `meta` (§7.2, §7.3). */
#include <app/syslog/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/date.h>
#include <core/print.h>

#define HOST_MAX     255 /* §6: of HOSTNAME, APP-NAME, MSGID */
#define SOFTWARE_MAX 48
#define ID_MAX       32
#define SEQUENCE_MAX 2147483647u /* §7.3.1; then it begins again at 1 */

/* PRINTUSASCII without blanks; whatever else is an underscore, and nothing is "-". */
static void put_name(char *to, size_t most, const char *from)
{
	size_t n = 0;
	for (; from && from[n] && n < most; n++)
		to[n] = from[n] > ' ' && from[n] < 0x7f ? from[n] : '_';
	if (!n)
		to[n++] = '-';
	to[n] = '\0';
}

/* A PARAM-VALUE (§6.3.3). */
static void put_value(char *to, size_t most, const char *from)
{
	size_t n = 0;
	for (; *from && n + 2 <= most; from++) {
		if (*from == '"' || *from == '\\' || *from == ']')
			to[n++] = '\\';
		to[n++] = *from >= ' ' && *from < 0x7f ? *from : '_';
	}
	to[n] = '\0';
}

uint32_t syslog_message(char to[SYSLOG_MESSAGE_MAX], const struct syslog_origin *o,
                        enum log_level level, int64_t wall, uint64_t sequence, const char *who,
                        const char *text, size_t size)
{
	static const uint8_t severities[] = {
		[LOG_ERROR] = 3, [LOG_WARNING] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7
	};
	char host[HOST_MAX + 1], name[SOFTWARE_MAX + 1], id[ID_MAX + 1], software[SOFTWARE_MAX + 1],
	        version[SOFTWARE_MAX + 1];
	wall = wall < 0 ? 0 : wall;
	int64_t second = wall / (int64_t)NS_PER_S;
	struct date d = date_of(second / DATE_DAY_S);
	put_name(host, HOST_MAX, o->host);
	put_name(name, SOFTWARE_MAX, o->software);
	put_name(id, ID_MAX, who);
	put_value(software, SOFTWARE_MAX, o->software);
	put_value(version, SOFTWARE_MAX, o->version ? o->version : "");
	second %= DATE_DAY_S;
	int n = print_text(to, SYSLOG_MESSAGE_MAX,
	                   "<%u>1 %04d-%02d-%02dT%02d:%02d:%02d.%06dZ %s %s - %s "
	                   "[origin software=\"%s\"%s%s%s][meta sequenceId=\"%u\"] ",
	                   o->facility * 8u + severities[level], d.year, d.month, d.day,
	                   (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60),
	                   (int)(wall % (int64_t)NS_PER_S / 1000), host, name, id, software,
	                   *version ? " swVersion=\"" : "", version, *version ? "\"" : "",
	                   (unsigned)((sequence - 1) % SEQUENCE_MAX + 1));
	uint32_t room = SYSLOG_MESSAGE_MAX - (uint32_t)n;
	size = size < room ? size : room;
	memcpy(to + n, text, size);
	return (uint32_t)n + (uint32_t)size;
}
