# Says a word for each thing that it found as it must be, and `ok` at the end.
import hashlib, http.client, sys

host, sum = sys.argv[1:]
large = sys.stdin.buffer.read()


def parts(step):
    for at in range(0, len(large), step):
        yield large[at : at + step]


c = http.client.HTTPConnection(host, timeout=60)
c.connect()
socket = c.sock
for n in range(20):
    c.request("GET", f"/n{n}")
    r = c.getresponse()
    assert (r.status, r.read()) == (200, f"/n{n}\n".encode()), r.status
    assert c.sock is socket
print("kept")

c.request("POST", "/told", parts(50000), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
said = c.getresponse().read().decode()
assert said == f"POST HTTP/1.1 chunked {len(large)} {sum} none", said
c.request("PUT", "/told", large)
said = c.getresponse().read().decode()
assert said == f"PUT HTTP/1.1 {len(large)} {len(large)} {sum} none", said
print("sent")

c.request("GET", "/large")
r = c.getresponse()
hash = hashlib.sha256()
while piece := r.read(10007):
    hash.update(piece)
assert hash.hexdigest() == sum
assert c.sock is socket
c.request("HEAD", "/large")
r = c.getresponse()
assert (r.status, r.read()) == (200, b"")
assert c.sock is socket
c.close()
print("read")

for path in ["/cut", "/cut-length"]:
    c = http.client.HTTPConnection(host, timeout=60)
    c.request("GET", path)
    try:
        got = c.getresponse().read()
        raise SystemExit(f"{path} seems to be whole, with {len(got)} bytes")
    except (http.client.IncompleteRead, ConnectionResetError):
        print("cut")
print("ok")
