/* SPDX-License-Identifier: ISC */
/* Numbers, times, addresses and encodings in text. Nothing here knows records or files. */
#include <app/dns/text.h>

#include <string.h>

#include <core/date.h>

int dns_text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int dns_text_base32_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

bool dns_text_number(const char *text, size_t size, unsigned base, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (size == 0)
		return false;
	for (size_t i = 0; i < size; i++) {
		int digit = dns_text_hex_digit(text[i]);
		if (digit < 0 || (unsigned)digit >= base || v > max / base)
			return false;
		v = v * base + (unsigned)digit;
		if (v > max)
			return false;
	}
	*value = v;
	return true;
}

bool dns_text_seconds(const char *text, size_t size, uint32_t *value)
{
	static const struct {
		char letter;
		uint32_t seconds;
	} units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	uint64_t sum = 0, n;
	unsigned seen = 0;

	if (dns_text_number(text, size, 10, UINT32_MAX, &n)) {
		*value = (uint32_t)n;
		return true;
	}
	for (size_t i = 0, start = 0; i < size; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			continue;
		unsigned unit = 0;
		while (unit < 5 && units[unit].letter != (text[i] | 0x20))
			unit++;
		if (unit == 5 || seen & 1u << unit ||
		    !dns_text_number(text + start, i - start, 10, UINT32_MAX, &n))
			return false;
		seen |= 1u << unit;
		sum += n * units[unit].seconds;
		start = i + 1;
	}
	/* The last must have its unit. */
	if (seen == 0 || (text[size - 1] >= '0' && text[size - 1] <= '9') || sum > UINT32_MAX)
		return false;
	*value = (uint32_t)sum;
	return true;
}

bool dns_text_time(const char *text, size_t size, uint32_t *value)
{
	uint64_t part[6], n;

	if (size <= 10) {
		if (!dns_text_number(text, size, 10, UINT32_MAX, &n))
			return false;
		*value = (uint32_t)n;
		return true;
	}
	if (size != 14 || !dns_text_number(text, 4, 10, 9999, &part[0]))
		return false;
	for (unsigned i = 1; i < 6; i++)
		if (!dns_text_number(text + 2 + 2 * i, 2, 10, 99, &part[i]))
			return false;
	if (part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1 ||
	    part[2] > date_month_days((int64_t)part[0], (uint32_t)part[1]) || part[3] > 23 ||
	    part[4] > 59 || part[5] > 60)
		return false;
	int64_t days =
	        date_day((struct date){ (int32_t)part[0], (uint8_t)part[1], (uint8_t)part[2] });
	*value = (uint32_t)((uint64_t)days * 86400 + part[3] * 3600 + part[4] * 60 + part[5]);
	return true;
}

bool dns_text_ip4(const char *text, size_t size, uint8_t to[4])
{
	unsigned part = 0, value = 0, digits = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i == size || text[i] == '.') {
			if (digits == 0 || part > 3)
				return false;
			to[part++] = (uint8_t)value;
			value = digits = 0;
			continue;
		}
		unsigned digit = (unsigned)(text[i] - '0');
		/* No leading zero: some would read it as octal. */
		if (digit > 9 || (digits > 0 && value == 0))
			return false;
		value = value * 10 + digit;
		digits++;
		if (value > 255)
			return false;
	}
	return part == 4;
}

bool dns_text_ip6(const char *text, size_t size, uint8_t to[16])
{
	uint8_t words[16] = { 0 };
	unsigned count = 0; /* bytes in words */
	int gap = -1;       /* where :: is */
	size_t i = 0;

	if (size >= 2 && text[0] == ':' && text[1] == ':') {
		gap = 0;
		i = 2;
	}
	while (i < size) {
		unsigned value = 0, digits = 0;
		size_t start = i;
		for (; i < size && dns_text_hex_digit(text[i]) >= 0; i++) {
			if (++digits > 4)
				return false;
			value = value << 4 | (unsigned)dns_text_hex_digit(text[i]);
		}
		if (i < size && text[i] == '.') {
			if (count > 12 || !dns_text_ip4(text + start, size - start, words + count))
				return false;
			count += 4;
			break;
		}
		if (digits == 0 || count > 14)
			return false;
		bytes_store_u16(words + count, (uint16_t)value);
		count += 2;
		if (i == size)
			break;
		if (text[i++] != ':' || i == size)
			return false;
		if (text[i] == ':') {
			if (gap >= 0)
				return false;
			gap = (int)count;
			i++;
		}
	}
	if (gap < 0 ? count != 16 : count > 14)
		return false;
	unsigned before = gap < 0 ? 16 : (unsigned)gap;
	memset(to, 0, 16);
	memcpy(to, words, before);
	memcpy(to + 16 - (count - before), words + before, count - before);
	return true;
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool dns_base64_add(struct dns_base64 *b, const char *text, size_t size, struct bytes_out *out)
{
	for (size_t i = 0; i < size; i++) {
		int digit = base64_digit(text[i]);
		if (text[i] == '=' && b->count >= 2 && b->count + b->padding < 4) {
			/* What the padding stands for must be zero bits. */
			if (b->bits & (b->count == 2 ? 0xfu : 0x3u))
				return false;
			if (++b->padding + b->count < 4)
				continue;
			bytes_put_u8(out, (uint8_t)(b->bits >> (b->count == 2 ? 4 : 10)));
			if (b->count == 3)
				bytes_put_u8(out, (uint8_t)(b->bits >> 2));
			continue;
		}
		if (digit < 0 || b->padding != 0)
			return false;
		b->bits = b->bits << 6 | (uint32_t)digit;
		if (++b->count < 4)
			continue;
		bytes_put_u8(out, (uint8_t)(b->bits >> 16));
		bytes_put_u16(out, (uint16_t)b->bits);
		b->bits = 0;
		b->count = 0;
	}
	return true;
}

bool dns_base64_end(const struct dns_base64 *b)
{
	return b->count == 0 || b->count + b->padding == 4;
}

/* ---- Printing ---- */

void dns_put_text(struct bytes_out *out, const char *text)
{
	bytes_put_copy(out, text, (uint32_t)strlen(text));
}

static const char digits_lower[] = "0123456789abcdef";
static const char digits_upper[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

void dns_put_number(struct bytes_out *out, uint64_t value, unsigned base, unsigned digits_min)
{
	char digits[24];
	unsigned at = sizeof digits;

	do
		digits[--at] = digits_lower[value % base];
	while ((value /= base) != 0);
	while (sizeof digits - at < digits_min && at > 0)
		digits[--at] = '0';
	bytes_put_copy(out, digits + at, (uint32_t)sizeof digits - at);
}

void dns_put_hex(struct bytes_out *out, const uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		bytes_put_u8(out, (uint8_t)digits_upper[bytes[i] >> 4]);
		bytes_put_u8(out, (uint8_t)digits_upper[bytes[i] & 15]);
	}
}

void dns_put_base32(struct bytes_out *out, const uint8_t *bytes, uint32_t count)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (uint32_t i = 0; i < count; i++) {
		bits = bits << 8 | bytes[i];
		for (have += 8; have >= 5; have -= 5)
			bytes_put_u8(out, (uint8_t)digits_upper[bits >> (have - 5) & 31]);
	}
	if (have > 0)
		bytes_put_u8(out, (uint8_t)digits_upper[bits << (5 - have) & 31]);
}

void dns_put_base64(struct bytes_out *out, const uint8_t *bytes, uint32_t count)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (uint32_t i = 0; i < count; i += 3) {
		uint32_t left = count - i;
		uint32_t bits = (uint32_t)bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) |
		                (left > 2 ? bytes[i + 2] : 0);
		bytes_put_u8(out, (uint8_t)digits[bits >> 18]);
		bytes_put_u8(out, (uint8_t)digits[bits >> 12 & 63]);
		bytes_put_u8(out, left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=');
		bytes_put_u8(out, left > 2 ? (uint8_t)digits[bits & 63] : '=');
	}
}

void dns_put_ip4(struct bytes_out *out, const uint8_t address[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			bytes_put_u8(out, '.');
		dns_put_number(out, address[i], 10, 1);
	}
}

/* RFC 5952: the longest run of two or more zero words, the first of equals, is `::`. */
void dns_put_ip6(struct bytes_out *out, const uint8_t address[16])
{
	unsigned best = 8, best_run = 1;

	for (unsigned i = 0, run = 0; i < 8; i++) {
		run = bytes_load_u16(address + 2 * i) == 0 ? run + 1 : 0;
		if (run > best_run) {
			best_run = run;
			best = i + 1 - run;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		if (i == best) {
			dns_put_text(out, "::");
			i += best_run - 1;
			continue;
		}
		if (i > 0 && (best == 8 || i != best + best_run))
			bytes_put_u8(out, ':');
		dns_put_number(out, bytes_load_u16(address + 2 * i), 16, 1);
	}
}

void dns_put_time(struct bytes_out *out, uint32_t seconds)
{
	struct date d = date_of(seconds / DATE_DAY_S);

	dns_put_number(out, (uint32_t)d.year, 10, 4);
	dns_put_number(out, d.month, 10, 2);
	dns_put_number(out, d.day, 10, 2);
	dns_put_number(out, seconds / 3600 % 24, 10, 2);
	dns_put_number(out, seconds / 60 % 60, 10, 2);
	dns_put_number(out, seconds % 60, 10, 2);
}
