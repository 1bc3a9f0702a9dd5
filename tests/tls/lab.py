# SPDX-License-Identifier: ISC
"""What the parts of tests/tls/run share: commands, certificates, an image that runs."""
import os
import signal
import socket
import subprocess
import tempfile
import time

HOST, PORT = "10.0.0.2", 443
WORK = tempfile.mkdtemp(prefix="ampoule-tls-")


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Failed(why)


def sh(*command, stdin="", seconds=30):
    done = subprocess.run([str(c) for c in command], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=seconds, check=False)
    return done.returncode, done.stdout


def path(name):
    return os.path.join(WORK, name)


def authority(name):
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
       "-subj", f"/CN={name}", "-keyout", path(name + ".key"), "-out", path(name + ".pem"))


def certificate(name, host, by, *kind, days=20, more=""):
    """Signed by `by`; `more`: extensions, in place of a host's names."""
    kind = kind or ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    with open(path("ext"), "w") as f:
        f.write(more or f"subjectAltName=DNS:{host},IP:{HOST}\n")
    sh("openssl", "req", *kind, "-nodes", "-subj", f"/CN={host}", "-keyout", path(name + ".key"), "-out", path("csr"))
    status, out = sh("openssl", "x509", "-req", "-in", path("csr"), "-CA", path(by + ".pem"), "-CAkey", path(by + ".key"),
                     "-CAcreateserial", "-days", days, "-extfile", path("ext"), "-out", path(name + ".pem"))
    need(status == 0, out)


# ---- the appliance ----
class Image:
    """It runs, and listens on the port if that is not 0."""

    def __init__(self, build, tender, image, port, *sets, net="service=tap:tap0", words=()):
        self.log = open(path("log"), "w+")
        self.process = subprocess.Popen([build + "/ampoule", "run", "-v", "--tender", tender, "--net", net, *words] +
                                        [w for s in sets for w in ("--set", s)] + [path(image)],
                                        stdout=self.log, stderr=self.log)
        until = time.monotonic() + 60
        while port and time.monotonic() < until:
            try:
                socket.create_connection((HOST, port), 1).close()
                return
            except OSError:
                need(self.process.poll() is None, "it ended: " + self.text())
                time.sleep(0.05)
        if port:
            self.process.kill()     # it has the TAP device, which the next one needs
            self.process.wait(30)
            raise Failed("it does not listen: " + self.text())

    def text(self):
        self.log.flush()
        with open(path("log")) as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()     # it has the TAP device, which the next one needs
            raise
        self.log.close()


