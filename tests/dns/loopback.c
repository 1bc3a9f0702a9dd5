/* SPDX-License-Identifier: ISC */
/*
 * A DNS server on the loopback for tests: the answering code of images behind an ordinary socket.
 * With it answers are compared with other servers' before, and without, an image.
 *
 *	loopback DATABASE PORT [cache] [minimal]
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <app/dns/cache.h>
#include <core/random.h>

/* What core has from the tender. */
void random_bytes(void *to, size_t size)
{
	if (getentropy(to, size))
		abort();
}

int main(int argc, char **argv)
{
	static struct dns_responder responder;
	struct dns_database db;
	struct dns_cache cache;
	struct dns_policy policy = { 0 };
	bool cached = false;
	const char *why = "";
	struct stat st;

	if (argc < 3) {
		fputs("usage: loopback DATABASE PORT [cache] [minimal]\n", stderr);
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		cached |= strcmp(argv[i], "cache") == 0;
		policy.minimal |= strcmp(argv[i], "minimal") == 0;
	}
	int fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st)) {
		perror(argv[1]);
		return 1;
	}
	void *blob = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (blob == MAP_FAILED || dns_database_open(&db, blob, (uint64_t)st.st_size, &why) < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], why);
		return 1;
	}
	dns_responder_init(&responder, &db, &policy);
	uint64_t size = dns_cache_size(1u << 20), key[2] = { 1, 2 };
	dns_cache_init(&cache, aligned_alloc(64, size), size, key);

	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in own = { .sin_family = AF_INET,
		                   .sin_port = htons((uint16_t)atoi(argv[2])),
		                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (s < 0 || bind(s, (struct sockaddr *)&own, sizeof own)) {
		perror(argv[2]);
		return 1;
	}
	for (;;) {
		uint8_t packet[4096];
		struct sockaddr_in peer;
		socklen_t length = sizeof peer;
		ssize_t n =
		        recvfrom(s, packet, sizeof packet, 0, (struct sockaddr *)&peer, &length);
		if (n < 0)
			continue;
		uint32_t reply = dns_answer_cached(&responder, cached ? &cache : NULL, packet,
		                                   (uint32_t)n, packet, sizeof packet);
		if (reply)
			sendto(s, packet, reply, 0, (struct sockaddr *)&peer, length);
	}
}
