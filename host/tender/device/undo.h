/* SPDX-License-Identifier: ISC */
/*
 * What has to be put right at the host when a device is no longer used, however its tender ends: a small process that waits
 * for that, with the rights that the tender gives up. It is started only where there is something to be put right.
 */
#ifndef TENDER_DEVICE_UNDO_H
#define TENDER_DEVICE_UNDO_H

#include <tender/defect.h>

/* Has `what(of)` called, on a copy of this process's memory, once the descriptor that is returned has been closed everywhere.
 * -1 with a defect; nothing has been done then. */
int undo_at_end(void (*what)(const void *of), const void *of, struct defect *why);

#endif
