# SPDX-License-Identifier: ISC
"""gVisor (runsc) around a peer: the same program, files and network namespace, with Sentry in between. Its platform is
ptrace, the one that Debian's runsc has on every host. With network "sandbox" packets go by gVisor's own TCP/IP (netstack), which is
its default; "host" lends the program the namespace's sockets: faster, and the host's TCP/IP sees what a client sends."""
import json
import os
import shutil
import subprocess
import time

from . import host

RUNSC = "/usr/bin/runsc"
CAPABILITIES = ["CAP_NET_BIND_SERVICE", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE"]


def command(argv, folder, network, namespace=None):
    """Writes a bundle: the host's files, read-only but for `folder`, in a network namespace. What runs argv in it, in the
    foreground."""
    bundle = os.path.join(folder, "bundle")
    shutil.rmtree(bundle, ignore_errors=True)
    os.makedirs(bundle)
    config = {
        "ociVersion": "1.0.0",
        "process": {"user": {"uid": 0, "gid": 0}, "args": [str(a) for a in argv], "cwd": "/",
                    "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 20000}],
                    "capabilities": {k: CAPABILITIES for k in ("bounding", "effective", "permitted")}},
        "root": {"path": "/", "readonly": True},
        "hostname": "bench",
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": folder, "type": "bind", "source": folder, "options": ["rbind", "rw"]}],
        "linux": {"namespaces": [{"type": t} for t in ("pid", "mount", "ipc", "uts")]},
    }
    if namespace:
        config["linux"]["namespaces"].append({"type": "network", "path": f"/run/netns/{namespace.name}"})
    with open(os.path.join(bundle, "config.json"), "w") as file:
        json.dump(config, file)
    # This runsc takes every namespace of a newer kernel for the first one, by a file that was only there once.
    alone = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/sys/net && exec "$@"', "sh"] if network == "sandbox" else []
    return [*alone, RUNSC, "--root", os.path.join(bundle, "state"), "--platform=ptrace", f"--network={network}", "--ignore-cgroups",
            "run", "--bundle", bundle, f"bench{time.monotonic_ns()}"]


def start(namespace, argv, folder, network, device="server0", address="10.0.0.2/24"):
    """netstack takes the address off the device: it is put there again for the next start."""
    if network == "sandbox":
        namespace.run("ip", "address", "replace", address, "dev", device)
    return namespace.start(*command(argv, folder, network, namespace), core=host.SERVER_CORE, log=os.path.join(folder, "output"))


class Nsd:
    """NSD in gVisor, as a peer of bench/dns."""

    def __init__(self, network):
        self.network = network

    def start(self, namespace, address, zone, folder):
        from . import nsd
        path = nsd.configure(address, zone, folder)
        return start(namespace, ["/usr/sbin/nsd", "-d", "-c", path], folder, self.network)

    def version(self):
        return version()


def version():
    done = subprocess.run([RUNSC, "--version"], capture_output=True, text=True, check=False)
    return "runsc " + done.stdout.split("\n")[0].split()[-1]
