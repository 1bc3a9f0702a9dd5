/* SPDX-License-Identifier: ISC */
/* Behind the seal nothing is opened: a descriptor that comes is moved to a number that the filter knows. */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tender/renewal.h>

static int slot = -1, nothing = -1;
static struct amp_secrets *box;
static const struct image *image;
static uint64_t sequence;
static bool is_awaited; /* somebody wants to hear what becomes of them */
bool renewal_pending;

bool renewal_possible(const struct image *i)
{
	for (uint32_t k = 0; k < i->note.arg_count; k++)
		if (i->args[k].flags & AMP_NOTE_ARG_RENEWABLE)
			return true;
	return false;
}

int renewal_open(int free)
{
	nothing = free;
	slot = fcntl(free, F_DUPFD_CLOEXEC, 3);
	return slot < 0 ? -1 : 0;
}

bool renewal_is_offered(void)
{
	return slot >= 0;
}

void renewal_place(struct amp_secrets *to, const struct image *of)
{
	box = to;
	image = of;
}

/* ---- Taking ---- */

static int find(const char *name)
{
	for (uint32_t i = 0; i < image->note.arg_count; i++)
		if (!strcmp(image->args[i].name, name))
			return (int)i;
	return -1;
}

/* The head is ours; which argument each entry is of goes to args. */
static const char *check(struct renewal_head *h, uint32_t args[AMP_ARGS_MAX])
{
	uint64_t sum = 0;
	if (h->magic != RENEWAL_MAGIC || !h->count || h->count > AMP_ARGS_MAX)
		return "no versions of secrets came with the request";
	for (uint32_t k = 0; k < h->count; k++) {
		struct renewal_entry *e = &h->entries[k];
		e->name[AMP_NAME_MAX - 1] = 0;
		int arg = find(e->name);
		if (arg < 0)
			return "its image has no argument of that name";
		if (!(image->args[arg].flags & AMP_NOTE_ARG_RENEWABLE))
			return "its image takes no new version of that argument: restart it";
		for (uint32_t j = 0; j < k; j++)
			if (args[j] == (uint32_t)arg)
				return "an argument came twice";
		if (e->size > AMP_SECRET_MAX)
			return "a secret is too long";
		sum += (uint64_t)e->size + 1;
		args[k] = (uint32_t)arg;
	}
	return sum > AMP_SECRETS_SIZE ? "the secrets together are too long" : NULL;
}

static bool read_all(void *to, uint64_t size, uint64_t at)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t n = pread(slot, (uint8_t *)to + done, size - done, (off_t)(at + done));
		if (n <= 0)
			return false;
		done += (uint64_t)n;
	}
	return true;
}

static const char *fill(void)
{
	struct renewal_head h;
	uint32_t args[AMP_ARGS_MAX];
	uint64_t to = 0, from = sizeof h;
	if (!read_all(&h, sizeof h, 0))
		return "no versions of secrets came with the request";
	const char *wrong = check(&h, args);
	if (wrong)
		return wrong;
	for (uint32_t k = 0; k < h.count; k++) {
		uint32_t size = h.entries[k].size;
		if (!read_all(box->bytes + to, size, from)) {
			explicit_bzero(box->bytes, sizeof box->bytes);
			return "a secret came cut off";
		}
		box->bytes[to + size] = 0;
		box->versions[k] =
		        (struct amp_secret_version){ .arg = args[k], .size = size, .at = to };
		to += (uint64_t)size + 1;
		from += size;
	}
	box->count = h.count;
	__atomic_store_n(&box->sequence, ++sequence, __ATOMIC_RELEASE);
	renewal_pending = is_awaited = true;
	return NULL;
}

const char *renewal_take(int fd)
{
	if (!box)
		return "its image takes no new secrets: restart it";
	if (renewal_pending && __atomic_load_n(&box->taken, __ATOMIC_ACQUIRE) != sequence)
		return "its image has not taken the versions before yet";
	if (dup3(fd, slot, O_CLOEXEC) != slot)
		return "no versions of secrets came with the request";
	const char *wrong = fill();
	dup3(nothing, slot, O_CLOEXEC);
	return wrong;
}

const char *renewal_done(void)
{
	if (!renewal_pending || __atomic_load_n(&box->taken, __ATOMIC_ACQUIRE) != sequence)
		return NULL;
	uint32_t refused = __atomic_load_n(&box->refused, __ATOMIC_RELAXED);
	renewal_pending = false;
	if (!is_awaited)
		return NULL;
	return refused ? "its image refuses them, and keeps those before: its log says why" : "ok";
}

void renewal_cancel(void)
{
	is_awaited = false;
}

bool renewal_ready(uint64_t events)
{
	return events & AMP_WAIT_SECRETS && renewal_pending &&
	       __atomic_load_n(&box->taken, __ATOMIC_RELAXED) != sequence;
}

void renewal_allow(struct filter *f)
{
	const struct filter_arg to_slot[] = { { 1, FILTER_EQUAL, (uint64_t)slot },
		                              { 2, FILTER_EQUAL, O_CLOEXEC } };
	if (slot < 0)
		return;
	filter_allow_on(f, SYS_pread64, slot, NULL, 0);
	filter_allow_if(f, SYS_dup3, to_slot, 2);
}
