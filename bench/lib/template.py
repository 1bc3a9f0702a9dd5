#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""bench/NAME BUILD_DIR: what it measures, in one line.

A template: copy it to bench/NAME, make it executable, and `bench/run` and `make bench` find it. This one compares how
long a ping takes to an appliance under both tenders; keep the shape, change the middle."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from lib import host, report  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SERVER, CLIENT = "10.0.0.2", "10.0.0.1/24"


def one(name, ampoule, image, folder):
    """Starts, measures and stops one contender. The namespace and the process end with the benchmark at the latest."""
    client = host.Namespace(f"abench-{name}-c")
    client.add_tap("client0", CLIENT)
    log = os.path.join(folder, f"{name}.log")
    server = client.start(ampoule, "run", "--tender", name, "--net", "service=tap:client0", image,
                          core=host.SERVER_CORE, log=log)
    host.wait_until(f"{name} answers (log: {log})",
                    lambda: "1 received" in client.run("ping", "-c1", "-W1", SERVER, check=False))
    usage = host.Usage(server.pid)
    text = client.run("ping", "-q", "-c200", "-i0.002", SERVER, core=host.LOAD_CORE)
    used = usage.end()
    host.stop(server)
    return {"ms": float(re.search(r"= [\d.]+/([\d.]+)/", text).group(1)), "core_busy": used["busy"][host.SERVER_CORE]}


def main():
    build = os.path.realpath(sys.argv[1])
    folder = os.path.join(build, "bench", "template")
    os.makedirs(folder, exist_ok=True)
    host.need_root()
    host.begin()
    contenders = ["kvm", "sandbox"]
    runs = {name: [] for name in contenders}
    for n in range(ROUNDS):
        for name in contenders if n % 2 == 0 else contenders[::-1]:     # whoever is first has no advantage
            runs[name].append(one(name, os.path.join(build, "ampoule"), os.path.join(build, "apps", "echo.amp"), folder))
    rows = []
    for name, figures in runs.items():
        ms = [f["ms"] for f in figures]
        rows.append([name, f"{report.median(ms):.3f}", f"{report.spread(ms):.0%}"])
    report.table(f"Ping, milliseconds ({ROUNDS} rounds)", ["server", "mean", "+-"], rows)
    report.save(build, "template", {"about": host.describe(), "runs": runs})


try:
    main()
except host.BenchError as error:
    sys.exit(f"bench/NAME: {error}")
