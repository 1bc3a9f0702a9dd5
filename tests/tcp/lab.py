# SPDX-License-Identifier: ISC
"""The laboratory of tests/tcp/run and bench/tcp: Linux in one network namespace, an image (or Linux in its place) on a
bridge in another, and between the two a bad link (relay.c) or a router. All of it goes away with the process: namespaces
by name, processes by pid, devices with their namespaces.

    far: Linux, 10.0.0.1 -- TAP -- relay -- TAP -- bridge (10.0.0.3) -- TAP -- the image, 10.0.0.2
                                                      \\-- veth (10.0.1.1) -- beyond: Linux, 10.0.1.2

10.0.0.3 reaches the image past the bad link: what is asked about it and ordered from it goes that way. After use(6) the same
is of IPv6, 2001:db8::1 to 2001:db8::3 and 2001:db8:1::2, and an image has nothing of IPv4."""
import contextlib
import ctypes
import functools
import hashlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
# Of each family: the socket's, who is where, two networks and the router between them, what `ip address add` takes besides, the
# bits of an address, the least MTU that the tests name.
FAMILIES = {4: (socket.AF_INET, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.2", "10.0.0.0/24", "10.0.1.0/24", "10.0.1.1", (), 32, 1200),
            6: (socket.AF_INET6, "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:1::2", "2001:db8::/64", "2001:db8:1::/64",
                "2001:db8:1::1", ("nodad",), 128, 1280)}
ECHO, SINK, DIGEST, IN_PLACE, SOURCE, STATIC, FIGURES, CLIENT = 7, 9, 10, 11, 19, 20, 79, 99
COUNT, COUNT_IN_PLACE, REUSED = 12, 13, 21
NEAR_MAC = "02:00:00:00:00:03"  # the bridge's, and the image's device's (see plain)
PERIOD = 1048573    # bytes until the stream repeats, as in appliance/main.c
ECHO_SIZE = 4096
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def use(family):
    """What follows is of this family; a Lab is of one."""
    global FAMILY, AF, FAR, IMAGE, NEAR, BEYOND, NETWORK, NETWORK_BEYOND, ROUTER, ADD, BITS, SMALL_MTU
    FAMILY = family
    AF, FAR, IMAGE, NEAR, BEYOND, NETWORK, NETWORK_BEYOND, ROUTER, ADD, BITS, SMALL_MTU = FAMILIES[family]


use(4)


def in_network(address):
    """As `ip address add` wants it."""
    return f"{address}/{NETWORK.split('/')[1]}", *ADD


class Failed(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Failed(why)


def sh(*command, check=True):
    try:
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired as e:
        raise Failed(str(e)) from None
    if check and done.returncode:
        raise Failed(f"{' '.join(str(c) for c in command)}: {done.stdout.strip()[-300:]}")
    return done.stdout


def until(what, seconds, why):
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(why() if callable(why) else why)
        time.sleep(0.02)


# ---- The stream that all send ----

def _make_stream():
    x, words = 0x9E3779B97F4A7C15, bytearray()
    for _ in range(131072):
        x ^= x << 13 & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= x << 17 & 0xFFFFFFFFFFFFFFFF
        words += x.to_bytes(8, "little")
    return bytes(words[:PERIOD])


STREAM = _make_stream()


def pieces(size):
    whole = memoryview(STREAM)
    for at in range(0, size, PERIOD):
        yield whole[:min(PERIOD, size - at)]


@functools.lru_cache(None)
def sha_of(size):
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.hexdigest()


# ---- Namespaces ----

class Namespace:
    """`with namespace:` what this thread opens is opened there."""

    def __init__(self, name, make=True):
        self.name = name
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        if make:
            sh("ip", "netns", "add", name)
        self.file = os.open(f"/run/netns/{name}", os.O_RDONLY)
        self.congestion = b"cubic"      # of its sockets: a namespace cannot choose what its host restricts
        if not make:
            return
        try:
            self.set("net/ipv4/tcp_no_metrics_save", 1)
            for key in ("net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6"):
                self.set(key, int(FAMILY != 6))
            sh("ip", "-n", name, "link", "set", "lo", "up")
        except BaseException:
            self.remove()
            raise

    def set(self, key, value):
        with self:
            with open(f"/proc/sys/{key}", "w") as f:
                f.write(str(value))

    def __enter__(self):
        if LIBC.setns(self.file, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        return self

    def __exit__(self, *_):
        if LIBC.setns(self.home, CLONE_NEWNET):
            os._exit(70)    # every further step would be in the wrong place

    def ip(self, *words, check=True):
        return sh("ip", "-n", self.name, *words, check=check)

    def socket(self):
        with self:
            s = socket.socket(AF)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, self.congestion)
        return s

    def connect(self, to, timeout):
        s = self.socket()
        s.settimeout(timeout)
        s.connect(to)
        return s

    def listen(self, port, address="", backlog=4096):
        s = self.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(backlog)
        return s

    def remove(self):
        os.close(self.file)
        os.close(self.home)
        sh("ip", "netns", "del", self.name, check=False)


# ---- Linux's ends; all return what there is to compare ----

def send_stream(s, size):
    for piece in pieces(size):
        s.sendall(piece)


def receive_digest(s):
    """To the end: (bytes, SHA-256)."""
    count, digest, room = 0, hashlib.sha256(), memoryview(bytearray(1 << 20))
    while n := s.recv_into(room):
        digest.update(room[:n])
        count += n
    return count, digest.hexdigest()


def read_line(s):
    line = b""
    while not line.endswith(b"\n"):
        got = s.recv(512)
        if not got:
            break
        line += got
    return line.decode(errors="replace").strip()


def upload(s, size):
    """Sends to a sink, ends, and reads its answer."""
    send_stream(s, size)
    s.shutdown(socket.SHUT_WR)
    return read_line(s)


def download(s, size, half_close=False):
    s.sendall(b"%d\n" % size)
    if half_close:
        s.shutdown(socket.SHUT_WR)
    return receive_digest(s)


def serve_one(listener, timeout, serve):
    """The next connection, served in a thread; join() gives the result."""
    listener.settimeout(timeout)

    def work():
        s, _ = listener.accept()
        with s:
            s.settimeout(timeout)
            return serve(s)
    return Work(work)


class Work:
    """A thread whose result, or exception, is join()'s."""

    def __init__(self, what):
        self.what, self.result, self.error = what, None, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.result = self.what()
        except Exception as e:
            self.error = e

    def join(self, timeout):
        self.thread.join(timeout)
        if self.thread.is_alive():
            raise Failed(f"not done within {timeout:g} s")
        if self.error:
            raise self.error
        return self.result


class EchoServer:
    """Any number of connections."""

    def __init__(self, namespace, port, address=""):
        self.listener = namespace.listen(port, address)
        self.listener.setblocking(False)
        self.open = self.most = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        with selectors.DefaultSelector() as all_of_them:
            all_of_them.register(self.listener, selectors.EVENT_READ)
            waiting = {}
            while not self.stopping:
                for key, _ in all_of_them.select(0.1):
                    s = key.fileobj
                    try:
                        if s is self.listener:
                            c, _ = s.accept()
                            c.setblocking(False)
                            waiting[c] = b""
                            all_of_them.register(c, selectors.EVENT_READ)
                            self.open += 1
                            self.most = max(self.most, self.open)
                            continue
                        if not waiting[s]:
                            waiting[s] = s.recv(65536)
                            if not waiting[s]:
                                raise ConnectionResetError
                            all_of_them.modify(s, selectors.EVENT_WRITE)    # kept, if nothing can be sent now
                        waiting[s] = waiting[s][s.send(waiting[s]):]
                        all_of_them.modify(s, selectors.EVENT_WRITE if waiting[s] else selectors.EVENT_READ)
                    except BlockingIOError:
                        pass
                    except OSError:
                        all_of_them.unregister(s)
                        s.close()
                        self.open -= 1
            for s in waiting:
                s.close()
        self.listener.close()

    def stop(self):
        self.stopping = True
        self.thread.join()


def echo_many(namespace, to, count, timeout):
    """Opens so many connections to an echo server; when all are open, each sends ECHO_SIZE bytes and reads them back.
    Returns how many did."""
    end = time.monotonic() + timeout
    todo, opened, done = {}, 0, 0
    with selectors.DefaultSelector() as all_of_them, contextlib.ExitStack() as stack:
        for k in range(count):
            s = stack.enter_context(namespace.socket())
            s.setblocking(False)
            s.connect_ex(to)
            at = k * 997 % (PERIOD - ECHO_SIZE)
            todo[s] = (STREAM[at:at + ECHO_SIZE], bytearray())
            all_of_them.register(s, selectors.EVENT_WRITE)
        while opened < count:
            need(time.monotonic() < end, f"{opened} of {count} were opened within {timeout:g} s")
            for key, _ in all_of_them.select(1):
                error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                need(not error, f"connection {opened + 1}: {os.strerror(error)}")
                all_of_them.modify(key.fileobj, selectors.EVENT_READ)
                opened += 1
        for s, (data, _) in todo.items():
            need(s.send(data) == len(data), "a send buffer has no room for 4 KiB")
        while done < count:
            need(time.monotonic() < end, f"{done} of {count} were echoed within {timeout:g} s")
            for key, _ in all_of_them.select(1):
                data, got = todo[key.fileobj]
                more = key.fileobj.recv(65536)
                need(more, f"a connection ended after {len(got)} bytes")
                got += more
                if len(got) >= len(data):
                    need(got == data, "an echo is not what was sent")
                    all_of_them.unregister(key.fileobj)
                    done += 1
    return done


# ---- The link ----

class Relay:
    def __init__(self, path, one, other):
        self.process = subprocess.Popen([path, one, other], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        need(self.process.stdout.readline() == "ready\n", "the relay does not start")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def set(self, settings):
        need(self.ask(f"set {settings}") == "ok", f"the relay does not take {settings!r}")

    def figures(self):
        return {k: int(v) for k, v in (word.split("=") for word in self.ask("figures").split())}

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


# ---- Who is at IMAGE ----

class ImageContender:
    """An image with tests/tcp/appliance under a tender."""

    def __init__(self, lab, tender, ampoule, path, pin=(), options=()):
        self.lab, self.name = lab, tender
        self.refusals = set()   # what clients heard before it listened: numbers of errors
        self.log = tempfile.NamedTemporaryFile("w+", prefix="ampoule-tcp-")
        lab.near.ip("tuntap", "add", "img0", "mode", "tap")
        lab.near.ip("link", "set", "img0", "address", NEAR_MAC, "txqueuelen", "20000", "master", "bridge0", "up")
        if FAMILY == 4:     # what it is built for says the rest: build_appliance
            options = ("--set", f"address={IMAGE}/24", "--set", f"gateway={NEAR}", *options)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", lab.near.name, *pin, ampoule, "run", "--tender", tender, "-v", "--net", "service=tap:img0",
             *options, path],
            stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until(lambda: self.answers() or not self.alive(), 20, "the image does not come up")
        self.check()
        lab.forget()

    @contextlib.contextmanager
    def plain(self):
        """The image's TAP device by itself, not on the bridge, which costs the host more than the packets do."""
        near = self.lab.near
        near.ip("link", "set", "img0", "nomaster")
        near.ip("route", "add", f"{IMAGE}/{BITS}", "dev", "img0", "src", NEAR)
        try:
            yield
        finally:
            near.ip("route", "del", f"{IMAGE}/{BITS}", "dev", "img0")
            near.ip("link", "set", "img0", "master", "bridge0")
            self.lab.forget()

    def answers(self):
        try:
            with self.lab.near.connect((IMAGE, FIGURES), 1):
                return True
        except OSError as e:
            self.refusals.add(e.errno)
            return False

    def alive(self):
        return self.process.poll() is None

    def text(self):
        with open(self.log.name, errors="replace") as f:
            return f.read()

    def check(self):
        need(self.alive(), f"the image ended with {self.process.returncode}: {self.text()[-600:]!r}")

    def order(self, line, timeout):
        """A command for its client port: a thread that has the answer."""
        s = self.lab.near.connect((IMAGE, CLIENT), 10)
        s.settimeout(timeout)

        def work():
            with s:
                s.sendall(line.encode() + b"\n")
                return read_line(s)
        return Work(work)

    def figures(self):
        with self.lab.near.connect((IMAGE, FIGURES), 10) as s:
            text = b""
            while got := s.recv(65536):
                text += got
        return {k: int(v) for k, v in (line.split() for line in text.decode().splitlines())}

    def stop(self):
        try:
            if self.alive():
                self.process.terminate()
                try:
                    self.process.wait(10)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
                    raise Failed("the image does not stop on SIGTERM") from None
        finally:
            self.log.close()
            self.lab.near.ip("link", "del", "img0", check=False)


def _serve_sink(s):
    count, room = 0, bytearray(1 << 20)
    while n := s.recv_into(room):
        count += n
    s.sendall(b"%d ok\n" % count)


def _serve_digest(s):
    s.sendall(b"%d ok %s\n" % ((r := receive_digest(s))[0], r[1].encode()))


def _serve_source(s):
    send_stream(s, int(read_line(s)))


SERVICES = {SINK: _serve_sink, IN_PLACE: _serve_sink, COUNT: _serve_sink, COUNT_IN_PLACE: _serve_sink,
            DIGEST: _serve_digest, SOURCE: _serve_source, STATIC: _serve_source,
            REUSED: _serve_source}


class LinuxContender:
    """Linux in the image's place: what it cannot do here, the link cannot carry."""
    name = "linux"

    def __init__(self, lab):
        self.lab = lab
        lab.near.ip("address", "add", *in_network(IMAGE), "dev", "bridge0")
        self.echo = EchoServer(lab.near, ECHO, IMAGE)
        self.listeners = [lab.near.listen(port, IMAGE) for port in SERVICES]
        for listener, serve in zip(self.listeners, SERVICES.values()):
            threading.Thread(target=self._serve, args=(listener, serve), daemon=True).start()

    def _serve(self, listener, serve):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            Work(lambda s=s: self._one(s, serve))

    @staticmethod
    def _one(s, serve):
        with s:
            s.settimeout(7200)
            serve(s)

    def check(self):
        pass

    def order(self, line, timeout):
        what, address, port, count = line.split()
        to, count = (address, int(port)), int(count)

        def bound():
            s = self.lab.near.socket()
            s.settimeout(timeout)
            s.bind((IMAGE, 0))
            s.connect(to)
            return s

        def work():
            if what == "echoes":
                return f"{echo_many(self.lab.near, to, count, timeout)} ok"
            with bound() as s:
                if what == "source":
                    return f"{count} ok {upload(s, count)}"
                got, digest = download(s, count)
                return f"{got} ok {digest}" if what == "digest" else f"{got} ok"
        return Work(work)

    def figures(self):
        return {}

    def stop(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.echo.stop()
        self.lab.near.ip("address", "del", in_network(IMAGE)[0], "dev", "bridge0")


class LinuxProcess:
    """The services of a LinuxContender in a process of its own, for measurements: this file as a program."""
    name = "linux"

    def __init__(self, lab, pin=()):
        self.lab = lab
        lab.near.ip("address", "add", *in_network(IMAGE), "dev", "bridge0")
        self.process = subprocess.Popen([*pin, "/usr/bin/python3", os.path.realpath(__file__), lab.near.name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        need(self.process.stdout.readline() == "ready\n", "the Linux server does not start")
        lab.forget()

    def plain(self):
        return contextlib.nullcontext()     # who asks it over a veth passes the bridge by

    def check(self):
        need(self.process.poll() is None, "the Linux server has ended")

    def figures(self):
        return {}

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.lab.near.ip("address", "del", in_network(IMAGE)[0], "dev", "bridge0")


class Lab:
    def __init__(self, prefix="tcp"):
        self.scratch = tempfile.mkdtemp(prefix="ampoule-tcp-")
        self.near = self.far = self.beyond = self.relay = None
        try:
            binary = f"{self.scratch}/relay"
            sh("gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-o", binary, f"{HERE}/relay.c")
            for name in ("near", "far", "beyond"):
                setattr(self, name, Namespace(f"{prefix}-{os.getpid()}-{name}"))
            self.relay = Relay(binary, f"{self.far.name}:far0", f"{self.near.name}:near0")
            near, far, beyond = self.near, self.far, self.beyond
            near.ip("link", "add", "bridge0", "address", NEAR_MAC, "type", "bridge")
            near.ip("link", "set", "near0", "master", "bridge0", "up")
            near.ip("address", "add", *in_network(NEAR), "dev", "bridge0")
            near.ip("link", "set", "bridge0", "up")
            far.ip("address", "add", *in_network(FAR), "dev", "far0")
            far.ip("link", "set", "far0", "up")
            near.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", beyond.name)
            near.ip("address", "add", *in_network(ROUTER), "dev", "veth0")
            near.ip("link", "set", "veth0", "up")
            near.set("net/ipv4/ip_forward" if FAMILY == 4 else "net/ipv6/conf/all/forwarding", 1)
            near.set("net/ipv4/conf/all/send_redirects", 0)
            beyond.ip("address", "add", *in_network(BEYOND), "dev", "veth1")
            beyond.ip("link", "set", "veth1", "up")
            beyond.ip("route", "add", NETWORK, "via", ROUTER)
            far.ip("route", "add", NETWORK_BEYOND, "via", NEAR)
        except BaseException:
            self.remove()
            raise

    def way_beyond(self, *words):
        """The router's route there; of IPv6 the kernel's own has this metric."""
        self.near.ip("route", "replace", NETWORK_BEYOND, "dev", "veth0", *(("metric", "256") if FAMILY == 6 else ()), *words)

    def forget(self):
        """Who is at IMAGE has changed: neighbours' addresses and the bridge's."""
        for namespace, device in ((self.far, "far0"), (self.near, "bridge0")):
            namespace.ip("neigh", "flush", "dev", device, check=False)

    def remove(self):
        if self.relay:
            self.relay.stop()
        for namespace in (self.near, self.far, self.beyond):
            if namespace:
                namespace.remove()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def build_appliance(ampoule, scratch, *options):
    """The image, with the stream compiled in; TCP_IMAGE names one that is built already."""
    if os.environ.get("TCP_IMAGE"):
        return os.path.abspath(os.environ["TCP_IMAGE"])
    out, source = f"{scratch}/tcp{''.join(options)}.amp", f"{scratch}/appliance"
    shutil.copytree(f"{HERE}/appliance", source, dirs_exist_ok=True)
    with open(f"{source}/stream", "wb") as f:
        f.write(STREAM)
    if FAMILY == 6:
        with open(f"{source}/appliance.yaml", "r+") as f:
            text = f.read()
            of_it = f'    address: none\n    addresses: ["{IMAGE}/64"]\n    routes: [{{to: "{NETWORK_BEYOND}", gateway: "{NEAR}"}}]\n'
            changed = text.replace("    address: $address\n    gateway: $gateway\n", of_it)
            need(changed != text, "the manifest's interface is not the one that is known here")
            f.seek(0)
            f.write(changed)
            f.truncate()
    sh(ampoule, "build", "-q", "--work", f"{scratch}/work{''.join(options)}", *options, "-o", out, source)
    return out


def exit_on_signals():
    """SystemExit, once: what follows must not be interrupted while it cleans up."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def leave(number, _):
        for n in numbers:
            signal.signal(n, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in numbers:
        signal.signal(number, leave)


def _serve_alone(name):
    """What LinuxProcess starts; ends with standard input."""
    near = Namespace(name, make=False)

    class JustNear:
        pass
    lab = JustNear()
    lab.near = near
    near.ip = lambda *_, **__: None     # the address is the parent's business
    contender = LinuxContender(lab)
    print("ready", flush=True)
    sys.stdin.read()
    contender.stop()


if __name__ == "__main__":
    _serve_alone(sys.argv[1])
