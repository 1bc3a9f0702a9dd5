# SPDX-License-Identifier: ISC
"""What benchmarks of clones and of standbys have in common: memory of the host, and what the host itself adds to a start."""
import re
import statistics
import subprocess
import time


def available():
    """KiB."""
    return int(re.search(r"MemAvailable: +(\d+)", open("/proc/meminfo").read()).group(1))


def freed():
    """The same, when what ended before is freed: the kernel takes its time for processes, machines and devices."""
    before, last = -1, available()
    while last - before > 256:
        time.sleep(1)
        before, last = last, available()
    return last


def percentiles(values):
    values = sorted(values)
    return statistics.median(values), values[min(len(values) - 1, int(len(values) * 0.99))]


def nothing(count, pause):
    """What the host makes of a process that does nothing: the tails of all others are to be seen beside it. Milliseconds of each."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        subprocess.run(["/bin/true"], check=True)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(pause)
    a, b = percentiles(took)
    print(f"host     /bin/true, one at a time, ms: p50 {a:.2f} p99 {b:.2f} min {min(took):.2f}")
    return {"true_ms": took}
