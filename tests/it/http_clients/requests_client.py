# Says a word for each thing that it found as it must be, and `ok` at the end.
import hashlib, sys
import requests

host, sum = sys.argv[1:]
url = f"http://{host}"
large = sys.stdin.buffer.read()
session = requests.Session()
session.trust_env = False  # No proxy stands between.

for n in range(20):
    assert session.get(f"{url}/n{n}", timeout=60).text == f"/n{n}\n"
print("kept")

parts = (large[at : at + 50000] for at in range(0, len(large), 50000))
said = session.post(f"{url}/told", data=parts, timeout=60).text
assert said == f"POST HTTP/1.1 chunked {len(large)} {sum} none", said
said = session.put(f"{url}/told", data=large, timeout=60).text
assert said == f"PUT HTTP/1.1 {len(large)} {len(large)} {sum} none", said
print("sent")

hash = hashlib.sha256()
with session.get(f"{url}/large", stream=True, timeout=60) as r:
    for piece in r.iter_content(10007):
        hash.update(piece)
assert hash.hexdigest() == sum
assert session.head(f"{url}/large", timeout=60).content == b""
print("read")

r = session.post(f"{url}/refused", data=b"x" * 1000, timeout=60)
assert (r.status_code, r.text) == (403, "no\n")
print("refused")

for path in ["/cut", "/cut-length"]:
    try:
        got = session.get(url + path, timeout=60).content
        raise SystemExit(f"{path} seems to be whole, with {len(got)} bytes")
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError):
        print("cut")
print("ok")
