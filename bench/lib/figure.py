# SPDX-License-Identifier: ISC
"""Figures as SVG, without a library: lines over a linear or logarithmic axis with their spread, or groups of bars. Axes
are labelled, and each system keeps its colour in all figures."""
import math
import os

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 84, 170, 44, 62
COLOURS = ["#0b5394", "#38761d", "#6fa8dc", "#93c47d", "#b45f06", "#741b47", "#7f6000", "#666666"]
KNOWN = ["kvm-xdp", "sandbox-xdp", "kvm", "sandbox", "nsd", "knot", "bind", "nginx", "linux", "fio", "memcached"]


def _escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colour(name, at):
    order = {"nsd": 4, "nginx": 4, "linux": 4, "fio": 4, "memcached": 4, "knot": 5, "bind": 6}
    return COLOURS[order.get(name, KNOWN.index(name) if name in KNOWN[:4] else at % len(COLOURS))]


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


def _steps(top):
    """Round numbers from 0 to at least top."""
    raw = top / 5 or 1
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    return [i * step for i in range(math.ceil(top / step - 1e-9) + 1)]


class _Drawing:
    def __init__(self, title, x_label, y_label, y_top):
        self.steps = _steps(y_top * 1.02)
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
                      'font-family="sans-serif" font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
        middle = (LEFT + WIDTH - RIGHT) / 2
        self.text(middle, 24, title, 'text-anchor="middle" font-size="15"')
        self.text(middle, HEIGHT - 14, x_label, 'text-anchor="middle"')
        y = (TOP + HEIGHT - BOTTOM) / 2
        self.text(18, y, y_label, f'text-anchor="middle" transform="rotate(-90 18 {y:g})"')
        for value in self.steps:
            at = self.y(value)
            self.line(LEFT, at, WIDTH - RIGHT, at, "#dddddd" if value else "black")
            self.text(LEFT - 8, at + 4, number(value), 'text-anchor="end"')
        self.line(LEFT, TOP, LEFT, HEIGHT - BOTTOM, "black")

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / self.steps[-1]

    def line(self, x1, y1, x2, y2, stroke, width=1):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
                          f'stroke-width="{width}"/>')

    def text(self, x, y, text, more=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {more}>{_escape(text)}</text>')

    def spread(self, x, low, high, stroke):
        self.line(x, self.y(low), x, self.y(high), stroke)
        for value in (low, high):
            self.line(x - 3, self.y(value), x + 3, self.y(value), stroke)

    def legend(self, at, name, stroke):
        y = TOP + 10 + at * 20
        self.parts.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 9}" width="12" height="12" fill="{stroke}"/>')
        self.text(WIDTH - RIGHT + 32, y + 1, name)

    def save(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("\n".join([*self.parts, "</svg>", ""]))
        print(f"  -> {path}")


def lines(path, title, x_label, y_label, systems):
    """systems: name -> [(x, (least, median, greatest))]; x is logarithmic."""
    points = [p for of in systems.values() for p in of]
    if not points:
        return
    low, high = (math.log10(f(p[0] for p in points)) for f in (min, max))
    drawing = _Drawing(title, x_label, y_label, max(p[1][2] for p in points))

    def at(x):
        return LEFT + 20 + (WIDTH - RIGHT - LEFT - 40) * ((math.log10(x) - low) / (high - low) if high > low else 0.5)

    for x in sorted({p[0] for p in points}):
        drawing.text(at(x), HEIGHT - BOTTOM + 18, number(x), 'text-anchor="middle"')
    for i, (name, of) in enumerate(systems.items()):
        stroke = colour(name, i)
        of = sorted(of)
        path_ = " ".join(f"{at(x):.1f},{drawing.y(v[1]):.1f}" for x, v in of)
        drawing.parts.append(f'<polyline points="{path_}" fill="none" stroke="{stroke}" stroke-width="2"/>')
        for x, (least, middle, greatest) in of:
            drawing.spread(at(x), least, greatest, stroke)
            drawing.parts.append(f'<circle cx="{at(x):.1f}" cy="{drawing.y(middle):.1f}" r="3.5" fill="{stroke}"/>')
        drawing.legend(i, name, stroke)
    drawing.save(path)


def bars(path, title, x_label, y_label, groups):
    """groups: label -> {system: (least, median, greatest)}."""
    systems = list(dict.fromkeys(name for of in groups.values() for name in of))
    values = [v for of in groups.values() for v in of.values()]
    if not values:
        return
    drawing = _Drawing(title, x_label, y_label, max(v[2] for v in values))
    room = (WIDTH - RIGHT - LEFT) / len(groups)
    wide = room * 0.8 / len(systems)
    for g, (label, of) in enumerate(groups.items()):
        begin = LEFT + room * g + room * 0.1
        drawing.text(begin + room * 0.4, HEIGHT - BOTTOM + 18, label, 'text-anchor="middle"')
        for i, name in enumerate(systems):
            if name not in of:
                continue
            least, middle, greatest = of[name]
            top = drawing.y(middle)
            drawing.parts.append(f'<rect x="{begin + wide * i:.1f}" y="{top:.1f}" width="{wide * 0.92:.1f}" '
                                 f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{colour(name, i)}"/>')
            drawing.spread(begin + wide * (i + 0.46), least, greatest, "black")
    for i, name in enumerate(systems):
        drawing.legend(i, name, colour(name, i))
    drawing.save(path)
