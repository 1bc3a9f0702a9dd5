#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""bench/lib/draw.py BUILD_DIR: draws the paper's figures from what BUILD_DIR/bench/*.json holds into docs/figures, or
into the folder $FIGURES. A benchmark that did not run leaves its figure as it is."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
from lib import figure, report  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def three(values):
    return min(values), report.median(values), max(values)


def of(runs, key):
    return [r[key] for r in runs]


def zones(data, folder):
    for key, label, name in (("rate", "answers/s", "dns-rate"), ("cpu_us_core", "µs of the server's core, an answer", "dns-cpu")):
        systems = {}
        for names, found in data.items():
            for system, runs in found["saturation"].items():
                systems.setdefault(system, []).append((int(names), three(of(runs, key))))
        figure.lines(f"{folder}/{name}.svg", "DNS at saturation, by size of the zone", "names in the zone", label, systems)


def dns(data, folder):
    found = data.get("10000") or next(iter(data.values()))
    figure.bars(f"{folder}/dns-servers.svg", f"DNS at saturation, {found['about']['names']:,} names", "", "answers/s",
                {"one core": {s: three(of(r, "rate")) for s, r in found["saturation"].items()}})


def web(data, folder):
    figure.bars(f"{folder}/http-cpu.svg", "HTTP, what a request costs", "", "µs of the server's core, a request",
                {load: {s: three(of(r, "cpu_us_core")) for s, r in runs.items()} for load, runs in data["loads"].items()})
    small = {load: runs for load, runs in data["loads"].items() if "large" not in load}
    figure.bars(f"{folder}/http-rate.svg", "HTTP, small file", "", "requests/s",
                {load: {s: three(of(r, "rate")) for s, r in runs.items()} for load, runs in small.items()})


def boot(data, folder):
    groups = {"to the exit": {n: three([r["exit_ns"] / 1e6 for r in runs]) for n, runs in data["runs"].items()}}
    if data["answers"]:
        groups["DNS: to the first answer"] = {n: three([r["answer_ns"] / 1e6 for r in runs])
                                              for n, runs in data["answers"].items()}
    figure.bars(f"{folder}/boot.svg", "Start-up", "", "milliseconds from process start", groups)


def block(data, folder):
    units = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
    systems = {}
    for run in data["runs"]:
        size = str(run["size"]).lower()
        size = float(size[:-1]) * units[size[-1]] if size[-1] in units else float(size)
        name = f"{run['name']}, depth {run['depth']}"
        systems.setdefault(name, {}).setdefault(size / 1024, []).append(run["rate"] * size / (1 << 20))
    figure.lines(f"{folder}/block.svg", "Random reads, by size", "KiB a read", "MiB/s",
                 {n: [(x, three(v)) for x, v in points.items()] for n, points in systems.items()})


def tcp(data, folder):
    groups = {}
    for name, runs in data["links"].get("local", {}).items():
        system, what = name.split(" ", 1)
        groups.setdefault(what.replace("_", " "), {})[system] = three([r["rate"] / 1e6 for r in runs])
    figure.bars(f"{folder}/tcp.svg", "TCP over the local link", "the contender ...", "MB/s", groups)


def kv(data, folder):
    figure.bars(f"{folder}/kv.svg", "Key-value server", "", "µs of the server's core, a command",
                {load.split(", ")[0] + (" x32" if "32" in load else ""): {s: three(of(r, "cpu_us_core")) for s, r in runs.items()}
                 for load, runs in data["loads"].items()})


def tasks(data, folder):
    late = {}
    for run in data["runs"]:
        if run["part"] in ("equal", "million"):
            name = f"{run['name']}, {figure.number(run['count'])}"
            for one_in, us in run["late_us"].items():
                late.setdefault(name, {}).setdefault(int(one_in), []).append(us)
    figure.lines(f"{folder}/tasks.svg", "Sleepers over a second: how late they wake (least of the rounds)", "one sleeper in so many is later", "µs late",
                 {n: [(x, (min(v),) * 3) for x, v in points.items() if x <= 1000] for n, points in sorted(late.items())})


def size(data, folder):
    figure.bars(f"{folder}/size.svg", "Size of the images", "", "bytes of text and read-only data",
                {n: {"image": (v["text_rodata"],) * 3} for n, v in data.items()})


def main():
    build, folder = sys.argv[1], os.environ.get("FIGURES") or os.path.join(ROOT, "docs", "figures")
    for draw in (zones, dns, web, boot, block, tcp, kv, tasks, size):
        path = os.path.join(build, "bench", f"{draw.__name__}.json")
        if os.path.exists(path):
            with open(path) as file:
                draw(json.load(file), folder)


main()
