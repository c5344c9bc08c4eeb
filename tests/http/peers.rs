//! Clients that others wrote. What is not there is said, and skipped.

use std::io::Write;
use std::process::{Command, Stdio};

use highwater::http::{Request, Response};
use highwater::net::RunningServer;
use highwater::{Error, HighWaterMark};

use crate::kit::{addr_of, serve};

/// Answers with what came, or with a lot.
fn handler(mut request: Request, mut response: Response) -> Result<(), Error> {
    if request.path() == "/long" {
        let mut out = response.writable(HighWaterMark::bytes(64 * 1024));
        for n in 0..100_000_u32 {
            out.write_all(&n.to_be_bytes())?;
        }
        return out.finish().map(drop);
    }
    let body = request.body().to_bytes(8 << 20)?;
    response.header("content-type", "text/plain")?;
    response.header("x-version", format!("{:?}", request.version()))?;
    response.header("x-peer", request.peer().to_owned())?;
    response.send(body)
}

/// Runs a program on the server's address. None if it is not there.
fn run(server: &RunningServer, program: &str, args: &[&str], input: &[u8]) -> Option<String> {
    let url = format!("http://{}", addr_of(server));
    let args = args.iter().map(|arg| arg.replace("URL", &url));
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: there is no {program}");
        return None;
    };
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|threads| {
        threads.spawn(move || stdin.write_all(input));
        let ran = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{program}: {said}");
        Some(said + &String::from_utf8_lossy(&ran.stdout))
    })
}

#[test]
fn curl_asks_in_every_way_that_it_knows() {
    let server = serve(handler);
    let curl = |args: &[&str], input: &[u8]| {
        let always = ["-sSv", "--max-time", "20"];
        run(&server, "curl", &[&always, args].concat(), input)
    };
    let Some(old) = curl(&["-0", "URL/"], b"") else {
        return;
    };
    assert!(old.contains("< x-version: HTTP/1.0"), "{old}");
    assert!(old.contains("< connection: close"), "{old}");

    let twice = curl(&["URL/", "URL/"], b"").unwrap();
    assert!(twice.contains("Re-using existing connection"), "{twice}");

    let sent = curl(&["--data", "a=b", "URL/"], b"").unwrap();
    assert!(sent.ends_with("a=b"), "{sent}");

    // From a pipe, whose length is not known: in chunks, and with a 100 when it is long.
    let body = "x".repeat(2 << 20);
    let chunked = curl(&["-T", "-", "URL/"], body.as_bytes()).unwrap();
    assert!(
        chunked.contains("> Transfer-Encoding: chunked"),
        "{}",
        &chunked[..1000]
    );
    assert!(chunked.ends_with(&body));

    let asks = [
        "-H",
        "Expect: 100-continue",
        "--expect100-timeout",
        "15",
        "--data-binary",
        "@-",
        "URL/",
    ];
    let asked = curl(&asks, body.as_bytes()).unwrap();
    assert!(
        asked.contains("< HTTP/1.1 100 Continue"),
        "{}",
        &asked[..1000]
    );
    assert!(asked.ends_with(&body));

    let head = curl(&["-I", "URL/"], b"").unwrap();
    assert!(head.contains("content-length: 0"), "{head}");
    let long = curl(
        &["-o", "/dev/null", "-w", "%{size_download}", "URL/long"],
        b"",
    )
    .unwrap();
    assert!(long.ends_with("400000"), "{long}");
}

#[test]
fn pythons_client_keeps_its_connection() {
    const CLIENT: &str = "
import http.client, sys
host, port = sys.argv[1].removeprefix('http://').rsplit(':', 1)
c = http.client.HTTPConnection(host, int(port), timeout=20)
for n in range(20):
    body = b'y' * (n * 5000)
    c.request('POST', '/', body)
    r = c.getresponse()
    assert r.status == 200 and r.read() == body
    peer = r.headers['x-peer']
    assert n == 0 or peer == last, (peer, last)
    last = peer
c.request('PUT', '/', iter([b'a', b'bc', b'']), encode_chunked=True, headers={'Transfer-Encoding': 'chunked'})
assert c.getresponse().read() == b'abc'
c.request('GET', '/long')
r = c.getresponse()
assert r.chunked and len(r.read()) == 400000
c.request('HEAD', '/')
r = c.getresponse()
assert r.status == 200 and r.read() == b''
";
    let server = serve(handler);
    run(&server, "python3", &["-c", CLIENT, "URL"], b"");
}

#[test]
fn nodes_client_is_answered_by_the_speed_that_it_reads_at() {
    const CLIENT: &str = "
const http = require('http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (method, path, chunks) => new Promise((resolve, reject) => {
  const req = http.request(process.argv[1] + path, { method, agent }, (res) => {
    const got = [];
    res.on('data', (d) => { got.push(d); res.pause(); setImmediate(() => res.resume()); });
    res.on('end', () => resolve({ res, body: Buffer.concat(got) }));
    res.on('error', reject);
  });
  req.on('error', reject);
  for (const chunk of chunks) req.write(chunk);
  req.end();
});
(async () => {
  let peer;
  for (let n = 0; n < 10; n++) {
    const { res, body } = await ask('POST', '/', ['a'.repeat(n), 'b']);
    if (body.toString() !== 'a'.repeat(n) + 'b') throw new Error('body ' + body);
    if (peer && peer !== res.headers['x-peer']) throw new Error('another connection');
    peer = res.headers['x-peer'];
  }
  const { res, body } = await ask('GET', '/long', []);
  if (body.length !== 400000 || !res.complete) throw new Error('long ' + body.length);
  agent.destroy();
})().catch((e) => { console.error(e); process.exit(1); });
";
    let server = serve(handler);
    run(&server, "node", &["-e", CLIENT, "URL"], b"");
}
