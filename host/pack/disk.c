/* SPDX-License-Identifier: ISC */
/*
 * GPT: UEFI 2.10, chapter 5. GRUB for BIOS is as grub-bios-setup has it: boot.img in the first sector, which is told where core.img is;
 * core.img's first sector is told where the rest of it is. All of it lies in a partition of its own, so that nobody moves it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <pack/disk.h>
#include <pack/fat.h>
#include <tender/sha256.h>

#define SECTOR       512u
#define ENTRIES      128u
#define ENTRY        128u
#define TABLE        (ENTRIES * ENTRY / SECTOR)
#define FIRST        2048u /* sectors: partitions begin at a MiB */
#define BIOS_SECTORS 2048u
#define ALIGN        2048u
#define METADATA     "METADATA.AMP"
#define GRUB         "/usr/lib/grub"
#define BOOT_KERNEL  0x5cu /* in boot.img: where core.img is; and a jump that is left out on disks */
#define BOOT_DRIVE   0x66u
#define CORE_LIST                                                                                  \
	0x1f4u /* in core.img's first sector: where the rest is, how long, and its segment */
#define BOOT_CODE 440u
#define FILE_MAX  (1u << 20)

static const uint8_t type_bios[DISK_GUID] =
        "Hah!IdontNeedEFI"; /* 21686148-6449-6E6F-744E-656564454649 */
static const uint8_t type_efi[DISK_GUID] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
	                                     0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A GUID of its own for each label (RFC 9562, version 8). */
static void guid(uint8_t to[DISK_GUID], const uint8_t *id, const char *label)
{
	struct sha256 h;
	uint8_t digest[32];
	sha256_start(&h);
	sha256_add(&h, id, 32);
	sha256_add(&h, label, strlen(label));
	sha256_end(&h, digest);
	memcpy(to, digest, DISK_GUID);
	to[7] = (uint8_t)((to[7] & 15) | 0x80);
	to[8] = (uint8_t)((to[8] & 63) | 0x80);
}

/* ---- GRUB ---- */

static uint8_t *read_file(const char *path, uint64_t *size, struct defect *why)
{
	FILE *f = fopen(path, "re");
	uint8_t *bytes = f ? malloc(FILE_MAX) : NULL;
	*size = bytes ? fread(bytes, 1, FILE_MAX, f) : 0;
	if (f)
		fclose(f);
	if (*size && *size < FILE_MAX)
		return bytes;
	free(bytes);
	defect_set(why, "%s cannot be read: install GRUB (grub-pc-bin, grub-efi-amd64-bin)", path);
	return NULL;
}

static int run(const char *const *words)
{
	int how;
	pid_t child = fork();
	if (!child) {
		execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	while (child > 0 && waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static uint8_t *make_grub(const char *format, const char *config, uint64_t *size,
                          struct defect *why)
{
	char folder[] = "/tmp/ampoule-pack-XXXXXX", text[64], out[64];
	uint8_t *bytes = NULL;
	if (!mkdtemp(folder)) {
		defect_set(why, "no folder can be made in /tmp: %s", strerror(errno));
		return NULL;
	}
	snprintf(text, sizeof text, "%s/grub.cfg", folder);
	snprintf(out, sizeof out, "%s/core", folder);
	FILE *f = fopen(text, "we");
	bool bios = !strcmp(format, "i386-pc");
	if (f && fputs(config, f) >= 0 && !fclose(f)) {
		const char *const words[] = { "grub-mkimage",
			                      "-O",
			                      format,
			                      "-o",
			                      out,
			                      "-c",
			                      text,
			                      "-p",
			                      "/boot/grub",
			                      "part_gpt",
			                      "fat",
			                      "multiboot2",
			                      "search",
			                      "search_fs_file",
			                      "serial",
			                      "terminal",
			                      "normal",
			                      "echo",
			                      bios ? "biosdisk" : "efi_gop",
			                      NULL };
		int status = run(words);
		if (!status)
			bytes = read_file(out, size, why);
		else
			defect_set(
			        why,
			        "grub-mkimage for %s %s: install GRUB (grub-common, grub-pc-bin, "
			        "grub-efi-amd64-bin)",
			        format, status == 127 ? "is not there" : "fails");
	} else {
		defect_set(why, "%s cannot be written: %s", text, strerror(errno));
	}
	unlink(text);
	unlink(out);
	rmdir(folder);
	return bytes;
}

static char *make_config(const struct disk_files *d, const char *name,
                         const uint8_t disk[DISK_GUID])
{
	char *text = NULL, hex[2 * DISK_GUID + 1];
	for (unsigned i = 0; i < DISK_GUID; i++)
		snprintf(hex + 2 * i, 3, "%02x", disk[i]);
	if (asprintf(&text,
	             "serial --unit=0 --speed=115200\n"
	             "terminal_output serial console\n"
	             "search --no-floppy --file --set=root /%s\n"
	             "multiboot2 /KERNEL.ELF ampoule.disk=%s %s\n"
	             "module2 /%s\n"
	             "%sboot\n",
	             name, hex, d->words, name, d->metadata ? "module2 /" METADATA "\n" : "") < 0)
		return NULL;
	return text;
}

/* ---- The disk ---- */

static void set_partition(uint8_t *e, const uint8_t type[DISK_GUID], const uint8_t *id,
                          const char *label, uint64_t first, uint64_t sectors)
{
	memcpy(e, type, DISK_GUID);
	guid(e + 16, id, label);
	put(e + 32, first, 8);
	put(e + 40, first + sectors - 1, 8);
	for (unsigned i = 0; label[i] && i < 35; i++)
		e[56 + 2 * i] = (uint8_t)label[i];
}

static void set_header(uint8_t *h, const uint8_t disk[DISK_GUID], const uint8_t *table,
                       uint64_t own, uint64_t other, uint64_t table_at, uint64_t sectors)
{
	memcpy(h, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	put(h + 24, own, 8);
	put(h + 32, other, 8);
	put(h + 40, 2 + TABLE, 8);
	put(h + 48, sectors - 2 - TABLE, 8);
	memcpy(h + 56, disk, DISK_GUID);
	put(h + 72, table_at, 8);
	put(h + 80, ENTRIES, 4);
	put(h + 84, ENTRY, 4);
	put(h + 88, crc32(0, table, ENTRIES * ENTRY), 4);
	put(h + 16, crc32(0, h, 92), 4);
}

/* boot.img and core.img, told of each other. */
static int set_bios(uint8_t *disk, const uint8_t *boot, const uint8_t *core, uint64_t size,
                    struct defect *why)
{
	uint64_t sectors = (size + SECTOR - 1) / SECTOR;
	if (sectors > BIOS_SECTORS)
		return defect_set(why, "GRUB's core has %llu bytes, too many",
		                  (unsigned long long)size);
	memcpy(disk, boot, BOOT_CODE);
	put(disk + BOOT_KERNEL, FIRST, 8);
	put(disk + BOOT_DRIVE, 0x9090, 2);
	uint8_t *to = disk + FIRST * SECTOR;
	memcpy(to, core, size);
	put(to + CORE_LIST, FIRST + 1, 8);
	put(to + CORE_LIST + 8, sectors - 1, 2);
	put(to + CORE_LIST + 10, 0x820, 2);
	return 0;
}

uint8_t *disk_make(const struct disk_files *d, uint64_t *size, struct defect *why)
{
	uint8_t id[DISK_GUID], *boot = NULL, *core = NULL, *efi = NULL, *disk = NULL;
	uint64_t boot_size, core_size, efi_size;
	char name[13];
	bool done = false;
	snprintf(name, sizeof name, "%02X%02X%02X%02X.AMP", d->id[0], d->id[1], d->id[2], d->id[3]);
	guid(id, d->id, "disk");
	char *config = make_config(d, name, id);
	if (!config || !(boot = read_file(GRUB "/i386-pc/boot.img", &boot_size, why)) ||
	    !(core = make_grub("i386-pc", config, &core_size, why)) ||
	    !(efi = make_grub("x86_64-efi", config, &efi_size, why)))
		goto out;
	const struct fat_file files[] = { { "EFI", NULL, 0 },
		                          { "EFI/BOOT", NULL, 0 },
		                          { "EFI/BOOT/BOOTX64.EFI", efi, efi_size },
		                          { "KERNEL.ELF", d->kernel, d->kernel_size },
		                          { name, d->image, d->image_size },
		                          { METADATA, d->metadata, d->metadata_size } };
	const unsigned count = sizeof files / sizeof *files - !d->metadata;
	uint64_t esp = FIRST + BIOS_SECTORS, esp_sectors = fat_sectors(files, count);
	uint64_t end = (esp + esp_sectors + ALIGN - 1) / ALIGN * ALIGN, sectors = end + ALIGN;
	disk = calloc(sectors, SECTOR);
	if (!disk) {
		defect_set(why, "needs %llu MiB of memory to be packed",
		           (unsigned long long)(sectors >> 11));
		goto out;
	}
	if (set_bios(disk, boot, core, core_size, why) ||
	    fat_make(disk + esp * SECTOR, esp_sectors, esp,
	             (uint32_t)id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3], files, count, why))
		goto out;
	uint8_t *table = disk + 2 * SECTOR, *last = disk + (sectors - 1) * SECTOR;
	set_partition(table, type_bios, d->id, "bios", FIRST, BIOS_SECTORS);
	set_partition(table + ENTRY, type_efi, d->id, "ampoule", esp, esp_sectors);
	memcpy(last - TABLE * SECTOR, table, TABLE * SECTOR);
	set_header(disk + SECTOR, id, table, 1, sectors - 1, 2, sectors);
	set_header(last, id, table, sectors - 1, 1, sectors - 1 - TABLE, sectors);
	/* The protective MBR. */
	static const uint8_t all[] = {
		0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff, 0x01, 0, 0, 0
	};
	memcpy(disk + 446, all, sizeof all);
	put(disk + 446 + 12, sectors - 1, 4);
	put(disk + 510, 0xaa55, 2);
	*size = sectors * SECTOR;
	done = true;
out:
	free(config);
	free(boot);
	free(core);
	free(efi);
	if (!done) {
		free(disk);
		disk = NULL;
	}
	return disk;
}
