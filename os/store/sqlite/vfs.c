/* SPDX-License-Identifier: ISC */
/*
 * SQLite's VFS "block" (sqlite.h). Each block device that is in use has one `struct device`, which
 * all its open files and connections share: the volume, and SQLite's five locks (sqlite3.h,
 * SQLITE_LOCK_*) as counts. A file is a main database or its journal, or a temporary one, which is
 * temporary.c's. Every connection is told to keep what is temporary in memory as it is opened; files
 * are for those that say `temp_store=FILE` afterwards.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/random.h>
#include <core/task.h>
#include <sqlite3.h>
#include <store/block.h>

#include <store/sqlite/sqlite.h>
#include <store/sqlite/temporary.h>
#include <store/sqlite/volume.h>

#define NAME_MAX_BYTES 64 /* of a file: a device's name and "-journal" */
#define JULIAN_EPOCH_MS                                                                            \
	210866760000000ll /* of 1970-01-01, by sqlite3_vfs.xCurrentTimeInt64's count */

static const char journal_suffix[] = "-journal";

struct device {
	struct device *next;
	struct volume volume;
	uint32_t files;  /* open */
	bool journal;    /* there is one, empty perhaps */
	uint32_t shared; /* files with a lock, whichever */
	/* The file with more than a shared lock. A pending lock is on the way to the exclusive one:
	 * no further file gets a shared lock. */
	struct file *reserved;
	bool pending;
	char name[NAME_MAX_BYTES];
};

/* SQLite allocates it: its first member is what SQLite knows. */
struct file {
	sqlite3_file base;
	struct device *device;
	enum volume_file which;
	int lock;
};

static struct device *devices;

static int error_of(int error, int otherwise)
{
	switch (error) {
	case OK:
		return SQLITE_OK;
	case ERR_MEMORY:
		return SQLITE_IOERR_NOMEM;
	case ERR_TOO_BIG:
		return SQLITE_FULL;
	default:
		return otherwise;
	}
}

/* ---- devices ---- */

static struct device *device_find(const char *name, size_t size)
{
	for (struct device *d = devices; d; d = d->next)
		if (strlen(d->name) == size && memcmp(d->name, name, size) == 0)
			return d;
	return NULL;
}

static const char *why(int error)
{
	switch (error) {
	case ERR_TOO_BIG:
		return "is too small";
	case ERR_MALFORMED:
		return "holds something else, and does not begin with a page of zeros";
	default:
		return error_text(error);
	}
}

static int net_device_open(const char *name, struct device **to)
{
	size_t size = strlen(name);

	*to = device_find(name, size);
	if (*to)
		return SQLITE_OK;
	struct block *b = size < NAME_MAX_BYTES - sizeof journal_suffix ? block_find(name) : NULL;
	if (!b) {
		log_error("sqlite", "there is no block device %s", name);
		return SQLITE_CANTOPEN;
	}
	struct device *d = heap_alloc_zero(1, sizeof *d);
	if (!d)
		return SQLITE_NOMEM;
	int error = sqlite_volume_open(&d->volume, b);
	/* Another task may have opened it meanwhile. */
	*to = device_find(name, size);
	if (error || *to) {
		if (!error)
			sqlite_volume_close(&d->volume);
		else
			log_error("sqlite", "device %s: %s", name, why(error));
		heap_free(d);
		return *to                   ? SQLITE_OK
		       : error == ERR_IO     ? SQLITE_IOERR
		       : error == ERR_MEMORY ? SQLITE_NOMEM
		                             : SQLITE_CANTOPEN;
	}
	memcpy(d->name, name, size + 1);
	d->journal = d->volume.size[FILE_JOURNAL] > 0;
	d->next = devices;
	devices = d;
	*to = d;
	return SQLITE_OK;
}

static int device_release(struct device *d)
{
	struct device **at = &devices;
	int error = OK;

	/* While this blocks, another task may open it, and must find it. */
	if (d->files == 1 && !sqlite_volume_is_synced(&d->volume))
		error = sqlite_volume_sync(&d->volume, FILE_DATABASE);
	if (--d->files == 0) {
		while (*at != d)
			at = &(*at)->next;
		*at = d->next;
		sqlite_volume_close(&d->volume);
		heap_free(d);
	}
	return error_of(error, SQLITE_IOERR_CLOSE);
}

/* ---- files ---- */

static struct file *file_of(sqlite3_file *f)
{
	return (struct file *)f;
}

static int file_close(sqlite3_file *base)
{
	struct file *f = file_of(base);

	f->base.pMethods = NULL;
	return device_release(f->device);
}

static int file_read(sqlite3_file *base, void *to, int size, sqlite3_int64 at)
{
	struct file *f = file_of(base);
	uint32_t got;
	int error = sqlite_volume_read(&f->device->volume, f->which, (uint64_t)at, to,
	                               (uint32_t)size, &got);

	return error                  ? error_of(error, SQLITE_IOERR_READ)
	       : got < (uint32_t)size ? SQLITE_IOERR_SHORT_READ
	                              : SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *from, int size, sqlite3_int64 at)
{
	struct file *f = file_of(base);

	return error_of(sqlite_volume_write(&f->device->volume, f->which, (uint64_t)at, from,
	                                    (uint32_t)size),
	                SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *f = file_of(base);

	return error_of(sqlite_volume_truncate(&f->device->volume, f->which, (uint64_t)size),
	                SQLITE_IOERR_TRUNCATE);
}

static int file_sync(sqlite3_file *base, int flags)
{
	struct file *f = file_of(base);

	(void)flags;
	return error_of(sqlite_volume_sync(&f->device->volume, f->which), SQLITE_IOERR_FSYNC);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct file *f = file_of(base);

	*size = (sqlite3_int64)f->device->volume.size[f->which];
	return SQLITE_OK;
}

/* From none to shared, from there to reserved or exclusive; SQLite asks for no other step. */
static int file_lock(sqlite3_file *base, int lock)
{
	struct file *f = file_of(base);
	struct device *d = f->device;

	if (lock <= f->lock)
		return SQLITE_OK;
	if (lock == SQLITE_LOCK_SHARED) {
		if (d->pending)
			return SQLITE_BUSY;
		d->shared++;
		f->lock = lock;
		return SQLITE_OK;
	}
	if (d->reserved && d->reserved != f)
		return SQLITE_BUSY;
	d->reserved = f;
	if (lock == SQLITE_LOCK_RESERVED) {
		f->lock = lock;
		return SQLITE_OK;
	}
	d->pending = true;
	f->lock = d->shared > 1 ? SQLITE_LOCK_PENDING : SQLITE_LOCK_EXCLUSIVE;
	return d->shared > 1 ? SQLITE_BUSY : SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int lock)
{
	struct file *f = file_of(base);
	struct device *d = f->device;

	if (lock >= f->lock)
		return SQLITE_OK;
	if (d->reserved == f) {
		d->reserved = NULL;
		d->pending = false;
	}
	if (lock == SQLITE_LOCK_NONE)
		d->shared--;
	f->lock = lock;
	return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *is)
{
	*is = file_of(base)->device->reserved != NULL;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int what, void *arg)
{
	(void)base;
	(void)what;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
	return (int)file_of(base)->device->volume.block->sector_size;
}

/* Nothing beyond what every device does: a write may be torn, and so may what lies beside it in its
 * sector. */
static int file_characteristics(sqlite3_file *base)
{
	(void)base;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1, /* no shared memory: no WAL */
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
};

/* ---- names ---- */

/* Bytes of the device's name in that of its journal; 0: it is none. */
static size_t journal_of(const char *name)
{
	size_t size = strlen(name), suffix = sizeof journal_suffix - 1;

	return size > suffix && strcmp(name + size - suffix, journal_suffix) == 0 ? size - suffix
	                                                                          : 0;
}

#define TEMPORARY                                                                                  \
	(SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL |               \
	 SQLITE_OPEN_SUBJOURNAL)

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags)
{
	struct file *f = file_of(base);
	struct device *d;

	(void)vfs;
	*f = (struct file){ .base.pMethods = NULL };
	if (flags & TEMPORARY) {
		if (out_flags)
			*out_flags = flags;
		return sqlite_temporary_open(base);
	}
	if (!name || !(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL)))
		return SQLITE_CANTOPEN;
	if (flags & SQLITE_OPEN_MAIN_JOURNAL) {
		d = device_find(name, journal_of(name));
		if (!d || (!d->journal && !(flags & SQLITE_OPEN_CREATE)))
			return SQLITE_CANTOPEN;
		d->journal = true;
		f->which = FILE_JOURNAL;
	} else {
		int error = net_device_open(name, &d);
		if (error)
			return error;
		f->which = FILE_DATABASE;
	}
	d->files++;
	f->device = d;
	f->base.pMethods = &methods;
	if (d->volume.block->read_only)
		flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) |
		        SQLITE_OPEN_READONLY;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct device *d = device_find(name, journal_of(name));

	(void)vfs;
	(void)sync;
	if (!d || !d->journal)
		return SQLITE_IOERR_DELETE_NOENT;
	int error = sqlite_volume_truncate(&d->volume, FILE_JOURNAL, 0);
	if (!error)
		d->journal = false;
	return error_of(error, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *is)
{
	size_t size = journal_of(name);
	struct device *d = device_find(name, size ? size : strlen(name));

	(void)vfs;
	(void)flags;
	*is = d && (size ? d->journal : d->volume.size[FILE_DATABASE] > 0);
	return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int room, char *to)
{
	size_t size = strlen(name) + 1;

	(void)vfs;
	if (size > (size_t)room)
		return SQLITE_CANTOPEN;
	memcpy(to, name, size);
	return SQLITE_OK;
}

static void *vfs_library_open(sqlite3_vfs *vfs, const char *name)
{
	(void)vfs;
	(void)name;
	return NULL;
}

static void vfs_library_error(sqlite3_vfs *vfs, int room, char *to)
{
	(void)vfs;
	sqlite3_snprintf(room, to, "an image loads nothing at run time");
}

static void (*vfs_library_symbol(sqlite3_vfs *vfs, void *library, const char *name))(void)
{
	(void)vfs;
	(void)library;
	(void)name;
	return NULL;
}

static void vfs_library_close(sqlite3_vfs *vfs, void *library)
{
	(void)vfs;
	(void)library;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *to)
{
	(void)vfs;
	random_bytes(to, (size_t)size);
	return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	task_sleep_until(clock_now() + (uint64_t)us * 1000);
	return us;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *to)
{
	(void)vfs;
	*to = JULIAN_EPOCH_MS + clock_wall() / 1000000;
	return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *to)
{
	sqlite3_int64 ms;

	vfs_time_ms(vfs, &ms);
	*to = (double)ms / 86400000.0;
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int room, char *to)
{
	(void)vfs;
	if (room > 0)
		*to = 0;
	return 0;
}

static sqlite3_vfs block_vfs = {
	.iVersion = 2,
	.szOsFile = sizeof(struct file),
	.mxPathname = NAME_MAX_BYTES,
	.zName = "block",
	.xOpen = vfs_open,
	.xDelete = vfs_delete,
	.xAccess = vfs_access,
	.xFullPathname = vfs_full_name,
	.xDlOpen = vfs_library_open,
	.xDlError = vfs_library_error,
	.xDlSym = vfs_library_symbol,
	.xDlClose = vfs_library_close,
	.xRandomness = vfs_random,
	.xSleep = vfs_sleep,
	.xCurrentTime = vfs_time,
	.xGetLastError = vfs_last_error,
	.xCurrentTimeInt64 = vfs_time_ms,
};

/* An automatic extension, called for each new connection. */
static int keep_temporary_in_memory(sqlite3 *db, const char **error, const void *routines)
{
	(void)error;
	(void)routines;
	return sqlite3_exec(db, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
}

int sqlite_start(void)
{
	if (block_vfs.szOsFile < sqlite_temporary_size)
		block_vfs.szOsFile = sqlite_temporary_size;
	/* Statement journals stay in memory, however long. */
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
	/* The type is SQLite's idea of what extensions have in common. */
	sqlite3_auto_extension((void (*)(void))(uintptr_t)keep_temporary_in_memory);
	return sqlite3_vfs_register(&block_vfs, 1);
}
