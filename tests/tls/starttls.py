# SPDX-License-Identifier: ISC
"""tests/tls/run's tests of connections that begin in clear: tests/tls/starttls, by openssl, Python's smtplib, and by the faults that
STARTTLS servers have had (https://nostarttls.secvuln.info, CVE-2011-0411, CVE-2021-38371): commands that an attacker puts before
the handshake must not be carried out behind it."""
import os
import smtplib
import socket
import ssl
import time

from lab import HOST, Image, need, path, sh

HERE = os.path.dirname(os.path.realpath(__file__))
state = {"build": ""}


def prepare(build):
    state["build"] = build
    status, out = sh(build + "/ampoule", "build", "-o", path("starttls.amp"), "--work", os.path.join(build, "suites"),
                     os.path.join(HERE, "starttls"), seconds=900)
    need(status == 0, out)


def server(tender):
    return Image(state["build"], tender, "starttls.amp", 25, f"certificate=@{path('one.pem')}", f"key=@{path('one.key')}")


def context():
    return ssl.create_default_context(cafile=path("ca.pem"))


def lines(s, *words):
    """What is said to each of the words, one after the other."""
    got = []
    for word in words:
        s.sendall(word.encode() + b"\r\n")
        got.append(s.recv(4096).decode())
    return got


def clear():
    s = socket.create_connection((HOST, 25), 10)
    need(s.recv(4096) == b"220 test ESMTP\r\n", "no greeting")
    return s


def secure(s):
    return context().wrap_socket(s, server_hostname="one.example")


def starttls_by_openssl(tender):
    with server(tender):
        for protocol, port, word, want in (("smtp", 25, "WHO\r\nQUIT\r\n", "tls=1 mails=0 upgrades=1"),
                                           ("xmpp", 5222, "<stream:stream>\n</stream:stream>\n", "<mechanism>PLAIN</mechanism>")):
            for version in "-tls1_2", "-tls1_3":
                status, out = sh("openssl", "s_client", "-connect", f"{HOST}:{port}", "-starttls", protocol, "-CAfile", path("ca.pem"), version,
                                 "-verify_return_error", "-servername", "one.example", "-quiet", "-ign_eof", stdin=word, seconds=20)
                need(want in out, f"{protocol} {version}: {status}: {out[-400:]}")


def starttls_by_smtplib(tender):
    with server(tender), smtplib.SMTP(HOST, 25, timeout=10) as s:
        need(s.has_extn("starttls") or s.ehlo()[0] == 250 and s.has_extn("starttls"), "it is not offered")
        s.docmd("MAIL FROM:<a@b>")
        need(s.starttls(context=context())[0] == 220, "refused")
        s.ehlo()
        need(not s.has_extn("starttls") and s.has_extn("auth"), "what is offered did not change")
        need(s.docmd("WHO") == (250, b"tls=1 mails=0 upgrades=1"), "what was said before is remembered")
        need(s.docmd("STARTTLS")[0] == 503, "twice")
        need(s.docmd("WHO")[0] == 250, "and it goes on")


def starttls_is_not_asked_for(tender):
    with server(tender), clear() as s:
        need(lines(s, "EHLO a", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "WHO")[-1] == "250 tls=0 mails=2 upgrades=0\r\n", "in clear")
        s.sendall(b"MAIL x\r\n" * 100 + b"WHO\r\n")       # in one segment: all of them are taken
        got = b""
        while b"tls=" not in got:
            got += s.recv(65536)
        need(b"mails=102" in got, str(got[-200:]))


def smuggled_commands_are_not_carried_out(tender):
    """CVE-2011-0411: behind STARTTLS, in its segment or in the next, come commands in clear; then the victim's handshake."""
    with server(tender):
        for injected in (b"MAIL FROM:<evil@example>\r\n", b"WHO\r\n", b"EHLO a\r\nMAIL FROM:<x@y>\r\n" * 20, b"\r\n", b"\x16\x03\x01\r\n"):
            for pause in 0, 0.2:
                with clear() as s:
                    s.sendall(b"EHLO a\r\n")
                    s.recv(4096)
                    if pause:
                        s.sendall(b"STARTTLS\r\n")
                        need(s.recv(4096).startswith(b"220"), "refused")
                        time.sleep(pause)
                        s.sendall(injected)
                    else:
                        s.sendall(b"STARTTLS\r\n" + injected)
                        need(s.recv(14) == b"220 go ahead\r\n", "refused")
                    try:
                        t = secure(s)
                        said = lines(t, "WHO")[0]
                        need(False, f"the handshake went on behind {injected[:20]}: {said}")
                    except (ssl.SSLError, ConnectionError):
                        pass
        with clear() as s:
            lines(s, "EHLO a", "STARTTLS")
            need(lines(secure(s), "WHO") == ["250 tls=1 mails=0 upgrades=1\r\n"], "an honest one")


def a_client_hello_in_the_commands_segment_is_taken(tender):
    """Whoever does not wait for the word sends TLS behind the command: it is TLS, byte by byte and at once."""
    with server(tender):
        for piece in 1, 100000:
            with clear() as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                t = context().wrap_bio(incoming, outgoing, server_hostname="one.example")
                before = b"STARTTLS\r\n"
                skip = b"220 go ahead\r\n"

                def pump(step):
                    nonlocal before, skip
                    while True:
                        try:
                            result = step()
                        except ssl.SSLWantReadError:
                            result = None
                        out = before + outgoing.read()
                        before = b""
                        for at in range(0, len(out), piece):
                            s.sendall(out[at:at + piece])
                        if result is not None:
                            return result
                        got = s.recv(1 << 16)
                        need(got, "the end")
                        n = min(len(skip), len(got))
                        need(got[:n] == skip[:n], f"not the word: {got[:40]}")
                        skip = skip[n:]
                        incoming.write(got[n:])

                pump(lambda: t.do_handshake() or True)
                pump(lambda: t.write(b"WHO\r\n"))
                need(b"tls=1 mails=0" in pump(lambda: t.read(4096)), "no answer")


def xmpp_in_clear_does_not_reach_the_stream_behind_tls(tender):
    with server(tender):
        hello = b"<stream:stream xmlns='jabber:client' to='test' version='1.0'>"
        start = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
        with socket.create_connection((HOST, 5222), 10) as s:
            s.sendall(hello)
            need(b"<starttls" in s.recv(4096), "no features")
            s.sendall(start + b"<iq type='set'/>")
            need(s.recv(50).startswith(b"<proceed"), "refused")
            try:
                secure(s)
                need(False, "the handshake went on")
            except (ssl.SSLError, ConnectionError):
                pass
        with socket.create_connection((HOST, 5222), 10) as s:
            s.sendall(hello)
            s.recv(4096)
            s.sendall(start)
            need(s.recv(4096).startswith(b"<proceed"), "refused")
            t = secure(s)
            t.sendall(hello)
            got = t.recv(4096)
            need(b"<mechanism>PLAIN" in got and b"<starttls" not in got, str(got))


def a_handshake_that_does_not_come_is_ended(tender):
    with server(tender):
        held = []
        for i in range(50):
            s = clear()
            s.sendall(b"STARTTLS\r\n")
            s.recv(14)
            if i % 2:
                s.sendall(b"\x16\x03\x01\x02")
            held.append(s)
        with clear() as s:
            lines(s, "STARTTLS")
            need("tls=1" in lines(secure(s), "WHO")[0], "others are not served")
        for s in held:
            s.settimeout(15)
            try:
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass
            s.close()


TESTS = [starttls_by_openssl, starttls_by_smtplib, starttls_is_not_asked_for, smuggled_commands_are_not_carried_out,
         a_client_hello_in_the_commands_segment_is_taken, xmpp_in_clear_does_not_reach_the_stream_behind_tls,
         a_handshake_that_does_not_come_is_ended]
