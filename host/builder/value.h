/* SPDX-License-Identifier: ISC */
/* Typed values in text form (enum amp_arg_type's forms), sizes, addresses, names: one place that
 * reads them. */
#ifndef BUILD_VALUE_H
#define BUILD_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ampoule_abi.h>

/* The number of a value (AMP_ARG_STRING: 0). Null, or what is wrong with it: "is not a ... (FORM)".
 */
const char *value_parse(enum amp_arg_type, const char *text, uint64_t *number);

/* u16, u32, ...; 0 if there is no such type; null if there is none of that number. */
enum amp_arg_type value_type(const char *name);
const char *value_type_name(enum amp_arg_type);
extern const char *const value_type_names[];
extern const unsigned value_type_count;

/* Decimal digits, nothing else, no more than max. */
bool value_number(const char *text, uint64_t max, uint64_t *number);
/* [a-z0-9][a-z0-9_.-]*, 1 to AMP_NAME_MAX - 1 bytes. */
bool value_is_name(const char *text);

/* "16M", "4K", "100": the shortest that says it exactly. */
const char *value_size_text(uint64_t bytes);
const char *value_ipv4_text(uint32_t address);

#endif
