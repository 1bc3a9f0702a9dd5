/* SPDX-License-Identifier: ISC */
/* Request targets, and paths with percent signs and dots, of every size. */
// wp: split_query http_target_parse http_path_decode
// z3: smt.auto_config=false
#include <http.h>

#include <app/http/target.c>
