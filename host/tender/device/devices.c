/* SPDX-License-Identifier: ISC */
/* From the command line's texts to devices, and from there into the space: the same for all kinds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <tender/device/devices.h>

#define WORDS_MINOR 3 /* of the ABI: the first with struct amp_net_word */

/* ---- Texts ---- */

struct given {
	const struct device_kind *kind; /* null: not given */
	const char *text;               /* behind NAME= */
	uint64_t rate, ops;             /* a second; 0: no limit */
};
#define TEXT_MAX 4200u /* a path and words */

static const struct device_type *type_of(const struct amp_note_device *n)
{
	for (uint32_t i = 0; i < DEVICE_TYPES; i++)
		if (device_types[i]->type == n->type)
			return device_types[i];
	return NULL; /* image.c lets none pass */
}

static const struct device_kind *kind_of(const struct device_type *type, const char *text)
{
	for (uint32_t i = 0; i < device_kind_count; i++) {
		const struct device_kind *k = device_kinds[i];
		if (k->type == type && *text && !strncmp(text, k->prefix, strlen(k->prefix)))
			return k;
	}
	return NULL;
}

/* "NAME=FORM or NAME=FORM" */
static void known_forms(const struct device_type *type, char *to, size_t size)
{
	size_t at = 0;
	*to = 0;
	for (uint32_t i = 0; i < device_kind_count && at < size; i++)
		if (device_kinds[i]->type == type)
			at += (size_t)snprintf(to + at, size - at, "%sNAME=%s", at ? " or " : "",
			                       device_kinds[i]->form);
}

static const char *first_form(const struct device_type *type)
{
	for (uint32_t i = 0; i < device_kind_count; i++)
		if (device_kinds[i]->type == type)
			return device_kinds[i]->form;
	return "";
}

static void known_devices(const struct image *image, const struct device_type *type, char *to,
                          size_t size)
{
	size_t at = 0;
	*to = 0;
	for (uint32_t i = 0; i < image->note.device_count && at + AMP_NAME_MAX + 4 < size; i++)
		if (image->devices[i].type == type->type)
			at += (size_t)snprintf(to + at, size - at, "%s%s", at ? ", " : "",
			                       image->devices[i].name);
}

/* Does a text with a name of `length` bytes mean this device? One without means the first that has none yet. */
static bool means(const struct amp_note_device *n, const char *text, size_t length, bool taken)
{
	return length ? strlen(n->name) == length && !memcmp(n->name, text, length) : !taken;
}

/* Finds the device that "NAME=TEXT" is for. -1 with a defect. */
static int find_device(const struct image *image, const struct device_type *type, const char *text,
                       const struct given given[AMP_DEVICES_MAX], struct given *to,
                       struct defect *why)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;
	char known[512];
	*to = (struct given){ equals ? kind_of(type, equals + 1) : NULL, equals ? equals + 1 : "",
		              0, 0 };
	if (!to->kind) {
		known_forms(type, known, sizeof known);
		return defect_set(why, "--%s %s: want %s", type->option, text, known);
	}
	for (uint32_t i = 0; i < image->note.device_count; i++)
		if (image->devices[i].type == type->type &&
		    means(&image->devices[i], text, length, given[i].kind))
			return (int)i;
	known_devices(image, type, known, sizeof known);
	if (!*known)
		return defect_set(why, "--%s %s: the image has no %s device", type->option, text,
		                  type->noun);
	return defect_set(why, "--%s %s: no such device; the image has %s", type->option, text,
	                  known);
}

/* Takes what all kinds have in common off the text. -1 with a defect. */
static int take_rate(const struct device_type *type, const char *text, struct given *g,
                     struct defect *why)
{
	static char texts[AMP_DEVICES_MAX][TEXT_MAX];
	static uint32_t used;
	struct defect what;
	if (used == AMP_DEVICES_MAX || strlen(g->text) >= TEXT_MAX)
		return 0; /* too long for any file: the kind says so */
	char *own = strcpy(texts[used++], g->text);
	if (rate_take_words(own, &g->rate, &g->ops, &what))
		return defect_set(why, "--%s %s: %s", type->option, text, what.text);
	g->text = own;
	if (g->ops && type->type != AMP_DEVICE_BLOCK)
		return defect_set(why, "--%s %s: iops is for block devices", type->option, text);
	if ((g->rate || g->ops) && !g->kind->keeps_rate)
		return defect_set(
		        why,
		        "--%s %s: the host moves the bytes of this kind of device, so that "
		        "no rate can be kept: use the host's own (tc), or another kind",
		        type->option, text);
	return 0;
}

/* Puts each text at its device's place. 0, or the exit status. */
static int assign(const struct image *image, const struct device_type *type,
                  const struct device_texts *texts, struct given to[AMP_DEVICES_MAX])
{
	struct defect why;
	for (uint32_t i = 0; i < texts->count; i++) {
		struct given g;
		int d = find_device(image, type, texts->texts[i], to, &g, &why);
		if (d >= 0 && to[d].kind)
			d = defect_set(&why, "--%s %s: the device is given twice", type->option,
			               texts->texts[i]);
		if (d >= 0 && take_rate(type, texts->texts[i], &g, &why))
			d = -1;
		if (d < 0) {
			say("%s", why.text);
			return AMP_EXIT_USAGE;
		}
		to[d] = g;
	}
	return 0;
}

/* ---- Open and closed ---- */

static int take_words(struct device *d, char *text, struct defect *why)
{
	if (net_words_take(&d->words, text, why))
		return -1;
	if (!(d->note->flags & AMP_NOTE_DEVICE_IP6) &&
	    net_words_first(&d->words, AMP_NET_WORD_ADDRESS, NET_IP6))
		return defect_set(why, "the image has no IPv6 there for an address: its manifest "
		                       "names none in `addresses`");
	return 0;
}

static int open_device(struct devices *s, const struct image *image, uint32_t index,
                       const struct given *g, const uint8_t *mac, void (*ending)(void))
{
	static const uint8_t none[6];
	const struct device_kind *k = g->kind;
	const struct amp_note_device *n = &image->devices[index];
	struct device_wish wish = { .note = n,
		                    .image = image->note.name,
		                    .abi_minor = image->note.abi_minor,
		                    .mac = mac && memcmp(mac, none, sizeof none) ? mac : NULL,
		                    .ending = ending };
	struct defect why;
	/* Mapped, since a state may be large and hardly ever used: that costs no memory then. */
	void *state = mmap(NULL, k->state_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                   -1, 0);
	if (state == MAP_FAILED) {
		say("--%s %s: no memory", k->type->option, n->name);
		return AMP_EXIT_TENDER;
	}
	struct device *d = &s->all[s->count];
	*d = (struct device){ .kind = k,
		              .state = state,
		              .note = n,
		              .index = index,
		              .abi_minor = image->note.abi_minor,
		              .watch = -1 };
	char *text = strdup(g->text);
	bool net = k->type->type == AMP_DEVICE_NET;
	int status = AMP_EXIT_TENDER;
	if (!text)
		defect_set(&why, "no memory");
	else if (k->type == &device_type_net && take_words(d, text, &why))
		status = AMP_EXIT_USAGE;
	else if (!rate_open(&d->rate, g->rate, net ? g->rate : g->ops, &why)) {
		wish.text = text + strlen(k->prefix);
		s->count++;
		status = k->open(d, &wish, &why);
	}
	free(text);
	if (status)
		say("--%s %s%s%s: %s", k->type->option, n->name, k->shows_text ? "=" : "",
		    k->shows_text ? g->text : "", why.text);
	return status;
}

int devices_open(struct devices *s, const struct image *image, const char *path,
                 const struct device_texts given[DEVICE_TYPES], const uint8_t (*macs)[6],
                 void (*ending)(void))
{
	struct given to[AMP_DEVICES_MAX] = { 0 };
	uint32_t count = image->note.device_count;
	int status = 0;
	s->count = 0;
	for (uint32_t i = 0; !status && i < DEVICE_TYPES; i++)
		status = assign(image, device_types[i], &given[i], to);
	for (uint32_t i = 0; !status && i < count; i++) {
		const struct amp_note_device *n = &image->devices[i];
		const struct device_type *type = type_of(n);
		if (to[i].kind || n->flags & AMP_NOTE_DEVICE_OPTIONAL)
			continue;
		say("%s: needs %s device %s: add --%s %s=%s", path, type->noun, n->name,
		    type->option, n->name, first_form(type));
		status = AMP_EXIT_USAGE;
	}
	for (uint32_t i = 0; !status && i < count; i++)
		if (to[i].kind)
			status = open_device(s, image, i, &to[i], macs ? macs[i] : NULL, ending);
	return status;
}

void devices_close(struct devices *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct device *d = &s->all[i];
		d->kind->close(d);
		rate_close(&d->rate);
		munmap(d->state, d->kind->state_size);
	}
	s->count = 0;
}

bool devices_by_host(const struct devices *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->all[i].by_host)
			return true;
	return false;
}

/* ---- In the space ---- */

static struct device_need need_of(const struct device *d)
{
	struct device_need need = { 0 };
	d->kind->need(d, &need);
	return need;
}

void devices_need(const struct devices *s, enum space_kind kind, struct space_need *to)
{
	bool welcome = false;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct device_need n = need_of(&s->all[i]);
		uint32_t index = s->all[i].index;
		to->rings += n.rings;
		to->boot += n.further * sizeof(struct amp_queue);
		to->frames[index] = n.frames;
		to->queues[index] = n.queues;
		to->heap_needed |= n.heap == DEVICE_HEAP_NEEDED;
		welcome |= n.heap == DEVICE_HEAP_WELCOME;
	}
	/* Under SPACE_GUEST this process has the heap anyhow. */
	to->heap_shared = to->heap_needed;
	if (welcome && kind == SPACE_CHILD && !to->heap_shared && !to->from)
		to->heap_shared = space_sharing_is_free();
}

static struct device_memory memory(struct space *s, enum region_kind kind, uint32_t index)
{
	const struct region *r = space_region(s, kind, index);
	return r ? (struct device_memory){ r->at, r->size, r->host } : (struct device_memory){ 0 };
}

/* An image of an earlier minor does not look for them. */
static int place_words(const struct devices *s, const struct devices_room *room, struct defect *why)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < s->count; i++) {
		const struct device *d = &s->all[i];
		if (d->abi_minor < WORDS_MINOR)
			continue;
		if (d->words.count > AMP_NET_WORDS_MAX - count)
			return defect_set(
			        why, "more than %u addresses, routes and resolvers of networks",
			        AMP_NET_WORDS_MAX);
		count += net_words_write(&d->words, d->index, room->words + count);
	}
	room->boot->net_word_count = count;
	return 0;
}

int devices_place(struct devices *s, const struct devices_room *room, struct defect *why)
{
	struct space *space = room->space;
	struct device_memory constants[AMP_SEGMENTS_MAX];
	const struct device_memory rings = memory(space, REGION_RINGS, 0),
	                           boot = memory(space, REGION_BOOT, 0);
	uint64_t rings_at = room->rings_used, further_at = room->boot_used;
	struct device_place to = { .constants = constants,
		                   .concurrent = room->concurrent,
		                   .apart = space->kind == SPACE_CHILD };
	if (space->heap_shared)
		to.heap = memory(space, REGION_HEAP, 0);
	to.heap_log = space->heap_log;
	to.heap_owner = &space->heap_owner;
	for (uint32_t i = 0; i < space->region_count; i++) {
		const struct region *r = &space->regions[i];
		if (r->kind == REGION_SEGMENT && !(r->rights & RIGHT_W))
			constants[to.constant_count++] =
			        (struct device_memory){ r->at, r->size, r->host };
	}
	for (uint32_t i = 0; i < s->count; i++) {
		struct device *d = &s->all[i];
		const struct device_need n = need_of(d);
		to.rings = (struct device_memory){ rings.at + rings_at, n.rings,
			                           rings.bytes + rings_at };
		to.frames = memory(space, REGION_FRAMES, d->index);
		to.queues = memory(space, REGION_QUEUES, d->index);
		to.further = (struct amp_queue *)(boot.bytes + further_at);
		to.further_at = (uint32_t)further_at;
		to.view = &room->views[d->index];
		d->placed = false;
		if (d->kind->place(d, &to, why))
			return -1;
		d->placed = true;
		if (d->words.mtu && d->words.mtu < to.view->mtu)
			to.view->mtu = d->words.mtu;
		rings_at += n.rings;
		further_at += n.further * sizeof(struct amp_queue);
	}
	return place_words(s, room, why);
}

/* What every kind may do: read and write what it polls, and see its watch. Sockets of AF_XDP are polled only. */
static void allow(const struct device *d, struct filter *f)
{
	static const int calls[] = { SYS_read, SYS_write, SYS_readv, SYS_writev };
	struct pollfd fds[AMP_NET_QUEUES_MAX];
	uint32_t count = d->kind->polls(d, fds);
	for (uint32_t i = 0; i < count; i++) {
		filter_keep(f, fds[i].fd);
		for (uint32_t k = 0; !d->socket_count && k < sizeof calls / sizeof *calls; k++)
			filter_allow_on(f, calls[k], fds[i].fd, NULL, 0);
	}
	filter_allow_on(f, SYS_read, d->watch, NULL, 0);
}

void devices_allow(const struct devices *s, struct filter *f)
{
	for (uint32_t i = 0; i < s->count; i++) {
		allow(&s->all[i], f);
		if (s->all[i].kind->allow)
			s->all[i].kind->allow(&s->all[i], f);
	}
}

void devices_report(const struct devices *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->all[i].placed)
			s->all[i].kind->report(&s->all[i]);
}
