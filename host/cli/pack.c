/* SPDX-License-Identifier: ISC */
/*
 * `ampoule pack`: an image and the boot kernel as a platform takes them, with the configuration beside it. The image's bytes stay what
 * they are; the same image, words and seed give the same package.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cli/kernel.h>
#include <cli/output.h>
#include <pack/disk.h>
#include <tender/args.h>
#include <tender/digest.h>
#include <tender/sha256.h>

#define SETS_MAX 64u
#define XEN_MIB  2u /* for each device, whose packets or blocks are copied */

static const char help[] =
        "usage: ampoule pack [OPTION...] --for PLATFORM IMAGE\n\n"
        "Makes of an image what another hypervisor takes: the boot kernel, the image as it is, and "
        "what starts them.\n\n"
        "  --for PLATFORM     qemu, firecracker, cloud-hypervisor, xen: kernel and image, and the "
        "configuration;\n"
        "                     raw, qcow2, vmdk: a disk that boots by BIOS and by UEFI; ami: a raw "
        "disk, and how it\n"
        "                     becomes an AMI\n"
        "  -o, --output DIR   the folder that is made; default: NAME-PLATFORM\n"
        "  --set NAME=VALUE   sets a dynamic argument; again for more\n"
        "  -m, --memory SIZE  heap: digits and nothing or one of K M G; default: as the image "
        "says\n"
        "  --metadata SERVICE=IMAGE   ec2 or gce: the disk asks that service for further words, by "
        "an image built of\n"
        "                     boot/metadata\n"
        "  --seed NUMBER      for the names of disks and partitions; default: 0\n"
        "  --print-run        prints the command that starts it\n"
        "  -h, --help         prints this\n";

struct pack {
	const char *path, *platform, *folder;
	struct image image;
	struct args args;
	const char *sets[SETS_MAX];
	unsigned set_count;
	uint64_t memory, seed;
	uint32_t mib;
	char own_folder[128];
	char words[4096];     /* the kernel's */
	const char *metadata; /* SERVICE=IMAGE; null: nobody is asked */
	uint8_t *kernel, *bytes, *asker;
	uint64_t kernel_size, size, asker_size;
	char kernel_hash[65], hash[65], asker_hash[65]; /* SHA-256, in hex */
	uint8_t id[32];
	char nets[2048], disks[2048], command[8192];
};

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "ampoule pack: %s%s; try `ampoule pack --help`\n", what, value);
	return AMP_EXIT_USAGE;
}

static int complain(const struct pack *p, const struct defect *why)
{
	fprintf(stderr, "ampoule pack: %s: %s\n", p->path, why->text);
	return AMP_EXIT_USAGE;
}

static void hex(char to[65], const uint8_t *from)
{
	for (unsigned i = 0; i < 32; i++)
		snprintf(to + 2 * i, 3, "%02x", from[i]);
}

static uint8_t *read_whole(int fd, uint64_t *size)
{
	struct stat st;
	if (fstat(fd, &st) || st.st_size <= 0)
		return NULL;
	uint8_t *bytes = malloc((size_t)st.st_size);
	*size = (uint64_t)st.st_size;
	for (uint64_t done = 0; bytes && done < *size;) {
		ssize_t n = pread(fd, bytes + done, *size - done, (off_t)done);
		if (n <= 0) {
			free(bytes);
			return NULL;
		}
		done += (uint64_t)n;
	}
	return bytes;
}

static void hash(char text[65], uint8_t digest[32], const void *bytes, uint64_t size)
{
	struct sha256 h;
	sha256_start(&h);
	sha256_add(&h, bytes, size);
	sha256_end(&h, digest);
	hex(text, digest);
}

/* The image that asks a service: it is checked as the other. */
static int read_asker(struct pack *p, uint8_t digest[32], struct defect *why)
{
	static struct image asker;
	struct amp_digest d;
	bool found;
	const char *path = strchr(p->metadata, '=') + 1;
	if (image_open(&asker, path, why) || digest_check(&asker, &found, &d, why))
		return -1;
	if (strcmp(asker.note.name, "metadata") != 0 || !found)
		return defect_set(why,
		                  "--metadata %s: it is not what is built of boot/metadata, but %s",
		                  p->metadata, asker.note.name);
	p->asker = read_whole(asker.fd, &p->asker_size);
	if (!p->asker)
		return defect_set(why, "%s cannot be read: %s", path, strerror(errno));
	hash(p->asker_hash, digest, p->asker, p->asker_size);
	return 0;
}

static int read_files(struct pack *p, struct defect *why)
{
	static char path[4096];
	uint8_t kernel[32], image[32], asker[32] = { 0 };
	if (kernel_path(path, sizeof path, why))
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	p->kernel = fd < 0 ? NULL : read_whole(fd, &p->kernel_size);
	p->bytes = read_whole(p->image.fd, &p->size);
	if (fd >= 0)
		close(fd);
	if (!p->kernel || !p->bytes)
		return defect_set(why, "cannot be read: %s", strerror(errno));
	hash(p->kernel_hash, kernel, p->kernel, p->kernel_size);
	hash(p->hash, image, p->bytes, p->size);
	if (p->metadata && read_asker(p, asker, why))
		return -1;
	struct sha256 h;
	sha256_start(&h);
	sha256_add(&h, kernel, sizeof kernel);
	sha256_add(&h, image, sizeof image);
	if (p->metadata)
		sha256_add(&h, asker, sizeof asker);
	sha256_add(&h, &p->seed, sizeof p->seed);
	sha256_add(&h, p->words, strlen(p->words));
	sha256_end(&h, p->id);
	return 0;
}

/* Appends; what does not fit is cut, and noticed. */
__attribute__((format(printf, 3, 4))) static bool append(char *to, size_t size, const char *format,
                                                         ...)
{
	va_list args;
	size_t at = strlen(to);
	va_start(args, format);
	int n = vsnprintf(to + at, size - at, format, args);
	va_end(args);
	return n >= 0 && (size_t)n < size - at;
}
#define APPEND(to, ...) append(to, sizeof(to), __VA_ARGS__)

static int make_words(struct pack *p, struct defect *why)
{
	bool fits = true;
	if (p->memory)
		fits &= APPEND(p->words, "ampoule.memory=%llu", (unsigned long long)p->memory);
	if (p->metadata)
		fits &= APPEND(p->words, "%sampoule.metadata=%.*s", *p->words ? " " : "",
		               (int)strcspn(p->metadata, "="), p->metadata);
	for (unsigned i = 0; i < p->set_count; i++) {
		const char *set = p->sets[i];
		if (strpbrk(set, "\"'\\\n"))
			return defect_set(
			        why, "--set %s: a command line takes no quotes and backslashes",
			        set);
		fits &= APPEND(p->words, strchr(set, ' ') ? "%s\"%s\"" : "%s%s",
		               *p->words ? " " : "", set);
	}
	return fits ? 0 : defect_set(why, "too much is set for a command line");
}

static int write_file(const struct pack *p, const char *name, const void *bytes, uint64_t size,
                      int mode, struct defect *why)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/%s", p->folder, name);
	int fd = n > 0 && (size_t)n < sizeof path
	                 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
	                 : -1;
	if (fd < 0)
		return defect_set(why, "%s cannot be written: %s", path, strerror(errno));
	for (uint64_t done = 0; done < size;) {
		ssize_t m = write(fd, (const uint8_t *)bytes + done, size - done);
		if (m < 0) {
			defect_set(why, "%s cannot be written: %s", path, strerror(errno));
			close(fd);
			return -1;
		}
		done += (uint64_t)m;
	}
	if (close(fd))
		return defect_set(why, "%s cannot be written: %s", path, strerror(errno));
	return 0;
}

static int write_text(const struct pack *p, const char *name, const char *text, int mode,
                      struct defect *why)
{
	return write_file(p, name, text, strlen(text), mode, why);
}

/* ---- Platforms ---- */

/* Words of QEMU's for the image's devices: cards in a user's network, disks of NAME.img. */
static bool qemu_devices(struct pack *p)
{
	bool fits = true;
	unsigned net = 0;
	for (uint32_t i = 0; i < p->image.note.device_count; i++) {
		const struct amp_note_device *d = &p->image.devices[i];
		if (d->type == AMP_DEVICE_NET) {
			fits &= APPEND(p->nets,
			               " \\\n\t-netdev user,id=net%u -device "
			               "virtio-net-pci,disable-legacy=on,netdev=net%u",
			               net, net);
			net++;
		} else if (!(d->flags & AMP_NOTE_DEVICE_OPTIONAL)) {
			fits &= APPEND(
			        p->disks,
			        " \\\n\t-drive if=none,id=%s,format=raw,file=%s.data -device "
			        "virtio-blk-pci,disable-legacy=on,drive=%s,serial=%s",
			        d->name, d->name, d->name, d->name);
		}
	}
	return fits;
}

static int for_qemu(struct pack *p, struct defect *why)
{
	const char *name = p->image.note.name;
	if (!qemu_devices(p) ||
	    !APPEND(p->command,
	            "qemu-system-x86_64 -accel ${ACCEL:-kvm} -accel tcg -M q35 -cpu max "
	            "-m %uM -nodefaults \\\n\t-no-reboot "
	            "-display none -serial stdio -kernel kernel.elf -initrd "
	            "%s.amp -append '%s' \\\n\t"
	            "-device virtio-rng-pci%s%s",
	            p->mib, name, p->words, p->nets, p->disks))
		return defect_set(why, "has too many devices");
	return 0;
}

static int for_firecracker(struct pack *p, struct defect *why)
{
	static char text[16384];
	unsigned nets = 0, disks = 0;
	bool fits = APPEND(text,
	                   "{\n\t\"boot-source\": {\n\t\t\"kernel_image_path\": "
	                   "\"kernel.elf\",\n\t\t\"initrd_path\": "
	                   "\"%s.amp\",\n\t\t\"boot_args\": \"",
	                   p->image.note.name);
	for (const char *w = p->words; *w; w++)
		fits &= APPEND(text, *w == '"' ? "\\%c" : "%c", *w);
	fits &= APPEND(text,
	               "\"\n\t},\n\t\"machine-config\": { \"vcpu_count\": 1, \"mem_size_mib\": %u "
	               "},\n\t\"drives\": [",
	               p->mib);
	for (uint32_t i = 0; i < p->image.note.device_count; i++)
		if (p->image.devices[i].type == AMP_DEVICE_BLOCK &&
		    !(p->image.devices[i].flags & AMP_NOTE_DEVICE_OPTIONAL))
			fits &= APPEND(
			        text,
			        "%s\n\t\t{ \"drive_id\": \"%s\", \"path_on_host\": \"%s.data\", "
			        "\"is_root_device\": false, \"is_read_only\": %s }",
			        disks++ ? "," : "", p->image.devices[i].name,
			        p->image.devices[i].name,
			        p->image.devices[i].flags & AMP_NOTE_DEVICE_READ_ONLY ? "true"
			                                                              : "false");
	fits &= APPEND(text, "%s],\n\t\"network-interfaces\": [", disks ? "\n\t" : "");
	for (uint32_t i = 0; i < p->image.note.device_count; i++)
		if (p->image.devices[i].type == AMP_DEVICE_NET) {
			fits &= APPEND(
			        text,
			        "%s\n\t\t{ \"iface_id\": \"%s\", \"host_dev_name\": \"tap%u\" }",
			        nets ? "," : "", p->image.devices[i].name, nets);
			nets++;
		}
	fits &= APPEND(text, "%s]\n}\n", nets ? "\n\t" : "");
	fits &= APPEND(p->command, "firecracker --no-api --config-file vm.json");
	return fits ? write_text(p, "vm.json", text, 0644, why)
	            : defect_set(why, "has too many devices");
}

static int for_cloud_hypervisor(struct pack *p, struct defect *why)
{
	bool fits =
	        APPEND(p->command,
	               "cloud-hypervisor --kernel kernel.elf --initramfs %s.amp --cmdline '%s' "
	               "\\\n\t--cpus "
	               "boot=1 --memory size=%uM --serial tty --console off --rng src=/dev/urandom",
	               p->image.note.name, p->words, p->mib);
	unsigned nets = 0;
	for (uint32_t i = 0; i < p->image.note.device_count; i++) {
		const struct amp_note_device *d = &p->image.devices[i];
		if (d->type == AMP_DEVICE_NET)
			fits &= APPEND(p->command, " \\\n\t--net tap=tap%u", nets++);
		else if (!(d->flags & AMP_NOTE_DEVICE_OPTIONAL))
			fits &= APPEND(p->command, " \\\n\t--disk path=%s.data,serial=%s", d->name,
			               d->name);
	}
	return fits ? 0 : defect_set(why, "has too many devices");
}

/* Xen's go by their order: so the image's devices stand in the order of the image. */
static int for_xen(struct pack *p, struct defect *why)
{
	static char text[8192];
	const char *name = p->image.note.name;
	char disk = 'a';
	bool fits = APPEND(text,
	                   "name = \"%s\"\ntype = \"pvh\"\nkernel = \"kernel.elf\"\nramdisk = "
	                   "\"%s.amp\"\ncmdline = '%s'\nmemory = %u\nvcpus = 1\non_poweroff = "
	                   "\"destroy\"\non_crash = \"destroy\"\n",
	                   name, name, p->words, p->mib + XEN_MIB * p->image.note.device_count);
	for (uint32_t i = 0; i < p->image.note.device_count; i++) {
		const struct amp_note_device *d = &p->image.devices[i];
		if (d->type == AMP_DEVICE_NET)
			fits &= APPEND(p->nets, "%s'bridge=xenbr0'", *p->nets ? ", " : "");
		else if (!(d->flags & AMP_NOTE_DEVICE_OPTIONAL))
			fits &= APPEND(p->disks,
			               "%s'format=raw, vdev=xvd%c, access=%s, target=%s.data'",
			               *p->disks ? ", " : "", disk++,
			               d->flags & AMP_NOTE_DEVICE_READ_ONLY ? "ro" : "rw", d->name);
	}
	if (*p->nets)
		fits &= APPEND(text, "vif = [ %s ]\n", p->nets);
	if (*p->disks)
		fits &= APPEND(text, "disk = [ %s ]\n", p->disks);
	if (!fits || !APPEND(p->command, "xl create -c %s.cfg", name))
		return defect_set(why, "has too much for one configuration");
	char file[AMP_NAME_MAX + 8];
	snprintf(file, sizeof file, "%s.cfg", name);
	return write_text(p, file, text, 0644, why);
}

static int convert(struct pack *p, const char *format, struct defect *why)
{
	char from[4096], to[4096];
	int how = -1;
	snprintf(from, sizeof from, "%s/disk.img", p->folder);
	snprintf(to, sizeof to, "%s/disk.%s", p->folder, format);
	const char *const words[] = { "qemu-img", "convert", "-f", "raw", "-O",
		                      format,     from,      to,   NULL };
	pid_t child = fork();
	if (!child) {
		execvp(words[0], (char *const *)(uintptr_t)words);
		_exit(127);
	}
	while (child > 0 && waitpid(child, &how, 0) < 0 && errno == EINTR)
		;
	unlink(from);
	return child > 0 && !how
	               ? 0
	               : defect_set(why, "qemu-img makes no %s of it: install qemu-utils", format);
}

static int for_disk(struct pack *p, struct defect *why)
{
	const struct disk_files files = { p->kernel, p->bytes,      p->asker, p->kernel_size,
		                          p->size,   p->asker_size, p->words, p->id };
	const char *format = strcmp(p->platform, "ami") ? p->platform : "raw";
	uint64_t size;
	uint8_t *disk = disk_make(&files, &size, why);
	if (!disk)
		return -1;
	int result = write_file(p, "disk.img", disk, size, 0644, why);
	free(disk);
	if (result || (strcmp(format, "raw") && convert(p, format, why)))
		return -1;
	if (!strcmp(p->platform, "ami"))
		return APPEND(p->command,
		              "aws s3 cp disk.img s3://BUCKET/%s.img\n"
		              "aws ec2 import-snapshot --disk-container "
		              "'Format=raw,UserBucket={S3Bucket=BUCKET,S3Key=%s.img}'\n"
		              "aws ec2 register-image --name %s --architecture x86_64 "
		              "--virtualization-type hvm "
		              "--boot-mode uefi-preferred \\\n\t--root-device-name /dev/xvda "
		              "--block-device-mappings "
		              "'DeviceName=/dev/xvda,Ebs={SnapshotId=SNAPSHOT}'",
		              p->image.note.name, p->image.note.name, p->image.note.name)
		               ? 0
		               : -1;
	const char *file = strcmp(format, "raw") ? format : "img";
	if (!qemu_devices(p) ||
	    !APPEND(p->command,
	            "qemu-system-x86_64 -accel ${ACCEL:-kvm} -accel tcg -M q35 -cpu max "
	            "-m %uM -nodefaults -no-reboot "
	            "\\\n\t-display none -serial stdio -drive "
	            "if=none,id=boot,format=%s,file=disk.%s \\\n\t-device "
	            "virtio-blk-pci,disable-legacy=on,drive=boot,bootindex=0 "
	            "-device virtio-rng-pci%s%s",
	            p->mib + 64, format, file, p->nets, p->disks))
		return defect_set(why, "has too many devices");
	return 0;
}

static const struct platform {
	const char *name;
	int (*make)(struct pack *, struct defect *);
	bool files; /* kernel and image lie beside the configuration */
} platforms[] = { { "qemu", for_qemu, true },
	          { "firecracker", for_firecracker, true },
	          { "cloud-hypervisor", for_cloud_hypervisor, true },
	          { "xen", for_xen, true },
	          { "raw", for_disk, false },
	          { "qcow2", for_disk, false },
	          { "vmdk", for_disk, false },
	          { "ami", for_disk, false } };

static const struct platform *platform_of(const char *name)
{
	for (unsigned i = 0; i < sizeof platforms / sizeof *platforms; i++)
		if (!strcmp(platforms[i].name, name))
			return &platforms[i];
	return NULL;
}

static int write_note(struct pack *p, struct defect *why)
{
	static char text[16384];
	if (!APPEND(text,
	            "image     %s %s\nfile      %llu bytes, SHA-256 %s\nkernel    %llu bytes, "
	            "SHA-256 %s\n%s%s%s"
	            "for       %s\nwords     %s\nby        ampoule " AMPOULE_VERSION "\n",
	            p->image.note.name, p->image.note.version, (unsigned long long)p->size, p->hash,
	            (unsigned long long)p->kernel_size, p->kernel_hash,
	            p->metadata ? "metadata  SHA-256 " : "", p->asker_hash, p->metadata ? "\n" : "",
	            p->platform, p->words))
		return -1;
	static char script[16384];
	if (!APPEND(script,
	            "#!/bin/sh\n# Starts %s. Further words are given on.\ncd \"$(dirname \"$0\")\" "
	            "|| exit 1\n%s%s\n",
	            p->image.note.name, p->command, strcmp(p->platform, "ami") ? " \"$@\"" : ""))
		return -1;
	return write_text(p, "NOTE", text, 0644, why) || write_text(p, "run.sh", script, 0755, why)
	               ? -1
	               : 0;
}

static int make(struct pack *p, struct defect *why)
{
	const struct platform *platform = platform_of(p->platform);
	char file[AMP_NAME_MAX + 8];
	snprintf(file, sizeof file, "%s.amp", p->image.note.name);
	if (mkdir(p->folder, 0755) && errno != EEXIST)
		return defect_set(why, "folder %s cannot be made: %s", p->folder, strerror(errno));
	if (platform->files && (write_file(p, "kernel.elf", p->kernel, p->kernel_size, 0644, why) ||
	                        write_file(p, file, p->bytes, p->size, 0644, why)))
		return -1;
	return platform->make(p, why) || write_note(p, why) ? -1 : 0;
}

int main(int argc, char **argv)
{
	static struct pack p;
	static const struct option options[] = { { "for", required_argument, NULL, 'f' },
		                                 { "output", required_argument, NULL, 'o' },
		                                 { "set", required_argument, NULL, 's' },
		                                 { "memory", required_argument, NULL, 'm' },
		                                 { "metadata", required_argument, NULL, 'M' },
		                                 { "seed", required_argument, NULL, 'S' },
		                                 { "print-run", no_argument, NULL, 'p' },
		                                 { "help", no_argument, NULL, 'h' },
		                                 { 0 } };
	struct defect why;
	bool print = false;
	char *end;
	output_watch("ampoule pack");
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, ":o:m:h", options, NULL)) != -1;)
		switch (c) {
		case 'f':
			p.platform = optarg;
			break;
		case 'o':
			p.folder = optarg;
			break;
		case 's':
			if (p.set_count == SETS_MAX)
				return usage("too many --set", "");
			p.sets[p.set_count++] = optarg;
			break;
		case 'm':
			if (arg_parse(AMP_ARG_SIZE, optarg, &p.memory, &why) || !p.memory)
				return usage(
				        "--memory wants digits and nothing or one of K M G, not ",
				        optarg);
			break;
		case 'S':
			errno = 0;
			p.seed = strtoull(optarg, &end, 10);
			if (errno || *end || *optarg < '0' || *optarg > '9')
				return usage("--seed wants a number, not ", optarg);
			break;
		case 'M':
			p.metadata = optarg;
			if (strncmp(optarg, "ec2=", 4) != 0 && strncmp(optarg, "gce=", 4) != 0)
				return usage("--metadata wants ec2=IMAGE or gce=IMAGE, not ",
				             optarg);
			break;
		case 'p':
			print = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage("this option wants a value: ", argv[optind - 1]);
		default:
			return usage("unknown option ", argv[optind - 1]);
		}
	if (!p.platform)
		return usage("--for which platform? qemu, firecracker, cloud-hypervisor, xen, raw, "
		             "qcow2, vmdk or ami",
		             "");
	if (!platform_of(p.platform))
		return usage("--for qemu, firecracker, cloud-hypervisor, xen, raw, qcow2, vmdk or "
		             "ami, not ",
		             p.platform);
	if (optind + 1 != argc)
		return usage(optind == argc ? "no image given" : "more than one image given: ",
		             optind == argc ? "" : argv[optind + 1]);
	p.path = argv[optind];
	if (p.metadata && platform_of(p.platform)->files)
		return usage("--metadata is for disks (raw, qcow2, vmdk, ami), not for ",
		             p.platform);
	struct amp_digest digest;
	bool found;
	if (image_open(&p.image, p.path, &why) || digest_check(&p.image, &found, &digest, &why) ||
	    args_make(&p.args, &p.image, p.sets, p.set_count, &why) || make_words(&p, &why) ||
	    read_files(&p, &why))
		return complain(&p, &why);
	if (!p.folder) {
		snprintf(p.own_folder, sizeof p.own_folder, "%s-%s", p.image.note.name, p.platform);
		p.folder = p.own_folder;
	}
	p.mib = kernel_memory(&p.image, p.memory);
	if (make(&p, &why))
		return complain(&p, &why);
	printf("%s: %s %s for %s: image %llu bytes, SHA-256 %s; kernel %llu bytes\n", p.folder,
	       p.image.note.name, p.image.note.version, p.platform, (unsigned long long)p.size,
	       p.hash, (unsigned long long)p.kernel_size);
	if (print)
		printf("%s\n", p.command);
	return 0;
}
