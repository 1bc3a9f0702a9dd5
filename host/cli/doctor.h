/* SPDX-License-Identifier: ISC */
/*
 * `ampoule doctor`: what this host can do, and how fast. Each probe runs in a child process of its
 * own under a time-out and hands back lines through shared memory (doctor_probe.h); doctor.c runs
 * them in order, draws the verdict and prints all of it as text or JSON (doctor_print.c). A probe
 * may lower its privileges, enter namespaces, install filters or hang: only its child is harmed.
 */
#ifndef AMPOULE_CLI_DOCTOR_H
#define AMPOULE_CLI_DOCTOR_H

/* The verb. argv[0] is "doctor". Returns the exit status: 0 if an image can run here under at least
 * one tender, 1 if not, AMP_EXIT_USAGE for bad arguments. */
int verb_doctor(int argc, char **argv);

#endif
