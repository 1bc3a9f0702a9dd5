# SPDX-License-Identifier: ISC
"""A client of WebSocket that says what it is told to, right or wrong."""
import base64
import hashlib
import os
import socket
import ssl
import struct
import zlib

MORE, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
MASK = b"\x37\xfa\x21\x3d"


def masked(payload, mask=MASK):
    n = len(payload)
    key = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")


def frame(first, payload=b"", size=None):
    """A client's; size: what the head says, if it is not so."""
    n = len(payload) if size is None else size
    head = bytes([first])
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += struct.pack(">BH", 0xfe, n)
    else:
        head += struct.pack(">BQ", 0xff, n)
    return head + MASK + masked(payload)


def close(code=None, reason=b""):
    return frame(FIN | CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


class Refused(Exception):
    pass


class Client:
    def __init__(self, host, path, tls=None, fields="", seconds=20):
        self.s = socket.create_connection((host, 443 if tls else 80), seconds)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.s = tls.wrap_socket(self.s, server_hostname=host)
        key = base64.b64encode(os.urandom(16)).decode()
        self.s.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            more = self.s.recv(4096)
            if not more:
                raise Refused("it closed")
            self.buffer += more
        self.head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.head = self.head.decode()
        if not self.head.startswith("HTTP/1.1 101 "):
            raise Refused(self.head.split("\r\n")[0])
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        if f"\r\nSec-WebSocket-Accept: {accept}" not in self.head:
            raise Refused(f"{key}: {self.head}")

    def send(self, data, chop=0):
        """False: the server has ended the connection."""
        try:
            for at in range(0, len(data), chop or max(len(data), 1)):
                self.s.sendall(data[at:at + chop] if chop else data)
            return True
        except OSError:
            return False

    def need(self, n):
        while len(self.buffer) < n:
            try:
                more = self.s.recv(1 << 16)
            except (ConnectionError, ssl.SSLEOFError):
                return False
            if not more:
                return False
            self.buffer += more
        return True

    def next(self):
        """(first byte, payload); None: it has ended."""
        if not self.need(2):
            return None
        n, at = self.buffer[1], 2
        if n > 127:
            raise Refused("a mask")
        if n >= 126:
            at += 2 if n == 126 else 8
            if not self.need(at):
                return None
            n = int.from_bytes(self.buffer[2:at], "big")
        if not self.need(at + n):
            return None
        first, payload = self.buffer[0], self.buffer[at:at + n]
        self.buffer = self.buffer[at + n:]
        return first, payload

    def message(self):
        """(kind, bytes), put together; control frames come as they are."""
        kind, whole = 0, b""
        while True:
            got = self.next()
            if got is None or got[0] & 8:
                return got and (got[0] & 15, got[1])
            kind = kind or got[0] & 15
            whole += got[1]
            if got[0] & FIN:
                return kind, whole

    def all(self):
        """Messages until the end, and the code of its Close: 0 if it has none, None if there was no Close."""
        got = []
        while True:
            m = self.message()
            if m is None:
                return got, None
            if m[0] == CLOSE:
                rest = self.next()
                if rest is not None:
                    raise Refused(f"behind Close: {rest}")
                return got, int.from_bytes(m[1][:2], "big")
            got.append(m)

    def end(self):
        self.s.close()


class Deflate:
    """permessage-deflate, this side's half."""

    def __init__(self, bits=15, fresh=True, level=9):
        self.bits, self.fresh, self.level = bits, fresh, level
        self.reset()

    def reset(self):
        self.out = zlib.compressobj(self.level, zlib.DEFLATED, -self.bits)
        self.inn = zlib.decompressobj(-15)

    def squeeze(self, data):
        if self.fresh:
            self.out = zlib.compressobj(self.level, zlib.DEFLATED, -self.bits)
        packed = self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH)
        return packed[:-4]

    def stretch(self, data):
        if self.fresh:
            self.inn = zlib.decompressobj(-15)
        return self.inn.decompress(data + b"\0\0\xff\xff")
