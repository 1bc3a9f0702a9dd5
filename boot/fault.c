/* SPDX-License-Identifier: ISC */
/* A fault of the image's is a page that it touches for the first time, or its end. One of the kernel's own is a defect of ours. */
#include <string.h>

#include <boot/fault.h>
#include <boot/lazy.h>
#include <boot/power.h>

#define NMI     2u
#define PAGE    14u
#define PRESENT 1u
#define WITH_ERROR                                                                                 \
	(1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17 | 1u << 21 |    \
	 1u << 29 | 1u << 30)

static struct space *space;
static const struct pages *pages;
static const struct image *image;
static struct symbols symbols;

void fault(struct frame *);

void fault_begin(struct space *s, const struct pages *p, const struct image *i,
                 const struct range *file)
{
	space = s;
	pages = p;
	image = i;
	if (file)
		symbols = (struct symbols){ .file = (const uint8_t *)file->at, .size = file->size };
}

static uint64_t read_image(void *of, uint64_t at, void *to, uint64_t size)
{
	uint64_t done = 0, follow;
	while (done < size) {
		const uint8_t *from = space_bytes(of, at + done, RIGHT_R, &follow);
		if (!from)
			break;
		if (follow > size - done)
			follow = size - done;
		lazy_touch(pages, at + done, follow);
		memcpy((uint8_t *)to + done, from, follow);
		done += follow;
	}
	return done;
}

void fault(struct frame *f)
{
	uint64_t address;
	__asm__ volatile("mov %%cr2, %0" : "=r"(address));
	if (!(f->cs & 3) || !space) {
		if (f->vector == NMI)
			return;
		say("a defect in the boot kernel: exception %llu, error 0x%llx, at 0x%llx, address "
		    "0x%llx",
		    (unsigned long long)f->vector, (unsigned long long)f->error,
		    (unsigned long long)f->rip, (unsigned long long)address);
		power_off(AMP_EXIT_TENDER);
	}
	if (f->vector == NMI ||
	    (f->vector == PAGE && !(f->error & PRESENT) && lazy_page(pages, address)))
		return;
	const struct crash c = { .vector = (int)f->vector,
		                 .error_known = WITH_ERROR >> f->vector & 1,
		                 .error = f->error,
		                 .address = address,
		                 .read = read_image,
		                 .of = space,
		                 .registers = { f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi,
		                                f->rbp, f->rsp, f->r8, f->r9, f->r10, f->r11,
		                                f->r12, f->r13, f->r14, f->r15, f->rip,
		                                f->rflags } };
	crash_report(&c, space, image, &symbols);
	power_off(AMP_EXIT_CRASH);
}
