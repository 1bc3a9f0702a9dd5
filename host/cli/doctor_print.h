/* SPDX-License-Identifier: ISC */
/* A report of `ampoule doctor`, printed on standard output. */
#ifndef AMPOULE_CLI_DOCTOR_PRINT_H
#define AMPOULE_CLI_DOCTOR_PRINT_H

#include "doctor_probe.h"

void doctor_print_text(const struct doctor_report *report);
void doctor_print_json(const struct doctor_report *report);

#endif
