/* SPDX-License-Identifier: ISC */
/*
 * Everything of os/ in one image, beside functions of the application's whose names some library would have liked: all of
 * them are found, each by its own caller. Says a line for each part that works.
 */
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include <app/dns/dns.h>
#include <app/http/client.h>
#include <app/http/http.h>
#include <app/json/json.h>
#include <app/memcache/durable/durable.h>
#include <app/memcache/memcache.h>
#include <app/site/site.h>
#include <app/status/status.h>
#include <core/clock.h>
#include <core/error.h>
#include <core/file.h>
#include <net/resolver.h>
#include <store/block_memory.h>
#include <store/btree/btree.h>
#include <store/fat/fat.h>
#include <store/tar/tar.h>

/* Not static: they have to stand beside the libraries' own functions in the linker's one table of names. */
int output(int);
int queue_open(int);
int path_mtu(int);
int cache_get(int);
int cache_forget(int);
int commit(int);
int send_request(int);
int damaged(int);
int resolve(int);
int format(int);
int reply(int);
int listen_on(int);
int node_read(int);
int flush(int);

#define OWN(name_)                                                                                 \
	int name_(int n)                                                                           \
	{                                                                                          \
		return n + (int)sizeof #name_;                                                     \
	}

OWN(output)
OWN(queue_open)
OWN(path_mtu)
OWN(cache_get)
OWN(cache_forget)
OWN(commit)
OWN(send_request)
OWN(damaged)
OWN(resolve)
OWN(format)
OWN(reply)
OWN(listen_on)
OWN(node_read)
OWN(flush)

static int own(void)
{
	int (*const volatile all[])(int) = { output,       queue_open, path_mtu, cache_get,
		                             cache_forget, commit,     damaged,  send_request,
		                             resolve,      format,     reply,    listen_on,
		                             node_read,    flush };
	int n = 0;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		n = all[i](n);
	return n;
}

static int stores(void)
{
	struct block *b = block_memory_open("tree", 1 << 20);
	struct block *blank = block_memory_open("blank", 1 << 20);
	struct btree_lru lru = { 0 };
	struct btree_options options = {
		.policy = &btree_policy_lru, .policy_of = &lru, .cache = 65536, .create = true
	};
	struct btree *tree;
	struct fat *volume;
	char value[8] = "";

	if (!b || !blank || btree_open(&tree, b, &options) || btree_put(tree, "k", 1, "tree", 5) ||
	    btree_get(tree, "k", 1, value, sizeof value, NULL) || btree_check(tree))
		return 1;
	btree_close(tree);
	if (fat_open(&volume, blank, NULL) != ERR_MALFORMED)
		return 2;

	static const char zeros[2 * TAR_BLOCK];
	static struct tar_entry entry;
	struct tar tar;
	struct tar_cursor at = { 0 };
	tar_memory(&tar, zeros, sizeof zeros);
	if (tar_next(&tar, &at, &entry) != ERR_ABSENT)
		return 3;

	sqlite3 *db;
	sqlite3_stmt *s;
	if (sqlite3_open(":memory:", &db) || sqlite3_prepare_v2(db, "select 6*7", -1, &s, NULL) ||
	    sqlite3_step(s) != SQLITE_ROW)
		return 4;
	printf("stores: %s %d\n", value, sqlite3_column_int(s, 0));
	sqlite3_finalize(s);
	sqlite3_close(db);
	return 0;
}

static int documents(void)
{
	char text[] = "{\"a\": [1, 2]}";
	struct json_value values[8];

	if (json_parse(values, 8, text, sizeof text - 1, NULL))
		return 1;
	printf("documents: %u\n", json_member(values, "a")->count);
	return 0;
}

/* All servers, on no network, and the clients, which find none. */
static int servers(void)
{
	struct http_server *web;
	struct dns_server *dns;
	struct memcache_server *cache;
	struct memcache_options options = { .memory = 4 << 20 };
	struct btree_figures figures;
	struct site *site;
	struct http_client *client;
	struct net_address address;

	if (dns_serve(&dns, file_find("zones"), NULL) != ERR_ABSENT ||
	    site_open(&site, file_find("site")) != ERR_ABSENT)
		return 1;
	if (http_serve(&web, NULL) || status_serve(&(struct status_options){ .port = 81 }))
		return 2;
	if (memcache_durable_serve(&cache, block_memory_open("items", 1 << 20), &options))
		return 3;
	memcache_durable_figures(&figures);
	if (figures.keys || figures.pages != (1 << 20) / BTREE_PAGE)
		return 4;
	uint64_t soon = clock_now() + NS_PER_MS;
	if (resolver_lookup("name.test", &address, 1, soon) != ERR_UNREACHABLE ||
	    http_client_open(&client, "10.9.9.9", 80, soon) == OK)
		return 5;
	printf("servers: %u keys\n", (unsigned)figures.keys);
	return 0;
}

int main(void)
{
	printf("own: %d\n", own());
	int status = stores();
	if (!status)
		status = documents();
	return status ? status : 10 * servers();
}
