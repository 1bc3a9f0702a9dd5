/* SPDX-License-Identifier: ISC */
/* Where a head, a line, a name, a value and the fields end, and how a field is found, for texts of every size. */
// wp: http_head_scan http_line_next http_value_end field_parse http_fields_parse same_name http_head_find http_span http_span_text http_name_bit
// z3: smt.auto_config=false
#include <http.h>

#include <app/http/fields.c>
