# SPDX-License-Identifier: ISC
"""Knot DNS as a peer: one UDP worker, nothing that costs and that we do not do (no rate limiting, no statistics, no
journal, no control beyond what it needs to start), in the foreground."""
import os
import subprocess

from . import host

CONFIG = """server:
    listen: {address}@53
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    socket-affinity: off
log:
  - target: stderr
    any: error
database:
    storage: "{folder}"
    journal-db-max-size: 10M
    kasp-db-max-size: 10M
    timer-db-max-size: 10M
zone:
  - domain: example.org
    file: "{zone}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
"""


def start(namespace, address, zone, folder):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "knot.conf")
    with open(path, "w") as file:
        file.write(CONFIG.format(address=address, folder=folder, zone=zone))
    return namespace.start("/usr/sbin/knotd", "-c", path, core=host.SERVER_CORE, log=os.path.join(folder, "output"))


def version():
    done = subprocess.run(["/usr/sbin/knotd", "-V"], capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[0]
