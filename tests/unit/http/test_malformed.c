/* SPDX-License-Identifier: ISC */
/*
 * What is malformed, or says two things about where a message ends, gets its status and the end of
 * the connection; what follows it is never answered. Each request comes whole, byte by byte, and in
 * random pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app.h"
#include "fake.h"

struct bad {
	uint32_t status;
	const char *bytes;
	uint32_t size;
};
#define BAD(status_, text_)    { status_, text_, sizeof(text_) - 1 }
#define LINE(status_, line_)   BAD(status_, line_ "\r\nHost: a\r\n\r\n")
#define FIELD(status_, field_) BAD(status_, "GET / HTTP/1.1\r\nHost: a\r\n" field_ "\r\n\r\n")
#define HOST(status_, hosts_)  BAD(status_, "GET / HTTP/1.1\r\n" hosts_ "\r\n\r\n")
#define BODY(status_, fields_, body_)                                                              \
	BAD(status_, "POST /echo HTTP/1.1\r\nHost: a\r\n" fields_ "\r\n\r\n" body_)
#define CHUNKS(status_, body_) BODY(status_, "Transfer-Encoding: chunked", body_)

static const struct bad request_lines[] = {
	/* RFC 9112 §3: method SP request-target SP HTTP-version, one space each. */
	LINE(400, "GET  / HTTP/1.1"),
	LINE(400, "GET /  HTTP/1.1"),
	LINE(400, "GET\t/ HTTP/1.1"),
	LINE(400, "GET /\tHTTP/1.1"),
	LINE(400, " GET / HTTP/1.1"),
	LINE(400, "GET / HTTP/1.1 "),
	LINE(400, "GET / HTTP/1.1\t"),
	LINE(400, "GET"),
	LINE(400, "GET "),
	LINE(400, "GET /"),
	LINE(400, "GET / "),
	LINE(400, "/ HTTP/1.1"),
	LINE(400, "HTTP/1.1"),
	LINE(400, "GET HTTP/1.1"),
	LINE(400, "GET / / HTTP/1.1"),
	LINE(400, "GET /a b HTTP/1.1"),
	LINE(400, ":"),
	LINE(400, "GET / HTTP/1.1 HTTP/1.1"),
	LINE(400, "\tGET / HTTP/1.1"),
	LINE(400, "\v/ HTTP/1.1"),
	/* Versions. */
	LINE(400, "GET / http/1.1"),
	LINE(400, "GET / HTTP/1"),
	LINE(400, "GET / HTTP/1."),
	LINE(400, "GET / HTTP/.1"),
	LINE(400, "GET / HTTP/11"),
	LINE(400, "GET / HTTP/1.10"),
	LINE(400, "GET / HTTP/01.1"),
	LINE(400, "GET / HTTP/1,1"),
	LINE(400, "GET / HTTP/1.x"),
	LINE(400, "GET / HTTP/x.1"),
	LINE(400, "GET / HTTP 1.1"),
	LINE(400, "GET / HTTPS/1.1"),
	LINE(400, "GET / ICY/1.1"),
	LINE(400, "GET / HTTP/-1.1"),
	LINE(400, "GET / HTTP/1.-1"),
	LINE(400, "GET / HTTP/"),
	LINE(505, "GET / HTTP/2.0"),
	LINE(505, "GET / HTTP/0.9"),
	LINE(505, "GET / HTTP/3.1"),
	LINE(505, "GET / HTTP/9.9"),
	BAD(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	/* Methods are tokens. */
	LINE(400, "G(T / HTTP/1.1"),
	LINE(400, "GET: / HTTP/1.1"),
	LINE(400, "G@T / HTTP/1.1"),
	LINE(400, "G\"T / HTTP/1.1"),
	LINE(400, "G/T / HTTP/1.1"),
	LINE(400, "G[T / HTTP/1.1"),
	LINE(400, "G{T / HTTP/1.1"),
	LINE(400, "G=T / HTTP/1.1"),
	LINE(400, "G,T / HTTP/1.1"),
	LINE(400, "G;T / HTTP/1.1"),
	LINE(400, "G\\T / HTTP/1.1"),
	LINE(400, "G?T / HTTP/1.1"),
	LINE(400, "G\x01T / HTTP/1.1"),
	LINE(400, "G\x7fT / HTTP/1.1"),
	LINE(400, "G\xc3\xa9T / HTTP/1.1"),
	LINE(400, "G\0T / HTTP/1.1"),
	/* Targets. */
	LINE(400, "GET a HTTP/1.1"),
	LINE(400, "GET * HTTP/1.1"),
	LINE(400, "POST * HTTP/1.1"),
	LINE(400, "GET a:80 HTTP/1.1"),
	LINE(400, "GET ?x HTTP/1.1"),
	LINE(400, "GET /#top HTTP/1.1"),
	LINE(400, "GET /a#b?c HTTP/1.1"),
	LINE(400, "GET # HTTP/1.1"),
	LINE(400, "GET http:// HTTP/1.1"),
	LINE(400, "GET http:///x HTTP/1.1"),
	LINE(400, "GET http:/x HTTP/1.1"),
	LINE(400, "GET ftp://a/ HTTP/1.1"),
	LINE(400, "GET https://a/ HTTP/1.1"),
	LINE(400, "GET //\x01 HTTP/1.1"),
	LINE(400, "GET http://u@a/ HTTP/1.1"),
	LINE(400, "GET http://u:p@a/ HTTP/1.1"),
	LINE(400, "GET http://a<b/ HTTP/1.1"),
	LINE(400, "GET http://\"/ HTTP/1.1"),
	LINE(400, "GET /\0 HTTP/1.1"),
	LINE(400, "GET /\x7f HTTP/1.1"),
	LINE(400, "GET /\xc3\xa9 HTTP/1.1"),
	LINE(400, "GET /\xff HTTP/1.1"),
	LINE(400, "GET /\x1b[0m HTTP/1.1"),
	LINE(400, "GET /\b HTTP/1.1"),
	LINE(501, "CONNECT a:443 HTTP/1.1"),
	LINE(501, "CONNECT a HTTP/1.1"),
	LINE(400, "OPTIONS ** HTTP/1.1"),
	LINE(400, "OPTIONS *x HTTP/1.1"),
	/* Line ends: CRLF and nothing else. */
	BAD(400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\nHost: a\n\n"),
	BAD(400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
	BAD(400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\r\rX: y\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
	BAD(400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\nb\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\n\r\nb: c\r\n\r\n"),
	BAD(400, "G\rET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	BAD(400, "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\n\rHost: a\r\n\r\n"),
	/* Other protocols. */
	BAD(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
	BAD(400, "\0\0\0\0"),
	BAD(400, "SSH-2.0-OpenSSH_9.2p1\r\n\r\n"),
	BAD(400, "HELO a\r\nMAIL FROM:<b>\r\n\r\n"),
	BAD(400, "RTSP/1.0 / 200\r\n\r\n"),
	BAD(400, "*1\r\n$4\r\nPING\r\n\r\n"),
	BAD(400, "\x05\x01\x00\n"),
	BAD(400, "GET / SIP/2.0\r\n\r\n"),
	BAD(400, "{\"a\":1}\r\n\r\n"),
	BAD(400, "<?xml?>\r\n\r\n"),
};

static const struct bad fields[] = {
	/* RFC 9112 §5.1: no white space between name and colon. */
	FIELD(400, "X : y"),
	FIELD(400, "X\t: y"),
	FIELD(400, "Content-Length : 0"),
	FIELD(400, "Transfer-Encoding : chunked"),
	/* §5.2: obs-fold, and white space before the first field (§2.2). */
	FIELD(400, "X: y\r\n z"),
	FIELD(400, "X: y\r\n\tz"),
	FIELD(400, " X: y"),
	FIELD(400, "\tX: y"),
	FIELD(400, "X:\r\n y"),
	BAD(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n"),
	FIELD(400, " "),
	FIELD(400, "\t"),
	/* Names are tokens. */
	FIELD(400, ": y"),
	FIELD(400, "X"),
	FIELD(400, "X y"),
	FIELD(400, "X y: z"),
	FIELD(400, "(X): y"),
	FIELD(400, "X@: y"),
	FIELD(400, "\"X\": y"),
	FIELD(400, "X/: y"),
	FIELD(400, "X[]: y"),
	FIELD(400, "{X}: y"),
	FIELD(400, "X=: y"),
	FIELD(400, "X;: y"),
	FIELD(400, "X,: y"),
	FIELD(400, "X?: y"),
	FIELD(400, "<X>: y"),
	FIELD(400, "X\\: y"),
	FIELD(400, "X\x01: y"),
	FIELD(400, "X\x7f: y"),
	FIELD(400, "X\x80: y"),
	FIELD(400, "\xc3\xa9: y"),
	FIELD(400, "X\0: y"),
	FIELD(400, "\0: y"),
	FIELD(400, "="),
	FIELD(400, "GET / HTTP/1.1"),
	/* Values have no control characters but tabs. */
	FIELD(400, "X: \0"),
	FIELD(400, "X: a\0b"),
	FIELD(400, "X: \x01"),
	FIELD(400, "X: \x02y"),
	FIELD(400, "X: \x07"),
	FIELD(400, "X: \b"),
	FIELD(400, "X: \v"),
	FIELD(400, "X: \f"),
	FIELD(400, "X: \x0e"),
	FIELD(400, "X: \x1b[31m"),
	FIELD(400, "X: \x1f"),
	FIELD(400, "X: \x7f"),
	FIELD(400, "User-Agent: \x1b]0;x\a"),
	/* RFC 9112 §3.2: one Host. */
	HOST(400, "X: y"),
	HOST(400, "Host: a\r\nHost: a"),
	HOST(400, "Host: a\r\nHost: b"),
	HOST(400, "Host: a\r\nhost:"),
	HOST(400, "Host: a b"),
	HOST(400, "Host: a/b"),
	HOST(400, "Host: a?b"),
	HOST(400, "Host: a#b"),
	HOST(400, "Host: u@a"),
	HOST(400, "Host: <a>"),
	HOST(400, "Host: \"a\""),
	HOST(400, "Host: a\\b"),
	HOST(400, "Host: a^b"),
	HOST(400, "Host: \xc3\xa9"),
	HOST(400, "Host: {a}"),
	HOST(400, "Host: a|b"),
	HOST(400, "Host: a\tb"),
	/* RFC 3986 §3.2.2, 3.2.3: a grammar, not a set of characters. */
	HOST(400, "Host: a:99999"),
	HOST(400, "Host: a:65536"),
	HOST(400, "Host: a:18446744073709551617"),
	HOST(400, "Host: a:abc"),
	HOST(400, "Host: a:-1"),
	HOST(400, "Host: a:1:2"),
	HOST(400, "Host: a::1"),
	HOST(400, "Host: :80"),
	HOST(400, "Host: :"),
	HOST(400, "Host: ::1"),
	HOST(400, "Host: [::1"),
	HOST(400, "Host: [::1]x"),
	HOST(400, "Host: [::1]:x"),
	HOST(400, "Host: [::1]:65536"),
	HOST(400, "Host: ::1]"),
	HOST(400, "Host: a]"),
	HOST(400, "Host: a[::1]"),
	HOST(400, "Host: []"),
	HOST(400, "Host: [a]"),
	HOST(400, "Host: [1.2.3.4]"),
	HOST(400, "Host: [:::]"),
	HOST(400, "Host: [1::2::3]"),
	HOST(400, "Host: [1:2:3:4:5:6:7]"),
	HOST(400, "Host: [1:2:3:4:5:6:7:8:9]"),
	HOST(400, "Host: [1:2:3:4:5:6:7::8]"),
	HOST(400, "Host: [12345::]"),
	HOST(400, "Host: [1:]"),
	HOST(400, "Host: [:1]"),
	HOST(400, "Host: [::1:]"),
	HOST(400, "Host: [::256.1.1.1]"),
	HOST(400, "Host: [::1.1.1]"),
	HOST(400, "Host: [::01.1.1.1]"),
	HOST(400, "Host: [::1.1.1.1:1]"),
	HOST(400, "Host: [fe80::1%25eth0]"),
	HOST(400, "Host: [v.a]"),
	HOST(400, "Host: [v1.]"),
	HOST(400, "Host: [vz.a]"),
	HOST(400, "Host: a%zz"),
	HOST(400, "Host: a%4"),
	HOST(400, "Host: a%"),
	LINE(400, "GET http://:80/ HTTP/1.1"),
	LINE(400, "GET http://[::1/ HTTP/1.1"),
	LINE(400, "GET http://[::1]x/ HTTP/1.1"),
	LINE(400, "GET http://a:99999/ HTTP/1.1"),
	LINE(400, "GET http://a:b/ HTTP/1.1"),
	LINE(400, "GET http://a%zz/ HTTP/1.1"),
	HOST(400, "Host : a"),
	HOST(400, "Hos: a"),
	BAD(400, "GET http://a/ HTTP/1.1\r\n\r\n"),
	BAD(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
	BAD(400, "GET / HTTP/1.0\r\nHost: a b\r\n\r\n"),
	/* RFC 9110 §10.1.1 */
	FIELD(417, "Expect: 200-ok"),
	FIELD(417, "Expect: 100-continue, x"),
	FIELD(417, "Expect: continue"),
};

/* RFC 9112 §6, 7.1, 11.2. */
static const struct bad smuggling[] = {
	/* Both. */
	BODY(400, "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
	BODY(400, "Content-Length: 0\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: identity\r\nContent-Length: 5", "hello"),
	BODY(400, "Content-Length: 4\r\ntransfer-ENCODING: Chunked", "5c\r\nGPOST"),
	BODY(400, "Transfer-Encoding:\r\nContent-Length: 0", ""),
	BODY(400, "Content-Length: 6\r\nTransfer-Encoding: xchunked", "0\r\n\r\nG"),
	BODY(400, "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4",
	     "0\r\n\r\n"),
	/* Two lengths, and what is none. */
	BODY(400, "Content-Length: 5\r\nContent-Length: 5", "hello"),
	BODY(400, "Content-Length: 5\r\nContent-Length: 6", "hello!"),
	BODY(400, "Content-Length: 0\r\ncontent-length: 44", ""),
	BODY(400, "Content-Length: 5, 5", "hello"),
	BODY(400, "Content-Length: 5,6", "hello"),
	BODY(400, "Content-Length: 5\r\nContent-Length:", "hello"),
	BODY(400, "Content-Length:", ""),
	BODY(400, "Content-Length: ,", ""),
	BODY(400, "Content-Length: +5", "hello"),
	BODY(400, "Content-Length: -5", "hello"),
	BODY(400, "Content-Length: -0", ""),
	BODY(400, "Content-Length: 5 5", "hello"),
	BODY(400, "Content-Length: 0x5", "hello"),
	BODY(400, "Content-Length: 5.0", "hello"),
	BODY(400, "Content-Length: 5e0", "hello"),
	BODY(400, "Content-Length: five", "hello"),
	BODY(400, "Content-Length: 5;", "hello"),
	BODY(400, "Content-Length: \"5\"", "hello"),
	BODY(400, "Content-Length: 5\t5", "hello"),
	BODY(400, "Content-Length: 1_0", "0123456789"),
	BODY(400, "Content-Length: \xd9\xa5", "hello"),
	BODY(400, "Content-Length: 18446744073709551616", ""),
	BODY(400, "Content-Length: 18446744073709551621", "hello"),
	BODY(400, "Content-Length: 9223372036854775808", ""),
	BODY(400, "Content-Length: 99999999999999999999999999999999", ""),
	BODY(400, "Content-Length: 4294967301\x01", "hello"),
	BODY(400, "Content-Length:\v5", "hello"),
	BODY(400, "Content-Length\v: 5", "hello"),
	BODY(413, "Content-Length: 9223372036854775807", ""),
	BODY(413, "Content-Length: 4294967301", "hello"),
	BODY(413, "Content-Length: 1501", ""),
	/* Transfer-Encoding, disguised. */
	BODY(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding:", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chunked, chunked", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chunked, gzip", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: identity", ""),
	BODY(501, "Transfer-Encoding: identity, chunked", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: xchunked", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chunkedx", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chunk", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: 'chunked'", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chunked;q=1", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: ,chunked", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chunked,", "0\r\n\r\n"),
	BODY(501, "Transfer-Encoding: chun ked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: \vchunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: chunked\x01", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: chunked\0", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding : chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding\t: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
	BODY(400, " Transfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "X: y\r\n Transfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "X: y\nTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "X: y\rTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "\0Transfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding\0: chunked", "0\r\n\r\n"),
	BODY(400, "\xef\xbb\xbfTransfer-Encoding: chunked", "0\r\n\r\n"),
	BODY(400, "Transfer-Encoding: chunked\n", "0\r\n\r\n"),
	BAD(400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	BAD(400, "POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: "
	         "chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
	BAD(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
	         "chunked\r\n\r\n0\r\n\r\n"),
	/* Chunks. */
	CHUNKS(400, "\r\n"),
	CHUNKS(400, "x\r\nhello"),
	CHUNKS(400, " 5\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "-5\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "+5\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "0x5\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5\rhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5\r\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5\r\nhelloX\r\n0\r\n\r\n"),
	CHUNKS(400, "5\r\nhello\n0\r\n\r\n"),
	CHUNKS(400, "5\r\nhello\r0\r\n\r\n"),
	CHUNKS(400, "5\r\nhello0\r\n\r\n"),
	CHUNKS(400, "5\r\nhell\r\n0\r\n\r\n"),
	CHUNKS(400, "6\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "10000000000000000\r\nhello"),
	CHUNKS(400, "10000000000000005\r\nhello"),
	CHUNKS(400, "fffffffffffffffff\r\nhello"),
	CHUNKS(400, "8000000000000000\r\nhello"),
	CHUNKS(400, "5;a=\x01\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;\n\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a\nb\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;\0\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5,5\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5_\r\nhello\r\n0\r\n\r\n"),
	/* §7.1.1: chunk-ext = *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ) */
	CHUNKS(400, "5 3\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5 foo\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5 \r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5\t\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5; \r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;;a\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;=b\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=b=c\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a b\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a \r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=b \r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=\"b\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=\"b\\\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a=b\"c\"\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;\"a\"=b\r\nhello\r\n0\r\n\r\n"),
	CHUNKS(400, "5;a@b\r\nhello\r\n0\r\n\r\n"),
	/* §7.1.2: field lines */
	CHUNKS(400, "0\r\nX\r\n\r\n"),
	CHUNKS(400, "0\r\nX y\r\n\r\n"),
	CHUNKS(400, "0\r\nX : y\r\n\r\n"),
	CHUNKS(400, "0\r\nX: y\r\n z\r\n\r\n"),
	CHUNKS(400, "0\r\nX@: y\r\n\r\n"),
	CHUNKS(400, "0\r\n\n"),
	CHUNKS(400, "0\r\nX\n\r\n"),
	CHUNKS(400, "0\r\n X: y\r\n\r\n"),
	CHUNKS(400, "0\r\nX: a\x01\r\n\r\n"),
	CHUNKS(400, "0\r\nX: a\0\r\n\r\n"),
	CHUNKS(400, "0\r\n\rG"),
	CHUNKS(400, "0\r\n: y\r\n\r\n"),
	CHUNKS(400, "0\r\nX: y\nZ: 1\r\n\r\n"),
	CHUNKS(400, "0\nGET"),
	CHUNKS(400, "\0\r\n"),
	CHUNKS(413, "600\r\n"),
	CHUNKS(413, "5dd\r\n"),
};

static const char next[] = "GET /users/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

static uint32_t responses(const char *out, uint64_t size)
{
	uint32_t n = 0;
	for (const char *p = out; (p = memmem(p, size - (uint64_t)(p - out), "HTTP/1.1 ", 9)); p++)
		n++;
	return n;
}

/* cut 0: whole; 1: bytes; else pieces. The response, malloced. */
static char *serve(const struct bad *b, uint32_t cut)
{
	static char filler[1600];
	char *bytes = malloc(b->size + sizeof filler + sizeof next);
	uint32_t size = b->size;
	memcpy(bytes, b->bytes, size);
	if (b->status == 413) { /* the body, that it may be seen to be too much */
		memset(bytes + size, 'x', sizeof filler);
		size += sizeof filler;
	}
	memcpy(bytes + size, next, sizeof next - 1);
	size += sizeof next - 1;
	fake_start();
	app_start(&(struct http_options){ .body_max = 1500 });
	struct tcp_connection *c = fake_accept();
	for (uint32_t at = 0, n; at < size; at += n) {
		n = cut == 0 ? size : cut == 1 ? 1 : 1 + (uint32_t)rand() % cut;
		n = n < size - at ? n : size - at;
		fake_queue(c, bytes + at, n);
	}
	free(bytes);
	fake_run(c);
	bool said = c->shut || c->closed;
	char *out = strndup(c->out, c->out_size);
	uint32_t count = responses(c->out, c->out_size),
	         status = (uint32_t)strtoul(c->out + (c->out_size > 9 ? 9 : 0), NULL, 10);
	if (!said || count != 1 || status != b->status ||
	    !strstr(out, "\r\nConnection: close\r\n") || strstr(out, "smuggled"))
		fail_msg("cut %u: wanted %u and the end, got %u responses%s:\n%s\nfor:\n%.*s", cut,
		         b->status, count, said ? "" : ", no end", out, (int)b->size, b->bytes);
	fake_queue_fin(c);
	fake_run(c);
	fake_advance(10 * SECOND);
	assert_true(c->closed || c->aborted);
	struct http_counters counters;
	http_counters(app.server, &counters);
	assert_int_equal(counters.connections_now, 0);
	assert_int_equal(
	        counters.malformed + counters.too_large + (status == 501) + (status == 417) > 0, 1);
	app_stop();
	assert_int_equal(fake.allocated, 0);
	fake_stop();
	return out;
}

static void check(const struct bad *all, size_t count)
{
	srand(1);
	for (size_t k = 0; k < count; k++) {
		static const uint32_t cuts[] = { 1, 2, 3, 7, 7, 30, 30 };
		char *whole = serve(&all[k], 0);
		for (size_t j = 0; j < sizeof cuts / sizeof *cuts; j++) {
			char *other = serve(&all[k], cuts[j]);
			assert_string_equal(whole, other);
			free(other);
		}
		free(whole);
	}
}

static void malformed_request_lines_end_the_connection(void **state)
{
	(void)state;
	check(request_lines, sizeof request_lines / sizeof *request_lines);
}

static void malformed_fields_end_the_connection(void **state)
{
	(void)state;
	check(fields, sizeof fields / sizeof *fields);
}

static void ambiguous_and_malformed_bodies_smuggle_nothing(void **state)
{
	(void)state;
	check(smuggling, sizeof smuggling / sizeof *smuggling);
}

static void there_are_200_of_them(void **state)
{
	size_t n = (sizeof request_lines + sizeof fields + sizeof smuggling) / sizeof(struct bad);
	(void)state;
	print_message("%zu malformed requests\n", n);
	assert_true(n >= 200);
}

/* Every byte that may not stand in a method, name or value, and none that may. */
static void each_octet_is_judged(void **state)
{
	(void)state;
	for (uint32_t octet = 0; octet < 256; octet++) {
		char text[3][64];
		struct bad b[3];
		bool control = octet < 0x20 || octet == 0x7f,
		     token = octet > 0x20 && octet < 0x7f &&
		             !strchr("\"(),/:;<=>?@[\\]{}", (int)octet);
		bool good[3] = { token, token, !control || octet == '\t' };
		b[0].size =
		        (uint32_t)snprintf(text[0], 64, "GE%cT / HTTP/1.1\r\nHost: a\r\n\r\n", 'X');
		b[1].size = (uint32_t)snprintf(text[1], 64,
		                               "GET / HTTP/1.1\r\nHost: a\r\nA%cB: c\r\n\r\n", 'X');
		b[2].size = (uint32_t)snprintf(
		        text[2], 64, "GET / HTTP/1.1\r\nHost: a\r\nAB: c%cd\r\n\r\n", 'X');
		for (int k = 0; k < 3; k++) {
			*strchr(text[k], 'X') = (char)octet;
			b[k].bytes = text[k];
			b[k].status = 400;
			if (k == 1 && octet == ':') /* a name's end */
				good[k] = true;
			if (!good[k]) {
				free(serve(&b[k], 0));
				free(serve(&b[k], 1));
				continue;
			}
			fake_start();
			app_start(NULL);
			struct tcp_connection *c = fake_accept();
			fake_queue(c, text[k], b[k].size);
			fake_queue_fin(c);
			fake_run(c);
			assert_memory_equal(c->out, k ? "HTTP/1.1 200" : "HTTP/1.1 501", 12);
			app_stop();
			fake_stop();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_request_lines_end_the_connection),
		cmocka_unit_test(malformed_fields_end_the_connection),
		cmocka_unit_test(ambiguous_and_malformed_bodies_smuggle_nothing),
		cmocka_unit_test(there_are_200_of_them),
		cmocka_unit_test(each_octet_is_judged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
