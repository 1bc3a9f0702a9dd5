/* SPDX-License-Identifier: ISC */
/* What tests/tls/starttls.py talks to: SMTP (RFC 3207) at port 25, XMPP (RFC 6120 §5) at 5222. WHO, in SMTP, tells what was heard. */
#include "appliance.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <app/tls/secrets.h>
#include <app/tls/starttls.h>
#include <core/clock.h>
#include <core/task.h>

#define LINE_MAX 1024u

struct client {
	struct tcp_served served;
	uint32_t size;
	unsigned mails, upgrades; /* since it began, or since TLS; in all */
	char line[LINE_MAX];
};

static struct client *of(struct tcp_served *s)
{
	return (struct client *)s;
}

static void say(struct client *c, const char *text)
{
	tcp_served_write(&c->served, text, (uint32_t)strlen(text));
}

static bool begins(const struct client *c, const char *word)
{
	return strncasecmp(c->line, word, strlen(word)) == 0;
}

/* The protocol's memory of what came in clear ends here. */
static void upgrade(struct client *c, const char *agreed, const char *refused)
{
	if (!tls_is_clear(&c->served)) {
		say(c, refused);
		return;
	}
	say(c, agreed);
	if (tls_upgrade(&c->served)) {
		tcp_served_drop(&c->served);
		return;
	}
	c->mails = 0;
	c->upgrades++;
}

static void smtp(struct client *c)
{
	char text[128];
	if (begins(c, "EHLO")) {
		say(c, tls_is_clear(&c->served) ? "250-test\r\n250 STARTTLS\r\n"
		                                : "250-test\r\n250 AUTH PLAIN\r\n");
	} else if (begins(c, "STARTTLS")) {
		upgrade(c, "220 go ahead\r\n", "503 TLS is on\r\n");
	} else if (begins(c, "MAIL")) {
		c->mails++;
		say(c, "250 ok\r\n");
	} else if (begins(c, "WHO")) {
		snprintf(text, sizeof text, "250 tls=%d mails=%u upgrades=%u\r\n",
		         !tls_is_clear(&c->served), c->mails, c->upgrades);
		say(c, text);
	} else if (begins(c, "QUIT")) {
		say(c, "221 bye\r\n");
		tcp_served_end(&c->served);
	} else {
		say(c, "500 what?\r\n");
	}
}

static void xmpp(struct client *c)
{
	char text[512];
	if (strstr(c->line, "<stream:stream")) {
		snprintf(text, sizeof text,
		         "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
		         "xmlns:stream='http://etherx.jabber.org/streams' id='1' from='test' "
		         "version='1.0'><stream:features>%s</stream:features>",
		         tls_is_clear(&c->served)
		                 ? "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/>"
		                   "</starttls>"
		                 : "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
		                   "<mechanism>PLAIN</mechanism></mechanisms>");
		say(c, text);
	} else if (strstr(c->line, "<starttls")) {
		upgrade(c, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
		        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>");
	} else if (strstr(c->line, "</stream:stream")) {
		tcp_served_end(&c->served);
	}
}

/* One word after the other, each up to its end; behind one that upgrades nothing is taken. */
static uint32_t take(struct tcp_served *s, const uint8_t *bytes, uint32_t size, char end,
                     void (*act)(struct client *))
{
	struct client *c = of(s);
	uint32_t at = 0;
	while (at < size) {
		if (c->size == LINE_MAX - 1) {
			tcp_served_drop(s);
			return size;
		}
		char b = c->line[c->size++] = (char)bytes[at++];
		if (b != end)
			continue;
		unsigned before = c->upgrades;
		c->line[c->size] = '\0';
		c->size = 0;
		act(c);
		if (!s->tcp || s->state == TCP_SERVED_LINGER)
			return size;
		if (c->upgrades != before)
			break;
	}
	return at;
}

static uint32_t smtp_received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	return take(s, bytes, size, '\n', smtp);
}

static uint32_t xmpp_received(struct tcp_served *s, const uint8_t *bytes, uint32_t size)
{
	return take(s, bytes, size, '>', xmpp);
}

static bool greet(struct tcp_served *s)
{
	say(of(s), "220 test ESMTP\r\n");
	return true;
}

static const struct tcp_served_protocol mail = { .size = sizeof(struct client),
	                                         .opened = greet,
	                                         .received = smtp_received },
                                        chat = { .size = sizeof(struct client),
	                                         .received = xmpp_received };

static int serve(struct tcp_server *server, const struct tcp_served_protocol *protocol,
                 uint16_t port, struct tls *tls)
{
	int error = tcp_server_open(server, protocol, NULL, port,
	                            &(struct tcp_options){ .no_delay = true },
	                            &(struct tcp_server_limits){ .connections_max = 1000 });
	if (!error)
		tcp_server_layer(server, &tls_starttls_layer, tls);
	return error;
}

int main(void)
{
	static const char *const protocols[] = { "xmpp-client", "smtp", NULL };
	static struct tcp_server smtp_server, xmpp_server;
	const struct tls_options options = { .protocols = protocols, .handshake_ns = 5 * NS_PER_S };
	const struct tls_secrets secrets = { arg_certificate(), arg_key(), arg_staple() };
	struct tls *tls;

	if (tls_open(&tls, &options) || tls_secrets(tls, "starttls", &secrets))
		return 1;
	boot_secret_erase(secrets.key);
	if (serve(&smtp_server, &mail, 25, tls) || serve(&xmpp_server, &chat, 5222, tls))
		return 1;
	for (;;)
		task_sleep_until(CLOCK_NEVER);
}
