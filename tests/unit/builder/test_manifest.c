/* SPDX-License-Identifier: ISC */
/*
 * Manifests, whole and broken. Each broken one is a row: its text, and every line that must be
 * reported, no more and no less, as LINE:COLUMN: and a fragment of what is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <builder/codegen.h>
#include <builder/manifest.h>
#include <builder/text.h>
#include <builder/yaml.h>

#include "folder.h"

/* The shortest manifest there is: two lines, so that a row's own begin in line 3. */
#define HEAD      "name: x\nsources: [main.c]\n"
#define LINES_MAX 12

struct row {
	const char *name, *yaml;
	const char *lines[LINES_MAX];
};

static const struct row rows[] = {
	/* YAML itself */
	{ "empty_file", "", { "1:1: is empty" } },
	{ "comment_only", "# nothing\n", { "1:1: is empty" } },
	{ "not_a_map", "- a\n- b\n", { "1:1: the manifest is a list; write a map" } },
	{ "bare_text", "hello\n", { "1:1: the manifest is text; write a map" } },
	{ "open_flow_list", "name: x\nsources: [main.c\n", { "3:1: not YAML: " } },
	{ "bad_indent", "name: x\n  sources: [main.c]\n", { "1:7: not YAML: " } },
	{ "tab_indent", "name: x\nmemory:\n\tmin: 1M\n", { "3:1: not YAML: " } },
	{ "open_quote", "name: \"x\nsources: [main.c]\n", { "1:7: not YAML: " } },
	{ "control_character",
	  "name: x\nsources: [main.c]\nversion: a\001b\n",
	  { "3:11: a control character (0x01)" } },
	{ "not_utf8", "name: x\nversion: \xff\n", { "2:1: this line is not UTF-8" } },
	{ "nul_escape", "name: \"a\\0b\"\nsources: [main.c]\n", { "1:7: the text holds a NUL" } },
	{ "two_documents", HEAD "---\nname: y\n", { "3:1: a second document" } },
	{ "alias",
	  "name: &n x\nsources: [main.c]\nversion: *n\n",
	  { "1:10: anchors and tags", "3:10: aliases have no meaning", "3:1: version is empty" } },
	{ "tag", "name: !!str x\nsources: [main.c]\n", { "1:13: anchors and tags" } },
	{ "too_deep",
	  HEAD "memory: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n",
	  { "3:24: is nested too deep", "3:9: memory is a list; write one value" } },
	{ "list_as_key", HEAD "[a]: 1\n", { "3:1: a key must be a plain word" } },
	/* keys */
	{ "unknown_key_near",
	  HEAD "memroy: 4M\n",
	  { "3:1: unknown key memroy in the manifest: did you mean memory?" } },
	{ "unknown_key_far",
	  HEAD "colour: red\n",
	  { "3:1: unknown key colour in the manifest: known are name, " } },
	{ "duplicate_key", HEAD "name: y\n", { "3:1: name is there twice, first in line 1" } },
	{ "name_missing", "sources: [main.c]\n", { "1:1: the manifest lacks name" } },
	{ "sources_missing", "name: x\n", { "1:1: the manifest lacks sources" } },
	{ "all_missing",
	  "version: 1\n",
	  { "1:1: the manifest lacks name", "1:1: the manifest lacks sources" } },
	/* name, version */
	{ "name_empty", "name:\nsources: [main.c]\n", { "1:1: name is empty" } },
	{ "name_quoted_empty", "name: ''\nsources: [main.c]\n", { "1:7: name: \"\" is no name" } },
	{ "name_upper_case",
	  "name: Hello\nsources: [main.c]\n",
	  { "1:7: name: Hello is no name" } },
	{ "name_begins_with_dot", "name: .x\nsources: [main.c]\n", { "1:7: name: .x is no name" } },
	{ "name_with_slash", "name: ../x\nsources: [main.c]\n", { "1:7: name: ../x is no name" } },
	{ "name_too_long",
	  "name: abcdefghijabcdefghijabcdefghijab\nsources: [main.c]\n",
	  { "1:7: name: abcdefghij" } },
	{ "name_a_list",
	  "name: [x]\nsources: [main.c]\n",
	  { "1:7: name is a list; write one value" } },
	{ "version_with_space", HEAD "version: 1 2\n", { "3:10: version: 1 2 is none" } },
	{ "version_too_long",
	  HEAD "version: 1.2.3.4.5.6.7.8.9.10.11.12.13.14.15\n",
	  { "3:10: version: 1.2.3" } },
	/* sources */
	{ "sources_text",
	  "name: x\nsources: main.c\n",
	  { "2:10: sources is text; write a list: [main.c]" } },
	{ "sources_empty", "name: x\nsources: []\n", { "2:10: sources is empty" } },
	{ "source_absent",
	  "name: x\nsources: [main.c, gone.c]\n",
	  { "2:19: gone.c: no such file" } },
	{ "source_absolute", "name: x\nsources: [/etc/x.c]\n", { "2:11: /etc/x.c is absolute" } },
	{ "source_no_c", "name: x\nsources: [notes.txt]\n", { "2:11: notes.txt is no C file" } },
	{ "source_twice",
	  "name: x\nsources: [main.c, main.c]\n",
	  { "2:19: main.c is named twice" } },
	{ "source_is_folder",
	  "name: x\nsources: [folder.c]\n",
	  { "2:11: folder.c: no such file" } },
	{ "glob_matches_nothing",
	  "name: x\nsources: [src/*.c]\n",
	  { "2:11: src/*.c matches no file" } },
	{ "source_a_map",
	  "name: x\nsources: [{a: b}]\n",
	  { "2:11: a source is a map; write one value" } },
	/* health */
	{ "health_asks_nothing", HEAD "health: {interval: 5s}\n", { "3:9: health asks nothing" } },
	{ "health_asks_twice",
	  HEAD "health: {tcp: 80, http: 80/}\n",
	  { "3:25: health asks by tcp and by http: keep one" } },
	{ "health_no_port", HEAD "health: {http: /}\n", { "3:16: http: / wants a port" } },
	{ "health_command_unanswered",
	  HEAD "health: {command: 1/version}\n",
	  { "3:19: command: 1/version wants what is sent and what comes" } },
	{ "health_control_bytes",
	  HEAD "health: {command: \"1/version\\r\\n=V\"}\n",
	  { "3:19: command: 1/version" } },
	{ "health_times",
	  HEAD "health: {tcp: 80, interval: 2h, timeout: x, retries: 0, start-period: -1s}\n",
	  { "3:29: interval: 2h is none", "3:42: timeout: x is none",
	    "3:54: retries: 0 is out of bounds", "3:71: start-period: -1s is none" } },
	{ "health_argument", HEAD "health: {tcp: $port}\n", { "3:15: no argument port" } },
	{ "health_text", HEAD "health: 80\n", { "3:9: health is text" } },
	/* libraries */
	{ "library_unknown",
	  HEAD "libraries: [webserver]\n",
	  { "3:13: no library webserver: there are app/zones, core, net, store" } },
	{ "library_near",
	  HEAD "libraries: [nett]\n",
	  { "3:13: no library nett: did you mean net?" } },
	{ "library_escapes", HEAD "libraries: [../os/net]\n", { "3:13: no library ../os/net" } },
	{ "library_folder_without_yaml",
	  HEAD "libraries: [./folder.c]\n",
	  { "3:13: no library ./folder.c: that folder of one's own must hold a library.yaml" } },
	/* what is not Ampoule's */
	{ "include_absent", HEAD "include: [none]\n", { "3:11: none: no such folder in" } },
	{ "include_of_another_libc",
	  HEAD "include: [/usr/include]\n",
	  { "3:11: /usr/include holds the headers of another C library" } },
	{ "flag_that_takes_checks",
	  HEAD "flags: [-Wall, -O3, -fno-sanitize=all]\n",
	  { "3:21: the flag -fno-sanitize=all is refused: an image keeps its checks" } },
	{ "flag_of_another_key",
	  HEAD "flags: [-Ix, -DX, -lx, -mavx]\n",
	  { "3:9: the flag -Ix is refused: name the folder under include",
	    "3:14: the flag -DX is refused: name the macro under defines",
	    "3:19: the flag -lx is refused: name the library under packages",
	    "3:24: the flag -mavx is refused: the processor is the key cpu's" } },
	{ "define_no_name",
	  HEAD "defines: [A, B=2, 1X, \"\"]\n",
	  { "3:19: 1X is no name of a macro", "3:23: \"\" is no name of a macro" } },
	{ "archive_absent",
	  HEAD "archives: [x.a]\n",
	  {
	          "3:12: x.a: no such file in",
	  } },
	{ "archive_that_is_text", HEAD "archives: [main.c]\n", { "3:12: main.c is no archive" } },
	{ "package_no_name",
	  HEAD "packages: [-x, a/b]\n",
	  { "3:12: -x is no name of a package", "3:16: a/b is no name of a package" } },
	{ "library_twice", HEAD "libraries: [net, net]\n", { "3:18: library net is named twice" } },
	/* cpu, memory, tasks, stack */
	{ "cpu_unknown", HEAD "cpu: pentium\n", { "3:6: no cpu pentium: there are x86-64, " } },
	{ "memory_word", HEAD "memory: plenty\n", { "3:9: memory: plenty is not a size" } },
	{ "memory_tiny",
	  HEAD "memory: 4K\n",
	  { "3:9: memory: 4K is out of bounds; write a size from 64K to 1024G" } },
	{ "memory_huge",
	  HEAD "memory: 99999999G\n",
	  { "3:9: memory: 99999999G is out of bounds" } },
	{ "memory_overflow",
	  HEAD "memory: 99999999999999999999G\n",
	  { "3:9: memory: 99999999999999999999G is not a size" } },
	{ "memory_ragged",
	  HEAD "memory: 65537\n",
	  { "3:9: memory: 65537 is no multiple of a page (4K); write 68K" } },
	{ "memory_min_above",
	  HEAD "memory: {min: 8M, default: 4M}\n",
	  { "3:28: default: 4M is less than min: 8M" } },
	{ "memory_key", HEAD "memory: {max: 8M}\n", { "3:10: unknown key max in memory" } },
	{ "tasks_zero",
	  HEAD "tasks: 0\n",
	  { "3:8: tasks: 0 is out of bounds; write a number from 1 to 16383" } },
	{ "tasks_negative", HEAD "tasks: -1\n", { "3:8: tasks: -1 is out of bounds" } },
	{ "tasks_many", HEAD "tasks: 16384\n", { "3:8: tasks: 16384 is out of bounds" } },
	{ "stack_too_large",
	  HEAD "stack: 32M\n",
	  { "3:8: stack: 32M is out of bounds; write a size from 8K to 16M" } },
	{ "stacks_too_many_bytes",
	  HEAD "tasks: 16000\nstack: 16M\n",
	  { "3:8: 16000 tasks with stacks of 16M each" } },
	/* interfaces */
	{ "interfaces_without_net",
	  HEAD "interfaces:\n  - {}\n",
	  { "3:1: interfaces need library net" } },
	{ "interfaces_a_map",
	  HEAD "libraries: [net]\ninterfaces: {name: a}\n",
	  { "4:13: interfaces is a map; write a list" } },
	{ "interface_key",
	  HEAD "libraries: [net]\ninterfaces:\n  - {adress: dhcp}\n",
	  { "5:6: unknown key adress in an interface: did you mean address?" } },
	{ "interface_addresses_twice",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.2/24, addresses: "
	       "[10.0.0.3/24, 10.0.0.2/8]}\n",
	  { "5:53: addresses: 10.0.0.2 is there twice" } },
	{ "interface_addresses_of_no_host",
	  HEAD "libraries: [net]\ninterfaces:\n  - {addresses: [10.0.0.0/24, 10.0.0.1, $a]}\n",
	  { "5:18: addresses: 10.0.0.0/24 is its network's own address",
	    "5:31: addresses: 10.0.0.1 is neither A.B.C.D/LEN", "5:41: " } },
	{ "interface_routes",
	  HEAD "libraries: [net]\ninterfaces:\n  - routes:\n    - {to: 10.1.2.3/16, gateway: "
	       "10.0.0.1}\n    - {to: 10.1.0.0/16, gateway: 224.0.0.1}\n    - {to: 10.0.0.0/8}\n",
	  { "6:12: to: 10.1.2.3/16 is a host of its network; write 10.1.0.0/16",
	    "7:34: gateway: no host may have 224.0.0.1", "8:7: " } },
	{ "interface_twice",
	  HEAD "libraries: [net]\ninterfaces:\n  - {name: a}\n  - {name: a}\n",
	  { "6:12: a second interface a" } },
	{ "interface_default_name_taken",
	  HEAD "libraries: [net]\ninterfaces:\n  - {name: net1}\n  - {}\n",
	  { "6:5: a second interface net1" } },
	{ "address_word",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: home}\n",
	  { "5:15: address: home is neither auto, dhcp nor none, nor A.B.C.D/LEN" } },
	{ "address_without_prefix",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.2}\n",
	  { "5:15: address: 10.0.0.2 is neither auto, dhcp nor none" } },
	{ "address_prefix_33",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.2/33}\n",
	  { "5:15: address: " } },
	{ "address_of_network",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.0/24}\n",
	  { "5:15: address: 10.0.0.0/24 is its network's own address" } },
	{ "address_broadcast",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.255/24}\n",
	  { "5:15: address: 10.0.0.255/24 is its network's broadcast address" } },
	{ "address_multicast",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 224.0.0.1/24}\n",
	  { "5:15: address: no host may have 224.0.0.1/24" } },
	{ "address_argument_absent",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: $addr}\n",
	  { "5:15: no argument addr: declare it under arguments with type cidr" } },
	{ "address_argument_type",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: $a}\narguments:\n  a: {type: u16, "
	       "default: 1}\n",
	  { "5:15: $a is of type u16; it must be cidr here" } },
	{ "gateway_with_dhcp",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: dhcp, gateway: 10.0.0.1}\n",
	  { "5:30: gateway: comes with the address" } },
	{ "gateway_elsewhere",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.2/24, gateway: 10.0.1.1}\n",
	  { "5:37: gateway: 10.0.1.1 is not within 10.0.0.2/24" } },
	{ "gateway_itself",
	  HEAD "libraries: [net]\ninterfaces:\n  - {address: 10.0.0.2/24, gateway: 10.0.0.2}\n",
	  { "5:37: gateway: 10.0.0.2 is the interface's own address" } },
	{ "resolvers_without_net",
	  HEAD "resolvers: [192.0.2.53]\n",
	  { "3:1: resolvers need library net" } },
	{ "resolvers_a_word",
	  HEAD "libraries: [net]\nresolvers: 192.0.2.53\n",
	  { "4:12: resolvers is " } },
	{ "resolver_a_name",
	  HEAD "libraries: [net]\nresolvers: [ns1.example]\n",
	  { "4:13: resolvers: ns1.example is neither A.B.C.D" } },
	{ "resolver_no_host",
	  HEAD "libraries: [net]\nresolvers: [0.0.0.0, 127.0.0.1, 224.0.0.251]\n",
	  { "4:13: resolvers: no host may have 0.0.0.0",
	    "4:22: resolvers: no host may have 127.0.0.1",
	    "4:33: resolvers: no host may have 224.0.0.251" } },
	{ "resolver_twice",
	  HEAD "libraries: [net]\nresolvers: [192.0.2.53, 192.0.2.54, 192.0.2.53]\n",
	  { "4:37: resolvers: 192.0.2.53 is named twice" } },
	{ "resolver_argument_absent",
	  HEAD "libraries: [net]\nresolvers: [$dns]\n",
	  { "4:13: no argument dns: declare it under arguments with type ipv4" } },
	{ "resolver_argument_type",
	  HEAD "libraries: [net]\nresolvers: [$a]\narguments:\n  a: {type: cidr, default: "
	       "10.0.0.2/24}\n",
	  { "4:13: $a is of type cidr; it must be ipv4 here" } },
	{ "resolvers_too_many",
	  HEAD "libraries: [net]\nresolvers: [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4]\n",
	  { "4:12: 4 resolvers; at most 3 are asked" } },
	{ "ring_odd",
	  HEAD "libraries: [net]\ninterfaces:\n  - {ring: 1000}\n",
	  { "5:12: ring: 1000 is no power of two; write 1024" } },
	{ "ring_small",
	  HEAD "libraries: [net]\ninterfaces:\n  - {ring: 32}\n",
	  { "5:12: ring: 32 is out of bounds" } },
	{ "frames_many",
	  HEAD "libraries: [net]\ninterfaces:\n  - {frames: 262145}\n",
	  { "5:14: frames: 262145 is out" } },
	{ "optional_maybe",
	  HEAD "libraries: [net]\ninterfaces:\n  - {optional: maybe}\n",
	  { "5:16: optional: maybe is no bool; write true or false" } },
	/* blocks */
	{ "blocks_without_library",
	  HEAD "blocks:\n  - {}\n",
	  { "3:1: block devices need library store" } },
	{ "blocks_a_map",
	  HEAD "libraries: [store]\nblocks: {name: a}\n",
	  { "4:9: blocks is a map; write a list" } },
	{ "block_unknown_key",
	  HEAD "libraries: [store]\nblocks:\n  - {readonly: true}\n",
	  { "5:6: unknown key readonly in a block device: did you mean read-only?" } },
	{ "block_twice",
	  HEAD "libraries: [store]\nblocks:\n  - {name: a}\n  - {name: a}\n",
	  { "6:12: a second device a" } },
	{ "block_and_interface_of_one_name",
	  HEAD "libraries: [net, store]\ninterfaces:\n  - {name: a}\nblocks:\n  - {name: a}\n",
	  { "7:12: a second device a" } },
	{ "block_bad_name",
	  HEAD "libraries: [store]\nblocks:\n  - {name: A}\n",
	  { "5:12: name: A is no name" } },
	{ "block_size_no_size",
	  HEAD "libraries: [store]\nblocks:\n  - {size: big}\n",
	  { "5:12: size: big is not" } },
	{ "block_size_no_sectors",
	  HEAD "libraries: [store]\nblocks:\n  - {size: 1000}\n",
	  { "5:12: size: 1000 is no multiple of a sector (512); write 1024" } },
	{ "block_format_long",
	  HEAD "libraries: [store]\nblocks:\n  - {format: ampoule-btree}\n",
	  { "5:14: format: ampoule-btree is none; write btree, fat, sqlite, or a name" } },
	{ "block_ring_odd",
	  HEAD "libraries: [store]\nblocks:\n  - {ring: 100}\n",
	  { "5:12: ring: 100 is no power of two; write 128" } },
	{ "block_read_only_maybe",
	  HEAD "libraries: [store]\nblocks:\n  - {read-only: maybe}\n",
	  { "5:17: read-only: maybe is no bool" } },
	{ "devices_too_many",
	  HEAD "libraries: [net, store]\ninterfaces: [{}, {}, {}, {}, {}, {}, {}, {}]\n"
	       "blocks: [{}, {}, {}, {}, {}, {}, {}, {}, {}]\n",
	  { "5:9: 17 devices; at most 16 fit" } },
	/* files, compile */
	{ "file_absent", HEAD "files: [gone.txt]\n", { "3:9: gone.txt: no such file" } },
	{ "file_absolute", HEAD "files: [/etc/passwd]\n", { "3:9: /etc/passwd is absolute" } },
	{ "file_name_escapes",
	  HEAD "files:\n  - {name: ../x, from: notes.txt}\n",
	  { "4:5: ../x has a part . or .." } },
	{ "file_name_twice_slash",
	  HEAD "files:\n  - {name: a//b, from: notes.txt}\n",
	  { "4:5: a//b has an empty part" } },
	{ "file_twice",
	  HEAD "files: [notes.txt, notes.txt]\n",
	  { "3:20: a second file notes.txt, first in line 3" } },
	{ "file_and_folder_collide",
	  HEAD "files:\n  - {name: site/a, from: notes.txt}\n  - site\n",
	  { "5:5: a second file site/a, first in line 4" } },
	{ "file_circle_of_links", HEAD "files: [loop]\n", { "3:9: " } },
	{ "ip6_mistakes",
	  HEAD "libraries: [net]\ninterfaces:\n"
	       "  - {address: none}\n"
	       "  - {name: a, addresses: [\"ff02::1/64\", \"2001:db8::1\", \"2001:db8::1/8\"]}\n"
	       "  - {name: b, routes: [{to: \"::/0\", gateway: \"fe80::1\"}]}\n"
	       "  - {name: c, temporary: true, addresses: [auto, $no]}\n"
	       "  - {name: d, temporary: true}\n"
	       "resolvers: [\"ff02::53\"]\n",
	  { "5:15: address: none, and no IPv6 either", "6:27: addresses: no host may have",
	    "6:41: addresses: 2001:db8::1 is not an IPv6 address and prefix length",
	    "6:56: addresses: 2001:db8::1/8: a network of 8 bits", "7:24: a route of IPv6, but no",
	    "8:50: no argument no", "9:26: temporary: is of addresses that routers name",
	    "10:13: resolvers: no host may have" } },
	{ "file_is_fifo", HEAD "files: [fifo]\n", { "3:9: fifo is neither file nor folder" } },
	{ "file_without_from", HEAD "files:\n  - {name: a}\n", { "4:5: a file lacks from" } },
	{ "compile_unknown",
	  HEAD "libraries: [app/zones]\ncompile:\n  - {name: z, with: dns-zonse, from: [a]}\n",
	  { "5:21: no compiler dns-zonse: did you mean dns-zones?" } },
	{ "compile_without_library",
	  HEAD "compile:\n  - {name: z, with: dns-zones, from: [a]}\n",
	  { "4:21: no compiler dns-zones: none of the libraries has one" } },
	{ "compile_not_installed",
	  HEAD "libraries: [app/zones]\ncompile:\n  - {name: z, with: dns-zones, from: [a]}\n",
	  { "5:21: dns-zones: ampoule-nothing-of-this-name of library app/zones is not "
	    "installed" } },
	{ "compile_name_taken",
	  HEAD "files: [notes.txt]\ncompile:\n  - {name: notes.txt, with: dns-zones}\n",
	  { "5:29: no compiler", "5:12: a second file notes.txt" } },
	/* arguments */
	{ "arguments_a_list",
	  HEAD "arguments: [a]\n",
	  { "3:12: arguments is a list; write a map" } },
	{ "argument_bare",
	  HEAD "arguments:\n  a: 5\n",
	  { "4:6: argument a is text; write a map" } },
	{ "argument_without_type",
	  HEAD "arguments:\n  a: {default: 5}\n",
	  { "4:6: argument a lacks type" } },
	{ "argument_without_default",
	  HEAD "arguments:\n  a: {type: u16}\n",
	  { "4:6: argument a lacks default" } },
	{ "argument_type_near",
	  HEAD "arguments:\n  a: {type: u61, default: 5}\n",
	  { "4:13: no type u61: did you mean u16?" } },
	{ "argument_type_unknown",
	  HEAD "arguments:\n  a: {type: float, default: 5}\n",
	  { "4:13: no type float: there are u16" } },
	{ "argument_u16",
	  HEAD "arguments:\n  a: {type: u16, default: 65536}\n",
	  { "4:27: 65536 is not a number from 0 to 65535" } },
	{ "argument_u32",
	  HEAD "arguments:\n  a: {type: u32, default: 4294967296}\n",
	  { "4:27: 4294967296 is not a number" } },
	{ "argument_bool",
	  HEAD "arguments:\n  a: {type: bool, default: yes}\n",
	  { "4:28: yes is neither true nor false" } },
	{ "argument_ipv4",
	  HEAD "arguments:\n  a: {type: ipv4, default: 1.2.3.256}\n",
	  { "4:28: 1.2.3.256 is not an IPv4" } },
	{ "argument_cidr",
	  HEAD "arguments:\n  a: {type: cidr, default: 1.2.3.4}\n",
	  { "4:28: 1.2.3.4 is not an IPv4" } },
	{ "argument_duration",
	  HEAD "arguments:\n  a: {type: duration, default: 5 s}\n",
	  { "4:32: 5 s is not a duration" } },
	{ "argument_size",
	  HEAD "arguments:\n  a: {type: size, default: 5T}\n",
	  { "4:28: 5T is not a size" } },
	{ "argument_string_long",
	  HEAD "arguments:\n  a: {type: string, default: "
	       "0123456789012345678901234567890123456789012345678901234567890123"
	       "4567890123456789012345678901234567890123456789012345678901234567}\n",
	  { "4:30: 0123456789" } },
	{ "argument_renewable",
	  HEAD "arguments:\n  a: {type: u16, default: 1, renewable: true}\n",
	  { "4:41: only a secret is renewable" } },
	{ "argument_dynamic",
	  HEAD "arguments:\n  a: {type: u16, default: 1, dynamic: 1}\n",
	  { "4:39: dynamic: 1 is no bool" } },
	{ "argument_key",
	  HEAD "arguments:\n  a: {type: u16, default: 1, hlep: x}\n",
	  { "4:30: unknown key hlep in argument a: did you mean help?" } },
	{ "argument_name",
	  HEAD "arguments:\n  A: {type: u16, default: 1}\n",
	  { "4:3: argument: A is no name" } },
	{ "argument_names_meet_in_c",
	  HEAD "arguments:\n  a-b: {type: u16, default: 1}\n  a.b: {type: u16, default: 1}\n",
	  { "5:3: argument a.b: would be arg_a_b() in C, as a-b is" } },
	{ "argument_twice",
	  HEAD "arguments:\n  a: {type: u16, default: 1}\n  a: {type: u32, default: 1}\n",
	  { "5:3: a is there twice, first in line 4" } },
	/* many at once: all of them come out, in order */
	{ "all_in_one_go",
	  "nmae: x\nname: X\nsources: [gone.c, main.c]\nlibraries: [web, net]\nmemory: 1\ntasks: "
	  "many\n"
	  "interfaces:\n  - {address: $nope, ring: 3}\nfiles: [gone]\narguments:\n  p: {type: u16, "
	  "default: x}\n",
	  { "1:1: unknown key nmae", "2:7: name: X is no name", "3:11: gone.c: no such file",
	    "4:13: no library web", "5:9: memory: 1 is out of bounds",
	    "6:8: tasks: many is out of bounds", "8:15: no argument nope",
	    "8:28: ring: 3 is out of bounds", "9:9: gone: no such file",
	    "11:27: x is not a number from 0 to 65535" } },
};

static int make_world(void **state)
{
	(void)state;
	folder_put("sdk/abi/ampoule_abi.h", "");
	folder_put("sdk/os/core/library.yaml", "name: core\nsources: [core.c]\n");
	folder_put("sdk/os/core/core.c", "");
	folder_put("sdk/os/net/library.yaml", "name: net\nsources: [net.c]\nrequires: [core]\n");
	folder_put("sdk/os/net/net.c", "");
	folder_put("sdk/os/store/library.yaml", "name: store\nsources: [store.c]\n");
	folder_put("sdk/os/store/store.c", "");
	folder_put("sdk/os/app/zones/library.yaml",
	           "name: app/zones\nsources: []\nrequires: [net]\ncompilers:\n"
	           "  dns-zones: ampoule-nothing-of-this-name\n");
	folder_put("app/main.c", "");
	folder_put("app/notes.txt", "notes");
	folder_put("app/site/a", "a");
	folder_put("app/site/b/c", "c");
	folder_put("app/folder.c/x", "");
	folder_put("app/loop/x", "x");
	return symlink(".", folder_path("app/loop/again")) || mkfifo(folder_path("app/fifo"), 0600);
}

static int remove_world(void **state)
{
	(void)state;
	folder_remove();
	return 0;
}

static struct manifest *read_text(const char *yaml, struct report *report)
{
	folder_put("app/appliance.yaml", yaml);
	return manifest_read(folder_path("app"), "appliance.yaml", folder_path("sdk"), report);
}

static char *report_text(const struct report *report)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	report_print(report, f);
	fclose(f);
	return text;
}

static void reports_every_mistake_at_its_place(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct report report = { 0 };
		unsigned wanted = 0;

		read_text(rows[i].yaml, &report);
		char *text = report_text(&report);
		bool fine = true;
		for (; wanted < LINES_MAX && rows[i].lines[wanted]; wanted++) {
			const char *place = rows[i].lines[wanted],
			           *fragment = strstr(place, ": ") + 2;
			char *start =
			        keep_format("appliance.yaml:%.*s", (int)(fragment - place), place);
			bool found = false;
			for (char *line = text; line && *line && !found;
			     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
				size_t n = strcspn(line, "\n");
				char *copy = keep_text(line, n);
				found = strncmp(copy, start, strlen(start)) == 0 &&
				        strstr(copy, fragment);
			}
			fine = fine && found;
		}
		if (!fine || wanted != report.count) {
			failed++;
			fprintf(stderr, "%s: %u lines wanted, got:\n%s", rows[i].name, wanted,
			        text);
		}
		free(text);
	}
	assert_int_equal(failed, 0);
	assert_true(sizeof rows / sizeof *rows >= 50);
}

static void reads_addresses_of_both_families(void **state)
{
	struct report report = { 0 };

	(void)state;
	struct manifest *m = read_text(
	        HEAD "libraries: [net]\ninterfaces:\n"
	             "  - {name: a, addresses: [dhcp, auto, 10.0.0.2/24, \"2001:db8::2/64\", $six],"
	             " temporary: true, routes: [{to: \"::/0\", gateway: $way}]}\n"
	             "  - {name: b, address: \"2001:db8::3/48\"}\n"
	             "resolvers: [\"2001:db8::53\", $way]\n"
	             "arguments:\n  six: {type: cidr6, default: \"\", dynamic: true}\n"
	             "  way: {type: ip6, default: \"fe80::1\"}\n",
	        &report);
	assert_int_equal(report.count, 0);
	const struct manifest_interface *a = m->interfaces[0], *b = m->interfaces[1];
	assert_true(a->dhcp && !a->automatic && !a->no_ip4 && a->six_automatic && a->six_temporary);
	assert_int_equal(a->address_count, 1);
	assert_int_equal(a->six_address_count, 2);
	assert_int_equal(a->six_addresses[0]->prefix, 64);
	assert_int_equal(a->six_addresses[0]->six[15], 2);
	assert_int_equal(a->six_addresses[1]->arg, 0);
	assert_int_equal(a->six_route_count, 1);
	assert_int_equal(a->six_routes[0]->gateway6.arg, 1);
	assert_true(b->no_ip4 && !b->dhcp && !b->six_automatic);
	assert_int_equal(b->six_addresses[0]->prefix, 48);
	assert_int_equal(m->resolvers[0]->address[15], 0x53);
	assert_int_equal(m->resolvers[1]->arg, 1);
}

/* Whatever a manifest is cut off to: a report or a manifest, never a crash (the sanitizers watch).
 */
static void survives_every_truncation(void **state)
{
	static const char whole[] =
	        "name: x\nversion: 1.0\nsources: [main.c]\nlibraries: [net]\ncpu: x86-64-v2\n"
	        "memory: {min: 1M, default: 2M}\ntasks: 3\nstack: 16K\ninterfaces:\n  - {name: a, "
	        "address: $c, "
	        "gateway: $g, optional: true, ring: 64, frames: 64}\nresolvers: [$g, "
	        "192.0.2.53]\nfiles:\n  - notes.txt\n  - "
	        "{name: s, from: "
	        "site/}\narguments:\n  c: {type: cidr, default: 10.0.0.2/24, dynamic: true, help: "
	        "\"a \\u00e9\"}\n"
	        "  g: {type: ipv4, default: 0.0.0.0}\n";

	(void)state;
	for (size_t n = 0; n < sizeof whole; n++) {
		struct report report = { 0 };
		read_text(keep_text(whole, n), &report);
		if (n == sizeof whole - 1)
			assert_int_equal(report.count, 0);
	}
	/* And with each byte changed to one of YAML's own characters. */
	static const char own[] = "{[:#&*!|>'\"%@`-?,\n\t\xff";
	for (size_t n = 0; n + 1 < sizeof whole; n++) {
		struct report report = { 0 };
		char *copy = keep_text(whole, sizeof whole - 1);
		copy[n] = own[n % (sizeof own - 1)];
		read_text(copy, &report);
	}
}

static void refuses_what_is_no_manifest(void **state)
{
	struct report report = { 0 };
	struct text t = { 0 };

	(void)state;
	for (unsigned i = 0; i < YAML_SIZE_MAX / 16 + 1; i++)
		text_add(&t, "# sixteen bytes.\n");
	read_text(t.s, &report);
	char *text = report_text(&report);
	assert_non_null(strstr(text, "this is no manifest"));
	free(text);
}

static void reads_every_key(void **state)
{
	struct report report = { 0 };
	struct manifest *m = read_text("name: x-1\nversion: 2.0~rc1\nsources: [main.c, "
	                               "'*.c']\nlibraries: [net]\ncpu: x86-64-v4\n"
	                               "memory: {min: 1M, default: 2M}\ntasks: 3\nstack: 16K\n"
	                               "interfaces:\n  - {address: $c, gateway: $g, optional: "
	                               "true, ring: 64}\n  - {name: b, address: "
	                               "192.0.2.7/31, gateway: 192.0.2.6, frames: 100}\n  - {}\n"
	                               "resolvers: [192.0.2.53, $g]\n"
	                               "files:\n  - notes.txt\n  - {name: www/, from: site}\n"
	                               "arguments:\n  c: {type: cidr, default: 10.0.0.2/24, "
	                               "dynamic: true, help: address}\n"
	                               "  g: {type: ipv4, default: 10.0.0.1}\n",
	                               &report);

	(void)state;
	char *text = report_text(&report);
	assert_string_equal(text ? text : "", "");
	free(text);
	assert_string_equal(m->name, "x-1");
	assert_string_equal(m->version, "2.0~rc1");
	/* The glob finds main.c again and the folder folder.c, which is none. */
	assert_int_equal(m->source_count, 1);
	assert_int_equal(m->libraries.count, 2);
	assert_string_equal(m->libraries.list[0]->name, "core");
	assert_string_equal(m->libraries.list[1]->name, "net");
	assert_int_equal(m->cpu_level, 4);
	assert_int_equal(m->memory_min, 1 << 20);
	assert_int_equal(m->memory_default, 2 << 20);
	assert_int_equal(m->tasks, 3);
	assert_int_equal(m->stack, 16384);
	assert_int_equal(m->interface_count, 3);
	assert_string_equal(m->interfaces[0]->name, "net0");
	assert_int_equal(m->interfaces[0]->address_arg, 0);
	assert_int_equal(m->interfaces[0]->gateway_arg, 1);
	assert_true(m->interfaces[0]->optional);
	assert_int_equal(m->interfaces[0]->frames, 256);
	assert_int_equal(m->interfaces[1]->address, 0xc0000207);
	assert_int_equal(m->interfaces[1]->prefix, 31);
	assert_int_equal(m->interfaces[1]->gateway, 0xc0000206);
	assert_int_equal(m->interfaces[1]->frames, 100);
	assert_string_equal(m->interfaces[2]->name, "net2");
	assert_true(m->interfaces[2]->dhcp && m->interfaces[2]->automatic); /* the default */
	assert_int_equal(m->resolver_count, 2);
	static const uint8_t server[16] = { [10] = 0xff, 0xff, 192, 0, 2, 53 };
	assert_memory_equal(m->resolvers[0]->address, server, sizeof server);
	assert_int_equal(m->resolvers[0]->arg, -1);
	assert_int_equal(m->resolvers[1]->arg, 1);
	assert_int_equal(m->file_count, 3);
	assert_string_equal(m->files[0]->name, "notes.txt");
	assert_string_equal(m->files[1]->name, "www/a");
	assert_string_equal(m->files[2]->name, "www/b/c");
	assert_int_equal(m->arg_count, 2);
	assert_true(m->args[0]->dynamic);
	assert_int_equal(m->args[0]->number, 0x0a000002ull << 8 | 24);
	assert_string_equal(m->args[0]->help, "address");
}

static void further_addresses_and_routes_are_read(void **state)
{
	struct report report = { 0 };
	struct manifest *m = read_text(
	        HEAD "libraries: [net]\ninterfaces:\n  - address: 10.0.0.2/32\n    gateway: "
	             "169.254.1.1\n    addresses: [240.0.0.1/8, $c]\n    routes:\n"
	             "      - {to: 10.1.0.0/16, gateway: 10.0.0.3}\n      - {to: $c, gateway: $g}\n"
	             "arguments:\n  c: {type: cidr, default: 10.0.0.2/24}\n"
	             "  g: {type: ipv4, default: 10.0.0.1}\n",
	        &report);

	(void)state;
	char *text = report_text(&report);
	assert_string_equal(text ? text : "", "");
	free(text);
	const struct manifest_interface *i = m->interfaces[0];
	assert_int_equal(i->address_count, 2);
	assert_int_equal(i->addresses[0]->address, 0xf0000001);
	assert_int_equal(i->addresses[0]->prefix, 8);
	assert_int_equal(i->addresses[0]->arg, -1);
	assert_int_equal(i->addresses[1]->arg, 0);
	assert_int_equal(i->route_count, 2);
	assert_int_equal(i->routes[0]->to.address, 0x0a010000);
	assert_int_equal(i->routes[0]->to.prefix, 16);
	assert_int_equal(i->routes[0]->gateway, 0x0a000003);
	assert_int_equal(i->routes[1]->to.arg, 0);
	assert_int_equal(i->routes[1]->gateway_arg, 1);
}

static void block_devices_are_in_the_note(void **state)
{
	struct report report = { 0 };
	struct text t = { 0 };
	struct manifest *m = read_text(HEAD "libraries: [store]\nblocks:\n"
	                                    "  - {name: data, size: 3M, format: btree, ring: 128}\n"
	                                    "  - {read-only: true, optional: true}\n",
	                               &report);

	(void)state;
	assert_int_equal(report.count, 0);
	assert_int_equal(m->block_count, 2);
	assert_string_equal(m->blocks[0]->name, "data");
	assert_int_equal(m->blocks[0]->size, 3 << 20);
	assert_string_equal(m->blocks[0]->format, "btree");
	assert_int_equal(m->blocks[0]->ring, 128);
	assert_false(m->blocks[0]->read_only || m->blocks[0]->optional);
	assert_string_equal(m->blocks[1]->name, "block1");
	assert_int_equal(m->blocks[1]->size, 0);
	assert_string_equal(m->blocks[1]->format, "");
	assert_int_equal(m->blocks[1]->ring, 64);
	assert_true(m->blocks[1]->read_only && m->blocks[1]->optional);
	codegen_note(m, &t);
	/* The second half of each entry: type, flags, ring, frames, least size, format. */
	assert_non_null(strstr(
	        t.s, "\t.byte 2,0,0,0,0,0,0,0,128,0,0,0,0,0,0,0,0,0,48,0,0,0,0,0,98,116,114,101,"
	             "101,0,0,0\n"));
	assert_non_null(strstr(
	        t.s, "\t.byte 2,0,0,0,3,0,0,0,64,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0\n"));
}

static void has_the_defaults_of_the_manual(void **state)
{
	struct report report = { 0 };
	struct manifest *m = read_text(HEAD, &report);

	(void)state;
	assert_int_equal(report.count, 0);
	assert_string_equal(m->version, "0.0.0");
	assert_int_equal(m->cpu_level, 3);
	assert_int_equal(m->memory_default, 16 << 20);
	assert_int_equal(m->tasks, 16);
	assert_int_equal(m->stack, 65536);
	assert_int_equal(m->libraries.count, 1);
}

static void reports_mistakes_of_libraries_at_their_place(void **state)
{
	struct report report = { 0 };

	(void)state;
	folder_put("sdk/os/bad/library.yaml",
	           "name: worse\nsources: [gone.c, ../x.c]\nrequires: [nothing]\nfoo: 1\n");
	read_text(HEAD "libraries: [bad]\n", &report);
	char *text = report_text(&report);
	assert_non_null(strstr(text, "library.yaml:1:7: name is worse, but the folder says bad"));
	assert_non_null(strstr(text, "library.yaml:2:11: gone.c: no such file"));
	assert_non_null(
	        strstr(text, "library.yaml:2:19: ../x.c: must lie in the library's folder"));
	assert_non_null(strstr(text, "library.yaml:3:12: no library nothing"));
	assert_non_null(strstr(text, "library.yaml:4:1: unknown key foo"));
	assert_int_equal(report.count, 5);
	free(text);
}

static void archives_are_of_the_system(void **state)
{
	struct report report = { 0 };

	(void)state;
	folder_put(
	        "sdk/os/arch/library.yaml",
	        "name: arch\narchives:\n"
	        "  - {file: libampoule-none.a, package: libnone-dev, headers: [ampoule-none.h]}\n"
	        "  - {file: ../libc.a, package: x}\n"
	        "  - {file: libc.so, package: x}\n"
	        "  - {file: libampoule-none.a}\n"
	        "  - {file: libc.a, package: libc6-dev, headers: [../stdio.h, stdio, stdio.h], "
	        "wraps: [qsort, "
	        "'a,b', '--x']}\n");
	struct manifest *m = read_text(HEAD "libraries: [arch]\n", &report);
	char *text = report_text(&report);
	assert_non_null(strstr(
	        text,
	        "library.yaml:3:12: /usr/lib/x86_64-linux-gnu/libampoule-none.a: no such file; "
	        "apt-get install libnone-dev"));
	assert_non_null(strstr(
	        text,
	        "library.yaml:3:63: /usr/include/ampoule-none.h: no such file; apt-get install "
	        "libnone-dev"));
	assert_non_null(strstr(text, "library.yaml:4:12: ../libc.a: no name of a static library"));
	assert_non_null(strstr(text, "library.yaml:5:12: libc.so: no name of a static library"));
	assert_non_null(strstr(text, "library.yaml:6:5: an archive lacks package"));
	assert_non_null(strstr(text, "library.yaml:7:50: ../stdio.h: no name of a header"));
	assert_non_null(strstr(text, "library.yaml:7:62: stdio: no name of a header"));
	assert_non_null(strstr(text, ": a,b: no name of a function"));
	assert_non_null(strstr(text, ": --x: no name of a function"));
	assert_int_equal(report.count, 9);
	free(text);
	const struct library *l = library_find(&m->libraries, "arch");
	const struct archive *a = l->archives[l->archive_count - 1];
	assert_string_equal(a->path, "/usr/lib/x86_64-linux-gnu/libc.a");
	assert_int_equal(a->header_count, 1);
	assert_string_equal(a->headers[0]->name, "stdio.h");
	assert_int_equal(a->wrapped_count, 1);
	assert_string_equal(a->wrapped[0], "qsort");
}

static void libraries_in_a_circle_end(void **state)
{
	struct report report = { 0 };

	(void)state;
	folder_put("sdk/os/ping/library.yaml", "name: ping\nrequires: [pong]\n");
	folder_put("sdk/os/pong/library.yaml", "name: pong\nrequires: [ping]\n");
	struct manifest *m = read_text(HEAD "libraries: [ping]\n", &report);
	assert_int_equal(report.count, 0);
	assert_int_equal(m->libraries.count, 3);
}

static void static_arguments_are_constants_in_c(void **state)
{
	struct report report = { 0 };
	struct text t = { 0 };
	struct manifest *m =
	        read_text(HEAD "arguments:\n  port: {type: u16, default: 53}\n"
	                       "  s: {type: string, default: \"a\\\"b\\\\c?\\u00e9\"}\n"
	                       "  net: {type: cidr, default: 10.1.2.3/8}\n"
	                       "  on: {type: bool, default: true}\n"
	                       "  t: {type: duration, default: 250ms, dynamic: true}\n",
	                  &report);

	(void)state;
	assert_int_equal(report.count, 0);
	codegen_header(m, &t);
	assert_non_null(strstr(t.s, "uint16_t arg_port(void)\n{\n\treturn (uint16_t)53u;"));
	assert_non_null(strstr(t.s, "return \"a\\042b\\134c\\077\\303\\251\";"));
	assert_non_null(strstr(
	        t.s, "return boot_cidr(42966582024u);")); /* 0x0a010203 << 8 | 8, in 64 bits */
	assert_non_null(strstr(t.s, "return true;"));
	assert_non_null(strstr(t.s, "return (uint64_t)boot_argument(4)->number;"));
}

static void libraries_bring_their_arguments(void **state)
{
	struct report report = { 0 };

	(void)state;
	folder_put("sdk/os/brings/library.yaml", "name: brings\nrequires: [beneath]\narguments:\n"
	                                         "  port: {type: u16, default: 80, dynamic: true}\n"
	                                         "  log: {type: bool, default: false}\n");
	folder_put("sdk/os/beneath/library.yaml",
	           "name: beneath\narguments:\n  deep: {type: bool, default: true}\n");
	folder_put("app/own/library.yaml",
	           "name: own\narguments:\n  six: {type: cidr6, default: \"\"}\n");
	struct manifest *m = read_text(HEAD "libraries: [brings, net, ./own]\n"
	                                    "interfaces:\n  - {addresses: [$six]}\n"
	                                    "arguments:\n  log: {type: bool, default: true}\n",
	                               &report);
	assert_int_equal(report.count, 0);
	assert_int_equal(m->arg_count, 3); /* those of what is required only do not come */
	assert_string_equal(m->args[0]->name, "log");
	assert_string_equal(m->args[0]->value, "true");
	assert_string_equal(m->args[1]->name, "port");
	assert_true(m->args[1]->dynamic);
	assert_string_equal(m->args[2]->name, "six");
}

static void mistakes_of_a_librarys_arguments_are_its_own(void **state)
{
	struct report report = { 0 };
	struct text many = { 0 };

	(void)state;
	folder_put("sdk/os/one/library.yaml",
	           "name: one\narguments:\n  port: {type: u16, default: x}\n");
	folder_put("sdk/os/two/library.yaml",
	           "name: two\narguments:\n  port: {type: u16, default: 1}\n");
	folder_put("sdk/os/list/library.yaml", "name: list\narguments: [a]\n");
	read_text(HEAD "libraries: [one, two, list]\n", &report);
	char *text = report_text(&report);
	assert_non_null(strstr(text, "one/library.yaml:3:30: x is not a number"));
	assert_non_null(
	        strstr(text, "two/library.yaml:3:3: argument port is another library's, too"));
	assert_non_null(strstr(text, "list/library.yaml:2:12: arguments is a list"));
	assert_int_equal(report.count, 3);
	free(text);

	text_add(&many, HEAD "libraries: [two]\narguments:\n");
	for (unsigned i = 0; i < AMP_ARGS_MAX; i++)
		text_add(&many, "  a%u: {type: bool, default: true}\n", i);
	report = (struct report){ 0 };
	read_text(many.s, &report);
	text = report_text(&report);
	assert_non_null(strstr(text, "two/library.yaml:3:3: more than 64 arguments"));
	assert_int_equal(report.count, 1);
	free(text);
}

static void note_holds_what_the_manifest_says(void **state)
{
	struct report report = { 0 };
	struct text a = { 0 }, b = { 0 };
	const char *yaml = HEAD "tasks: 7\narguments:\n  port: {type: u16, default: 53}\n";

	(void)state;
	codegen_note(read_text(yaml, &report), &a);
	codegen_note(read_text(yaml, &report), &b);
	assert_string_equal(a.s, b.s);
	size_t size = sizeof(struct amp_note) + sizeof(struct amp_note_arg) +
	              sizeof(struct amp_note_library);
	assert_non_null(
	        strstr(a.s, keep_format("\t.long 8, %zu, 1\n\t.asciz \"Ampoule\"\n", size)));
	assert_non_null(
	        strstr(a.s, "\t.quad ampoule_stack_base\n\t.byte 0,0,1,0,8,0,0,0,3,0,0,0,"));

	struct manifest *m = read_text(
	        HEAD "health: {http: $port/up, interval: 1m, retries: 2, start-period: 3s}\n"
	             "arguments:\n  port: {type: u16, default: 81}\n",
	        &report);
	assert_int_equal(report.count, 0);
	assert_int_equal(m->health.kind, AMP_HEALTH_HTTP);
	assert_int_equal(m->health.port, 81);
	assert_int_equal(m->health.port_arg, 1);
	assert_int_equal(m->health.interval_ms, 60000);
	assert_int_equal(m->health.timeout_ms, 2000);
	assert_int_equal(m->health.retries, 2);
	assert_int_equal(m->health.start_ms, 3000);
	assert_string_equal(m->health.what, "/up");
	struct text c = { 0 };
	codegen_note(m, &c);
	assert_non_null(strstr(
	        c.s, keep_format("\t.long 8, %zu, 1\n", size + sizeof(struct amp_note_health))));
}

static void base_lies_in_range_and_moves_with_the_seed(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		uint64_t base = codegen_base(seed);
		assert_true(base >= AMP_IMAGE_LOW && base + (1ull << 40) <= AMP_IMAGE_HIGH);
		assert_int_equal(base % AMP_PAGE, 0);
		assert_int_not_equal(base, last);
		assert_int_equal(base, codegen_base(seed));
		last = base;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reports_every_mistake_at_its_place),
		cmocka_unit_test(survives_every_truncation),
		cmocka_unit_test(refuses_what_is_no_manifest),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(reads_addresses_of_both_families),
		cmocka_unit_test(further_addresses_and_routes_are_read),
		cmocka_unit_test(block_devices_are_in_the_note),
		cmocka_unit_test(has_the_defaults_of_the_manual),
		cmocka_unit_test(reports_mistakes_of_libraries_at_their_place),
		cmocka_unit_test(archives_are_of_the_system),
		cmocka_unit_test(libraries_in_a_circle_end),
		cmocka_unit_test(static_arguments_are_constants_in_c),
		cmocka_unit_test(libraries_bring_their_arguments),
		cmocka_unit_test(mistakes_of_a_librarys_arguments_are_its_own),
		cmocka_unit_test(note_holds_what_the_manifest_says),
		cmocka_unit_test(base_lies_in_range_and_moves_with_the_seed),
	};

	return cmocka_run_group_tests_name("manifest", tests, make_world, remove_world);
}
