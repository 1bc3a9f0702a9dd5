/* SPDX-License-Identifier: ISC */
/* The code that `ampoule doctor` times: in the throw-away VM's rings 3 and 0, and natively. */
#ifndef AMPOULE_CLI_DOCTOR_GUEST_H
#define AMPOULE_CLI_DOCTOR_GUEST_H

#include <stdint.h>

#define DOCTOR_PORT_CALL  0x500 /* leaves to user space */
#define DOCTOR_PORT_KICK  0x510 /* an ioeventfd: stays in the kernel */
#define DOCTOR_PORT_FAULT 0x520 /* written by the exception stubs */
#define DOCTOR_PORT_DONE  0x530

#define DOCTOR_REPEATS      8    /* of the loop; the fastest counts */
#define DOCTOR_INSTRUCTIONS 4000 /* in one repeat */
#define DOCTOR_CALLS        32
#define DOCTOR_KICKS        256

struct doctor_guest_data {
	uint64_t loop;  /* TSC ticks of the fastest repeat */
	uint64_t calls; /* TSC ticks of DOCTOR_CALLS exits to user space */
	uint64_t kicks; /* TSC ticks of DOCTOR_KICKS doorbells */
};

/* Position-independent. Runs the loop, then, if outside is not 0, the calls and kicks; writes
 * *data. In a VM (outside != 0) it ends at DOCTOR_PORT_DONE, else it returns. */
void doctor_guest(struct doctor_guest_data *data, uint64_t outside);
extern const char doctor_guest_end[];

#endif
