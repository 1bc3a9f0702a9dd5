# SPDX-License-Identifier: ISC
"""What hostile images are made of: machine code that no image may run, and files that lie. abi/ampoule_abi.h has the layout."""
import random
import struct

SLOT = b"here is the slot"
SLOT_SIZE = 64

# ---- Machine code: at its start RBX, RDI and RSI hold addresses of writable pages, RCX is 1, the other registers 0 ----


def named():
    """Instructions that only a kernel may run, that leave, or that tell of the host. Name, code."""
    table = """
    hlt f4; cli fa; sti fb; clts 0f06; invd 0f08; wbinvd 0f09; wbnoinvd f30f09; rsm 0faa; sysret 0f07; sysretq 480f07
    sysexit 0f35; sysexitq 480f35; sysenter 0f34; iret cf; iretq 48cf; swapgs 0f01f8; rdmsr 0f32; wrmsr 0f30; rdpmc 0f33
    lgdt 0f0113; lidt 0f011b; lldt 0f00d0; ltr 0f00d8; lmsw 0f01f0; sgdt 0f0103; sidt 0f010b; sldt 0f00c0; str 0f00c8
    smsw 0f01e0; invlpg 0f013b; invlpga 0f01df; invpcid 660f388203; invept 660f388003; invvpid 660f388103
    mov-from-cr0 0f20c0; mov-from-cr2 0f20d0; mov-from-cr3 0f20d8; mov-from-cr4 0f20e0; mov-from-cr8 440f20c0
    mov-to-cr0 0f22c0; mov-to-cr2 0f22d0; mov-to-cr3 0f22d8; mov-to-cr4 0f22e0; mov-to-cr8 440f22c0
    mov-from-dr0 0f21c0; mov-from-dr6 0f21f0; mov-from-dr7 0f21f8; mov-to-dr0 0f23c0; mov-to-dr7 0f23f8
    in-al-dx ec; in-eax-dx ed; in-ax-dx 66ed; in-al-80 e480; in-eax-80 e580; out-dx-al ee; out-dx-eax ef; out-80-al e680
    insb 6c; insd 6d; rep-insb f36c; rep-insd f36d; outsb 6e; outsd 6f; rep-outsb f36e; rep-outsd f36f
    vmcall 0f01c1; vmmcall 0f01d9; vmlaunch 0f01c2; vmresume 0f01c3; vmxoff 0f01c4; vmxon f30fc733; vmclear 660fc733
    vmptrld 0fc733; vmptrst 0fc73b; vmread 0f78c0; vmwrite 0f79c0; vmfunc 0f01d4; vmrun 0f01d8; vmload 0f01da
    vmsave 0f01db; stgi 0f01dc; clgi 0f01dd; skinit 0f01de; encls 0f01cf; enclu 0f01d7; enclv 0f01c0; pconfig 0f01c5
    getsec 0f37; seamcall 660f01cf; tdcall 660f01cc; seamret 660f01cd; seamops 660f01ce; rmpadjust f30f01fe
    rmpupdate f20f01fe; pvalidate f20f01ff; psmash f30f01ff; monitor 0f01c8; mwait 0f01c9; monitorx 0f01fa
    mwaitx 0f01fb; umonitor f30faef3; umwait f20faef1; tpause 660faef1; xsetbv 0f01d1; xgetbv 0f01d0; cpuid 0fa2
    rdtsc 0f31; rdtscp 0f01f9; rdpru 0f01fd; rdpid f30fc7f8; rdrand 480fc7f0; rdseed 480fc7f8; clac 0f01ca; stac 0f01cb
    xsaves 0fc72b; xrstors 0fc71b; xsave 0fae23; xrstor 0fae2b; xsaveopt 0fae33; xsavec 0fc723; fxsave 0fae03
    fxrstor 0fae0b; rdpkru 0f01ee; wrpkru 0f01ef; wrpkru-all b8ffffffff31c90f01ef; rdfsbase f3480faec0
    wrfsbase f3480faed3; rdgsbase f3480faec8; wrgsbase f3480faedb; wrfsbase-high 48b80000000000008000f3480faed0
    incssp f3480faeee; rdssp f3480f1ec8; saveprevssp f30f01ea; rstorssp f30f012b; wrss 480f38f603; wruss 66480f38f503
    setssbsy f30f01e8; clrssbsy f30fae33; endbr64 f30f1efa; clui f30f01ee; stui f30f01ef; testui f30f01ed
    uiret f30f01ec; senduipi f30fc7f0; serialize 0f01e8; hreset f30f3af0c000; xbegin c7f8060000000f01d50f01d6
    xabort c6f800; ptwrite f3480faee0; cldemote 0f1c03; clflush 0fae3b; clflushopt 660fae3b; clwb 660fae33; clzero 0f01fc
    movdir64b 660f38f83b; enqcmd f20f38f83b; enqcmds f30f38f83b; movdiri 0f38f903; lkgs f20f00f0; eretu f30f01ca
    erets f20f01ca; wrmsrns 0f01c6; rdmsrlist f20f01c6; wrmsrlist f30f01c6; wrmsr-efer b9800000c031c031d20f30
    wrmsr-lstar b9820000c00f30; rdmsr-tsc b9100000000f32; syscall 0f05; syscall-write b801000000bf010000000f05
    syscall-exit b8e70000000f05; syscall-fork b8390000000f05; syscall-execve b83b0000000f05; syscall-io_uring b8a90100000f05
    syscall-seccomp b83d0100000f05; syscall-ptrace b8650000000f05; syscall-x32 b8010000400f05; syscall-negative 48c7c0ffffffff0f05
    int-80-exit b801000000cd80; int-80-write b804000000bb01000000cd80; int3 cc; int1 f1; into ce; ud0 0fffc0; ud1 0fb9c0
    ud2 0f0b; popf-all 6aff9d; popf-iopl 68003000009d; popf-if 68000200009d; popf-trap 68000100009d90; popf-nt 68004000009d48cf
    popf-ac 68000004009d8b4301; popf-id 68000020009d; popf-vm 68000002009d; pushf 9c9d; std fd; lahf 9f
    mov-ss-0 31c08ed0; mov-ds-8 b8080000008ed8; mov-ds-28 b8280000008ed8; mov-es-ffff b8ffff00008ec0; mov-fs-3 b8030000008ee0
    mov-gs-b b80b0000008ee8; mov-cs 8ec8; pop-fs 6a080fa1; pop-gs 6a080fa9; lss 480fb203; lfs 480fb403; lgs 480fb503
    lds c503; les c403; lar 0f02c1; lsl 0f03c1; verr 0f00e0; verw 0f00e8; arpl 63c0; far-call 48ff1b; far-jump 48ff2b
    far-jump-8 c703000000006a08488b0424c74308080000004889030148ff2b; far-ret 6a086a0048cb; far-ret-33 6a336a0048cb; far-ret-23 6a23680000000048cb
    iret-ring0 6a006a006a006a086a0048cf; iret-32 6a2b536a026a236a0048cf; bound 6203; salc d6; loadall 0f04; loadall3 0f07
    jump-kernel 48b80000000080ffffffffe0; jump-vsyscall 48c7c0000060ffffd0; jump-noncanonical 48b80000000000008000ffe0
    jump-page-zero 31c0ffe0; jump-heap ffe3; jump-stack 54ffe4; read-kernel 48c7c000000081488b00
    read-vsyscall 48c7c0000060ff488b00; read-system 498b8000100000; write-system 49898000300000
    read-tables 498b00; stack-zero 31e450; stack-kernel 48c7c4000000815058; stack-text 488d25f8ffffff50
    lock-ud f00fb9c0; split-lock f048874b3f; long-nop 0f1f8400000000006666662e0f1f8400; seventeen-prefixes 6666666666666666666666666666666690
    rex-end 48; fnstenv-fault d933dbe3d9e8d8330f0b; fldcw-unmasked c703000000006a00d92c24d9eed9e8def1d9d0
    divide 31c9f7f1; ldmxcsr-bad c70300000080 0fae13; ldmxcsr-unmasked c703000000000fae1331c0660f6ec00f5ec00f5ec0
    rep-movs-kernel 48c7c60000008148c7c1fffffffff3a4; rep-stos-everything 48c7c1fffffffff3aa; xchg-text 48870500000000
    amx-tilecfg c4e27849 03; vzeroupper c5f877; vmaskmov-kernel c5fd76c048c7c000000081c4e27d8e08; gather-kernel c5fd76c0c4e2f99008
    """
    for part in table.replace("\n", ";").split(";"):
        words = part.split()
        if words:
            yield words[0], bytes.fromhex("".join(words[1:]))
    for port in (0x20, 0x40, 0x60, 0x64, 0x70, 0x80, 0x8d, 0x8e, 0x92, 0x9f, 0x3f8, 0x4fc, 0x4ff, 0x500, 0x502, 0x504, 0x50f, 0x510,
                 0x511, 0x514, 0x600, 0xcf8, 0xcfc, 0xffff):
        for name, code in ("inb", "ec"), ("inw", "66ed"), ("ind", "ed"), ("outb", "ee"), ("outd", "ef"), ("insd", "f36d"), ("outsd", "f36f"):
            yield f"{name}-{port:x}", b"\xba" + struct.pack("<I", port) + bytes.fromhex(code)
    for vector in (0, 1, 2, 3, 4, 8, 13, 14, 18, 30, 31, 32, 33, 0x80, 0x81, 0xef, 0xff):
        yield f"int-{vector:x}", bytes([0xcd, vector])


def swept():
    """All one-byte and two-byte opcodes, and the groups in which privileged instructions lie."""
    tail = bytes.fromhex("0300000000000000")
    for op in range(256):
        yield f"op-{op:02x}", bytes([op]) + tail
        yield f"op-0f-{op:02x}", bytes([0x0f, op]) + tail
    for op in (0x00, 0x01, 0xae, 0xc7):
        for prefix in (b"", b"\x66", b"\xf2", b"\xf3", b"\x48", b"\xf3\x48"):
            for form in range(256):
                yield f"op-{prefix.hex()}0f{op:02x}-{form:02x}", prefix + bytes([0x0f, op, form]) + tail
    for vector in range(256):
        yield f"int-{vector:02x}", bytes([0xcd, vector])


def with_code(image, code):
    at = image.index(SLOT)
    if len(code) > SLOT_SIZE:
        raise ValueError(code.hex())
    return image[:at] + code + b"\x90" * (SLOT_SIZE - len(code)) + image[at + SLOT_SIZE:]


# ---- Files that lie ----

PAGE, BASE = 4096, 0x2a5a12300000
LOW, HIGH = 0x200000000000, 0x500000000000
NOTE = struct.Struct("<HHI32s32s32sQQQIIIIIIII")
DEVICE, ARG = struct.Struct("<32sIIIIQ8s"), struct.Struct("<32sII128s128s")
HEADER, SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
NOTE_FIELDS = ("major", "minor", "size", "name", "version", "build", "memory_min", "memory", "stack_base", "stack_size", "stack_count",
               "cpu", "flags", "devices", "args", "libraries", "guard")
NET, BLOCK, OPTIONAL = 1, 2, 1
# mov rax, [rdi + 16]; xor edi, edi; xor esi, esi; call rax; ud2
EXIT = bytes.fromhex("488b471031ff31f6ffd00f0b")


def device(name, kind, flags=OPTIONAL, ring=64, frames=None, size_min=0, form=b""):
    return DEVICE.pack(name, kind, flags, ring, (128 if kind == NET else 0) if frames is None else frames, size_min, form)


def file(note=None, devices=(), args=(), segments=None, header=None, moves=b"", more=b"", code=EXIT):
    """An image that ends at once, but for what is given."""
    n = dict(major=1, minor=3, size=None, name=b"lies", version=b"1", build=b"", memory_min=1 << 20, memory=1 << 20,
             stack_base=BASE + (1 << 20), stack_size=65536, stack_count=1, cpu=1, flags=0, devices=len(devices), args=len(args),
             libraries=1, guard=0)
    n.update(note or {})
    body = b"".join(devices) + b"".join(args) + struct.pack("<32s", b"core")
    if n["size"] is None:
        n["size"] = NOTE.size + len(body)
    desc = NOTE.pack(*(n[f] for f in NOTE_FIELDS)) + body
    elf_note = struct.pack("<III8s", 8, n["size"], 1, b"Ampoule\0") + desc
    room = (len(elf_note) + PAGE - 1) // PAGE * PAGE
    data = 2 * PAGE + room
    s = dict(text=[1, 5, PAGE, BASE, BASE, PAGE, PAGE, PAGE], constant=[1, 4, 2 * PAGE, BASE + PAGE, 0, room, room, PAGE],
             note=[4, 4, 2 * PAGE, BASE + PAGE, 0, len(elf_note), len(elf_note), 4],
             data=[1, 6, data, BASE + PAGE + room, 0, PAGE, 2 * PAGE, PAGE])
    for name, changes in (segments or {}).items():
        if changes is None:
            del s[name]
            continue
        row = s.setdefault(name, list(s["data"]))
        for k, v in changes.items():
            row[("type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align").index(k)] = v
    h = dict(ident=b"\x7fELF\2\1\1", type=2, machine=62, version=1, entry=BASE, phoff=64, shoff=0, flags=0, ehsize=64, phentsize=56,
             phnum=len(s), shentsize=0, shnum=0, shstrndx=0)
    h.update(header or {})
    out = HEADER.pack(*h.values()) + b"".join(SEGMENT.pack(*(v & (1 << 64) - 1 if k else v for k, v in enumerate(row))) for row in s.values())
    out = out.ljust(PAGE, b"\0") + code.ljust(PAGE, b"\xcc") + elf_note.ljust(room, b"\0") + bytes(PAGE)
    if moves or n["flags"] & 4:
        out += struct.pack("<I", len(moves)) + moves
    return out + more


NUMBERS = (0, 1, 2, 3, 63, 64, 65, 4095, 4096, 4097, 32768, 32769, 65536, 1 << 20, 1 << 24, (1 << 24) + 4096, 1 << 31, (1 << 32) - 4096,
           (1 << 32) - 1)
LARGE = NUMBERS + (1 << 32, LOW - 4096, LOW, BASE, BASE + 4096, BASE + 8192, HIGH - 4096, HIGH, 1 << 47, 1 << 63, (1 << 64) - 4096,
                   (1 << 64) - 1)


def lies(full):
    """Name, bytes of a file. Each differs from a good one in one thing, or is drawn."""
    some = (lambda values, n: values) if full else (lambda values, n: values[::max(1, len(values) // n)])
    for f in "memory_min", "memory", "stack_base":
        for v in some(LARGE, 12):
            yield f"{f}={v:#x}", file({f: v})
            if f == "memory":
                yield f"memory and least {v:#x}", file({f: v, "memory_min": v}, [device(b"d", BLOCK)])
    for f in "stack_size", "stack_count", "cpu", "flags", "guard", "devices", "args", "libraries", "size":
        for v in some(NUMBERS, 6):
            yield f"{f}={v:#x}", file({f: v})
    for v in (0, 2, 3, 255, 65535):
        yield f"major={v}", file({"major": v})
        yield f"minor={v}", file({"minor": v})
    for v in (b"", b"x" * 32, b"\x1b[31m", b"-x", b"a/b", b"..", b"\xc2\x9b31m", b"a\0b"):
        yield f"name={v!r}", file({"name": v})
        yield f"version={v!r}", file({"version": v})
        yield f"device named {v!r}", file(devices=[device(v, NET)])
    for kind in (NET, BLOCK):
        for v in some(NUMBERS, 8):
            yield f"device {kind} ring={v}", file(devices=[device(b"d", kind, ring=v)])
            yield f"device {kind} frames={v}", file(devices=[device(b"d", kind, frames=v)])
            yield f"device {kind} flags={v}", file(devices=[device(b"d", kind, flags=v)])
            yield f"device {kind} size_min={v}", file(devices=[device(b"d", kind, size_min=v)])
        yield f"device {kind} twice", file(devices=[device(b"d", kind), device(b"d", kind)])
        yield f"sixteen devices {kind}, largest", file(devices=[device(b"d%d" % k, kind, ring=32768, frames=262144 if kind == NET else 0)
                                                               for k in range(16)])
        yield f"seventeen devices {kind}", file(devices=[device(b"d%d" % k, kind) for k in range(17)])
        yield f"no memory, device {kind}", file({"memory": 0, "memory_min": 0}, [device(b"d", kind)])
    for v in (0, 3, 255, (1 << 32) - 1):
        yield f"device type={v}", file(devices=[device(b"d", v)])
    yield "format without an end", file(devices=[device(b"d", BLOCK, form=b"xxxxxxxx")])
    for kind in range(0, 10):
        for v in (b"", b"x", b"4294967296", b"-1", b"1.2.3.4/33", b"999999999999999999999h", b"x" * 128, b"\x1b[2J"):
            yield f"argument {kind}={v[:20]!r}", file(args=[ARG.pack(b"a", kind, 1, v, b"")])
    yield "argument help without an end", file(args=[ARG.pack(b"a", 4, 1, b"", b"h" * 128)])
    yield "sixty-five arguments", file(args=[ARG.pack(b"a%d" % k, 4, 1, b"", b"") for k in range(65)])
    for f, values in dict(type=(0, 1, 3, 4), machine=(3, 183), entry=(0, 1, BASE - 1, BASE + 4095, BASE + 4096, HIGH, 1 << 63),
                          phoff=(0, 1, 4096, 1 << 40, (1 << 64) - 1), phentsize=(0, 55, 57), phnum=(0, 1, 3, 5, 65535),
                          ident=(b"", b"\x7fELF\1\1\1", b"\x7fELF\2\2\1")).items():
        for v in values:
            yield f"e_{f}={v if isinstance(v, bytes) else hex(v)}", file(header={f: v})
    for name in "text", "constant", "note", "data":
        yield f"no {name}", file(segments={name: None})
        for f in "offset", "vaddr", "filesz", "memsz":
            for v in some(LARGE, 9):
                yield f"{name} {f}={v:#x}", file(segments={name: {f: v}})
        for v in range(8):
            yield f"{name} rights={v}", file(segments={name: {"flags": v}})
    for v in (0, 2, 3, 5, 6, 7, 0x6474e551, 0x6474e552, 0xffffffff):
        yield f"a segment of type {v:#x}", file(segments={"more": {"type": v}})
    yield "two notes", file(segments={"more": dict(type=4, flags=4, offset=2 * PAGE, vaddr=BASE + PAGE, filesz=512, memsz=512)})
    yield "stacks over text", file({"stack_base": BASE})
    yield "stacks over data", file({"stack_base": BASE + 3 * PAGE})
    yield "stacks up to the end", file({"stack_base": HIGH - 65536 - 4096})
    yield "stacks beyond the end", file({"stack_base": HIGH - 65536})
    yield "16,384 stacks of 16 MiB", file({"stack_count": 16384, "stack_size": 16 << 20, "guard": 1 << 20})
    for name, moves in dict(none=b"", endless=b"\x80" * 64, huge=b"\xff" * 9 + b"\x7f", text=b"\x00\x08", across=b"\xfc\x1f",
                            note=b"\x80\x20", zeros=b"\0" * 5000, past=b"\xff\xff\xff\x7f").items():
        yield f"moves: {name}", file({"flags": 4}, moves=moves)
    yield "moves: longer than the file", file({"flags": 4})[:-4] + b"\xff\xff\xff\x7f"
    yield "moves: no table", file({"flags": 4})[:-4]
    yield "a digest that is not there", file({"flags": 2})
    yield "a digest of zeros", file({"flags": 2}, more=bytes(48))
    yield "a digest of another size", file({"flags": 2}, more=bytes(32) + struct.pack("<QQ", 1 << 63, 0x33656b616c626d61))
    yield "a digest of the older kind", file({"flags": 2}, more=bytes(32) + struct.pack("<QQ", len(file()), 0x7473656769646d61))
    whole = file()
    for n in some(list(range(0, len(whole), 61)), 40):
        yield f"cut to {n} bytes", whole[:n]
    r = random.Random(20)
    for k in range(3000 if full else 40):
        d = [device(b"n%d" % i, r.choice((NET, NET, BLOCK)), r.choice((0, 1, 1, 1, 3)), 1 << r.randrange(5, 17),
                    r.choice((None, None, r.choice(NUMBERS))), r.choice((0, 0, r.choice(LARGE)))) for i in range(r.randrange(5))]
        yield f"drawn note {k}", file({f: r.choice(LARGE if f in ("memory", "memory_min", "stack_base") else NUMBERS)
                                       for f in r.sample(NOTE_FIELDS[6:12] + ("guard",), r.randrange(3))}, d)
    for k in range(3000 if full else 60):
        bad = bytearray(whole)
        for _ in range(r.randrange(1, 4)):
            bad[r.choice((r.randrange(64 + 4 * 56), 2 * PAGE + r.randrange(212)))] = r.randrange(256)
        yield f"drawn bytes {k}", bytes(bad)
