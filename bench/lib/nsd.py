# SPDX-License-Identifier: ISC
"""NSD as a peer: one server process, nothing that costs and that we do not do (no rate limiting, no control channel,
no transfer), in the foreground."""
import os
import subprocess

from . import host

CONFIG = """server:
  server-count: 1
  ip-address: {address}
  port: 53
  do-ip6: no
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  database: ""
  logfile: "{folder}/nsd.log"
  receive-buffer-size: 4194304
  send-buffer-size: 4194304
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: {minimal}
  round-robin: no
  reuseport: no
  verbosity: 0
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: "{zone}"
"""


def configure(address, zone, folder, minimal=False):
    """Writes a configuration into folder; its path."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "nsd.conf")
    with open(path, "w") as file:
        file.write(CONFIG.format(address=address, folder=folder, zone=zone, minimal="yes" if minimal else "no"))
    return path


def start(namespace, address, zone, folder, minimal=False):
    path = configure(address, zone, folder, minimal)
    return namespace.start("nsd", "-d", "-c", path, core=host.SERVER_CORE, log=os.path.join(folder, "output"))


def version():
    done = subprocess.run(["nsd", "-v"], capture_output=True, text=True, check=False)
    return done.stderr.split("\n")[0]
