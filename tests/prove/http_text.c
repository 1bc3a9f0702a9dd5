/* SPDX-License-Identifier: ISC */
/* Hosts, ports, lists, numbers and names, of every size. */
// wp: is_hex is_ip4 is_ip6 http_authority_split http_hex http_text_is http_text_is_nocase is_space http_list_next http_number http_is_token http_lower
// z3: smt.auto_config=false
#define PROVE_TEXT
#include <http.h>

#include <app/http/text.c>
