# SPDX-License-Identifier: ISC
"""What benchmarks need of the host: namespaces, processes pinned to cores, their CPU time and memory. All that is
made here is removed at exit, whether by an exception, SIGINT or SIGTERM: processes by pid, namespaces by name."""
import atexit
import ctypes
import os
import signal
import subprocess
import sys
import time

SERVER_CORE = 0
LOAD_CORE = 1 if (os.cpu_count() or 1) > 1 else 0
PR_SET_CHILD_SUBREAPER = 36
TICK = os.sysconf("SC_CLK_TCK")

_processes = []
_namespaces = []


class BenchError(Exception):
    """Said in one line, and the benchmark ends."""


def clean_up():
    while _processes:
        stop(_processes[-1])
    while _namespaces:
        subprocess.run(["ip", "netns", "del", _namespaces.pop()], stderr=subprocess.DEVNULL, check=False)


def _on_signal(number, _frame):
    sys.exit(128 + number)


def begin():
    """Called once by each benchmark: this process leaves the server's core, inherits what its children leave behind, and
    cleans up when it ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.sched_setaffinity(0, {LOAD_CORE})
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _on_signal)
    atexit.register(clean_up)


def need_root():
    if os.geteuid() != 0:
        raise BenchError("this benchmark makes network namespaces: run it as root")


def run(*command, check=True):
    """Runs a command to its end; its standard output. Its failure is the benchmark's."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise BenchError(f"{' '.join(str(c) for c in command)}: exit status {done.returncode}: "
                         f"{(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


# ---- Network ----

class Namespace:
    """A network namespace of ours, with loopback up and without IPv6's background talk."""

    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)  # a killed run's
        run("ip", "netns", "add", name)
        _namespaces.append(name)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *command, core=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        return ["ip", "netns", "exec", self.name, *pin, *(str(c) for c in command)]

    def run(self, *command, core=None, check=True):
        return run(*self.command(*command, core=core), check=check)

    def start(self, *command, core=None, log=None):
        return start(self.command(*command, core=core), log)

    def add_tap(self, device, address):
        """Its queue is as long as the socket buffers that peers are given (lib/nsd.py): some thousand packets."""
        self.run("ip", "tuntap", "add", "dev", device, "mode", "tap")
        self.run("ip", "link", "set", device, "txqueuelen", "4096")
        self.up(device, address)

    def up(self, device, address):
        if address:
            self.run("ip", "address", "add", address, "dev", device)
        self.run("ip", "link", "set", device, "up")


def add_veth(one, one_device, one_address, other, other_device, other_address):
    """A veth pair between two namespaces."""
    run("ip", "link", "add", one_device, "netns", one.name, "type", "veth", "peer", "name", other_device,
        "netns", other.name)
    one.up(one_device, one_address)
    other.up(other_device, other_address)


# ---- Processes ----

def start(command, log=None):
    """Starts a process in a group of its own; log: a path for its output."""
    with open(log or os.devnull, "ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, process_group=0)
    _processes.append(process)
    return process


def stop(process):
    """Asks it to end, and makes it end after two seconds; its children too."""
    family = tree(process.pid) if process.poll() is None else []
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            pass
    for pid in family:
        if alive(pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    process.wait()
    for pid in family[1:]:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass
    if process in _processes:
        _processes.remove(process)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def tree(pid):
    """The process and its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry))
            except OSError:
                pass
    found = [pid]
    for p in found:
        found.extend(children.get(p, []))
    return found


def wait_until(what, condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise BenchError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


# ---- What it costs ----

class Usage:
    """CPU time between two moments: of a process and its descendants, and of whole cores. The core's figure holds what
    the kernel does in interrupts on behalf of either side, too."""

    def __init__(self, pid):
        self.pid = pid
        self.before = self._take()

    def _take(self):
        own = 0
        for pid in tree(self.pid):
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                        own += int(file.read().split()[0])
            except OSError:
                pass
        cores = {}
        with open("/proc/stat") as file:
            for line in file:
                words = line.split()
                if words[0].startswith("cpu") and words[0] != "cpu":
                    ticks = [int(w) for w in words[1:9]]
                    cores[int(words[0][3:])] = (ticks[3] + ticks[4], ticks[7])
        return time.monotonic(), own, cores

    def end(self):
        """Seconds: wall, process, and by core busy (all but idle) and stolen by the hypervisor."""
        wall0, own0, cores0 = self.before
        wall1, own1, cores1 = self._take()
        wall = wall1 - wall0
        return {
            "wall": wall,
            "process": (own1 - own0) / 1e9,
            "busy": {c: max(0.0, wall - (cores1[c][0] - cores0[c][0]) / TICK) for c in cores0},
            "stolen": {c: (cores1[c][1] - cores0[c][1]) / TICK for c in cores0},
        }


def calm(seconds=5.0, busy=0.1):
    """Waits until the server's core is idle but for so much, as other programs on this host allow; at most so long."""
    end = time.monotonic() + seconds
    while True:
        usage = Usage(os.getpid())
        time.sleep(0.25)
        used = usage.end()
        if used["busy"][SERVER_CORE] / used["wall"] <= busy or time.monotonic() > end:
            return


def prefer(pids):
    """These, and what they start, before whatever else runs on this machine. The kernel shares it out among sessions first
    (autogroups), so that a server in several sessions, and one in its client's, would not be asked alike."""
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                os.setpriority(os.PRIO_PROCESS, int(task), -20)
            with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as file:
                file.write("-20")
        except OSError:
            pass    # it has ended, or the kernel has none


def memory_kib(pid):
    """Resident and proportional memory of a process and its descendants, KiB."""
    rss = pss = 0
    for p in tree(pid):
        try:
            with open(f"/proc/{p}/smaps_rollup") as file:
                for line in file:
                    if line.startswith("Rss:"):
                        rss += int(line.split()[1])
                    elif line.startswith("Pss:"):
                        pss += int(line.split()[1])
        except OSError:
            pass
    return {"rss": rss, "pss": pss}


def describe():
    """What the figures depend on."""
    model = "unknown"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    busy = Usage(os.getpid())
    time.sleep(0.5)
    others = busy.end()
    return {"kernel": os.uname().release, "cpu": model, "cores": os.cpu_count(),
            "server_core": SERVER_CORE, "load_core": LOAD_CORE,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "busy_before": {str(c): round(b / others["wall"], 2) for c, b in others["busy"].items()}}
