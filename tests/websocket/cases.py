# SPDX-License-Identifier: ISC
"""What a server has to do by RFC 6455, a case each: (name, [bytes sent], chop, [messages that come], code of the Close).

The numbers are those of the Autobahn test suite's categories, whose subjects these are; what is expected is what the RFC says."""
from client import BINARY, CLOSE, FIN, MORE, PING, PONG, RSV1, RSV2, RSV3, TEXT, close, frame

BYE = close(1000)


def text(data, first=FIN | TEXT):
    return frame(first, data)


def good():
    for kind, name in (TEXT, "text"), (BINARY, "binary"):
        for size in 0, 125, 126, 127, 128, 65535, 65536:
            data = (b"*" if kind == TEXT else b"\xfe") * size
            yield f"1 {name} of {size}", [frame(FIN | kind, data), BYE], 0, [(kind, data)], 1000
        yield f"1 {name} in chops", [frame(FIN | kind, data), BYE], 997, [(kind, data)], 1000
    for payload in b"", b"Hello, world!", b"\x00\xff\xfe\xfd", b"\xfe" * 125:
        for chop in 0, 1:
            yield f"2 ping {payload[:4]} {chop}", [frame(FIN | PING, payload), BYE], chop, [(PONG, payload)], 1000
    yield "2 a pong that nobody asked for", [frame(FIN | PONG), frame(FIN | PONG, b"x"), frame(FIN | PING, b"y"), BYE], 0, [(PONG, b"y")], 1000
    pings = [b"payload-%d" % i for i in range(10)]
    for chop in 0, 1:
        yield f"2 ten pings {chop}", [frame(FIN | PING, p) for p in pings] + [BYE], chop, [(PONG, p) for p in pings], 1000
    parts = [frame(TEXT, b"fragment1"), frame(FIN | MORE, b"fragment2")]
    whole = (TEXT, b"fragment1fragment2")
    for chop in 0, 1:
        yield f"5 two fragments {chop}", parts + [BYE], chop, [whole], 1000
        yield f"5 a ping between {chop}", [parts[0], frame(FIN | PING, b"p"), parts[1], BYE], chop, [(PONG, b"p"), whole], 1000
        yield f"5 five fragments, two pings {chop}", \
            [frame(TEXT, b"1"), frame(MORE, b"2"), frame(FIN | PING, b"p"), frame(MORE, b"3"), frame(MORE, b"4"),
             frame(FIN | PING, b"q"), frame(FIN | MORE, b"5"), BYE], chop, [(PONG, b"p"), (PONG, b"q"), (TEXT, b"12345")], 1000
    yield "6 empty", [text(b""), BYE], 0, [(TEXT, b"")], 1000
    yield "6 empty fragments", [frame(TEXT), frame(MORE), frame(FIN | MORE), BYE], 0, [(TEXT, b"")], 1000
    yield "6 one of three is not empty", [frame(TEXT), frame(MORE, b"middle"), frame(FIN | MORE), BYE], 0, [(TEXT, b"middle")], 1000
    hello = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    for name, data in UTF8:
        yield f"6 {name}", [text(data), BYE], 0, [(TEXT, data)], 1000
        yield f"6 {name} in frames", [frame(TEXT if i == 0 else MORE, data[i:i + 1]) for i in range(len(data))] + \
            [frame(FIN | MORE), BYE], 0, [(TEXT, data)], 1000
    yield "6 text twice", [text(hello), text(hello), BYE], 1, [(TEXT, hello)] * 2, 1000
    yield "7 nothing but Close", [BYE], 0, [], 1000
    yield "7 two of them", [BYE, BYE], 0, [], 1000
    yield "7 a ping behind it", [BYE, frame(FIN | PING)], 0, [], 1000
    yield "7 text behind it", [text(b"before"), BYE, text(b"behind")], 0, [(TEXT, b"before")], 1000
    yield "7 amid a message", [frame(TEXT, b"fragment1"), BYE, frame(FIN | MORE, b"fragment2")], 0, [], 1000
    yield "7 much text behind it", [BYE, text(b"x" * 262144)], 0, [], 1000
    yield "7 without a code", [close()], 0, [], 0
    yield "7 with a reason", [close(1000, b"Hello World!")], 0, [], 1000
    yield "7 with a long reason", [close(1000, b"*" * 123)], 0, [], 1000
    for code in 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999:
        yield f"7 code {code}", [close(code)], 0, [], code


UTF8 = [("Greek", "κόσμε".encode()), ("first of two", b"\xc2\x80"), ("first of three", b"\xe0\xa0\x80"),
        ("first of four", b"\xf0\x90\x80\x80"), ("last of one", b"\x7f"), ("last of two", b"\xdf\xbf"), ("last of three", b"\xef\xbf\xbf"),
        ("last of four", b"\xf4\x8f\xbf\xbf"), ("before surrogates", b"\xed\x9f\xbf"), ("behind them", b"\xee\x80\x80"),
        ("replacement", b"\xef\xbf\xbd"), ("no character", b"\xf3\xbf\xbf\xbe"), ("NUL", b"\0")]

NO_UTF8 = [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
           b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0 ", b"\xe0 ", b"\xf0 ", b"\xc0", b"\xe0\x80", b"\xdf",
           b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfe", b"\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf",
           b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf"]


def bad():
    small = [text(b"Hello, world!")]
    echo = [(TEXT, b"Hello, world!")]
    yield "2 a ping of 126", [frame(FIN | PING, b"\xfe" * 126)], 0, [], 1002
    for bits in range(1, 8):
        for chop in 0, 1:
            wrong = frame(FIN | bits << 4 | TEXT, b"Hello, world!")
            yield f"3 RSV {bits} {chop}", small + [wrong, frame(FIN | PING)], chop, echo, 1002
            yield f"3 RSV {bits} of binary {chop}", [frame(FIN | bits << 4 | BINARY, b"\0" * 8)], chop, [], 1002
        yield f"3 RSV {bits} of a ping", [frame(FIN | bits << 4 | PING)], 0, [], 1002
        yield f"3 RSV {bits} of Close", [frame(FIN | bits << 4 | CLOSE)], 0, [], 1002
    for opcode in 3, 4, 5, 6, 7, 11, 12, 13, 14, 15:
        for payload in b"", b"reserved":
            for chop in 0, 1:
                yield f"4 opcode {opcode} {payload} {chop}", small + [frame(FIN | opcode, payload), frame(FIN | PING)], chop, echo, 1002
    for opcode in PING, PONG:
        yield f"5 fragments of {opcode}", [frame(opcode, b"fragment1"), frame(FIN | opcode, b"fragment2")], 0, [], 1002
    for fin in FIN, 0:
        for chop in 0, 1:
            yield f"5 goes on with nothing {fin} {chop}", [frame(fin | MORE, b"x"), small[0]], chop, [], 1002
            yield f"5 again behind a message {fin} {chop}", \
                [frame(TEXT, b"1"), frame(FIN | MORE, b"2"), frame(fin | MORE, b"3"), small[0]], chop, [(TEXT, b"12")], 1002
    yield "5 a message in a message", [frame(TEXT, b"1"), small[0]], 0, [], 1002
    yield "5 binary in text", [frame(TEXT, b"1"), frame(FIN | BINARY, b"2")], 0, [], 1002
    for data in NO_UTF8:
        yield f"6 {data}", [text(data)], 0, [], 1007
        yield f"6 {data} by bytes", [frame(TEXT if i == 0 else MORE, data[i:i + 1]) for i in range(len(data))] + [frame(FIN | MORE)], 0, [], 1007
    for cut in 11, 12:  # fails before the message is whole (6.4)
        data = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited"
        yield f"6 fast in a frame {cut}", [frame(FIN | TEXT, data[:13], size=len(data))], cut, [], 1007
        yield f"6 fast in frames {cut}", [frame(TEXT, data[:cut]), frame(MORE, data[cut:13])], 0, [], 1007
    yield "7 a Close of one byte", [frame(FIN | CLOSE, b"\x03")], 0, [], 1002
    yield "7 a reason that is too long", [close(1000, b"*" * 124)], 0, [], 1002
    yield "7 a reason that is no UTF-8", [close(1000, NO_UTF8[0])], 0, [], 1007
    yield "7 a Close that is a fragment", [frame(CLOSE, b"\x03\xe8")], 0, [], 1002
    for code in 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535:
        yield f"7 code {code}", [close(code)], 0, [], 1002
        yield f"7 code {code} with a reason", [close(code, b"x")], 0, [], 1002
    unmasked = bytes([FIN | TEXT, 5]) + b"Hello"
    yield "a frame without a mask", [unmasked], 0, [], 1002
    yield "a length of 126 that is 125", [bytes([FIN | BINARY, 0xfe, 0, 125])], 0, [], 1002
    yield "a length of 64 bits that is short", [bytes([FIN | BINARY, 0xff, 0, 0, 0, 0, 0, 0, 255, 255])], 0, [], 1002
    yield "a length with its top bit", [bytes([FIN | BINARY, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0])], 0, [], 1002
    yield "a length of 2^63 - 1", [bytes([FIN | BINARY, 0xff, 0x7f]) + b"\xff" * 7 + b"mask"], 0, [], 1009
    yield "RSV2 and RSV3", [frame(FIN | RSV1 | RSV2 | RSV3 | TEXT)], 0, [], 1002
