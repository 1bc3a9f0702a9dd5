# SPDX-License-Identifier: ISC
"""tests/tls/run's tests of an image that connects: tests/tls/client, asked over HTTP to talk to OpenSSL's, GnuTLS's, nginx's and Python's
servers at 10.0.0.1, with chains that are good and that are not."""
import contextlib
import hashlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from lab import HOST, Image, Skipped, authority, certificate, need, path, sh

PEER = "10.0.0.1"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
FILE = os.urandom(300_001)
state = {"build": "", "port": 20000}
VERSIONS = ("1.2", "1.3")


# ---- what is prepared once ----
def chain(name, *parts):
    with open(path(name + ".pem"), "w") as f:
        f.write("".join(open(path(p + ".pem")).read() for p in parts))


def prepare(build):
    """Chains and the image. Certificates that begin with peer- are for peer.example and 10.0.0.1."""
    state["build"] = build
    names = f"subjectAltName=DNS:peer.example,DNS:*.wild.example,IP:{PEER}\n"
    leaf = "basicConstraints=critical,CA:false\n" + names
    middle = "basicConstraints=critical,CA:true\nkeyUsage=keyCertSign\n"
    certificate("middle", "Middle", "ca", more=middle)
    certificate("leaf", "peer.example", "middle", more=leaf)
    chain("peer-good", "leaf", "middle")
    chain("peer-incomplete", "leaf")
    certificate("rsa", "peer.example", "ca", "-newkey", "rsa:2048", more=leaf)
    chain("peer-rsa", "rsa")
    certificate("late", "peer.example", "middle", more=leaf, days=-1)
    chain("peer-expired", "late", "middle")
    certificate("foreign-peer", "peer.example", "stranger", more=leaf)
    chain("peer-stranger", "foreign-peer", "stranger")
    certificate("no-ca", "nobody", "ca", more="basicConstraints=critical,CA:false\n")
    certificate("by-no-ca", "peer.example", "no-ca", more=leaf)
    chain("peer-by-no-ca", "by-no-ca", "no-ca")
    certificate("no-server", "peer.example", "ca", more=leaf + "extendedKeyUsage=clientAuth\n")
    chain("peer-no-server", "no-server")
    sh("openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "30", "-subj", "/CN=weak", "-keyout", path("weak.key"),
       "-out", path("csr"))
    certificate("weak", "peer.example", "ca", "-newkey", "rsa:1024", more=leaf)
    chain("peer-weak", "weak")
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
       "/CN=peer.example", "-addext", "subjectAltName=DNS:peer.example", "-keyout", path("peer-self.key"), "-out", path("peer-self.pem"))
    for name, key in (("good", "leaf"), ("incomplete", "leaf"), ("rsa", "rsa"), ("expired", "late"), ("stranger", "foreign-peer"),
                      ("by-no-ca", "by-no-ca"), ("no-server", "no-server"), ("weak", "weak")):
        shutil.copy(path(key + ".key"), path(f"peer-{name}.key"))
    folder = path("client")
    os.makedirs(folder)
    for name in "main.c", "appliance.yaml":
        shutil.copy(os.path.join(os.path.dirname(os.path.realpath(__file__)), "client", name), folder)
    with open(os.path.join(folder, "ca.pem"), "w") as f:    # among many others
        f.write((open(BUNDLE).read() if os.path.exists(BUNDLE) else "") + open(path("ca.pem")).read())
    os.makedirs(path("www"))
    with open(path("www/file"), "wb") as f:
        f.write(FILE)
    status, out = sh(build + "/ampoule", "build", "-o", path("client.amp"), "--work", os.path.join(build, "suites"), folder,
                     seconds=600)
    need(status == 0, out)


class Client(Image):
    def __init__(self, tender, *sets):
        super().__init__(state["build"], tender, "client.amp", 80, *sets)

    def ask(self, target):
        with urllib.request.urlopen(f"http://{HOST}/{target}", timeout=30) as r:
            return r.read().decode()

    def raw(self, port, name="peer.example", path_="/", more=""):
        return self.ask(f"raw?name={name}&port={port}&path={path_}{more}")

    def count(self, name):
        return int(re.search(name + r"=(\d+)", self.ask("counters")).group(1))


def next_port():
    state["port"] += 1
    return state["port"]


@contextlib.contextmanager
def process(port, *command, cwd=None):
    with open(path("peer-log"), "w") as log:
        p = subprocess.Popen([str(c) for c in command], cwd=cwd, stdin=subprocess.PIPE, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((PEER, port), 1).close()
                break
            except OSError:
                need(p.poll() is None and time.monotonic() < until, f"{command[0]}: " + open(path("peer-log")).read()[-300:])
                time.sleep(0.05)
        yield port
    finally:
        p.terminate()
        p.wait(20)


def openssl_server(name, *words):
    port = next_port()
    return process(port, "openssl", "s_server", "-accept", f"{PEER}:{port}", "-cert", path(f"peer-{name}.pem"), "-cert_chain",
                   path(f"peer-{name}.pem"), "-key", path(f"peer-{name}.key"), "-WWW", "-quiet", *words, cwd=path("www"))


def gnutls_server(name, version):
    port = next_port()
    return process(port, "gnutls-serv", "--http", "--port", port, "--x509certfile", path(f"peer-{name}.pem"), "--x509keyfile",
                   path(f"peer-{name}.key"), "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}")


NGINX = """daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi; client_max_body_size 8m;
server {{ listen {peer}:{port} ssl; root {www}; ssl_certificate {pem}; ssl_certificate_key {key}; ssl_protocols TLSv{version};
location /upload {{ return 204; }} }} }}
"""


def nginx(name, version):
    if not shutil.which("nginx"):
        raise Skipped("no nginx")
    port, folder = next_port(), path("nginx")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "nginx.conf"), "w") as f:
        f.write("user root;\n" + NGINX.format(folder=folder, peer=PEER, port=port, www=path("www"), pem=path(f"peer-{name}.pem"),
                                              key=path(f"peer-{name}.key"), version=version))
    return process(port, "nginx", "-c", os.path.join(folder, "nginx.conf"), "-p", folder, "-e", os.path.join(folder, "error.log"))


@contextlib.contextmanager
def listener(serve):
    """serve(connection) for each that comes, one after the other."""
    s = socket.create_server((PEER, 0))

    def run():
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            try:
                serve(c)
            except OSError:     # ssl.SSLError is one
                pass
            finally:
                c.close()
    t = threading.Thread(target=run, daemon=True)
    t.start()
    try:
        yield s.getsockname()[1]
    finally:
        s.shutdown(socket.SHUT_RDWR)
        s.close()


def server_context(name="good"):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(path(f"peer-{name}.pem"), path(f"peer-{name}.key"))
    return c


def digest(bytes_):
    return f"size={len(bytes_)} sha256={hashlib.sha256(bytes_).hexdigest()}"


# ---- tests ----
def good_chains_are_trusted(tender):
    with Client(tender) as c:
        for version in VERSIONS:
            words = "-tls" + version.replace(".", "_")
            for name in "good", "rsa":
                with openssl_server(name, words) as port:
                    for peek in "", "&peek=1":
                        out = c.raw(port, path_="/file", more=peek)
                        need(out.startswith(f"open TLSv{version}") and "end=0" in out, f"{name}: {out}")
            with gnutls_server("good", version) as port:
                out = c.raw(port)
                need(out.startswith(f"open TLSv{version}"), f"gnutls-serv: {out}")
            with nginx("good", version) as port:
                out = c.raw(port, path_="/file")
                need(out.startswith(f"open TLSv{version}") and "protocol=http/1.1" in out and "end=0" in out, f"nginx: {out}")


def names_are_checked(tender):
    with Client(tender) as c, openssl_server("good") as port:
        for name in "peer.example", "PEER.example.", "x.wild.example", PEER:
            need(c.raw(port, name).startswith("open"), f"{name}: {c.raw(port, name)}")
        for name, why in (("other.example", "hostname mismatch"), ("x.peer.example", "hostname mismatch"),
                          ("wild.example", "hostname mismatch"), ("x.y.wild.example", "hostname mismatch"),
                          ("10.0.0.3", "IP address mismatch"), ("::1", "IP address mismatch")):
            out = c.raw(port, name)
            need(out.startswith("error -11") and why.lower() in out.lower(), f"{name}: {out}")


def bad_chains_are_refused(tender):
    with Client(tender) as c:
        before = c.count("distrusted")
        cases = (("expired", "certificate has expired"), ("self", "self-signed certificate"), ("stranger", "self-signed certificate in"),
                 ("incomplete", "unable to get local issuer"), ("by-no-ca", "invalid CA certificate"),
                 ("no-server", "purpose"), ("weak", "key too weak"))
        for name, why in cases:
            with openssl_server(name, "-cipher", "ALL@SECLEVEL=0") as port:
                for _ in range(2):      # nothing is kept that would let the second pass
                    out = c.raw(port)
                    need(out.startswith("error -11") and why in out.replace("self signed", "self-signed"), f"{name}: {out}")
        need(c.count("distrusted") == before + 2 * len(cases), "they were not counted")


def authorities_can_be_given(tender):
    with Client(tender, f"authorities=@{path('stranger.pem')}") as c:
        with openssl_server("stranger") as port:
            need(c.raw(port).startswith("open"), "its own authority")
        with openssl_server("good") as port:
            need("error -11" in c.raw(port), "the image's authority is trusted, too")


def revoked_names_are_refused(tender):
    for name in "CN=Middle", "CN=peer.example":
        with Client(tender, f"revoked={name}") as c:
            with openssl_server("good") as port:
                out = c.raw(port)
                need("error -11" in out and "revoked" in out, f"{name}: {out}")
    with Client(tender, "revoked=CN=Middl") as c, openssl_server("good") as port, openssl_server("rsa") as other:
        need(c.raw(port).startswith("open") and c.raw(other).startswith("open"), "others are refused")


def sessions_are_resumed_by_the_client(tender):
    with Client(tender) as c:
        for version in VERSIONS:
            for server in (openssl_server("good", "-tls" + version.replace(".", "_")), nginx("good", version),
                           gnutls_server("good", version)):
                with server as port:
                    need("resumed=0" in c.raw(port), "the first one")
                    need("resumed=1" in c.raw(port), f"{version}: the second was not resumed: {open(path('peer-log')).read()[-200:]}")
                    need("resumed=0" in c.raw(port, PEER), "one for another name was resumed")
    with Client(tender, "sessions=false") as c, openssl_server("good") as port:
        need("resumed=0" in c.raw(port) and "resumed=0" in c.raw(port), "sessions are off")


def the_client_shows_its_certificate(tender):
    shown = f"certificate=@{path('client.pem')}", f"key=@{path('client.key')}"
    with Client(tender, *shown) as c:
        for version in VERSIONS:
            with openssl_server("good", "-Verify", 2, "-verify_return_error", "-CAfile", path("ca.pem"),
                                "-tls" + version.replace(".", "_")) as port:
                out = c.raw(port, path_="/file")
                need(out.startswith("open") and "end=0" in out, out)
    with Client(tender) as c, openssl_server("good", "-Verify", 2, "-verify_return_error", "-CAfile", path("ca.pem"), "-tls1_2") as port:
        out = c.raw(port)
        need(out.startswith("error -16"), f"without one: {out}")


def https_is_fetched(tender):
    answers = threading.Thread(target=answer_names, daemon=True)
    answers.start()
    with Client(tender) as c:
        for version in VERSIONS:
            with nginx("good", version) as port:
                for host in PEER, "peer.example":
                    out = c.ask(f"http?host={host}&port={port}&path=/file")
                    need(out == f"status=200 error=0 {digest(FILE)}\n", f"{host}: {out}")
                out = c.ask(f"http?host=other.example&port={port}&path=/file")
                need("error -11" in out and "mismatch" in out, out)
                out = c.ask(f"http?host={PEER}&port={port}&path=/upload&upload=3000000")
                need(out.startswith("status=204 error=0"), out)


def answer_names():
    """A name server: each name with an A record of 10.0.0.1 (RFC 1035)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((PEER, 53))
        except OSError:     # the one of a test before
            return
        while True:
            q, peer = s.recvfrom(4096)
            end = q.index(b"\0", 12) + 5
            is_a = q[end - 4:end - 2] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(PEER) if is_a else b""
            s.sendto(q[:2] + b"\x81\x80\0\1" + bytes([0, is_a]) + b"\0\0\0\0" + q[12:end] + answer, peer)


def answer_one(s, choose):
    """One request of a connection; choose(target) is what it is answered: (status, Location or none, body)."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = s.recv(4096)
        if not more:
            return
        head += more
    status, to, body = choose(head.decode().split(" ")[1])
    field = f"Location: {to}\r\n" if to else ""
    s.sendall(f"HTTP/1.1 {status}\r\n{field}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def redirections_are_followed(tender):
    """From http to https, there from path to path; not back to http, not for ever, not to one whom nobody trusts."""
    seen, ports = [], {}

    def by_http(target):
        seen.append("http " + target)
        return "302 Found", f"https://{PEER}:{ports['stranger' if target == '/stranger' else 'secure']}{target}/b?c=d#e", b""

    def by_https(target):
        seen.append("https " + target)
        if target == "/from/b?c=d":
            return "307 Temporary Redirect", "../x/file", b""
        if target == "/down/b?c=d":
            return "301 Moved Permanently", f"http://{PEER}:{ports['plain']}/again", b""
        if target.startswith("/round"):
            return "308 Permanent Redirect", target + "1", b""
        return "200 OK", None, FILE

    def secure(name):
        def serve(c):
            with server_context(name).wrap_socket(c, server_side=True) as t:
                answer_one(t, by_https)
        return serve
    with Client(tender) as c, listener(lambda s: answer_one(s, by_http)) as ports["plain"], \
            listener(secure("good")) as ports["secure"], listener(secure("stranger")) as ports["stranger"]:
        def fetch(path_):
            seen.clear()
            return c.ask(f"fetch?port={ports['plain']}&path={path_}")
        out = fetch("/from")
        need(f"status=200 error=no error redirections=2 at=https://{PEER}:{ports['secure']}/x/file {digest(FILE)}" in out, out)
        need(seen == ["http /from", "https /from/b?c=d", "https /x/file"], seen)
        out = fetch("/down")
        need("error=refused" in out and seen == ["http /down", "https /down/b?c=d"], f"{out} {seen}")
        out = fetch("/round")
        need("error=too big" in out and len(seen) == 11, f"{out} {seen}")
        out = fetch("/stranger")
        need("status=200" not in out and "error=no" not in out and seen == ["http /stranger"], f"{out} {seen}")


def what_was_sent_arrives_though_tickets_wait(tender):
    got = []

    def serve(c):
        with server_context().wrap_socket(c, server_side=True) as t:
            time.sleep(0.3)     # the client has said goodbye by now
            n = 0
            while more := t.recv(1 << 16):
                n += len(more)
            got.append(n)
    with Client(tender) as c, listener(serve) as port:
        need(c.ask(f"send?port={port}") == "sent 0\n", "it was not sure")
        need(got == [100000], f"{got}")


def a_cut_is_no_end(tender):
    def serve(c):
        with server_context().wrap_socket(c, server_side=True, suppress_ragged_eofs=True) as t:
            t.recv(1000)
            t.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
            c2 = t.detach()
            socket.socket(fileno=c2).shutdown(socket.SHUT_RDWR)
    with Client(tender) as c, listener(serve) as port:
        out = c.raw(port)
        need("end=-8" in out, out)


def slow_and_broken_servers_are_given_up(tender):
    hello = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"
    held = []
    with Client(tender, "handshake=1500ms") as c:
        with listener(lambda s: held.append(s.dup())) as port:
            out = c.raw(port)
            need(out.startswith("error -5"), f"one that says nothing: {out}")
        for name, said, error in (("plain", b"HTTP/1.1 400 Bad Request\r\n\r\n", "-9"), ("alert", b"\x15\x03\x03\x00\x02\x02\x28", "-16"),
                                  ("noise", os.urandom(1) + b"\0" * 4000, "-9"), ("huge", b"\x16\x03\x03\x48\x01" + b"x" * 19000, "-9"),
                                  ("cut", hello, "-8"), ("message", b"\x16\x03\x03\x00\x04\x02\xff\xff\xff", "-9")):
            with listener(lambda s, said=said: (s.recv(4096), s.sendall(said), s.shutdown(socket.SHUT_WR), s.recv(1 << 16))) as port:
                out = c.raw(port)
                need(out.startswith(f"error {error} "), f"{name}: {out}")
        need(c.count("handshakes") == 0 and c.count("failed") == 7, c.ask("counters"))
        chain("peer-long", "leaf", *["middle"] * 120)    # some 45 KB
        shutil.copy(path("leaf.key"), path("peer-long.key"))
        with openssl_server("long") as port:
            out = c.raw(port)
            need("error -9" in out and "excessive" in out, out)


def what_is_wrong_with_authorities_is_told_in_a_line(tender):
    for text, line in ("nothing\n", "no certificate in PEM"), (open(path("ca.pem")).read()[:200], "certificate 1 cannot be read"):
        with open(path("odd.pem"), "w") as f:
            f.write(text)
        with Image(state["build"], tender, "client.amp", 0, f"authorities=@{path('odd.pem')}") as a:
            need(a.process.wait(60) == 1, "it runs")
            told = [n for n in a.text().splitlines() if "tls:" in n]
            need(len(told) == 1 and line in told[0], a.text())


def what_is_wrong_with_ca_is_told_in_a_line(_):
    os.makedirs(path("caless"), exist_ok=True)
    with open(path("caless/main.c"), "w") as f:
        f.write("int main(void)\n{\n\treturn 0;\n}\n")
    for libraries, ca, line in (("net", "main.c", "add app/tls to libraries"), ("app/tls", "main.c", "holds no certificate in PEM"),
                                ("app/tls", "none.pem", "No such file"), ("app/tls", "/etc/x", "is absolute")):
        with open(path("caless/appliance.yaml"), "w") as f:
            f.write(f"name: bad\nsources: [main.c]\nlibraries: [{libraries}]\nca: {ca}\n")
        status, out = sh(state["build"] + "/ampoule", "build", path("caless"))
        need(status == 125 and line in out and len(out.splitlines()) == 1, f"{ca}: {status} {out}")


TESTS = [good_chains_are_trusted, names_are_checked, bad_chains_are_refused, authorities_can_be_given, revoked_names_are_refused,
         sessions_are_resumed_by_the_client, the_client_shows_its_certificate, https_is_fetched, redirections_are_followed,
         what_was_sent_arrives_though_tickets_wait, a_cut_is_no_end, slow_and_broken_servers_are_given_up,
         what_is_wrong_with_authorities_is_told_in_a_line, what_is_wrong_with_ca_is_told_in_a_line]
