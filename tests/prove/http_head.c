/* SPDX-License-Identifier: ISC */
/* What a request's head and a response's say, for heads of every size. Their lines are http_lines.c's, texts http_text.c's. */
// wp: connection_options framing host_fits version_parse expectations http_head_request response_codings http_head_response http_span http_head_may_have
// z3: smt.auto_config=false
#include <http.h>

#include <app/http/head.c>
