# SPDX-License-Identifier: ISC
"""Changes snapshots (host/tender/snapshot.h) and makes their digests fit again, as whoever makes them himself can."""
import functools
import hashlib
import random
import struct

PAGE = 4096
ARG, RUN = 144, struct.Struct("<IIQQ")
REGION = struct.Struct("<IIQQQ")
DEVICES_AT, DEVICE_SIZE, DEVICES = 360, 56, 16
REGIONS_AT = DEVICES_AT + DEVICE_SIZE * DEVICES
SHA, TABLE_SHA = slice(16, 48), slice(48, 80)
# Of struct snapshot_header: a name, where it is, how many bytes.
FIELDS = [("version", 8, 4), ("size", 12, 4), ("file_size", 80, 8), ("image_at", 88, 8), ("image_size", 96, 8), ("table_at", 104, 8),
          ("run_count", 112, 4), ("region_count", 116, 4), ("device_count", 120, 4), ("arg_count", 124, 4), ("cpu_level", 128, 4),
          ("abi_major", 132, 2), ("abi_minor", 134, 2), ("build_id", 136, 8), ("name", 168, 8), ("image_version", 200, 8),
          ("tender", 232, 8), ("generation", 264, 8), ("image_ns", 272, 8), ("wall_ns", 280, 8), ("moved", 288, 8), ("entry", 296, 8),
          ("stack", 304, 8), ("touched", 312, 8), ("ended", 336, 8), ("base_at", 344, 8), ("base_size", 352, 8)]


@functools.lru_cache
def table():
    t = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
        t.append(n)
    return t


def crc32c(data):
    t, c = table(), 0xffffffff
    for b in data:
        c = t[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xffffffff


class Snapshot:
    def __init__(self, data):
        self.data = bytearray(data)

    def number(self, name):
        at, size = next((a, s) for n, a, s in FIELDS if n == name)
        return int.from_bytes(self.data[at:at + size], "little")

    def put(self, at, size, value):
        self.data[at:at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def runs(self):
        return [RUN.unpack_from(self.data, self.number("table_at") + i * RUN.size) for i in range(self.number("run_count"))]

    def pages(self, run):
        at = REGION.unpack_from(self.data, REGIONS_AT + run[0] * REGION.size)[4] + run[2] * PAGE
        return at, run[3] * PAGE

    def sum_run(self, i):
        at, size = self.pages(self.runs()[i])
        self.put(self.number("table_at") + i * RUN.size + 4, 4, crc32c(self.data[at:at + size]))

    def seal(self):
        """What stood for sizes is of the header as it was: `table` is where they were."""
        size, table_at, args, runs = self.table
        self.data[TABLE_SHA] = hashlib.sha256(self.data[PAGE:PAGE + args * ARG] + self.data[table_at:table_at + runs * RUN.size]).digest()
        self.data[SHA] = bytes(32)
        self.data[SHA] = hashlib.sha256(self.data[:size]).digest()
        return bytes(self.data)


def opened(data):
    s = Snapshot(data)
    s.table = s.number("size"), s.number("table_at"), s.number("arg_count"), s.number("run_count")
    return s


def odd(draw, old, size):
    most = (1 << 8 * size) - 1
    return draw.choice([0, 1, most, most >> 1, 1 << 8 * size - 1, old + 1, old - 1, old ^ 1 << draw.randrange(8 * size), old + PAGE,
                        old - PAGE, draw.getrandbits(8 * size)])


def headers(data, seed):
    """Each field in turn, then some at once."""
    draw = random.Random(seed)
    for name, at, size in FIELDS + [(f"some {n}", 0, 0) for n in range(20)]:
        s = opened(data)
        for _, a, z in [(name, at, size)] if size else draw.sample(FIELDS, 3):
            s.put(a, z, odd(draw, int.from_bytes(s.data[a:a + z], "little"), z))
        yield f"field {name}", s.seal()


def regions(data, seed, count):
    draw = random.Random(seed)
    for n in range(count):
        s = opened(data)
        at = REGIONS_AT + draw.randrange(s.number("region_count")) * REGION.size + draw.choice([0, 4, 8, 16, 24])
        size = 4 if (at - REGIONS_AT) % REGION.size < 8 else 8
        s.put(at, size, odd(draw, int.from_bytes(s.data[at:at + size], "little"), size))
        yield f"region {n}", s.seal()
    for n in range(count):
        s = opened(data)
        at = s.number("table_at") + draw.randrange(s.number("run_count")) * RUN.size + draw.choice([0, 8, 16])
        size = 4 if (at - s.number("table_at")) % RUN.size < 8 else 8
        s.put(at, size, odd(draw, int.from_bytes(s.data[at:at + size], "little"), size))
        yield f"run {n}", s.seal()


def memories(data, seed, count):
    """Words of memory: pointers of the image, its stacks, its heap, what it keeps of its gate and its devices."""
    draw = random.Random(seed)
    for n in range(count):
        s = opened(data)
        runs = s.runs()
        i = draw.choice([k for k, r in enumerate(runs) if r[3] <= 32] or [min(range(len(runs)), key=lambda k: runs[k][3])])
        at, size = s.pages(runs[i])
        words = [a for a in range(at, at + size, 8) if any(s.data[a:a + 8])] or [at]
        for a in draw.sample(words, min(len(words), draw.choice([1, 4, 64, 1000]))):
            s.put(a, 8, odd(draw, int.from_bytes(s.data[a:a + 8], "little"), 8))
        s.sum_run(i)
        yield f"memory {n}", s.seal()


def insides(data, seed, count):
    """Arguments, and the image's file."""
    draw = random.Random(seed)
    for n in range(count):
        s = opened(data)
        first, size = (PAGE, s.number("arg_count") * ARG) if n % 2 else (s.number("image_at"), s.number("image_size"))
        for _ in range(draw.choice([1, 8])):
            s.data[first + draw.randrange(size)] = draw.randrange(256)
        yield f"{'argument' if n % 2 else 'image'} {n}", s.seal()


def damaged(data, seed, count):
    """As a disk or a line damages it: nothing is made to fit."""
    draw = random.Random(seed)
    s = opened(data)
    spans = [(0, s.number("size")), (PAGE, s.number("arg_count") * ARG), (s.number("table_at"), s.number("run_count") * RUN.size),
             *(s.pages(r) for r in s.runs())]
    for n in range(count):
        own = bytearray(data)
        first, size = draw.choice(spans)
        own[first + draw.randrange(size)] ^= 1 << draw.randrange(8)
        yield f"damaged {n}", bytes(own) if n % 4 else data[:draw.randrange(len(data))]
