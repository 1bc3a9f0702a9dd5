/* SPDX-License-Identifier: ISC */
/*
 * Seals an image (seal.h). The linked file is a position-independent executable, linked at its
 * final address with the relocated values already in place. Here each of its relocations is checked
 * to be in place, the parts with the dynamic section are dropped, and a plain ET_EXEC file is laid
 * out: headers in the first page, then each segment's bytes from a page boundary on, then a table of the relocations, by
 * which a tender can move it. Of tables among code, whole pages become constants, as far as there may be segments.
 */
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ampoule_abi.h>
#include <builder/pulled.h>
#include <builder/seal.h>
#include <builder/text.h>
#include <tender/digest.h>
#include <tender/sha256.h>

#define PHDRS_MAX 32u

struct linked {
	uint8_t *bytes;
	size_t size;
	const char *shown;
	struct report *report;
	Elf64_Ehdr header;
	Elf64_Phdr phdrs[PHDRS_MAX];
	Elf64_Phdr loads[AMP_SEGMENTS_MAX]; /* those that become segments */
	unsigned load_count;
	bool movable;
	uint64_t *words; /* addresses of those that hold addresses, of the segments that stay */
	size_t word_count;
	struct text moves;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct linked *l, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	report_at(l->report, l->shown, 0, 0, "%s", text);
	return false;
}

static bool in_file(const struct linked *l, uint64_t offset, uint64_t size)
{
	return offset <= l->size && size <= l->size - offset;
}

/* The place of an address's bytes in the file, or null. */
static uint8_t *bytes_at(const struct linked *l, uint64_t address, uint64_t size)
{
	for (unsigned i = 0; i < l->header.e_phnum; i++) {
		const Elf64_Phdr *p = &l->phdrs[i];
		if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
		    address - p->p_vaddr <= p->p_filesz &&
		    size <= p->p_filesz - (address - p->p_vaddr))
			return l->bytes + p->p_offset + (address - p->p_vaddr);
	}
	return NULL;
}

static const Elf64_Phdr *find_phdr(const struct linked *l, uint32_t type)
{
	for (unsigned i = 0; i < l->header.e_phnum; i++)
		if (l->phdrs[i].p_type == type && l->phdrs[i].p_memsz)
			return &l->phdrs[i];
	return NULL;
}

static bool read_headers(struct linked *l)
{
	Elf64_Ehdr *e = &l->header;

	if (l->size < sizeof *e)
		return refuse(l, "is too short for an ELF file");
	memcpy(e, l->bytes, sizeof *e);
	if (memcmp(e->e_ident, ELFMAG, SELFMAG) || e->e_ident[EI_CLASS] != ELFCLASS64 ||
	    e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_X86_64)
		return refuse(l, "is no ELF file for x86-64");
	if (e->e_type != ET_DYN && e->e_type != ET_EXEC)
		return refuse(l, "is no executable (ELF type %u)", e->e_type);
	if (e->e_phentsize != sizeof(Elf64_Phdr) || !e->e_phnum || e->e_phnum > PHDRS_MAX ||
	    !in_file(l, e->e_phoff, e->e_phnum * sizeof(Elf64_Phdr)))
		return refuse(l, "has no readable program headers");
	memcpy(l->phdrs, l->bytes + e->e_phoff, e->e_phnum * sizeof(Elf64_Phdr));
	for (unsigned i = 0; i < e->e_phnum; i++) {
		const Elf64_Phdr *p = &l->phdrs[i];
		if (!in_file(l, p->p_offset, p->p_filesz) || p->p_filesz > p->p_memsz)
			return refuse(l, "program header %u lies outside the file", i);
	}
	return true;
}

static bool collect_segments(struct linked *l)
{
	const Elf64_Phdr *dynamic = find_phdr(l, PT_DYNAMIC);
	bool fine = true;

	if (find_phdr(l, PT_INTERP))
		fine = refuse(l, "asks for a dynamic linker (PT_INTERP); an image is static");
	for (unsigned i = 0; i < l->header.e_phnum; i++) {
		const Elf64_Phdr *p = &l->phdrs[i];

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		/* Data that only the linker needed to relocate stays behind. */
		if (dynamic && dynamic->p_vaddr >= p->p_vaddr &&
		    dynamic->p_vaddr - p->p_vaddr < p->p_memsz)
			continue;
		if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
			fine = refuse(l,
			              "segment at 0x%llx is writable and executable: nothing in an "
			              "image may be both",
			              (unsigned long long)p->p_vaddr);
		else if (p->p_flags != PF_R && p->p_flags != (PF_R | PF_X) &&
		         p->p_flags != (PF_R | PF_W))
			fine = refuse(l, "segment at 0x%llx has rights %u, not R, RX or RW",
			              (unsigned long long)p->p_vaddr, p->p_flags);
		if (p->p_vaddr % AMP_PAGE)
			fine = refuse(l, "segment at 0x%llx does not begin a page",
			              (unsigned long long)p->p_vaddr);
		if (p->p_vaddr < AMP_IMAGE_LOW || p->p_vaddr >= AMP_IMAGE_HIGH ||
		    p->p_memsz > AMP_IMAGE_HIGH - p->p_vaddr)
			fine = refuse(l, "segment at 0x%llx lies outside [0x%llx, 0x%llx)",
			              (unsigned long long)p->p_vaddr, AMP_IMAGE_LOW,
			              AMP_IMAGE_HIGH);
		else if (l->load_count) {
			const Elf64_Phdr *before = &l->loads[l->load_count - 1];
			if (p->p_vaddr < before->p_vaddr + (before->p_memsz + AMP_PAGE - 1) /
			                                           AMP_PAGE * AMP_PAGE)
				fine = refuse(l, "segment at 0x%llx overlaps the one before it",
				              (unsigned long long)p->p_vaddr);
		}
		if (l->load_count == AMP_SEGMENTS_MAX)
			return refuse(l, "has more than %u segments", AMP_SEGMENTS_MAX);
		l->loads[l->load_count++] = *p;
	}
	if (!l->load_count)
		return refuse(l, "has no segments");
	return fine;
}

/* Every relocation must be of the kind whose value the linker has put in place already. */
static bool check_relocations(struct linked *l)
{
	const Elf64_Phdr *dynamic = find_phdr(l, PT_DYNAMIC);
	uint64_t at = 0, size = 0, relr = 0;

	if (!dynamic)
		return true;
	l->movable = true;
	for (uint64_t i = 0; i + sizeof(Elf64_Dyn) <= dynamic->p_filesz; i += sizeof(Elf64_Dyn)) {
		Elf64_Dyn d;
		memcpy(&d, l->bytes + dynamic->p_offset + i, sizeof d);
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_NEEDED)
			return refuse(l, "needs a shared library; an image is static");
		if (d.d_tag == DT_RELA)
			at = d.d_un.d_ptr;
		else if (d.d_tag == DT_RELASZ)
			size = d.d_un.d_val;
		else if (d.d_tag == DT_JMPREL || d.d_tag == DT_REL || d.d_tag == 36 /* DT_RELR */)
			relr = d.d_un.d_ptr;
	}
	if (relr)
		return refuse(
		        l, "has dynamic relocations of a kind that is not resolved at link time");
	if (!size)
		return true;
	const uint8_t *table = bytes_at(l, at, size);
	if (!table || size % sizeof(Elf64_Rela))
		return refuse(l, "has a relocation table outside the file");
	l->words = keep(size / sizeof(Elf64_Rela) * sizeof *l->words);
	for (uint64_t i = 0; i < size; i += sizeof(Elf64_Rela)) {
		Elf64_Rela r;
		uint64_t value = 0;

		memcpy(&r, table + i, sizeof r);
		const uint8_t *place = bytes_at(l, r.r_offset, sizeof value);
		if (place)
			memcpy(&value, place, sizeof value);
		if (ELF64_R_TYPE(r.r_info) != R_X86_64_RELATIVE || !place ||
		    value != (uint64_t)r.r_addend)
			return refuse(l,
			              "a dynamic relocation is left at 0x%llx (type %u): its value "
			              "is not known at "
			              "link time",
			              (unsigned long long)r.r_offset,
			              (unsigned)ELF64_R_TYPE(r.r_info));
		for (unsigned k = 0; k < l->load_count; k++)
			if (l->loads[k].p_flags & PF_X &&
			    r.r_offset - l->loads[k].p_vaddr < l->loads[k].p_memsz)
				return refuse(l, "code holds an absolute address, at 0x%llx",
				              (unsigned long long)r.r_offset);
		for (unsigned k = 0; k < l->load_count; k++)
			if (r.r_offset - l->loads[k].p_vaddr < l->loads[k].p_memsz)
				l->words[l->word_count++] = r.r_offset;
	}
	return true;
}

/* struct amp_note, at no alignment, or null. */
static uint8_t *find_note(struct linked *l, const Elf64_Phdr *note)
{
	const uint64_t desc = 20;
	uint32_t head[3];

	if (!note || note->p_filesz < desc + sizeof(struct amp_note))
		return NULL;
	memcpy(head, l->bytes + note->p_offset, sizeof head);
	if (head[0] != sizeof AMP_NOTE_NAME || head[2] != AMP_NOTE_TYPE ||
	    memcmp(l->bytes + note->p_offset + sizeof head, AMP_NOTE_NAME, sizeof AMP_NOTE_NAME))
		return NULL;
	return l->bytes + note->p_offset + desc;
}

static uint64_t round_up(uint64_t n)
{
	return (n + AMP_PAGE - 1) / AMP_PAGE * AMP_PAGE;
}

/* What the host's kernel looks for when an image is called like a program: nobody can make a file there, so that the kernel
 * says that there is none (a shell's 127) instead of running the image without a tender. Tenders ignore it. */
static const char interpreter[] = "/proc/run-it-by-ampoule-run";

static int by_address(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The table of AMP_NOTE_MOVES. One with more words than a tender takes stays where it was linked. */
static void make_moves(struct linked *l)
{
	uint64_t before = l->loads[0].p_vaddr;

	if (l->word_count)
		qsort(l->words, l->word_count, sizeof *l->words, by_address);
	for (size_t i = 0; i < l->word_count; i++) {
		uint64_t more = l->words[i] - before;

		before = l->words[i];
		do {
			char byte = (char)((more & 0x7f) | (more > 0x7f ? 0x80 : 0));

			text_bytes(&l->moves, &byte, 1);
			more >>= 7;
		} while (more);
	}
	l->movable = l->moves.size <= AMP_MOVES_MAX;
}

/* The tables among the code of archives. */
static void find_tables(struct sealed *s, const struct linked *l, const char *map)
{
	const struct audit_range *ranges;
	size_t count = pulled_ranges(&ranges, map);
	static struct audit a;

	for (unsigned i = 0; count && i < l->load_count; i++) {
		const Elf64_Phdr *p = &l->loads[i];
		if (!(p->p_flags & PF_X))
			continue;
		struct audit_code c = { l->bytes + p->p_offset, p->p_vaddr, p->p_filesz, ranges,
			                count };
		a = (struct audit){ 0 };
		audit_code(&a, &c, &s->symbols);
		for (unsigned k = 0; k < a.table_count && s->table_count < AUDIT_TABLES; k++)
			s->tables[s->table_count++] = a.tables[k];
	}
}

#define SPLIT_LEAST (16 * AMP_PAGE) /* bytes of a table that are worth two segments */

/* Takes the right to execute from whole pages of a table: the segment becomes three, or two. */
static void split(struct linked *l, unsigned at, uint64_t start, uint64_t end)
{
	Elf64_Phdr whole = l->loads[at], parts[3];
	uint64_t bounds[] = { whole.p_vaddr, start, end, whole.p_vaddr + whole.p_memsz };
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++) {
		if (bounds[i] == bounds[i + 1])
			continue;
		parts[n] = whole;
		parts[n].p_vaddr = bounds[i];
		parts[n].p_offset = whole.p_offset + (bounds[i] - whole.p_vaddr);
		parts[n].p_filesz = parts[n].p_memsz = bounds[i + 1] - bounds[i];
		parts[n++].p_flags = i == 1 ? PF_R : PF_R | PF_X;
	}
	memmove(l->loads + at + n, l->loads + at + 1, (l->load_count - at - 1) * sizeof whole);
	memcpy(l->loads + at, parts, n * sizeof whole);
	l->load_count += n - 1;
}

static void keep_table(struct sealed *s, uint64_t address, uint64_t end)
{
	if (address < end)
		s->tables[s->table_count++] = (struct audit_range){ address, end - address };
}

/* What of the tables stays among code. */
static void split_tables(struct sealed *s, struct linked *l)
{
	static struct audit_range found[AUDIT_TABLES];
	unsigned count = s->table_count;

	memcpy(found, s->tables, sizeof found);
	s->table_count = 0;
	for (unsigned i = 0; i < count; i++) {
		uint64_t at = found[i].address, behind = at + found[i].size;
		uint64_t start = round_up(at), end = behind / AMP_PAGE * AMP_PAGE;
		unsigned k = 0;

		while (k < l->load_count && at - l->loads[k].p_vaddr >= l->loads[k].p_memsz)
			k++;
		/* Each split adds a range at most, and there are fewer splits than what is left of the list. */
		if (k == l->load_count || end < start + SPLIT_LEAST ||
		    l->load_count + 2 > AMP_SEGMENTS_MAX ||
		    count + AMP_SEGMENTS_MAX > AUDIT_TABLES ||
		    l->loads[k].p_filesz != l->loads[k].p_memsz) {
			keep_table(s, at, behind);
			continue;
		}
		split(l, k, start, end);
		keep_table(s, at, start);
		keep_table(s, end, behind);
	}
}

static void lay_out(struct sealed *s, const struct linked *l, const Elf64_Phdr *note,
                    const Elf64_Phdr *tls)
{
	Elf64_Phdr out[AMP_SEGMENTS_MAX + 3];
	unsigned count = 0;
	uint64_t at = AMP_PAGE;

	for (unsigned i = 0; i < l->load_count; i++) {
		Elf64_Phdr p = l->loads[i];

		/* Code fills its last page with traps instead of zeros, which would be
		 * instructions. */
		if (p.p_flags & PF_X)
			p.p_filesz = p.p_memsz = round_up(p.p_memsz);
		p.p_offset = at;
		p.p_paddr = p.p_vaddr;
		p.p_align = AMP_PAGE;
		at += round_up(p.p_filesz);
		out[count++] = p;
	}
	/* Behind the last byte that is not zero-fill of the loader's: the table of addresses, the names of tables among code,
	 * and the digest. */
	const Elf64_Phdr *last = &out[count - 1];
	uint32_t moves_size = (uint32_t)l->moves.size, table_count = s->table_count;
	uint64_t moves_at = last->p_offset + last->p_filesz;
	uint64_t tables_at = moves_at + (l->movable ? sizeof moves_size + moves_size : 0);
	uint64_t digested =
	        tables_at +
	        (table_count ? sizeof table_count + table_count * sizeof(struct amp_table) : 0);
	s->image_size = digested + sizeof(struct amp_digest);
	for (unsigned i = 0; i < 2; i++) {
		const Elf64_Phdr *from = i ? tls : note;
		if (!from)
			continue;
		Elf64_Phdr p = *from;
		p.p_paddr = p.p_vaddr;
		for (unsigned k = 0; k < l->load_count; k++)
			if (p.p_vaddr - out[k].p_vaddr < out[k].p_memsz)
				p.p_offset = out[k].p_offset + (p.p_vaddr - out[k].p_vaddr);
		out[count++] = p;
	}

	/* The path follows the headers, in the first page, which is loaded nowhere. */
	uint64_t interpreter_at = sizeof(Elf64_Ehdr) + (count + 1) * sizeof *out;
	out[count++] = (Elf64_Phdr){ .p_type = PT_INTERP,
		                     .p_flags = PF_R,
		                     .p_offset = interpreter_at,
		                     .p_filesz = sizeof interpreter,
		                     .p_memsz = sizeof interpreter,
		                     .p_align = 1 };

	Elf64_Ehdr e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		         .e_type = ET_EXEC,
		         .e_machine = EM_X86_64,
		         .e_version = EV_CURRENT,
		         .e_entry = l->header.e_entry,
		         .e_phoff = sizeof e,
		         .e_ehsize = sizeof e,
		         .e_phentsize = sizeof(Elf64_Phdr),
		         .e_phnum = (uint16_t)count,
		         .e_shentsize = sizeof(Elf64_Shdr) };
	s->image = keep(s->image_size);
	memcpy(s->image, &e, sizeof e);
	memcpy(s->image + sizeof e, out, count * sizeof *out);
	memcpy(s->image + interpreter_at, interpreter, sizeof interpreter);
	for (unsigned i = 0; i < l->load_count; i++) {
		const Elf64_Phdr *from = &l->loads[i];

		memcpy(s->image + out[i].p_offset, l->bytes + from->p_offset, from->p_filesz);
		if (from->p_flags & PF_X) {
			memset(s->image + out[i].p_offset + from->p_filesz, 0xcc,
			       out[i].p_filesz - from->p_filesz);
			s->code[s->code_count++] =
			        (struct audit_code){ s->image + out[i].p_offset, out[i].p_vaddr,
				                     out[i].p_filesz, s->tables, s->table_count };
		}
		*(from->p_flags & PF_X   ? &s->text_size
		  : from->p_flags & PF_W ? &s->data_size
		                         : &s->constants_size) += from->p_memsz;
	}
	if (l->movable) {
		memcpy(s->image + moves_at, &moves_size, sizeof moves_size);
		memcpy(s->image + moves_at + sizeof moves_size, l->moves.s ? l->moves.s : "",
		       moves_size);
		s->movable = true;
	}
	if (table_count)
		memcpy(s->image + tables_at, &table_count, sizeof table_count);
	for (uint32_t i = 0; i < table_count; i++) {
		const struct amp_table t = { s->tables[i].address, s->tables[i].size };
		memcpy(s->image + tables_at + sizeof table_count + i * sizeof t, &t, sizeof t);
	}
	const struct amp_digest digest = digest_of(s->image, digested);
	memcpy(s->image + digested, &digest, sizeof digest);
	s->base = out[0].p_vaddr;
	s->end = out[l->load_count - 1].p_vaddr + round_up(out[l->load_count - 1].p_memsz);
}

bool seal(struct sealed *s, uint8_t *bytes, size_t size, uint64_t seed, const char *map,
          const char *shown, struct report *report)
{
	struct linked l = { .bytes = bytes, .size = size, .shown = shown, .report = report };
	const char *why;

	*s = (struct sealed){ .debug = bytes, .debug_size = size };
	if (!read_headers(&l) || !collect_segments(&l) || !check_relocations(&l))
		return false;
	if ((why = symbols_read(&s->symbols, bytes, size)) != NULL)
		return refuse(&l, "%s", why);
	for (unsigned i = 0; i < s->symbols.undefined_count; i++)
		refuse(&l, "%s is used and not defined", s->symbols.undefined[i]);
	if (s->symbols.undefined_count)
		return false;

	const Elf64_Phdr *note = find_phdr(&l, PT_NOTE), *tls = find_phdr(&l, PT_TLS);
	uint8_t *own = find_note(&l, note), *build_id;
	if (!own)
		return refuse(&l, "has no Ampoule note");
	find_tables(s, &l, map);
	split_tables(s, &l);
	if (l.movable)
		make_moves(&l);
	build_id = own + offsetof(struct amp_note, build_id);
	uint32_t flags;
	memcpy(&flags, own + offsetof(struct amp_note, flags), sizeof flags);
	flags |= AMP_NOTE_DIGEST | (l.movable ? AMP_NOTE_MOVES : 0) |
	         (s->table_count ? AMP_NOTE_TABLES : 0);
	memcpy(own + offsetof(struct amp_note, flags), &flags, sizeof flags);
	const uint16_t type = ET_EXEC;
	memcpy(bytes + offsetof(Elf64_Ehdr, e_type), &type, sizeof type);
	memset(build_id, 0, 32);
	struct sha256 h;
	sha256_start(&h);
	sha256_add(&h, &seed, sizeof seed);
	sha256_add(&h, bytes, size);
	sha256_end(&h, s->build_id);
	memcpy(build_id, s->build_id, 32);
	lay_out(s, &l, note, tls);
	return true;
}
