# SPDX-License-Identifier: ISC
"""A zone of N names and the queries for it, the same each time: A, AAAA, MX, TXT, CNAME, delegations, and a share of
names that do not exist."""
import random

ORIGIN = "example.org."
SEED = 2013
MISSES = 0.05   # of queries: NXDOMAIN


def write(zone_path, query_path, names, queries=50000):
    """Returns how many queries were written. dnsperf's format, in an order that no cache likes."""
    draw = random.Random(SEED)
    asked = []
    with open(zone_path, "w") as zone:
        zone.write(f"$ORIGIN {ORIGIN}\n$TTL 3600\n"
                   "@ IN SOA ns1 hostmaster 2024010101 7200 3600 1209600 300\n"
                   "@ IN NS ns1\n@ IN NS ns2\n@ IN MX 10 mail\n"
                   "ns1 IN A 192.0.2.1\nns2 IN A 192.0.2.2\nmail IN A 192.0.2.3\n")
        for i in range(names):
            label = f"{draw.choice(('host', 'web', 'db', 'node', 'svc'))}{i}"
            kind = draw.random()
            address = f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"
            if kind < 0.70:
                zone.write(f"{label} IN A {address}\n")
                asked.append((label, "A"))
            elif kind < 0.80:
                zone.write(f"{label} IN A {address}\n{label} IN AAAA 2001:db8::{i >> 16:x}:{i & 0xffff:x}\n")
                asked.append((label, draw.choice(("A", "AAAA"))))
            elif kind < 0.85:
                zone.write(f"{label} IN MX 10 mail\n{label} IN A {address}\n")
                asked.append((label, "MX"))
            elif kind < 0.90:
                zone.write(f'{label} IN TXT "v=1 id={i} text of no particular meaning"\n')
                asked.append((label, "TXT"))
            elif kind < 0.95:
                zone.write(f"{label} IN CNAME mail\n")
                asked.append((label, "A"))
            else:
                zone.write(f"{label} IN NS ns.{label}\nns.{label} IN A {address}\n")
                asked.append((f"www.{label}", "A"))
    with open(query_path, "w") as out:
        for i in range(queries):
            if draw.random() < MISSES:
                out.write(f"absent{i}.{ORIGIN[:-1]} A\n")
            else:
                label, kind = draw.choice(asked)
                out.write(f"{label}.{ORIGIN[:-1]} {kind}\n")
    return queries
