# SPDX-License-Identifier: ISC
"""An authority by RFC 8555 of the tests' own, beside pebble: one whose answers a test can spoil, whose certificates are as
short-lived as it likes, and that says when to renew (RFC 9773). It looks at nonces, at signatures, and really comes to see whether a
name is the client's."""
import base64
import hashlib
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from lab import HOST, path

HERE, PORT = "10.0.0.1", 14443
BASE = f"https://{HERE}:{PORT}"
PROOF = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Problem(Exception):
    def __init__(self, status, kind, detail="", fields=()):
        super().__init__(kind)
        self.status, self.fields = status, dict(fields)
        self.body = {"type": "urn:ietf:params:acme:error:" + kind, "detail": detail, "status": status}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass    # an image that was ended


class Authority:
    """`spoil(handler, method, path)` may answer in its place: True, if it has."""

    def __init__(self, life=3600, window=None):
        self.life, self.window = life, window
        self.spoil, self.asked, self.orders, self.challenges, self.nonces = None, [], [], {}, set()
        self.accounts, self.replaced, self.refused, self.failures = {}, [], 0, []
        self.sign = self.issue
        self.refuse_nonces = False
        self.lock = threading.Lock()
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                authority.handle(self, "GET")

            def do_HEAD(self):
                authority.handle(self, "HEAD")

            def do_POST(self):
                authority.handle(self, "POST")

        self.server = Server((HERE, PORT), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path("here.pem"), path("here.key"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    # ---- messages ----
    def nonce(self):
        with self.lock:
            n = b64(os.urandom(16))
            self.nonces.add(n)
        return n

    def say(self, handler, status, body=b"", kind="application/json", **fields):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        if "Replay_Nonce" not in fields:
            handler.send_header("Replay-Nonce", self.nonce())
        for name, value in fields.items():
            if value is not None:
                handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)

    def handle(self, handler, method):
        size = int(handler.headers.get("Content-Length", 0))
        message = handler.rfile.read(size)
        with self.lock:
            self.asked.append((method, handler.path))
        try:
            if "User-Agent" not in handler.headers:
                raise Problem(400, "malformed", "RFC 8555 §6.1 wants a User-Agent")
            if self.spoil and self.spoil(handler, method, handler.path):
                return
            if method == "POST":
                self.post(handler, handler.path, message)
            elif handler.path == "/dir":
                self.say(handler, 200, {"newNonce": BASE + "/nonce", "newAccount": BASE + "/account", "newOrder": BASE + "/order",
                                        "revokeCert": BASE + "/revoke", "keyChange": BASE + "/change", "renewalInfo": BASE + "/ari",
                                        "meta": {"termsOfService": BASE + "/terms"}})
            elif handler.path == "/nonce":
                self.say(handler, 200)
            elif handler.path.startswith("/ari/"):
                self.renewal(handler, handler.path[5:])
            else:
                raise Problem(404, "malformed", "there is nothing of that name")
        except Problem as p:
            self.say(handler, p.status, p.body, "application/problem+json", **p.fields)
        except OSError:
            pass

    def verify(self, handler, message):
        """RFC 8555 §6: the header, the account's name, the payload."""
        if handler.headers.get("Content-Type") != "application/jose+json":
            raise Problem(415, "malformed", "another type")
        outer = json.loads(message)
        if set(outer) != {"protected", "payload", "signature"}:
            raise Problem(400, "malformed", "members of a flattened JWS")
        header = json.loads(unb64(outer["protected"]))
        url = f"https://{handler.headers['Host']}{handler.path}"
        if header["alg"] != "ES256" or header["url"] != url or ("jwk" in header) == ("kid" in header):
            raise Problem(400, "malformed", f"its header: {header}")
        with self.lock:
            known = header["nonce"] in self.nonces
            self.nonces.discard(header["nonce"])
            if not known or (self.refuse_nonces and self.refused % 3 != 2):
                self.refused += 1
                known = False
            elif self.refuse_nonces:
                self.refused += 1
        if not known:
            raise Problem(400, "badNonce", "used, or none of ours")
        jwk = header.get("jwk") or self.accounts.get(header["kid"])
        if not jwk:
            raise Problem(400, "accountDoesNotExist", "no such account")
        x, y = (int.from_bytes(unb64(jwk[k]), "big") for k in "xy")
        signature = unb64(outer["signature"])
        if len(signature) != 64:
            raise Problem(400, "malformed", "a signature of 64 bytes (RFC 7518 §3.4)")
        der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        try:
            ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(
                der, (outer["protected"] + "." + outer["payload"]).encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Problem(400, "malformed", "the signature is wrong") from None
        members = json.dumps({k: jwk[k] for k in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        thumb = b64(hashlib.sha256(members.encode()).digest())
        return header, thumb, json.loads(unb64(outer["payload"]) or b"null"), jwk

    # ---- objects ----
    def post(self, handler, where, message):
        header, thumb, payload, jwk = self.verify(handler, message)
        if where == "/account":
            if not payload["termsOfServiceAgreed"]:
                raise Problem(403, "userActionRequired", "terms")
            url = f"{BASE}/account/{thumb}"
            known = url in self.accounts
            self.accounts[url] = jwk
            self.say(handler, 200 if known else 201, {"status": "valid"}, Location=url)
            return
        if "kid" not in header:
            raise Problem(400, "malformed", "an account's name is wanted")
        parts = where.split("/")
        if where == "/order":
            self.replaced.append(payload.get("replaces"))
            self.orders.append({"names": [i["value"] for i in payload["identifiers"]], "certificate": None, "valid": set(),
                                "token": b64(os.urandom(16))})
            n = len(self.orders) - 1
            self.say(handler, 201, self.order(n), Location=f"{BASE}/order/{n}")
        elif parts[1] == "order":
            self.say(handler, 200, self.order(int(parts[2])))
        elif parts[1] == "authz":
            self.say(handler, 200, self.authorization(int(parts[2]), int(parts[3])), Retry_After=1)
        elif parts[1] == "challenge":
            n, k = int(parts[2]), int(parts[3])
            self.look(n, k, parts[4], thumb)
            self.say(handler, 200, {"type": parts[4], "status": "processing", "url": BASE + where,
                                    "token": self.orders[n]["token"]})
        elif parts[1] == "finalize":
            o = self.orders[int(parts[2])]
            o["certificate"] = self.sign(unb64(payload["csr"]), o["names"])
            self.say(handler, 200, self.order(int(parts[2])))
        elif parts[1] == "certificate":
            self.say(handler, 200, self.orders[int(parts[2])]["certificate"].encode(), "application/pem-certificate-chain")
        else:
            raise Problem(404, "malformed", "there is nothing of that name")

    def order(self, n):
        o = self.orders[n]
        status = "valid" if o["certificate"] else "ready" if len(o["valid"]) == len(o["names"]) else "pending"
        out = {"status": status, "identifiers": [{"type": "dns", "value": v} for v in o["names"]],
               "finalize": f"{BASE}/finalize/{n}",
               "authorizations": [f"{BASE}/authz/{n}/{k}" for k in range(len(o["names"]))]}
        return out | ({"certificate": f"{BASE}/certificate/{n}"} if o["certificate"] else {})

    def authorization(self, n, k):
        o = self.orders[n]
        error = {"error": o["error"]} if "error" in o else {}
        return {"status": "valid" if k in o["valid"] else "invalid" if error else "pending",
                "identifier": {"type": "dns", "value": o["names"][k]},
                "challenges": [{"type": t, "status": "pending", "token": o["token"], "url": f"{BASE}/challenge/{n}/{k}/{t}"} | error
                               for t in ("dns-01", "tls-alpn-01", "http-01")]}

    def look(self, n, k, kind, thumb):
        o = self.orders[n]
        want, name = f"{o['token']}.{thumb}", o["names"][k]
        try:
            fine = self.by_http(o["token"], want, name) if kind == "http-01" else self.by_tls(want, name)
        except OSError as e:
            fine, self.failures = False, self.failures + [str(e)]
        if fine:
            o["valid"].add(k)
        else:
            o["error"] = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": f"{kind} does not show it"}

    def by_http(self, token, want, name):
        request = urllib.request.Request(f"http://{HOST}/.well-known/acme-challenge/{token}", headers={"Host": name})
        with urllib.request.urlopen(request, timeout=5) as r:
            return r.read().decode() == want

    def by_tls(self, want, name):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        c.set_alpn_protocols(["acme-tls/1"])
        with socket.create_connection((HOST, 443), 5) as s, c.wrap_socket(s, server_hostname=name, suppress_ragged_eofs=True) as t:
            if t.selected_alpn_protocol() != "acme-tls/1":
                return False
            shown = x509.load_der_x509_certificate(t.getpeercert(binary_form=True))
            t.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try:
                if t.recv(1):
                    return False    # RFC 8737 §4: nothing is said by that protocol
            except OSError:
                pass
        proof = shown.extensions.get_extension_for_oid(PROOF)
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        return proof.critical and proof.value.value == b"\x04\x20" + hashlib.sha256(want.encode()).digest() and names == [name]

    # ---- certificates ----
    def issue(self, csr, names, key=None):
        request = x509.load_der_x509_csr(csr)
        asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        if not request.is_signature_valid or sorted(asked) != sorted(self.orders[-1]["names"]):
            raise Problem(403, "badCSR", f"it asks for {asked}")
        signer = x509.load_pem_x509_certificate(open(path("signer.pem"), "rb").read())
        signer_key = serialization.load_pem_private_key(open(path("signer.key"), "rb").read(), None)
        from datetime import datetime, timedelta
        now = datetime.utcfromtimestamp(int(time.time()))
        made = (x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(signer.subject)
                .public_key(key or request.public_key()).serial_number(x509.random_serial_number()).not_valid_before(now)
                .not_valid_after(now + timedelta(seconds=self.life))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), True)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer_key.public_key()), False)
                .sign(signer_key, hashes.SHA256()))
        return (made.public_bytes(serialization.Encoding.PEM) + signer.public_bytes(serialization.Encoding.PEM)).decode()

    def renewal(self, handler, identifier):
        last = x509.load_pem_x509_certificate(self.orders[-1]["certificate"].encode())
        signer = last.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        serial = last.serial_number
        want = b64(signer) + "." + b64(serial.to_bytes(serial.bit_length() // 8 + 1, "big"))
        if identifier != want:
            raise Problem(404, "malformed", f"{identifier} is not {want}")
        if not self.window:
            raise Problem(404, "malformed", "nothing is known")
        start, end = self.window()
        text = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) for t in (start, end)]
        self.say(handler, 200, {"suggestedWindow": {"start": text[0], "end": text[1]}}, Retry_After=1)


class Pebble:
    """Debian's pebble, and the server of names that it asks."""

    def __init__(self, **more):
        config = {"listenAddress": f"{HERE}:14000", "managementListenAddress": f"{HERE}:15000", "certificate": path("here.pem"),
                  "privateKey": path("here.key"), "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "",
                  "externalAccountBindingRequired": False}
        with open(path("pebble.json"), "w") as f:
            json.dump({"pebble": config | more}, f)
        self.log = open(path("pebble.log"), "w+")

    def __enter__(self):
        env = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "30", "PEBBLE_AUTHZREUSE": "0"}
        names = ["pebble-challtestsrv", "-dns01", f"{HERE}:8053", "-defaultIPv4", HOST, "-defaultIPv6", "",
                 "-http01", "", "-https01", "",
                 "-tlsalpn01", "", "-management", "127.0.0.1:8055"]
        pebble = ["pebble", "-strict", "-config", path("pebble.json"), "-dnsserver", f"{HERE}:8053"]
        self.processes = [subprocess.Popen(c, stdout=self.log, stderr=self.log, env=env) for c in (names, pebble)]
        until = time.monotonic() + 20
        while True:
            try:
                for port in 14000, 15000:
                    socket.create_connection((HERE, port), 1).close()
                break
            except OSError:
                if time.monotonic() > until or any(p.poll() is not None for p in self.processes):
                    raise
                time.sleep(0.05)
        c = ssl.create_default_context(cafile=path("ca.pem"))
        with urllib.request.urlopen(f"https://{HERE}:15000/roots/0", context=c, timeout=10) as r, open(path("root.pem"), "wb") as f:
            f.write(r.read())
        return self

    def __exit__(self, *_):
        for p in self.processes:
            p.terminate()
            p.wait(10)
        self.log.close()

    def text(self):
        self.log.flush()
        with open(path("pebble.log")) as f:
            return f.read()
