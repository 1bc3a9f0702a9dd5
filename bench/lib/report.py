# SPDX-License-Identifier: ISC
"""Figures to tables and JSON: medians with their spread, ratios, columns that line up."""
import json
import os


def quantile(values, share):
    """By linear interpolation."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * share
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def median(values):
    return quantile(values, 0.5)


def spread(values):
    """Half the distance from least to greatest, as a share of the median."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def summary(values):
    return {"median": median(values), "min": min(values), "max": max(values), "p90": quantile(values, 0.9),
            "values": list(values)}


def table(title, columns, rows, note=None):
    """columns: names, the first one's cells to the left; rows: lists of text or numbers."""
    text = [[c if isinstance(c, str) else f"{c:,}" if isinstance(c, int) else f"{c:.2f}" for c in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(columns), *text]) for i in range(len(columns))]

    def line(cells):
        return "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths)))

    print(f"\n{title}\n")
    print("  " + line(columns))
    print("  " + "  ".join("-" * w for w in widths))
    for row in text:
        print("  " + line(row).rstrip())
    if note:
        print(f"\n  {note}")


def save(build, name, data):
    path = os.path.join(build, "bench", f"{name}.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
    print(f"\n  -> {path}")
