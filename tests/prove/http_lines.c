/* SPDX-License-Identifier: ISC */
/*
 * Where a head, a value and the fields end, for texts of every size. field_parse(), of which the loop over the fields asks what
 * http.h says, is http_fields.c's.
 */
// wp: http_head_scan http_value_end http_fields_parse same_name
// z3: smt.auto_config=false
#include <http.h>

#include <app/http/fields.c>
