/* SPDX-License-Identifier: ISC */
/* Writes DER (X.690 §10): values within each other, whose lengths are filled in at their ends. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/print.h>

void acme_der_bytes(struct acme_der *d, const void *bytes, uint32_t size)
{
	if (d->failed || size > d->room - d->size) {
		d->failed = true;
		return;
	}
	memcpy(d->bytes + d->size, bytes, size);
	d->size += size;
}

uint32_t acme_der_begin(struct acme_der *d, uint8_t tag)
{
	uint8_t head[2] = { tag, 0 };
	acme_der_bytes(d, head, 2);
	return d->size;
}

void acme_der_end(struct acme_der *d, uint32_t begun)
{
	static const uint8_t none[2];
	uint32_t size = d->size - begun, more = size < 0x80 ? 0 : size < 0x100 ? 1 : 2;
	if (d->failed || size > UINT16_MAX) {
		d->failed = true;
		return;
	}
	acme_der_bytes(d, none, more);
	if (d->failed)
		return;
	memmove(d->bytes + begun + more, d->bytes + begun, size);
	d->bytes[begun - 1] = more ? (uint8_t)(0x80 | more) : (uint8_t)size;
	if (more)
		d->bytes[begun + more - 1] = (uint8_t)size;
	if (more == 2)
		d->bytes[begun] = (uint8_t)(size >> 8);
}

void acme_der_value(struct acme_der *d, uint8_t tag, const void *bytes, uint32_t size)
{
	uint32_t value = acme_der_begin(d, tag);
	acme_der_bytes(d, bytes, size);
	acme_der_end(d, value);
}

void acme_der_time(struct acme_der *d, int64_t seconds)
{
	char text[ACME_TIME_TEXT], digits[16];
	uint32_t n = 0;
	acme_time_print(text, seconds);
	for (const char *p = text; *p; p++)
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	digits[n++] = 'Z';
	acme_der_value(d, 0x18, digits, n);
}
