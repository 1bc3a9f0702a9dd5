/* SPDX-License-Identifier: ISC */
/* io_uring's calls as prototypes, for the proofs: what they do is not looked into. */
#ifndef PROVE_LIBURING_H
#define PROVE_LIBURING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { IORING_OP_READV = 1, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE = 17 };
#define IORING_FSYNC_DATASYNC                 1u
#define IORING_RESTRICTION_SQE_OP             1
#define IORING_RESTRICTION_SQE_FLAGS_REQUIRED 3
#define IOSQE_FIXED_FILE                      1u
#define IORING_SETUP_R_DISABLED               64u
#define IORING_SETUP_COOP_TASKRUN             256u

struct io_uring {
	int ring_fd;
};
struct io_uring_sqe {
	void *data;
};
struct io_uring_cqe {
	int32_t res;
	void *data;
};
struct io_uring_restriction {
	uint16_t opcode;
	uint8_t sqe_op, sqe_flags;
};
struct iovec;

int io_uring_register_files(struct io_uring *, const int *, unsigned);
int io_uring_register_restrictions(struct io_uring *, struct io_uring_restriction *, unsigned);
int io_uring_enable_rings(struct io_uring *);
int io_uring_queue_init(unsigned, struct io_uring *, unsigned);
void io_uring_queue_exit(struct io_uring *);
int io_uring_register_eventfd(struct io_uring *, int);
struct io_uring_sqe *io_uring_get_sqe(struct io_uring *);
void io_uring_prep_readv(struct io_uring_sqe *, int, const struct iovec *, unsigned, uint64_t);
void io_uring_prep_writev(struct io_uring_sqe *, int, const struct iovec *, unsigned, uint64_t);
void io_uring_prep_fsync(struct io_uring_sqe *, int, unsigned);
void io_uring_prep_fallocate(struct io_uring_sqe *, int, int, off_t, off_t);
void io_uring_sqe_set_flags(struct io_uring_sqe *, unsigned);
void io_uring_sqe_set_data(struct io_uring_sqe *, void *);
void *io_uring_cqe_get_data(const struct io_uring_cqe *);
int io_uring_peek_cqe(struct io_uring *, struct io_uring_cqe **);
void io_uring_cqe_seen(struct io_uring *, struct io_uring_cqe *);
unsigned io_uring_sq_ready(const struct io_uring *);
int io_uring_submit(struct io_uring *);

#endif
