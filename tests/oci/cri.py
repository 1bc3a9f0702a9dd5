# SPDX-License-Identifier: ISC
"""The little of Kubernetes' Container Runtime Interface (runtime.v1 of its api.proto) that a pod's life takes, as a kubelet
speaks it: messages are dictionaries of field number to value, written and read here."""
import grpc


class Refused(ValueError):
    pass


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def encode(value):
    """A message of {number: int, str, bytes, dict, or a list of these}."""
    out = b""
    for number, one in value.items():
        for v in one if isinstance(one, list) else [one]:
            if isinstance(v, int):
                out += varint(number << 3) + varint(v)
            else:
                b = v.encode() if isinstance(v, str) else encode(v) if isinstance(v, dict) else v
                out += varint(number << 3 | 2) + varint(len(b)) + b
    return out


def read_varint(b, at):
    n = shift = 0
    while True:
        n |= (b[at] & 127) << shift
        shift += 7
        at += 1
        if b[at - 1] < 128:
            return n, at


def decode(b):
    """{number: the last value}; messages inside stay bytes."""
    out, at = {}, 0
    while at < len(b):
        key, at = read_varint(b, at)
        value, at = read_varint(b, at)
        if key & 7 == 2:
            value, at = b[at:at + value], at + value
        out[key >> 3] = value
    return out


class Kubelet:
    def __init__(self, path):
        self.channel = grpc.insecure_channel(f"unix://{path}")

    def __call__(self, method, request):
        call = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}", request_serializer=encode, response_deserializer=decode)
        try:
            return call(request, timeout=60)
        except grpc.RpcError as e:
            raise Refused(f"{method}: {e.details()}") from None

    def close(self):
        self.channel.close()

    def run_pod(self, config, handler):
        return self("RunPodSandbox", {1: config, 2: handler})[1].decode()

    def address(self, pod):
        return decode(decode(self("PodSandboxStatus", {1: pod})[1])[5])[1].decode()

    def create(self, pod, container, config):
        return self("CreateContainer", {1: pod, 2: container, 3: config})[1].decode()

    def status(self, container):
        """Its state (0 created, 1 running, 2 exited) and exit code; protobuf leaves zeroes out."""
        s = decode(self("ContainerStatus", {1: container})[1])
        return s.get(3, 0), s.get(7, 0)

    def stats(self, container):
        """CPU time in nanoseconds, and bytes of memory."""
        s = decode(self("ContainerStats", {1: container})[1])
        return decode(decode(s[2])[2]).get(1, 0), decode(decode(s[3])[2]).get(1, 0)

    def lists(self, container):
        return 1 in self("ListContainers", {1: {1: container}})
