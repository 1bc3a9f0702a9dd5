/* SPDX-License-Identifier: ISC */
/*
 * The loader's first half: decode and check. Order: file, ELF header, program headers, note, then
 * what only holds between them (stacks against segments). Every check ends in one line that names
 * the defect. The second half, which maps what was found good here, is space.c. Bytes come from
 * image_file.h: a file of the host's, or memory in the boot kernel.
 */
#include <elf.h>
#include <stdbool.h>
#include <string.h>

#include <tender/args.h>
#include <tender/health_note.h>
#include <tender/image_file.h>

#define PHDRS_MAX   (AMP_SEGMENTS_MAX + 4u) /* and PT_NOTE, PT_TLS, PT_GNU_STACK, PT_INTERP */
#define INTERP_MIN  3u                      /* of the ABI's minor: it may have a PT_INTERP */
#define NOTE_HEADER 20u                     /* namesz, descsz, type, "Ampoule" */

struct desc {
	struct amp_note note;
	uint8_t tables[AMP_DEVICES_MAX * sizeof(struct amp_note_device) +
	               AMP_ARGS_MAX * sizeof(struct amp_note_arg) +
	               AMP_LIBRARIES_MAX * sizeof(struct amp_note_library) +
	               sizeof(struct amp_note_health)];
};

static int read_at(const struct image *image, void *to, uint64_t size, uint64_t at,
                   const char *what, struct defect *why)
{
	int error = image_file_read(image, to, size, at);
	if (error > 0)
		return defect_set(why, "cannot read the %s: %s", what, strerror(error));
	if (error)
		return defect_set(why, "is cut short: the %s ends at byte %llu, the file before",
		                  what, (unsigned long long)(at + size));
	return 0;
}

int image_read(const struct image *image, void *to, uint64_t size, uint64_t at, struct defect *why)
{
	int error = image_file_read(image, to, size, at);
	if (!error)
		return 0;
	return defect_set(why, "cannot be read: %s",
	                  error > 0 ? strerror(error) : "it became shorter meanwhile");
}

static bool name_ok(const char name[AMP_NAME_MAX])
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
	unsigned n = 0;
	while (n < AMP_NAME_MAX && name[n] && strchr(set, name[n]))
		n++;
	if (!n || n == AMP_NAME_MAX || strchr("_.-", name[0]))
		return false;
	for (; n < AMP_NAME_MAX; n++)
		if (name[n])
			return false;
	return true;
}

/* A library's name is a path below os/: names joined by slashes. */
static bool library_ok(const char name[AMP_NAME_MAX])
{
	char one[AMP_NAME_MAX];
	memcpy(one, name, sizeof one);
	for (unsigned i = 1; i + 1 < sizeof one && one[i]; i++)
		if (one[i] == '/' && one[i - 1] != '/' && one[i + 1] && one[i + 1] != '/')
			one[i] = '_';
	return name_ok(one);
}

/* NUL-terminated and NUL-padded within `size`; the bytes before are arg_parse's to judge. */
static bool padded(const char *text, unsigned size)
{
	unsigned n = (unsigned)strnlen(text, size);
	if (n == size)
		return false;
	for (; n < size; n++)
		if (text[n])
			return false;
	return true;
}

static int check_header(const Elf64_Ehdr *e, struct defect *why)
{
	if (memcmp(e->e_ident, ELFMAG, SELFMAG))
		return defect_set(why, "is not an ELF file");
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB ||
	    e->e_ident[EI_VERSION] != EV_CURRENT || e->e_version != EV_CURRENT)
		return defect_set(why, "is not a little-endian 64-bit ELF file of version 1");
	if (e->e_type != ET_EXEC)
		return defect_set(why, "is not an image: ELF type is %u, not ET_EXEC", e->e_type);
	if (e->e_machine != EM_X86_64)
		return defect_set(why, "is for ELF machine %u, not x86-64", e->e_machine);
	if (e->e_ehsize != sizeof *e || e->e_phentsize != sizeof(Elf64_Phdr))
		return defect_set(why, "has ELF headers of unknown sizes (%u, %u)", e->e_ehsize,
		                  e->e_phentsize);
	if (!e->e_phnum || e->e_phnum > PHDRS_MAX)
		return defect_set(why, "has %u program headers, not 1 to %u", e->e_phnum,
		                  PHDRS_MAX);
	if (e->e_phoff > (1ull << 40))
		return defect_set(why, "has its program headers at 0x%llx, past any file's end",
		                  (unsigned long long)e->e_phoff);
	return 0;
}

static int check_load(struct image *image, const Elf64_Phdr *p, uint64_t file, struct defect *why)
{
	unsigned n = image->segment_count;
	unsigned long long at = p->p_vaddr;
	if (n == AMP_SEGMENTS_MAX)
		return defect_set(why, "has more than %u segments", AMP_SEGMENTS_MAX);
	if (p->p_vaddr % AMP_PAGE || p->p_offset % AMP_PAGE)
		return defect_set(why, "segment %u at 0x%llx, offset 0x%llx, is not page-aligned",
		                  n, at, (unsigned long long)p->p_offset);
	if (!p->p_memsz)
		return defect_set(why, "segment %u at 0x%llx is empty", n, at);
	if (p->p_filesz > p->p_memsz)
		return defect_set(why, "segment %u at 0x%llx is larger in the file than in memory",
		                  n, at);
	if (p->p_offset > file || p->p_filesz > file - p->p_offset)
		return defect_set(why,
		                  "segment %u at 0x%llx lies past the end of the file: cut short?",
		                  n, at);
	if (p->p_vaddr < AMP_IMAGE_LOW || p->p_vaddr >= AMP_IMAGE_HIGH ||
	    p->p_memsz > AMP_IMAGE_HIGH - p->p_vaddr)
		return defect_set(
		        why, "segment %u at 0x%llx, size 0x%llx, lies outside [0x%llx, 0x%llx)", n,
		        at, (unsigned long long)p->p_memsz, AMP_IMAGE_LOW, AMP_IMAGE_HIGH);
	if (p->p_flags != PF_R && p->p_flags != (PF_R | PF_X) && p->p_flags != (PF_R | PF_W))
		return defect_set(why, "segment %u at 0x%llx has rights %s%s%s, not R, RX or RW", n,
		                  at, p->p_flags & PF_R ? "R" : "", p->p_flags & PF_W ? "W" : "",
		                  p->p_flags & PF_X  ? "X"
		                  : p->p_flags & ~7u ? "?"
		                                     : "");
	if (n && p->p_vaddr < image->segments[n - 1].at + image->segments[n - 1].size)
		return defect_set(why,
		                  "segment %u at 0x%llx overlaps the one before or is out of order",
		                  n, at);
	uint64_t total = 0, size = (p->p_memsz + AMP_PAGE - 1) & ~(uint64_t)(AMP_PAGE - 1);
	for (unsigned i = 0; i < n; i++)
		total += image->segments[i].size;
	if (size > IMAGE_SEGMENTS_BYTES_MAX - total)
		return defect_set(why, "segments are larger than %llu MiB in memory",
		                  IMAGE_SEGMENTS_BYTES_MAX >> 20);
	image->segments[n] =
	        (struct image_segment){ p->p_vaddr, size, p->p_offset, p->p_filesz, p->p_flags };
	image->segment_count++;
	return 0;
}

/* Do the bytes [offset, offset + size) of the file, at address `at`, belong to a segment's file
 * bytes? */
static bool in_segment(const struct image *image, uint64_t offset, uint64_t at, uint64_t size,
                       bool in_file)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];
		uint64_t room = in_file ? s->file_size : s->size;
		if (at >= s->at && at - s->at <= room && size <= room - (at - s->at) &&
		    (!in_file || offset == s->file_offset + (at - s->at)))
			return true;
	}
	return false;
}

static int check_note(struct image *image, const struct desc *d, uint64_t bytes, struct defect *why)
{
	struct amp_note *n = &image->note;
	*n = d->note;
	if (n->abi_major != AMP_ABI_MAJOR || n->abi_minor > AMP_ABI_MINOR)
		return defect_set(
		        why,
		        "needs ABI %u.%u; this tender has %u.%u: rebuild the image, or use "
		        "the ampoule that built it",
		        n->abi_major, n->abi_minor, AMP_ABI_MAJOR, AMP_ABI_MINOR);
	if (n->device_count > AMP_DEVICES_MAX || n->arg_count > AMP_ARGS_MAX ||
	    n->library_count > AMP_LIBRARIES_MAX)
		return defect_set(
		        why,
		        "note counts %u devices, %u arguments, %u libraries; at most %u, %u, %u",
		        n->device_count, n->arg_count, n->library_count, AMP_DEVICES_MAX,
		        AMP_ARGS_MAX, AMP_LIBRARIES_MAX);
	uint64_t devices = n->device_count * sizeof *image->devices,
	         args = n->arg_count * sizeof *image->args,
	         libraries = n->library_count * sizeof *image->libraries,
	         health = n->flags & AMP_NOTE_HEALTH ? sizeof image->health : 0;
	if (n->size != bytes || bytes != sizeof *n + devices + args + libraries + health)
		return defect_set(
		        why, "note is %llu bytes, says %u, and its tables need %llu",
		        (unsigned long long)bytes, n->size,
		        (unsigned long long)(sizeof *n + devices + args + libraries + health));
	memcpy(image->devices, d->tables, devices);
	memcpy(image->args, d->tables + devices, args);
	memcpy(image->libraries, d->tables + devices + args, libraries);
	memcpy(&image->health, d->tables + devices + args + libraries, health);

	if (!name_ok(n->name))
		return defect_set(why, "note has no valid appliance name");
	if (!padded(n->version, AMP_NAME_MAX))
		return defect_set(why, "note has a version without end");
	for (const char *c = n->version; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			return defect_set(why, "note has a version that is not printable ASCII");
	const uint32_t known = n->abi_minor >= 3 ? AMP_NOTE_DIGEST | AMP_NOTE_MOVES |
	                                                   AMP_NOTE_HEALTH | AMP_NOTE_TABLES
	                                         : 0;
	if (n->flags & ~known || (n->stack_guard && n->abi_minor < 3))
		return defect_set(why,
		                  "note sets flags or reserved fields that this ABI does not know");
	if (n->memory_min % AMP_PAGE || n->memory_default % AMP_PAGE ||
	    n->memory_default < n->memory_min)
		return defect_set(why,
		                  "note asks for memory of 0x%llx, at least 0x%llx bytes: not page "
		                  "multiples in this order",
		                  (unsigned long long)n->memory_default,
		                  (unsigned long long)n->memory_min);
	if (n->cpu_level < 1 || n->cpu_level > 4)
		return defect_set(why, "note asks for x86-64 level %u, not 1 to 4", n->cpu_level);
	return 0;
}

static int check_stacks(const struct image *image, struct defect *why)
{
	const struct amp_note *n = &image->note;
	if (!n->stack_count || n->stack_count > AMP_STACKS_MAX)
		return defect_set(why, "note asks for %u stacks, not 1 to %u", n->stack_count,
		                  AMP_STACKS_MAX);
	if (!n->stack_size || n->stack_size % AMP_PAGE || n->stack_size > AMP_STACK_SIZE_MAX)
		return defect_set(why, "note asks for stacks of %u bytes, not whole pages up to %u",
		                  n->stack_size, AMP_STACK_SIZE_MAX);
	if (n->stack_guard % AMP_PAGE || n->stack_guard > AMP_STACK_GUARD_MAX)
		return defect_set(
		        why, "note asks for stack guards of %u bytes, not whole pages up to %u",
		        n->stack_guard, AMP_STACK_GUARD_MAX);
	uint64_t size = image_stacks_size(image);
	if (size > IMAGE_STACKS_BYTES_MAX)
		return defect_set(why, "stacks are larger than %llu MiB in all",
		                  IMAGE_STACKS_BYTES_MAX >> 20);
	if (n->stack_base % AMP_PAGE || n->stack_base < AMP_IMAGE_LOW ||
	    n->stack_base >= AMP_IMAGE_HIGH || size > AMP_IMAGE_HIGH - n->stack_base)
		return defect_set(why,
		                  "stacks at 0x%llx, size 0x%llx, are not page-aligned within "
		                  "[0x%llx, 0x%llx)",
		                  (unsigned long long)n->stack_base, (unsigned long long)size,
		                  AMP_IMAGE_LOW, AMP_IMAGE_HIGH);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *s = &image->segments[i];
		if (s->at < n->stack_base + size && n->stack_base < s->at + s->size)
			return defect_set(why, "stacks at 0x%llx overlap segment %u at 0x%llx",
			                  (unsigned long long)n->stack_base, i,
			                  (unsigned long long)s->at);
	}
	return 0;
}

static int check_tables(const struct image *image, struct defect *why)
{
	for (uint32_t i = 0; i < image->note.device_count; i++) {
		const struct amp_note_device *d = &image->devices[i];
		if (!name_ok(d->name))
			return defect_set(why, "device %u has no valid name", i);
		for (uint32_t j = 0; j < i; j++)
			if (!strcmp(d->name, image->devices[j].name))
				return defect_set(why, "two devices are named %s", d->name);
		bool net = d->type == AMP_DEVICE_NET, block = d->type == AMP_DEVICE_BLOCK;
		if (!net && !block)
			return defect_set(
			        why, "device %s is of type %u, which this tender does not have",
			        d->name, d->type);
		uint32_t own = block ? AMP_NOTE_DEVICE_READ_ONLY
		                     : AMP_NOTE_DEVICE_IP6 | AMP_NOTE_DEVICE_NO_IP4;
		if (d->flags & ~(AMP_NOTE_DEVICE_OPTIONAL | own) ||
		    (net && (d->size_min || d->format[0])) ||
		    (d->flags & own) == AMP_NOTE_DEVICE_NO_IP4)
			return defect_set(
			        why,
			        "device %s sets flags or reserved fields that this ABI does "
			        "not know",
			        d->name);
		char format[AMP_NAME_MAX] = "";
		memcpy(format, d->format, sizeof d->format);
		if (block && (d->format[AMP_FORMAT_MAX - 1] || (*format && !name_ok(format)) ||
		              !padded(d->format, AMP_FORMAT_MAX)))
			return defect_set(why, "device %s has a format that is no name", d->name);
		if (d->ring_size < 64 || d->ring_size > 32768 || d->ring_size & (d->ring_size - 1))
			return defect_set(
			        why,
			        "device %s has rings of %u entries, not a power of two from "
			        "64 to 32768",
			        d->name, d->ring_size);
		if (net ? d->frame_count < 64 || d->frame_count > 262144 : d->frame_count)
			return defect_set(why, "device %s has %u frames, not %s", d->name,
			                  d->frame_count, net ? "64 to 262144" : "0");
	}
	for (uint32_t i = 0; i < image->note.arg_count; i++) {
		const struct amp_note_arg *a = &image->args[i];
		uint64_t number;
		struct defect what;
		if (!name_ok(a->name))
			return defect_set(why, "argument %u has no valid name", i);
		for (uint32_t j = 0; j < i; j++)
			if (!strcmp(a->name, image->args[j].name))
				return defect_set(why, "two arguments are named %s", a->name);
		if (!arg_type_name(a->type) ||
		    (a->type == AMP_ARG_SECRET && image->note.abi_minor < 3) ||
		    a->flags & ~(AMP_NOTE_ARG_DYNAMIC | AMP_NOTE_ARG_RENEWABLE) ||
		    (a->flags & AMP_NOTE_ARG_RENEWABLE && a->type != AMP_ARG_SECRET))
			return defect_set(
			        why, "argument %s has a type or flags that this ABI does not know",
			        a->name);
		if (!padded(a->value, AMP_TEXT_MAX) || !padded(a->help, AMP_TEXT_MAX) ||
		    arg_parse(AMP_ARG_STRING, a->help, &number, &what))
			return defect_set(why, "argument %s has a value or help that is no text",
			                  a->name);
		if (arg_parse(a->type, a->value, &number, &what))
			return defect_set(why, "argument %s: '%s' %s", a->name, a->value,
			                  what.text);
	}
	for (uint32_t i = 0; i < image->note.library_count; i++)
		if (!library_ok(image->libraries[i].name))
			return defect_set(why, "library %u has no valid name", i);
	struct defect what;
	if (image->note.flags & AMP_NOTE_HEALTH && health_note_check(&image->health, &what))
		return defect_set(why, "how its health is asked %s", what.text);
	uint32_t port = image->health.port_arg;
	if (port && (port > image->note.arg_count || image->args[port - 1].type != AMP_ARG_U16))
		return defect_set(why, "how its health is asked names an argument that is no port");
	return 0;
}

static uint64_t end_of_segments(const struct image *image)
{
	uint64_t at = 0;
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		if (g->file_offset + g->file_size > at)
			at = g->file_offset + g->file_size;
	}
	return at;
}

/* The table of what holds addresses lies behind all bytes of segments. */
static int check_moves(struct image *image, uint64_t file, struct defect *why)
{
	uint64_t at = end_of_segments(image);
	uint32_t size;
	if (read_at(image, &size, sizeof size, at, "table of addresses", why))
		return -1;
	at += sizeof size;
	if (size > AMP_MOVES_MAX || size > file - at)
		return defect_set(why, "has a table of addresses of %u bytes at %llu: cut short?",
		                  size, (unsigned long long)at);
	image->movable = true;
	image->moves_at = at;
	image->moves_size = size;
	return 0;
}

static bool in_code(const struct image *image, const struct amp_table *t)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct image_segment *g = &image->segments[i];
		if (g->rights & RIGHT_X && t->address >= g->at &&
		    t->address - g->at < g->file_size &&
		    t->size <= g->file_size - (t->address - g->at))
			return true;
	}
	return false;
}

/* The names of data among code lie behind that. */
static int check_code_tables(struct image *image, uint64_t file, struct defect *why)
{
	uint64_t at = image->movable ? image->moves_at + image->moves_size : end_of_segments(image),
	         end = 0;
	struct amp_table t;
	if (read_at(image, &image->table_count, sizeof image->table_count, at, "names of tables",
	            why))
		return -1;
	at += sizeof image->table_count;
	if (image->table_count > AMP_TABLES_MAX || image->table_count * sizeof t > file - at)
		return defect_set(why, "names %u tables among its code at %llu: cut short?",
		                  image->table_count, (unsigned long long)at);
	image->tables_at = at;
	for (uint32_t i = 0; i < image->table_count; i++, at += sizeof t) {
		if (read_at(image, &t, sizeof t, at, "names of tables", why))
			return -1;
		if (!t.size || t.address < end || !in_code(image, &t))
			return defect_set(
			        why,
			        "names a table among code at 0x%llx that lies in no code, or "
			        "out of order",
			        (unsigned long long)t.address);
		end = t.address + t.size;
	}
	return 0;
}

static int check_file(struct image *image, struct defect *why)
{
	Elf64_Ehdr e;
	Elf64_Phdr p[PHDRS_MAX], *note = NULL, *tls = NULL, *interp = NULL;
	uint64_t file;

	if (image_file_size(image, &file, why))
		return -1;
	image->file_size = file;
	if (file < sizeof e)
		return defect_set(why, "is not an image: it has only %llu bytes",
		                  (unsigned long long)file);
	if (read_at(image, &e, sizeof e, 0, "ELF header", why) || check_header(&e, why) ||
	    read_at(image, p, e.e_phnum * sizeof *p, e.e_phoff, "program header table", why))
		return -1;
	for (unsigned i = 0; i < e.e_phnum; i++) {
		Elf64_Phdr **once = NULL;
		switch (p[i].p_type) {
		case PT_LOAD:
			if (check_load(image, &p[i], file, why))
				return -1;
			break;
		case PT_NOTE:
			once = &note;
			break;
		case PT_TLS:
			once = &tls;
			break;
		case PT_INTERP:
			once = &interp;
			break;
		case PT_GNU_STACK:
			break;
		default:
			return defect_set(why,
			                  "has a program header of type 0x%x, which no image has",
			                  p[i].p_type);
		}
		if (once && *once)
			return defect_set(why, "has two program headers of type %u", p[i].p_type);
		if (once)
			*once = &p[i];
	}
	if (!note)
		return defect_set(why, "is not an image: it has no note");
	if (!in_segment(image, note->p_offset, note->p_vaddr, note->p_filesz, true))
		return defect_set(why, "note lies outside the file bytes of every segment");
	if (tls && !in_segment(image, 0, tls->p_vaddr, tls->p_memsz, false))
		return defect_set(why, "thread-local storage lies outside every segment");

	uint32_t header[5];
	static struct desc
	        desc; /* of as many bytes as its tables need, which is checked before they are read */
	if (note->p_filesz < NOTE_HEADER + sizeof desc.note)
		return defect_set(why, "note is too short: %llu bytes",
		                  (unsigned long long)note->p_filesz);
	if (read_at(image, header, sizeof header, note->p_offset, "note", why))
		return -1;
	if (header[0] != 8 || header[2] != AMP_NOTE_TYPE || memcmp(header + 3, AMP_NOTE_NAME, 8))
		return defect_set(why, "is not an image: its note is not named %s", AMP_NOTE_NAME);
	if (header[1] < sizeof desc.note || header[1] > sizeof desc ||
	    header[1] > note->p_filesz - NOTE_HEADER)
		return defect_set(why, "note has an impossible size: %u bytes", header[1]);
	if (read_at(image, &desc, header[1], note->p_offset + NOTE_HEADER, "note", why) ||
	    check_note(image, &desc, header[1], why) || check_stacks(image, why) ||
	    check_tables(image, why))
		return -1;

	if (interp && image->note.abi_minor < INTERP_MIN)
		return defect_set(
		        why, "has a program header of type 0x%x, which no image of ABI %u.%u has",
		        PT_INTERP, AMP_ABI_MAJOR, image->note.abi_minor);
	if (image->note.flags & AMP_NOTE_MOVES && check_moves(image, file, why))
		return -1;
	if (image->note.flags & AMP_NOTE_TABLES && check_code_tables(image, file, why))
		return -1;
	image->entry = e.e_entry;
	for (unsigned i = 0; i < image->segment_count; i++)
		if (image->segments[i].rights & RIGHT_X && e.e_entry >= image->segments[i].at &&
		    e.e_entry - image->segments[i].at < image->segments[i].size)
			return 0;
	return defect_set(why, "entry point 0x%llx lies in no executable segment",
	                  (unsigned long long)e.e_entry);
}

int image_check(struct image *image, struct defect *why)
{
	if (!check_file(image, why))
		return 0;
	image_close(image);
	return -1;
}
