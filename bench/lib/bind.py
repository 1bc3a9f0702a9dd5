# SPDX-License-Identifier: ISC
"""BIND as a peer: authoritative only, one worker, nothing that costs and that we do not do (no recursion, no control
channel, no notifies, no transfers), in the foreground."""
import os
import subprocess

from . import host

CONFIG = """options {{
	directory "{folder}";
	pid-file "{folder}/named.pid";
	session-keyfile "{folder}/session.key";
	managed-keys-directory "{folder}";
	listen-on port 53 {{ {address}; }};
	listen-on-v6 {{ none; }};
	recursion no;
	notify no;
	allow-transfer {{ none; }};
	dnssec-validation no;
	minimal-responses no;
	empty-zones-enable no;
	querylog no;
}};
controls {{ }};
zone "example.org" {{ type primary; file "{zone}"; check-names ignore; zone-statistics none; }};
"""


def start(namespace, address, zone, folder):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "named.conf")
    with open(path, "w") as file:
        file.write(CONFIG.format(address=address, folder=folder, zone=zone))
    return namespace.start("/usr/sbin/named", "-g", "-n", "1", "-c", path, core=host.SERVER_CORE,
                           log=os.path.join(folder, "output"))


def version():
    done = subprocess.run(["/usr/sbin/named", "-v"], capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[0].strip()
