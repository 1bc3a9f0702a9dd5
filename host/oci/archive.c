/* SPDX-License-Identifier: ISC */
/* What is read came from a registry: sizes are bounded, names are only compared, and no link, folder or device is made. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <oci/archive.h>

struct header { /* ustar */
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
	        magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == ARCHIVE_BLOCK, "a block");

static unsigned checksum(const struct header *h)
{
	const uint8_t *p = (const uint8_t *)h;
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof *h; i++) {
		bool in_sum = i >= offsetof(struct header, sum) &&
		              i < offsetof(struct header, sum) + sizeof h->sum;
		sum += in_sum ? ' ' : p[i];
	}
	return sum;
}

bool archive_header(uint8_t to[ARCHIVE_BLOCK], const char *name, uint64_t size)
{
	struct header h = { .type = '0', .magic = "ustar", .version = { '0', '0' } };
	if (!*name || strlen(name) > ARCHIVE_NAME_MAX || size >> 33)
		return false;
	strcpy(h.name, name);
	strcpy(h.mode, "0000444");
	strcpy(h.uid, "0000000");
	strcpy(h.gid, "0000000");
	strcpy(h.mtime, "00000000000");
	snprintf(h.size, sizeof h.size, "%011llo", (unsigned long long)size);
	snprintf(h.sum, sizeof h.sum, "%06o", checksum(&h));
	h.sum[7] = ' ';
	memcpy(to, &h, sizeof h);
	return true;
}

static bool octal(const char *text, size_t size, uint64_t *to)
{
	size_t i = 0;
	*to = 0;
	while (i < size && text[i] == ' ')
		i++;
	for (; i < size && text[i] >= '0' && text[i] <= '7'; i++)
		*to = *to << 3 | (uint64_t)(text[i] - '0');
	return i == size || !text[i] || text[i] == ' ';
}

static int short_of(const char *path, struct defect *why)
{
	return defect_set(why, "%s: the layer is cut off or damaged", path);
}

/* The file's bytes, and what fills its last block. */
static int copy(gzFile f, const char *path, uint64_t size, int to, struct defect *why)
{
	static uint8_t piece[1 << 16];
	uint64_t left = (size + ARCHIVE_BLOCK - 1) / ARCHIVE_BLOCK * ARCHIVE_BLOCK;
	while (left) {
		unsigned n = left < sizeof piece ? (unsigned)left : sizeof piece;
		if (gzread(f, piece, n) != (int)n)
			return short_of(path, why);
		size_t content = size < n ? (size_t)size : n;
		for (size_t at = 0; to >= 0 && at < content;) {
			ssize_t written = write(to, piece + at, content - at);
			if (written < 0 && errno != EINTR)
				return defect_set(why, "cannot write: %s", strerror(errno));
			at += written > 0 ? (size_t)written : 0;
		}
		size -= content;
		left -= n;
	}
	return 0;
}

int archive_read(const char *path, uint64_t most, int (*open_file)(const char *name, void *context),
                 void *context, struct defect *why)
{
	gzFile f = gzopen(path, "rbe");
	uint64_t total = 0, size, sum;
	struct header h;
	int count = 0, failed = 0;
	if (!f)
		return defect_set(why, "%s: %s", path, strerror(errno));
	while (!failed) {
		char name[sizeof h.name + 1] = "";
		int n = gzread(f, &h, sizeof h);
		if (n == (int)sizeof h && !h.name[0])
			break; /* the end's zeroes */
		if (n != (int)sizeof h || !octal(h.size, sizeof h.size, &size) ||
		    !octal(h.sum, sizeof h.sum, &sum) || sum != checksum(&h)) {
			failed = short_of(path, why);
			break;
		}
		memcpy(name, h.name, sizeof h.name);
		total += size + 2 * ARCHIVE_BLOCK;
		if (size > most || total > most) {
			failed = defect_set(why, "%s: more than %llu bytes in a layer", path,
			                    (unsigned long long)most);
			break;
		}
		bool plain = h.type == '0' || !h.type;
		int to = plain && !h.prefix[0] ? open_file(name, context) : -1;
		failed = copy(f, path, size, to, why);
		if (to >= 0 && close(to) && !failed)
			failed = defect_set(why, "cannot write: %s", strerror(errno));
		count += to >= 0;
	}
	gzclose(f);
	return failed ? -1 : count;
}
