# SPDX-License-Identifier: ISC
"""tests/tls/run's tests of apps/web as it is: with a certificate, without one, with a token for another one."""
import os
import re
import socket
import subprocess

from lab import HOST, Image, certificate, need, path, sh

HOST6 = "fd00:77::2"
TOKEN = "f3b1c0ffee5ca1ab1e0123456789abcd"
RENEWAL = f"https://{HOST}/.well-known/ampoule/certificate"
state = {"build": ""}


def prepare(build):
    state["build"] = build
    subprocess.run(["ip", "addr", "add", "fd00:77::1/64", "dev", "tap0", "nodad"], check=False)
    status, out = sh(build + "/ampoule", "build", "-o", path("web.amp"), "--work", os.path.join(build, "suites"),
                     os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../apps/web"), seconds=600)
    need(status == 0, out)
    certificate("web", "web.example", "ca", more=f"subjectAltName=DNS:web.example,IP:{HOST},IP:{HOST6}\n")
    with open(path("token"), "w") as f:
        f.write(TOKEN + "\n")


def web(tender, *sets, port=443, secrets=("certificate=@web.pem", "key=@web.key")):
    given = [f"{s.split('@')[0]}@{path(s.split('@')[1])}" for s in secrets]
    return Image(state["build"], tender, "web.amp", port, f"address6={HOST6}/64", *given, *sets)


def curl(url, *words):
    """Status, HTTP version, fields by lower-case name, body."""
    status, out = sh("curl", "-sS", "-i", "-H", "Expect:", "--path-as-is", "--cacert", path("ca.pem"), "-m", "20", *words, url)
    need(status == 0, f"{url}: {out[-300:]}")
    head, _, body = out.partition("\n\n") if "\n\n" in out else out.partition("\r\n\r\n")
    lines = head.splitlines()
    first = lines[0].split()
    fields = [(k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])]
    need(len({k for k, _ in fields}) == len(fields), f"a field came twice: {fields}")
    return int(first[1]), first[0].partition("/")[2], dict(fields), body


def raw(bytes_, port=80):
    with socket.create_connection((HOST, port), 10) as s:
        s.sendall(bytes_)
        got = b""
        while more := s.recv(1 << 16):
            got += more
        return got


# ---- tests ----
def web_serves_both_versions_and_families_with_hsts(tender):
    with web(tender):
        for host in HOST, f"[{HOST6}]":
            for word, version in ("--http2", "2"), ("--http1.1", "1.1"):
                status, spoken, fields, body = curl(f"https://{host}/", word)
                need((status, spoken) == (200, version) and "<title>" in body, f"{host} {word}: {status} {spoken}")
                need(fields["strict-transport-security"] == "max-age=31536000", str(fields))
                need(fields["x-content-type-options"] == "nosniff", f"a rule's field: {fields}")
                for target, want in ("/none", 404), ("/manual", 301):
                    status, _, fields, _ = curl(f"https://{host}{target}", word)
                    need(status == want and "strict-transport-security" in fields, f"{target}: {status} {fields}")
    with web(tender, "hsts=0s"):
        need("strict-transport-security" not in curl(f"https://{HOST}/")[2], "HSTS without its argument")


def web_rules_redirect_by_path(tender):
    with web(tender):
        for word in "--http2", "--http1.1":
            for target, status, to in (("/manual", 301, "/docs/"), ("/manual?a=b&c", 301, "/docs/?a=b&c"),
                                       ("/pictures/a%20b/c.png?x", 308, "/images/a%20b/c.png?x"), ("/docs", 301, "/docs/"),
                                       ("/pictures//evil.example", 308, "/images/evil.example")):
                got = curl(f"https://{HOST}{target}", word)
                need(got[0] == status and got[2]["location"] == to, f"{target}: {got[:3]}")


def web_sends_http_to_https(tender):
    with web(tender):
        for host in HOST, f"[{HOST6}]":
            for target in "/", "/a/b%20c?d=e&f=%2F", "/%0d%0aX:y", "//evil.example/", "/?", "/" + "a" * 7800:
                status, _, fields, _ = curl(f"http://{host}{target}")
                need((status, fields["location"]) == (308, f"https://{host}{target.rstrip('?')}"), f"{target[:80]}: {status} {fields}")
                need("strict-transport-security" not in fields, "HSTS by HTTP (RFC 6797 §7.2)")
        need(curl(f"http://{HOST}/x", "-H", "Host: Web.Example:80", "-d", "body")[2]["location"] == "https://Web.Example/x", "a name")
    with web(tender, "redirect=8443", "https=444", port=444):
        need(curl(f"http://{HOST}/x?y")[2]["location"] == f"https://{HOST}:8443/x?y", "another port")
    with web(tender, "redirect=0"):
        got = curl(f"http://{HOST}/")
        need(got[0] == 200 and "strict-transport-security" not in got[2], f"the site by HTTP: {got[:3]}")
    with web(tender, "port=0"):
        need(sh("curl", "-sS", "-m", "5", f"http://{HOST}/")[0] == 7, "HTTP with port 0")


def web_sends_nobody_to_what_is_no_host(tender):
    with web(tender):
        for host in (b"", b"evil example", b"a/b", b"a@evil.example", b"a?b", b"a#b", b"a\\b", b"a\rX: y", b"a\nX: y", b"a\tb", b"[::1", b"a:x",
                     b"a:99999", b"a" * 256, b"a" * 20000, b"a\r\nHost: b", b"\x80\xff"):
            got = raw(b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")
            need(re.match(rb"HTTP/1.1 4\d\d ", got) and b"ocation" not in got, f"{host[:40]}: {got[:200]}")
        for target in b"/" + b"a" * 9000, b"/a\rX:y", b"/a\nX:y", b"/\x80", b"a", b"http://evil example/", b"http://a@b/":
            got = raw(b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\nHost: a\r\n\r\n")
            need(re.match(rb"HTTP/1.1 4\d\d ", got) and b"ocation" not in got, f"{target[:40]}: {got[:200]}")
        need(b" 308 " in raw(b"GET / HTTP/1.1\r\nConnection: close\r\nHost: web.example\r\n\r\n"), "others are not served any more")


def web_without_a_certificate_is_plain(tender):
    with web(tender, port=80, secrets=()):
        for host in HOST, f"[{HOST6}]":
            status, version, fields, _ = curl(f"http://{host}/")
            need((status, version) == (200, "1.1") and "strict-transport-security" not in fields, f"{status} {fields}")
        need(sh("curl", "-skS", "-m", "5", f"https://{HOST}/")[0] == 7, "something listens for HTTPS")


def web_tells_in_a_line_what_is_wrong(tender):
    with open(path("short"), "w") as f:
        f.write("secret\n")
    with open(path("spaced"), "w") as f:
        f.write("a token of more than one word\n")
    both = ("certificate=@web.pem", "key=@web.key")
    for secrets, sets, line in (
            (both[:1], (), "certificate and key: no private key was given"), (both[1:], (), "certificate and key: no certificate was given"),
            (("certificate=@web.pem", "key=@two.key"), (), "the private key is not the one of this certificate"),
            (("certificate=@web.key", "key=@web.key"), (), "no certificate in it"),
            (both + ("renewal=@short",), (), "renewal has 6 bytes: a token has from 16 to 256"),
            (both + ("renewal=@spaced",), (), "renewal has a byte that no token has"),
            (("renewal=@token",), (), "renewal is given, but no certificate"), ((), ("port=0",), "there is nothing to serve by"),
            (both, ("https=80",), "port 80: ")):
        with web(tender, *sets, port=0, secrets=secrets) as a:
            need(a.process.wait(20) == 1, f"{line}: it runs")
            told = [n for n in a.text().splitlines() if "web:" in n or "tls:" in n or "http:" in n]
            told = [n for n in told if "exit status" not in n]
            need(len(told) == 1 and line in told[0], f"{line}: {a.text()}")


def serial():
    status, out = sh("openssl", "s_client", "-connect", f"{HOST}:443")
    return sh("openssl", "x509", "-noout", "-serial", stdin=out)[1]


def web_takes_another_certificate_from_who_has_the_token(tender):
    certificate("web-newer", "web.example", "ca", more=f"subjectAltName=IP:{HOST}\n")
    for to, names in ("new", ("web-newer.pem", "web-newer.key")), ("mixed", ("web-newer.pem", "web.key")):
        with open(path(to), "w") as f:
            f.write("".join(open(path(n)).read() for n in names))
    with open(path("huge"), "w") as f:
        f.write("x" * (128 * 1024 + 1))

    def put(name, token, *words):
        return curl(RENEWAL, "-T", path(name), *(["-H", f"Authorization: Bearer {token}"] if token else []), *words)

    with web(tender, secrets=("certificate=@web.pem", "key=@web.key", "renewal=@token")) as a:
        old = serial()
        got = put("new", None)
        need(got[0] == 401 and "Bearer" in got[2]["www-authenticate"] and serial() == old, f"without a token: {got}")
        need(put("mixed", TOKEN)[0] == 400 and serial() == old, "a key that does not fit")
        need("the private key is not the one of this certificate" in a.text(), a.text())
        need(put("huge", TOKEN, "--http1.1")[0] == 413 and serial() == old, "more than fits")
        need(raw(b"PUT /.well-known/ampoule/certificate HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").startswith(
            b"HTTP/1.1 308"), "by HTTP")
        for word in "--http2", "--http1.1":
            got = put("new", TOKEN, word)
            need(got[0] == 200 and got[3] == "renewed\n", f"{word}: {got}")
        need(serial() != old, "the old one is still shown")
        need(curl(f"https://{HOST}/")[0] == 200, "the site")
        said = [put("new", TOKEN[:-1] + "e")[0] for _ in range(7)]
        need(said == [401] * 5 + [429] * 2, f"wrong tokens: {said}")
        need(put("new", TOKEN)[0] == 429, "who tried has to wait")
    with web(tender):
        need(put("new", TOKEN)[0] in (404, 405), "without the secret there is no such route")


def web_that_new_makes_is_served(tender):
    if not os.path.isdir(path("shop")):     # the tender's before
        status, out = sh(state["build"] + "/ampoule", "new", "--web", path("shop"))
        need(status == 0, out)
    status, out = sh(state["build"] + "/ampoule", "build", "-o", path("shop.amp"), "--work", os.path.join(state["build"], "suites"), path("shop"),
                     seconds=600)
    need(status == 0, out)
    with Image(state["build"], tender, "shop.amp", 443, f"certificate=@{path('web.pem')}", f"key=@{path('web.key')}",
               net=f"service=tap:tap0,address={HOST}/24"):
        need("Hello from shop" in curl(f"https://{HOST}/")[3] and curl(f"https://{HOST}/old/a?b")[2]["location"] == "/a?b", "its page and rules")


TESTS = [web_serves_both_versions_and_families_with_hsts, web_rules_redirect_by_path, web_sends_http_to_https,
         web_sends_nobody_to_what_is_no_host, web_without_a_certificate_is_plain, web_tells_in_a_line_what_is_wrong,
         web_takes_another_certificate_from_who_has_the_token, web_that_new_makes_is_served]
