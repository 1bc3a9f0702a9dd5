# SPDX-License-Identifier: ISC
"""tests/tls/run's tests of secrets that are handed to what runs, by `ampoule secret`: certificates and OCSP responses (by `openssl
ocsp`), to apps/dns-tls and tests/tls's own image; and tests/tls/secrets, which listens, refuses, is deaf or lies."""
import contextlib
import datetime
import os
import socket
import ssl
import subprocess
import time

from lab import HOST, PORT, WORK, certificate, need, path, sh

HERE = os.path.dirname(os.path.realpath(__file__))
ENVIRONMENT = dict(os.environ, XDG_RUNTIME_DIR=WORK + "/session", HOME=WORK)
state = {"build": ""}


def prepare(build):
    state["build"] = build
    os.makedirs(WORK + "/session", mode=0o700, exist_ok=True)
    for name, folder in ("dns-tls", "../../apps/dns-tls"), ("secrets", "secrets"):
        if not os.path.exists(path(name + ".amp")):
            status, out = sh(build + "/ampoule", "build", "-o", path(name + ".amp"), "--work", os.path.join(build, "suites"),
                             os.path.join(HERE, folder), seconds=900)
            need(status == 0, out)
    certificate("newer", "one.example", "ca")


def ampoule(*words, seconds=60):
    done = subprocess.run([state["build"] + "/ampoule", *map(str, words)], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", timeout=seconds, check=False)
    return done.returncode, done.stdout


def secret(*words):
    """Handed over; again where a busy host has not let the image run within the verb's 2 s."""
    for _ in range(10):
        status, out = ampoule("secret", "x", *words)
        if "within 2 s" not in out and "before yet" not in out:
            break
    return status, out


@contextlib.contextmanager
def background(tender, image, *words, verb="run"):
    """It runs under its supervisor, as `x`."""
    status, out = ampoule(verb, "-d", "--name", "x", "--tender", tender, *words, path(image))
    need(status == 0, out)
    try:
        yield
    finally:
        ampoule("rm", "-f", "x")


def logs():
    return ampoule("logs", "x")[1]


def heard(line):
    """The log has it before long."""
    until = time.monotonic() + 60
    while line not in logs():
        need(time.monotonic() < until, f"not told: {line}: {logs()}")
        time.sleep(0.05)


def listening(port):
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            need(time.monotonic() < until, logs())
            time.sleep(0.05)


def serial(port):
    c = ssl.create_default_context(cafile=path("ca.pem"))
    with c.wrap_socket(socket.create_connection((HOST, port), 20), server_hostname="one.example") as s:
        return s.getpeercert()["serialNumber"]


def pair(name, key=None):
    return f"certificate=@{path(name + '.pem')}", f"key=@{path((key or name) + '.key')}"


def dns_tls(tender, secrets=None):
    return background(tender, "dns-tls.amp", "--net", "service=tap:tap0", *(w for s in secrets or pair("one") for w in ("--set", s)))


def write(name, text):
    with open(path(name), "w") as f:
        f.write(text)
    return path(name)


# ---- certificates ----
def a_certificate_is_handed_to_what_runs(tender):
    with dns_tls(tender):
        listening(443)
        old = serial(853)
        c = ssl.create_default_context(cafile=path("ca.pem"))
        with c.wrap_socket(socket.create_connection((HOST, 853), 20), server_hostname="one.example") as s:
            status, out = secret(*pair("newer"))
            need((status, out) == (0, ""), f"{status} {out}")
            new = serial(853)
            need(new != old and serial(443) == new, "the old one is still shown")
            query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\3ns1\7example\3org\0\0\1\0\1"
            s.sendall(len(query).to_bytes(2, "big") + query)
            need(b"\xc0\0\2\1" in s.recv(4096), "an open connection did not go on")
        for words, line in ((pair("one", "newer"), "the private key is not the one of this certificate"),
                            (pair("one")[:1], "the certificate came alone"), (pair("one")[1:], "the key came alone"),
                            (pair("expired"), "has expired")):
            status, out = secret(*words)
            need(status == 126 and "refuses them, and keeps those before" in out and len(out.splitlines()) == 1, f"{words}: {status} {out}")
            need(line in logs() and serial(853) == new and serial(443) == new, f"{line}: {logs()[-600:]}")
        for k in range(20):
            need(secret(*pair("one" if k % 2 else "newer"))[0] == 0, logs()[-500:])
        need(serial(853) == old, "the last one is not shown")


def a_clone_takes_secrets_of_its_own(tender):
    with background(tender, "secrets.amp", "--set", "token=@" + write("t1", "first")):
        heard("given: 5 bytes")
        need(secret("token=@" + write("t2", "second"))[0] == 0, logs())
        status, out = ampoule("snapshot", "-o", path("x.snap"), "x")
        need(status == 0, out)
    with background(tender, "x.snap", verb="clone"):
        status, out = secret("token=@" + write("t3", "third"))
        need(status == 0, f"{status} {out}")
        heard("token: 5 bytes, third, 5")


# ---- the verb, and hostile images ----
def secrets_arrive_whole_and_are_erased(tender):
    with background(tender, "secrets.amp"):
        heard("there is a place")
        for size in 1, 4096, 65536:
            write("t", "x" * size)
            status, out = secret("token=@" + path("t"), "other=@" + write("o", "y" * (size + 3 if size < 65536 else size)))
            need((status, out) == (0, ""), f"{size}: {status} {out}")
            heard(f"token: {size} bytes, {'x' * min(20, size)}, {size}")
            heard(f"other: {size + 3 if size < 65536 else size} bytes, y")
        heard("erased=1")
        need("erased=0" not in logs() and "fixed:" not in logs(), logs())
        status, out = secret("other=@" + write("o", "alone"))
        need(status == 0, out)
        heard("other: 5 bytes, alone, 5")


def what_is_wrong_with_a_secret_is_told_in_a_line(tender):
    write("t", "token")
    write("empty", "")
    write("long", "x" * 65537)
    with background(tender, "secrets.amp"):
        for words, want, line in ((("nothing=@" + path("t"),), 126, "its image has no argument of that name"),
                                  (("fixed=@" + path("t"),), 126, "takes no new version of that argument"),
                                  (("mode=@" + path("t"),), 126, "takes no new version of that argument"),
                                  (("token=@" + path("t"), "token=@" + path("t")), 126, "an argument came twice"),
                                  (("token=@" + path("empty"),), 125, "the file is empty"), (("token=@" + path("long"),), 125, "longer than 64 KiB"),
                                  (("token=@" + path("none"),), 125, "No such file"), (("token=" + path("t"),), 125, "write NAME=@FILE"),
                                  (("=@" + path("t"),), 125, "write NAME=@FILE"), (("a" * 40 + "=@" + path("t"),), 125, "so long a name"),
                                  ((), 125, "name an appliance")):
            status, out = secret(*words)
            need(status == want and line in out and len(out.splitlines()) == 1, f"{words}: {status} {out}")
        need(secret("token=@" + path("t"))[0] == 0, "and it goes on")
    status, out = secret("token=@" + path("t"))
    need(status == 125, f"nobody runs: {status} {out}")


def an_image_that_does_not_take_secrets_is_told_of(tender):
    write("t", "token")
    for mode, line in ("refuse", "refuses them"), ("deaf", "has not taken them within 2 s"), ("busy", "has not taken them within 2 s"):
        with background(tender, "secrets.amp", "--set", "mode=" + mode):
            status, out = ampoule("secret", "x", "token=@" + path("t"))
            need(status == 126 and line in out, f"{mode}: {status} {out}")
            if mode == "deaf":
                status, out = ampoule("secret", "x", "token=@" + path("t"))
                need(status == 126 and "has not taken the versions before yet" in out, f"again: {status} {out}")


def an_image_that_lies_about_secrets_harms_nobody(tender):
    write("t", "x" * 60000)
    with background(tender, "secrets.amp", "--set", "mode=lie"):
        for _ in range(5):
            status, out = ampoule("secret", "x", "token=@" + path("t"), "other=@" + path("t"))
            need(status in (0, 126), f"{status} {out}")
        need(ampoule("ps", "-q")[1].strip(), "it has ended: " + logs())


def who_runs_in_the_foreground_has_no_place(tender):
    done = subprocess.run(["timeout", "3", state["build"] + "/ampoule", "run", "--tender", tender, path("secrets.amp")], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    need("there is no place" in done.stdout, done.stdout)


# ---- OCSP ----
def index(*certificates, revoked=()):
    """The authority's own list, as `openssl ca` writes it."""
    lines = []
    for name in certificates:
        number = sh("openssl", "x509", "-noout", "-serial", "-in", path(name + ".pem"))[1].strip().partition("=")[2]
        gone = name in revoked
        lines.append(f"{'R' if gone else 'V'}\t391231235959Z\t{'260101000000Z' if gone else ''}\t{number}\tunknown\t/CN={name}\n")
    return write("index", "".join(lines))


@contextlib.contextmanager
def responder(by, *certificates, revoked=(), signer=None, minutes=60):
    signer = signer or by
    with subprocess.Popen(["openssl", "ocsp", "-index", index(*certificates, revoked=revoked), "-port", "8888", "-CA", path(by + ".pem"),
                           "-rsigner", path(signer + ".pem"), "-rkey", path(signer + ".key"), "-nmin", str(minutes)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            yield
        finally:
            p.kill()


def response(name, by, to):
    """Asked of the responder as an administrator does."""
    until = time.monotonic() + 60
    while True:
        status, out = sh("openssl", "ocsp", "-issuer", path(by + ".pem"), "-cert", path(name + ".pem"), "-url", "http://127.0.0.1:8888", "-no_nonce",
                         "-noverify", "-respout", path(to))
        if status == 0 and os.path.exists(path(to)):
            return path(to)
        need(time.monotonic() < until, out)
        time.sleep(0.1)


def signed(name, by, to, seconds, begin=-60):
    """One whose time is over after so many seconds."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509 import ocsp

    def load(n):
        with open(path(n + ".pem"), "rb") as f:
            return x509.load_pem_x509_certificate(f.read())

    with open(path(by + ".key"), "rb") as f:
        key = serialization.load_pem_private_key(f.read(), None)
    now = datetime.datetime.utcnow()
    r = ocsp.OCSPResponseBuilder().add_response(load(name), load(by), hashes.SHA1(), ocsp.OCSPCertStatus.GOOD,
                                                now + datetime.timedelta(seconds=begin), now + datetime.timedelta(seconds=seconds), None, None)
    r = r.responder_id(ocsp.OCSPResponderEncoding.HASH, load(by)).sign(key, hashes.SHA256())
    with open(path(to), "wb") as f:
        f.write(r.public_bytes(serialization.Encoding.DER))
    return path(to)


def status_of(version, name="one.example", port=PORT, words=()):
    return sh("openssl", "s_client", "-connect", f"{HOST}:{port}", "-CAfile", path("ca.pem"), "-status", version, "-servername", name, *words)[1]


def shown(version, name="one.example", port=PORT):
    out = status_of(version, name, port)
    need("Verification: OK" in out, out[-500:])
    return "Cert Status: good" in out


def tls_amp(tender, *sets):
    return background(tender, "tls.amp", "--net", "service=tap:tap0", *(w for s in (
        *pair("one"), f"certificate2=@{path('stapled-chain.pem')}", f"key2=@{path('stapled.key')}", *sets) for w in ("--set", s)))


def make_chain():
    """two.example is signed by an authority that is sent along, so that a response's signature can be looked at."""
    certificate("issuer", "Issuer", "ca", more="basicConstraints=critical,CA:true\nkeyUsage=keyCertSign,digitalSignature\n")
    certificate("stapled", "two.example", "issuer", more="subjectAltName=DNS:two.example\n")
    certificate("helper", "Helper", "issuer", more="basicConstraints=CA:false\nextendedKeyUsage=OCSPSigning\n")
    write("stapled-chain.pem", open(path("stapled.pem")).read() + open(path("issuer.pem")).read())


def responses_are_stapled_to_each_certificate(tender):
    make_chain()
    with responder("ca", "one", "newer"):
        one = response("one", "ca", "one.ocsp")
        newer = response("newer", "ca", "newer.ocsp")
    with responder("issuer", "stapled", signer="helper"):
        two = response("stapled", "issuer", "two.ocsp")
    with tls_amp(tender, "staple=@" + one):
        listening(PORT)
        for version in "-tls1_2", "-tls1_3":
            need(shown(version) and not shown(version, "two.example"), f"at start, {version}")
            need("Cert Status" not in sh("openssl", "s_client", "-connect", f"{HOST}:{PORT}", version)[1], "nobody asked")
        status, out = secret("staple2=@" + two)
        need(status == 0, f"{out} {logs()}")
        for version in "-tls1_2", "-tls1_3":
            need(shown(version) and shown(version, "two.example"), f"both, {version}")
        need(sh("gnutls-cli", "--x509cafile", path("ca.pem"), "-p", str(PORT), "--sni-hostname", "one.example", "--verify-hostname", "one.example",
                "--ocsp", HOST, stdin="")[1].find("OCSP") >= 0, "gnutls-cli")
        # A new certificate: the old response goes with the old one, and a new one may come along.
        need(secret(*pair("newer"))[0] == 0 and not shown("-tls1_3"), "the old one's response is shown with the new one")
        need(secret(*pair("one"), "staple=@" + one)[0] == 0 and shown("-tls1_3"), "both at once")
        need(secret(*pair("newer"), "staple=@" + newer)[0] == 0 and shown("-tls1_3"), "both at once, again")


def a_response_is_stapled_until_its_time_is_over(tender):
    make_chain()
    with tls_amp(tender):
        listening(PORT)
        status, out = secret("staple=@" + signed("one", "ca", "short.ocsp", 8))
        need(status == 0, f"{out} {logs()}")
        began = time.monotonic()
        need(shown("-tls1_2") or time.monotonic() - began > 7, "at first")
        time.sleep(10)
        for version in "-tls1_2", "-tls1_3":
            need(not shown(version), f"{version}: its time is over")
        status, out = secret("staple=@" + signed("one", "ca", "long.ocsp", 3600))
        need(status == 0 and shown("-tls1_2"), f"a newer one: {out}")


def a_response_that_is_none_is_not_stapled(tender):
    make_chain()
    with responder("ca", "one"):
        one = response("one", "ca", "one.ocsp")
    with responder("ca", "one", revoked=("one",)):
        revoked = response("one", "ca", "revoked.ocsp")
    with responder("ca"):
        unknown = response("one", "ca", "unknown.ocsp")
    with responder("issuer", "stapled"):
        two = response("stapled", "issuer", "two.ocsp")
    with responder("issuer", "stapled", signer="client"):
        forged = response("stapled", "issuer", "forged.ocsp")
    bytes_ = open(one, "rb").read()
    open(path("cut.ocsp"), "wb").write(bytes_[:-1])
    open(path("more.ocsp"), "wb").write(bytes_ + b"\0")
    write("text.ocsp", "-----BEGIN OCSP RESPONSE-----\n")
    write("large.ocsp", "x" * 20000)
    open(path("error.ocsp"), "wb").write(b"\x30\x03\x0a\x01\x06")
    with tls_amp(tender, "staple=@" + path("cut.ocsp")):
        listening(PORT)
        need("the OCSP response is not stapled: it is no OCSP response in DER" in logs() and not shown("-tls1_3"), logs())
        for word, line in (("staple=@" + revoked, "it says that the certificate is revoked"),
                           ("staple=@" + unknown, "the authority does not know the certificate"), ("staple=@" + two, "it is another certificate's"),
                           ("staple2=@" + one, "it is another certificate's"), ("staple2=@" + forged, "it is not signed by the certificate's authority"),
                           ("staple=@" + path("more.ocsp"), "it is no OCSP response"), ("staple=@" + path("text.ocsp"), "it is no OCSP response"),
                           ("staple=@" + path("large.ocsp"), "longer than 16 KiB"), ("staple=@" + path("error.ocsp"), "has answered by an error"),
                           ("staple=@" + signed("one", "ca", "over.ocsp", -30), "its time is over"),
                           ("staple=@" + signed("one", "ca", "early.ocsp", 7200, begin=3600), "its time has not come yet")):
            status, out = secret(word)
            need(status == 126 and line in logs().splitlines()[-2] + logs().splitlines()[-1], f"{line}: {status} {out} {logs()[-400:]}")
            need(not shown("-tls1_3") and not shown("-tls1_3", "two.example"), line)
        need(secret("staple=@" + one, "staple2=@" + two)[0] == 0 and shown("-tls1_3") and shown("-tls1_3", "two.example"), "good ones")


def kdig_finds_the_stapled_response(tender):
    with responder("ca", "one"):
        one = response("one", "ca", "one.ocsp")
    words = ["kdig", f"@{HOST}", "+retry=0", "+timeout=10", "+short", "+tls-ca=" + path("ca.pem"), "+tls-hostname=one.example",
             "+tls-ocsp-stapling", "ns1.example.org"]
    # GnuTLS looks for the issuer in what the server shows.
    write("one-chain.pem", open(path("one.pem")).read() + open(path("ca.pem")).read())
    with dns_tls(tender, pair("one-chain", "one")):
        listening(853)
        need("192.0.2.1" not in sh(*words)[1], "kdig does not ask for it")
        need(secret("staple=@" + one)[0] == 0, logs())
        need(sh(*words)[1] == "192.0.2.1\n", sh(*words)[1])
        need(shown("-tls1_3", port=443), "by HTTPS, too")


TESTS = [a_certificate_is_handed_to_what_runs, a_clone_takes_secrets_of_its_own, secrets_arrive_whole_and_are_erased,
         what_is_wrong_with_a_secret_is_told_in_a_line, an_image_that_does_not_take_secrets_is_told_of,
         an_image_that_lies_about_secrets_harms_nobody, who_runs_in_the_foreground_has_no_place, responses_are_stapled_to_each_certificate,
         a_response_is_stapled_until_its_time_is_over, a_response_that_is_none_is_not_stapled, kdig_finds_the_stapled_response]
