/* SPDX-License-Identifier: ISC */
/* The tender's words about a network (abi: struct amp_net_word), and where they give way. */
#include "world.h"

#include <net/ip6/internal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define TOLD   0x0a4d0009u /* 10.77.0.9 */
#define ROUTER 0x0a4d0001u

static struct amp_net_word word(uint16_t kind, uint32_t address, uint8_t prefix, uint32_t gateway)
{
	struct amp_net_word w = { .kind = kind, .family = 4, .prefix = prefix };
	bytes_store_u32(w.address, address);
	bytes_store_u32(w.gateway, gateway);
	return w;
}

static struct amp_net_word words[16];
static uint32_t word_count;

static void say(struct amp_net_word w)
{
	words[word_count++] = w;
}

static void open_with(struct options o)
{
	o.words = words;
	o.word_count = word_count;
	o.keep_announcements = true;
	world_open(o);
}

static int setup(void **state)
{
	(void)state;
	word_count = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arp_clear(world.interface);
	bool balanced = world_frames_balanced();
	world_close();
	return balanced ? 0 : -1;
}

/* Does it ask a DHCP server? */
static bool asks(void)
{
	struct packet out;
	bool found = false;
	world_advance(12 * SECOND);
	while (world_sent(&out))
		found |= bytes_load_u16(ethernet_of(&out)->type) == 0x0800 &&
		         ip_of(&out)->protocol == 17 &&
		         bytes_load_u16(udp_of(&out)->destination) == 67;
	return found;
}

static void are_the_address_and_all_beside_it(void **state)
{
	(void)state;
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0));
	say(word(AMP_NET_WORD_ROUTE, 0, 0, ROUTER));
	say(word(AMP_NET_WORD_ROUTE, 0xc6336400, 24, ROUTER + 8));
	say(word(AMP_NET_WORD_RESOLVER, ROUTER + 2, 32, 0));
	say(word(AMP_NET_WORD_RESOLVER, ROUTER + 3, 32, 0));
	open_with((struct options){ .dhcp = true, .automatic = true });
	assert_int_equal(interface_address(world.interface), TOLD);
	assert_int_equal(interface_prefix(world.interface), 16);
	assert_int_equal(interface_gateway(world.interface), ROUTER);
	assert_int_equal(world.interface->resolvers[0], ROUTER + 2);
	assert_int_equal(world.interface->resolvers[1], ROUTER + 3);
	assert_int_equal(interface_next_hop(world.interface, 0xc6336407), ROUTER + 8);
	assert_false(asks());
}

static void without_any_a_dhcp_server_is_asked(void **state)
{
	(void)state;
	open_with((struct options){ .dhcp = true, .automatic = true });
	assert_int_equal(interface_address(world.interface), 0);
	assert_true(asks());
}

static void do_not_count_where_the_manifest_says_dhcp(void **state)
{
	(void)state;
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0));
	open_with((struct options){ .dhcp = true });
	assert_int_equal(interface_address(world.interface), 0);
	assert_true(asks());
}

static void go_before_an_arguments_default(void **state)
{
	(void)state;
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0));
	open_with((struct options){ 0 });
	assert_int_equal(interface_address(world.interface), TOLD);
	assert_int_equal(interface_gateway(world.interface),
	                 0); /* the default's is of another network */
}

static void do_not_count_where_the_argument_is_set(void **state)
{
	(void)state;
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0));
	say(word(AMP_NET_WORD_ROUTE, 0, 0, ROUTER));
	open_with((struct options){ .set = true });
	assert_int_equal(interface_address(world.interface), US);
	assert_int_equal(interface_gateway(world.interface), GATEWAY);
}

static void of_other_devices_families_and_kinds_are_passed_over(void **state)
{
	(void)state;
	struct amp_net_word other = word(AMP_NET_WORD_ADDRESS, TOLD + 1, 16, 0);
	other.device = 1;
	say(other);
	other = word(AMP_NET_WORD_ADDRESS, TOLD + 2, 16, 0);
	other.family = 6;
	say(other);
	say(word(77, TOLD + 3, 16, 0));
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0));
	say(word(AMP_NET_WORD_ROUTE, 0xc6336400, 99, ROUTER));
	open_with((struct options){ .dhcp = true, .automatic = true });
	assert_int_equal(interface_address(world.interface), TOLD);
	assert_int_equal(world.interface->route_count, 0);
}

/* ---- IPv6 ---- */

static const uint8_t told6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 9 },
                     link6[16] = { 0xfe, 0x80, [15] = 7 }, router6[16] = { 0xfe, 0x80, [15] = 1 },
                     afar6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 1, [15] = 1 },
                     server6[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 0x53 }, none6[16];
static const struct interface_ip6_config auto6 = { .automatic = true };

static struct amp_net_word word6(uint16_t kind, const uint8_t *address, uint8_t prefix,
                                 const uint8_t *gateway)
{
	struct amp_net_word w = { .kind = kind, .family = 6, .prefix = prefix };
	memcpy(w.address, address, 16);
	memcpy(w.gateway, gateway, 16);
	return w;
}

static void say_six(void)
{
	say(word6(AMP_NET_WORD_ADDRESS, link6, 64, none6));
	say(word6(AMP_NET_WORD_ADDRESS, told6, 64, none6));
	say(word6(AMP_NET_WORD_ROUTE, none6, 0, router6));
	say(word6(AMP_NET_WORD_RESOLVER, server6, 128, none6));
}

static bool has6(const uint8_t *address)
{
	struct net_address a;
	for (uint32_t n = 0; a = interface_ip6_at(world.interface, n), !net_address_none(a); n++)
		if (!memcmp(a.bytes, address, 16))
			return true;
	return false;
}

/* Does it ask routers (RFC 4861 §6.3.7)? */
static bool asks_routers(void)
{
	struct packet out;
	bool found = false;
	world_advance(12 * SECOND);
	while (world_sent(&out))
		found |= bytes_load_u16(ethernet_of(&out)->type) == 0x86dd &&
		         out.bytes[14 + 6] == 58 && out.bytes[54] == 133;
	return found;
}

static bool hop_is(const uint8_t *to, const uint8_t *hop)
{
	uint32_t number = ip6_number(to, world.interface);
	uint32_t got = ip6_next_hop(world.interface, number);
	bool same = got && !memcmp(ip6_number_bytes(got), hop, 16);
	ip6_drop(number);
	return same;
}

static void of_ipv6_are_in_routers_place(void **state)
{
	(void)state;
	say_six();
	open_with((struct options){ .ip6 = &auto6, .no_ip4 = true });
	assert_true(has6(told6) && has6(link6) && !has6(afar6));
	assert_true(hop_is(afar6, router6));
	struct net_address server = ip6_resolver(world.interface, 0);
	assert_memory_equal(server.bytes, server6, 16);
	assert_false(asks_routers());
	/* Whatever a router says, unasked. */
	assert_false(world.interface->ip6->automatic);
}

static void of_the_link_alone_leave_routers_asked(void **state)
{
	(void)state;
	say(word6(AMP_NET_WORD_ADDRESS, link6, 64, none6));
	say(word6(AMP_NET_WORD_ROUTE, none6, 0, router6));
	open_with((struct options){ .ip6 = &auto6, .no_ip4 = true });
	assert_true(has6(link6));
	assert_false(hop_is(afar6, router6));
	assert_true(asks_routers());
}

static void of_ipv6_give_way_to_a_constant(void **state)
{
	static const struct interface_ip6_network_config constant[] = {
		{ .address = { 0x20, 1, 0x0d, 0xb8, [15] = 1 }, .prefix = 64, .arg = -1 }
	};
	static const struct interface_ip6_config config = { .addresses = constant,
		                                            .address_count = 1 };
	(void)state;
	say_six();
	open_with((struct options){ .ip6 = &config });
	assert_true(has6(constant[0].address) && has6(link6) && !has6(told6));
	assert_false(hop_is(afar6, router6));
}

/* arguments[2] of the world is empty, as text. */
static void of_ipv6_go_before_an_argument_that_is_not_set(void **state)
{
	static const struct interface_ip6_network_config argument[] = { { .arg = 2 } };
	static const struct interface_ip6_config config = { .addresses = argument,
		                                            .address_count = 1 };
	(void)state;
	say_six();
	open_with((struct options){ .ip6 = &config });
	assert_true(has6(told6) && hop_is(afar6, router6));
}

static void name_several_addresses(void **state)
{
	static const struct interface_network_config own[] = { { 0x0a000105, -1, 24 } };
	static const uint8_t second6[16] = { 0x20, 1, 0x0d, 0xb8, 0, 2, [15] = 9 };
	(void)state;
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0));
	say(word(AMP_NET_WORD_ADDRESS, TOLD + 0x10000, 16, 0));
	say(word(AMP_NET_WORD_ADDRESS, TOLD, 16, 0)); /* once more */
	say_six();
	say(word6(AMP_NET_WORD_ADDRESS, second6, 64, none6));
	open_with((struct options){ .dhcp = true,
	                            .automatic = true,
	                            .addresses = own,
	                            .address_count = 1,
	                            .ip6 = &auto6 });
	assert_int_equal(interface_address(world.interface), TOLD);
	assert_int_equal(interface_address_at(world.interface, 1), 0x0a000105);
	assert_int_equal(interface_address_at(world.interface, 2), TOLD + 0x10000);
	assert_int_equal(interface_address_at(world.interface, 3), 0);
	assert_true(has6(told6) && has6(second6));
	/* Those of the tender go with it; the manifest's stay. */
	interface_clear_address(world.interface);
	assert_int_equal(interface_address_at(world.interface, 1), 0x0a000105);
	assert_int_equal(interface_address_at(world.interface, 2), 0);
}

/* As in a clone: what was told before is gone, and its numbers with it. */
static void of_ipv6_are_read_anew(void **state)
{
	(void)state;
	say_six();
	open_with((struct options){ .ip6 = &auto6, .no_ip4 = true });
	assert_true(has6(told6));
	ip6_close(world.interface);
	memcpy(words[1].address, afar6, 16);
	assert_int_equal(ip6_open(world.interface), OK);
	assert_true(has6(afar6) && !has6(told6));
}

static void of_ipv6_that_are_none_are_passed_over(void **state)
{
	static const uint8_t group[16] = { 0xff, 2, [15] = 1 },
	                     mapped[16] = { [10] = 0xff, 0xff, 1 };
	(void)state;
	say(word6(AMP_NET_WORD_ADDRESS, told6, 129, none6));
	say(word6(AMP_NET_WORD_ADDRESS, group, 64, none6));
	say(word6(AMP_NET_WORD_ADDRESS, none6, 64, none6));
	say(word6(AMP_NET_WORD_ADDRESS, mapped, 64, none6));
	say(word6(AMP_NET_WORD_ROUTE, afar6, 48, none6)); /* on the link */
	open_with((struct options){ .ip6 = &auto6, .no_ip4 = true });
	assert_false(has6(told6) || has6(group) || has6(mapped));
	assert_true(hop_is(afar6, afar6));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(are_the_address_and_all_beside_it),
		TEST(without_any_a_dhcp_server_is_asked),
		TEST(do_not_count_where_the_manifest_says_dhcp),
		TEST(go_before_an_arguments_default),
		TEST(do_not_count_where_the_argument_is_set),
		TEST(of_other_devices_families_and_kinds_are_passed_over),
		TEST(of_ipv6_are_in_routers_place),
		TEST(of_the_link_alone_leave_routers_asked),
		TEST(of_ipv6_give_way_to_a_constant),
		TEST(of_ipv6_go_before_an_argument_that_is_not_set),
		TEST(name_several_addresses),
		TEST(of_ipv6_are_read_anew),
		TEST(of_ipv6_that_are_none_are_passed_over),
	};
	return cmocka_run_group_tests_name("net words", tests, NULL, NULL);
}
