# SPDX-License-Identifier: ISC
"""dnsload, the generator of bench/dns and bench/udp."""
import json
import time

from . import host

TRIES = 10


def run(client, process, *command):
    """Its figures, and what `process` used meanwhile (host.Usage.end). Once more while the kernel still holds the last run's
    AF_XDP socket, sometimes for seconds."""
    for tries in range(TRIES):
        usage = host.Usage(process.pid)
        try:
            return json.loads(client.run(*command, core=host.LOAD_CORE)), usage.end()
        except host.BenchError as error:
            if "another AF_XDP socket" not in str(error) or tries == TRIES - 1:
                raise
            time.sleep(1)
