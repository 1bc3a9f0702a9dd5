/* SPDX-License-Identifier: ISC */
/* A parser that an image takes over can garble its own report, and use up its own memory and time. */
#include <errno.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ampoule_abi.h>
#include <builder/text.h>
#include <cli/inspect_seal.h>
#include <tender/filter.h>

#define STAT_OPEN_FILE 0x1000u      /* AT_EMPTY_PATH: libc's fstat */
#define MEMORY_MAX     (4ull << 30) /* bytes of address space */
#define DESCRIPTORS_UP 3u           /* standard ones: all that may be written to */

void inspect_seal(void)
{
	static const int plain[] = { SYS_read,      SYS_pread64,       SYS_close,
		                     SYS_lseek,     SYS_fstat,         SYS_munmap,
		                     SYS_brk,       SYS_exit_group,    SYS_rt_sigreturn,
		                     SYS_getrandom, SYS_clock_gettime, SYS_restart_syscall,
		                     SYS_sysinfo /* libc: qsort */ };
	static const int writes[] = { SYS_write, SYS_writev };
	static char buffer[65536];
	static struct filter f;
	const struct rlimit none = { 0, 0 }, memory = { MEMORY_MAX, MEMORY_MAX };
	const struct filter_arg console[] = { { 0, FILTER_AT_MOST, DESCRIPTORS_UP - 1 } },
	                        anonymous[] = { { 2, FILTER_EQUAL, PROT_READ | PROT_WRITE },
		                                { 3, FILTER_EQUAL, MAP_PRIVATE | MAP_ANONYMOUS } },
	                        same_kind[] = { { 3, FILTER_EQUAL, MREMAP_MAYMOVE } },
	                        open_file[] = { { 3, FILTER_EQUAL, STAT_OPEN_FILE } };

	json_object_seed(0); /* opens a file, if it has to */
	/* Else libc asks at the first line what kind of file it is. */
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	setrlimit(RLIMIT_NOFILE, &none);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_AS, &memory);
	filter_begin(&f, SECCOMP_RET_KILL_PROCESS);
	for (unsigned i = 0; i < sizeof plain / sizeof *plain; i++)
		filter_allow(&f, plain[i]);
	for (unsigned i = 0; i < sizeof writes / sizeof *writes; i++)
		filter_allow_if(&f, writes[i], console, 1);
	filter_allow_if(&f, SYS_mmap, anonymous, 2);
	filter_allow_if(&f, SYS_mremap, same_kind, 1);
	filter_allow_if(&f, SYS_newfstatat, open_file, 1);
	filter_end(&f);
	if (filter_install(&f, 0))
		die(AMP_EXIT_TENDER, "this host does not let it confine itself (seccomp): %s",
		    strerror(errno));
}
