/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <standby/lines.h>

static char *own_memory(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || madvise(at, size, MADV_DONTFORK))
		return NULL;
	return at;
}

int lines_open(struct lines *l, const char *path, struct defect *why)
{
	struct stat st;
	size_t used = 0;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st)) {
		defect_set(why, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > LINES_BYTES_MAX) {
		defect_set(why, "%s: want a file of at most %u bytes", path, LINES_BYTES_MAX);
		goto out;
	}
	size_t size = (size_t)st.st_size;
	l->at = own_memory(size + 2);
	if (!l->at) {
		defect_set(why, "%s: no memory", path);
		goto out;
	}
	while (used < size && (n = read(fd, l->at + used, size - used)) > 0)
		used += (size_t)n;
	if (memchr(l->at, 0, used)) {
		n = defect_set(why, "%s: it is no text: a byte is 0", path);
		goto out;
	}
	n = 0;
	l->at[used++] = '\n';
	l->end = l->at + used;
	l->number = 0;
out:
	if (fd >= 0)
		close(fd);
	return n ? -1 : 0;
}

/* One word from *from on, which is not blank, moved to `to`: the end of it. Null: a quote has no end. */
static char *take_word(char **from, char *to)
{
	char quote = 0;
	char *c = *from;
	for (; *c != '\n' && (quote || !strchr(" \t\r", *c)); c++) {
		if (!quote && (*c == '"' || *c == '\''))
			quote = *c;
		else if (*c == quote)
			quote = 0;
		else if (*c == '\\' && quote != '\'' && c[1] != '\n')
			*to++ = *++c;
		else
			*to++ = *c;
	}
	*from = c;
	return quote ? NULL : to;
}

int lines_next(struct lines *l, char **words, uint32_t *size, struct defect *why)
{
	while (l->at < l->end) {
		char *from = l->at, *to = from, *stop = memchr(from, '\n', (size_t)(l->end - from));
		unsigned count = 0;
		l->at = stop + 1;
		l->number++;
		*words = from;
		from += strspn(from, " \t\r");
		if (*from == '#')
			continue;
		while (*from != '\n') {
			to = take_word(&from, to);
			if (!to)
				return defect_set(why, "a quote has no end");
			if (++count > LINES_WORDS_MAX - 8)
				return defect_set(why, "more than %u words", LINES_WORDS_MAX - 8);
			/* What ends the word may be where its NUL goes. */
			bool ends = *from == '\n';
			from += !ends;
			*to++ = 0;
			if (ends)
				break;
			from += strspn(from, " \t\r");
		}
		*size = (uint32_t)(to - *words);
		if (count)
			return 1;
	}
	return 0;
}

char *lines_keep(char *const *words, int count, uint32_t *size)
{
	size_t all = 0;
	for (int i = 0; i < count; i++)
		all += strlen(words[i]) + 1;
	char *own = own_memory(all + 1), *to = own;
	for (int i = 0; own && i < count; i++)
		to = stpcpy(to, words[i]) + 1;
	*size = (uint32_t)all;
	return own;
}

int lines_split(char *words, uint32_t size, char *to[LINES_WORDS_MAX + 1])
{
	int count = 0;
	for (uint32_t at = 0; at < size && count < (int)LINES_WORDS_MAX;
	     at += (uint32_t)strlen(words + at) + 1)
		to[count++] = words + at;
	to[count] = NULL;
	return count;
}
