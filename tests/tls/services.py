# SPDX-License-Identifier: ISC
"""tests/tls/run's tests of apps/dns-tls and apps/kv-tls as they are, with the clients that people have."""
import base64
import contextlib
import os
import socket
import ssl
import struct

from lab import HOST, Image, Skipped, need, path, sh

HERE = os.path.dirname(os.path.realpath(__file__))
QUERY_URL = f"https://{HOST}/dns-query"
state = {"build": ""}


def prepare(build):
    state["build"] = build
    for name in "dns-tls", "kv-tls":
        status, out = sh(build + "/ampoule", "build", "-o", path(name + ".amp"), "--work", os.path.join(build, "suites"),
                         os.path.join(HERE, "../../apps", name), seconds=900)
        need(status == 0, out)


def run(name, tender, *sets, port, secrets=("certificate=@one.pem", "key=@one.key")):
    given = [f"{s.split('@')[0]}@{path(s.split('@')[1])}" for s in secrets]
    return Image(state["build"], tender, name + ".amp", port, *given, *sets)


def dns(tender, *sets, **words):
    return run("dns-tls", tender, *sets, **{"port": 853, **words})


def kv(tender, *sets, **words):
    return run("kv-tls", tender, *sets, **{"port": 11211, **words})


def query(name, kind=1, number=0x1234, more=b"", edns=False):
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
    opt = b"\0" + struct.pack(">HHIH", 41, 4096, 0, len(more)) + more if edns else b""
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, edns) + labels + b"\0" + struct.pack(">HH", kind, 1) + opt


def by_udp(q):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        s.sendto(q, (HOST, 53))
        return s.recv(65535)


def curl(*words):
    """Status, HTTP version, fields by lower-case name, body: bytes."""
    for name in "head", "body":
        if os.path.exists(path(name)):
            os.unlink(path(name))
    status, out = sh("curl", "-sS", "-m", "20", "--cacert", path("ca.pem"), "-D", path("head"), "-o", path("body"), "-H", "Expect:", *words)
    need(status == 0, f"{words}: {out}")
    with open(path("head")) as f:
        lines = f.read().splitlines()
    body = b""
    if os.path.exists(path("body")):
        with open(path("body"), "rb") as f:
            body = f.read()
    fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), lines[0].split()[0].partition("/")[2], fields, body


def get(q, *words):
    return curl(*words, QUERY_URL + "?dns=" + base64.urlsafe_b64encode(q).decode().rstrip("="))


def post(q, *words, kind="application/dns-message"):
    with open(path("query"), "wb") as f:
        f.write(q)
    return curl("-H", "Content-Type: " + kind, "--data-binary", "@" + path("query"), *words, QUERY_URL)


def refused(what):
    try:
        what()
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def connect(port, protocol=None, client=None, **words):
    c = ssl.create_default_context(cafile=path("ca.pem"))
    if protocol:
        c.set_alpn_protocols([protocol])
    if client:
        c.load_cert_chain(path(client + ".pem"), path(client + ".key"))
    return c.wrap_socket(socket.create_connection((HOST, port), 20), server_hostname="one.example", **words)


# ---- DNS ----
def dns_tls_answers_kdig(tender):
    with dns(tender):
        words = ["kdig", f"@{HOST}", "+retry=0", "+timeout=10", "+short"]
        check = ["+tls-ca=" + path("ca.pem"), "+tls-hostname=one.example"]
        for way in (["+tls"], ["+https"], ["+https", "+https-get"]):
            status, out = sh(*words, *way, *check, "static.example.org", "AAAA", "ns1.example.org", "A")
            need(status == 0 and out == "2001:db8::21\n192.0.2.1\n", f"{way}: {out}")
            status, out = sh(*words, *way, check[0], "+tls-hostname=other.example", "ns1.example.org")
            need("192.0.2.1" not in out, f"{way}: kdig does not check the name")


def dns_tls_gives_the_bytes_of_udp(tender):
    with dns(tender):
        for name, kind in (("static.example.org", 1), ("shop.example.org", 1), ("example.org", 16), ("nothing.example.org", 1),
                           ("ns1.example.org", 15), ("a.sub.example.org", 1), ("x.old.example.org", 1), ("elsewhere.net", 1)):
            q = query(name, kind, edns=True)
            want = by_udp(q)
            for way in get, post:
                for word, version in ("--http2", "2"), ("--http1.1", "1.1"):
                    got = way(q, word)
                    need(got[:2] == (200, version) and got[3] == want, f"{name} {word}: {got} is not {want}")
                    need(got[2]["content-type"] == "application/dns-message" and got[2]["content-length"] == str(len(want)), str(got[2]))
            with connect(853, "dot") as s:
                s.sendall(struct.pack(">H", len(q)) + q)
                got = b""
                while len(got) < len(want) + 2:
                    more = s.recv(65535)
                    need(more, f"{len(got)} bytes, and the end")
                    got += more
                need(got[2:] == want, f"{name} by TLS: {got}")


def dns_https_says_how_long_an_answer_may_be_kept(tender):
    with dns(tender):
        for name, kind, seconds in (("static.example.org", 1, 60), ("ns1.example.org", 1, 3600), ("shop.example.org", 1, 300),
                                    ("nothing.example.org", 1, 300), ("ns1.example.org", 15, 300), ("elsewhere.net", 1, 0),
                                    ("a.sub.example.org", 1, 0)):
            for way in get, post:
                got = way(query(name, kind))
                need(got[2]["cache-control"] == f"max-age={seconds}", f"{name}: {got[2]}")


def dns_https_is_curls_resolver(tender):
    with dns(tender):
        status, out = sh("curl", "-v", "-m", "5", "--connect-timeout", "2", "--cacert", path("ca.pem"), "--doh-url", QUERY_URL,
                         "http://static.example.org/", seconds=30)
        need("192.0.2.21" in out and "192.0.2.22" in out, f"{status}: {out}")


def dns_https_refuses_what_is_no_query(tender):
    with dns(tender):
        q = query("ns1.example.org")
        code = base64.urlsafe_b64encode(q).decode().rstrip("=")
        for url, want in ((QUERY_URL, 400), (QUERY_URL + "?dns=", 400), (QUERY_URL + "?dns=%00", 400), (QUERY_URL + "?dns=" + code + "==", 400),
                          (QUERY_URL + "?dns=a", 400), (QUERY_URL + "?dns=*" + code, 400), (QUERY_URL + "?dns=+" + code, 400),
                          (QUERY_URL + "?dns=" + "A" * 7000, 414), (QUERY_URL + "?dns=AAAA", 400), (QUERY_URL + "?else=" + code, 400),
                          (f"https://{HOST}/", 404), (QUERY_URL + "?dns=" + code, 200)):
            got = curl(url)
            need(got[0] == want, f"{url[:60]}: {got}")
        for word in "--http2", "--http1.1":
            need(post(q, word, kind="text/plain")[0] == 415, "another type")
            need(post(b"", word)[0] == 400 and post(q[:11], word)[0] == 400, "less than a header")
            need(post(b"\x12\x34\x80" + q[3:], word)[0] == 400, "a response")
            need(post(os.urandom(12) + b"\xff" * 100, word)[0] in (200, 400), "noise")
            need(post(q + b"\0" * 5000, word)[0] == 413, "more than fits")
            need(post(q, word, "-H", "Transfer-Encoding: chunked" if word == "--http1.1" else "X: y")[3] == by_udp(q), "in chunks")
            need(curl("-X", "PUT", "-d", "x", word, QUERY_URL)[0] == 405, "PUT")
        need(by_udp(q)[3] & 15 == 0, "it is still there")


def dns_https_tells_nothing_of_tcp(tender):
    """RFC 7828's time of idling is TCP's and TLS's: over HTTPS it is not said."""
    with dns(tender):
        q = query("ns1.example.org", more=b"\0\x0b\0\0", edns=True)
        need(b"\0\x0b\0\2" not in post(q)[3][12:], "over HTTPS")
        with connect(853) as s:
            s.sendall(struct.pack(">H", len(q)) + q)
            need(b"\0\x0b\0\2" in s.recv(65535), "over TLS it is")


def zones_are_transferred_over_tls_alone(tender):
    with dns(tender, "transfers=10.0.0.1"):
        status, out = sh("kdig", f"@{HOST}", "+tls-ca=" + path("ca.pem"), "+tls-hostname=one.example", "+timeout=10", "example.org", "AXFR")
        need(status == 0 and "host04.example.org." in out, out[-300:])
        need(post(query("example.org", 252))[3][3] & 15 == 5, "a zone over HTTPS")
    with dns(tender):
        _, out = sh("kdig", f"@{HOST}", "+tls", "+timeout=10", "example.org", "AXFR")
        need("host04" not in out, "to anybody")


def dns_ports_are_switched_off(tender):
    with dns(tender, "https=0"):
        need(sh("curl", "-skS", "-m", "5", QUERY_URL)[0] == 7, "HTTPS with port 0")
    with dns(tender, "tls=0", port=443):
        need(refused(lambda: connect(853).close()), "TLS with port 0")
    for sets, secrets, line in ((("tls=0", "https=0"), ("certificate=@one.pem", "key=@one.key"), "tls and https are both 0"),
                                ((), (), "no certificate was given"), ((), ("certificate=@one.pem", "key=@two.key"), "is not the one of this")):
        with dns(tender, *sets, port=0, secrets=secrets) as a:
            need(a.process.wait(20) != 0 and line in a.text(), f"{line}: {a.text()}")


def the_wrong_protocol_is_refused(tender):
    """Who offers HTTP at DNS's port, or DNS at HTTP's, does not get as far as a query (cross-protocol attacks: ALPACA)."""
    with dns(tender):
        for port, protocol in (853, "h2"), (853, "http/1.1"), (443, "dot"):
            need(refused(lambda p=port, w=protocol: connect(p, w).close()), f"{protocol} at {port}")
        for port, protocol in (853, "dot"), (853, None), (443, "h2"), (443, None):
            connect(port, protocol).close()


# ---- memcache ----
def kv_tls_serves_pymemcache(tender):
    try:
        from pymemcache.client.base import Client
    except ImportError as e:
        raise Skipped("no python3-pymemcache") from e
    with kv(tender):
        c = ssl.create_default_context(cafile=path("ca.pem"))
        with contextlib.closing(Client((HOST, 11211), tls_context=c, timeout=20, connect_timeout=20)) as m:
            value = os.urandom(700_000)
            need(m.set("big", value, noreply=False) and m.get("big") == value, "other bytes")
            need(m.add("n", "5", noreply=False) and m.incr("n", 7) == 12, "a number")
            need(m.set_many({f"k{i}": str(i) for i in range(500)}) == [], "many")
            need(len(m.get_many([f"k{i}" for i in range(500)])) == 500, "many")
            need(m.delete("n", noreply=False) and m.get("n") is None, "what was deleted")
        stranger = ssl.create_default_context(cafile=path("stranger.pem"))
        need(refused(lambda: Client((HOST, 11211), tls_context=stranger, timeout=20).get("big")), "a client that trusts others")


def kv_tls_speaks_all_its_protocols(tender):
    with kv(tender):
        status, out = sh("openssl", "s_client", "-connect", f"{HOST}:11211", "-CAfile", path("ca.pem"), "-verify_return_error", "-quiet",
                         stdin="set a 0 0 5\r\nhello\r\nget a\r\nmg a v\r\nquit\r\n")
        need("STORED" in out and "VALUE a 0 5" in out and "VA 5" in out, out)
        with connect(11211) as s:      # the binary protocol: a get
            s.sendall(struct.pack(">BBHBBHIIQ", 0x80, 0, 1, 0, 0, 0, 1, 7, 0) + b"a")
            got = b""
            while len(got) < 24 + 4 + 5:
                more = s.recv(100)
                need(more, f"the end after {got}")
                got += more
            need(got[:2] == b"\x81\0" and got.endswith(b"hello"), str(got))
        with socket.create_connection((HOST, 11211), 20) as s:
            s.sendall(b"get a\r\n")
            try:
                need(b"VALUE" not in s.recv(100), "it is served in clear")
            except ConnectionError:
                pass


def kv_tls_asks_clients_for_certificates(tender):
    def ask(client):
        with connect(11211, client=client) as s:
            s.sendall(b"version\r\n")
            got = s.recv(100)
            if not got:
                raise ConnectionError
            return got

    with kv(tender, secrets=("certificate=@one.pem", "key=@one.key", "authorities=@ca.pem")):
        need(ask("client").startswith(b"VERSION"), "one with a certificate")
        need(refused(lambda: ask(None)) and refused(lambda: ask("foreign")), "others")


def kv_tls_needs_a_certificate(tender):
    with kv(tender, port=0, secrets=()) as a:
        need(a.process.wait(20) == 1 and "no certificate was given" in a.text(), a.text())


def kv_tls_keeps_items_on_a_device(tender):
    """The same library with `durable`: clients that come while it loads are served through TLS, too."""
    app = path("kvd")
    os.makedirs(app, exist_ok=True)
    source = os.path.join(HERE, "../../apps/kv-tls")
    for name in "appliance.yaml", "main.c":
        with open(os.path.join(source, name)) as f, open(os.path.join(app, name), "w") as to:
            to.write(f.read().replace("durable: {type: bool, default: false", "durable: {type: bool, default: true"))
    if not os.path.exists(path("kvd.amp")):
        status, out = sh(state["build"] + "/ampoule", "build", "-o", path("kvd.amp"), "--work", os.path.join(state["build"], "suites"), app,
                         seconds=900)
        need(status == 0, out)
    with open(path("items"), "wb") as f:
        f.truncate(4 << 20)
    for turn in range(2):
        with Image(state["build"], tender, "kvd.amp", 11211, f"certificate=@{path('one.pem')}", f"key=@{path('one.key')}",
                   words=("--block", f"data={path('items')}")), connect(11211) as s:
            s.sendall(b"get a\r\n" if turn else b"set a 0 0 5\r\nhello\r\n")
            got = s.recv(100)
            need(got == (b"VALUE a 0 5\r\nhello\r\nEND\r\n" if turn else b"STORED\r\n"), str(got))


TESTS = [dns_tls_answers_kdig, dns_tls_gives_the_bytes_of_udp, dns_https_says_how_long_an_answer_may_be_kept, dns_https_is_curls_resolver,
         dns_https_refuses_what_is_no_query, dns_https_tells_nothing_of_tcp, zones_are_transferred_over_tls_alone, dns_ports_are_switched_off,
         the_wrong_protocol_is_refused, kv_tls_serves_pymemcache, kv_tls_speaks_all_its_protocols, kv_tls_asks_clients_for_certificates,
         kv_tls_needs_a_certificate, kv_tls_keeps_items_on_a_device]
