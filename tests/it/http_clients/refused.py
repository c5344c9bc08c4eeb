# Sends all of a body that is refused, and reads the answer behind it. Says what it got, each in a line.
import http.client, sys

host, rounds, size, *paths = sys.argv[1:]
body = b"x" * int(size)
for n in range(int(rounds)):
    for path in paths:
        c = http.client.HTTPConnection(host, timeout=60)
        try:
            c.request("PUT", path, body)
            print(path, c.getresponse().status)
        except OSError as error:
            print(path, repr(error))
        c.close()
