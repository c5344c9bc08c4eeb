"""A peer on a wire, written from the table in the docs of `highwater::wire` and nothing else."""

import socket
import struct
import sys

MAGIC, VERSION = bytes.fromhex("8A6877697265"), 1
DATA, END, FAIL, CREDIT, DONE, CLOSED = range(1, 7)
OFFSET, MESSAGE, STAGE = 1, 2, 4


class Wire:
    def __init__(self, stream, role):
        self.stream = stream
        stream.sendall(MAGIC + bytes([VERSION, role]))
        hello = self.take(8)
        assert hello == MAGIC + bytes([VERSION, 3 - role]), hello

    def take(self, count):
        got = b""
        while len(got) < count:
            piece = self.stream.recv(count - len(got))
            if not piece:
                raise EOFError
            got += piece
        return got

    def say(self, kind, body=b""):
        self.stream.sendall(struct.pack(">I", kind << 24 | len(body)) + body)

    def hear(self):
        head = struct.unpack(">I", self.take(4))[0]
        return head >> 24, self.take(head & 0xFFFFFF)


def text(words):
    return struct.pack(">H", len(words.encode())) + words.encode()


def read_error(body):
    at = 3

    def take_text():
        nonlocal at
        size = struct.unpack_from(">H", body, at)[0]
        at += 2 + size
        return body[at - size : at].decode()

    words = [str(body[0]), str(body[1])]
    if body[2] & OFFSET:
        words.append(str(struct.unpack_from(">Q", body, at)[0]))
        at += 8
        words.append(take_text())
    if body[2] & MESSAGE:
        words.append(take_text())
    if body[2] & STAGE:
        words += [take_text(), take_text()]
    at += 1
    return " ".join(words + [str([take_text() for _ in range(body[at - 1])])])


def write(stream, fails):
    wire = Wire(stream, 1)
    rest = b"half" if fails else bytes(n % 251 for n in range(200_000))
    while rest:
        kind, body = wire.hear()
        assert kind == CREDIT, kind
        credit = struct.unpack(">I", body)[0]
        while credit and rest:
            size = min(credit, 65_536, len(rest))
            wire.say(DATA, rest[:size])
            rest, credit = rest[size:], credit - size
    if fails:
        where = struct.pack(">Q", 4096) + text("byte") + text("write to") + text("tape")
        wire.say(FAIL, bytes([1, 24, OFFSET | STAGE]) + where + b"\x02" + text("no room") + text("really none"))
    else:
        wire.say(END)
    try:
        while (heard := wire.hear())[0] == CREDIT:
            pass
        print("done" if heard[0] == DONE else read_error(heard[1]))
    except EOFError:
        print("closed by the reader")


def read(stream, leaves):
    wire = Wire(stream, 2)
    wire.say(CREDIT, struct.pack(">I", 10_000))
    count = total = 0
    while (heard := wire.hear())[0] == DATA:
        count, total = count + len(heard[1]), total + sum(heard[1])
        wire.say(CREDIT, struct.pack(">I", len(heard[1])))
        if leaves:
            wire.say(CLOSED, bytes([3, 0, MESSAGE]) + text("tired") + b"\x00")
            return
    if heard[0] == END:
        wire.say(DONE)
    print(f"{count} bytes, sum {total},", "end" if heard[0] == END else f"fail: {read_error(heard[1])}")


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection = listener.accept()[0]
job = sys.argv[1]
write(connection, job == "fail") if job in ("write", "fail") else read(connection, job == "leave")
