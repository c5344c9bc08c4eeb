//! What the protocol costs alone: heads and bodies in memory, beside the parser that is under it.

mod effort;

use std::hint::black_box;
use std::process::ExitCode;

use highwater::Bytes;
use highwater::http::proto::{
    BodyDecoder, BodyFraming, BodyPlan, Decoded, HeadParser, Limits, encode_chunk_head, encode_head,
};
use highwater::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};

use effort::Effort;

const HELP: &str = "\
What HTTP/1.1 costs with no socket, in nanoseconds a message.

  cargo bench --bench http_proto -- [OPTIONS]

  --quick      few rounds of few messages: shows that it runs, not how fast
  --only NAME  only the rows whose name contains NAME
  --help       this text
";

/// What `wrk` sends.
const SMALL: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

const CURL: &[u8] =
    b"GET /files/a.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.14.1\r\n\
    Accept: */*\r\n\r\n";

const BROWSER: &[u8] = b"GET /article/42?from=start HTTP/1.1\r\nHost: www.example.com\r\n\
    Connection: keep-alive\r\nsec-ch-ua: \"Chromium\";v=\"139\", \"Not;A=Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/139.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,\
    image/avif,image/webp,image/apng,*/*;q=0.8\r\nSec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n";

const DATE: &[u8; 29] = b"Sun, 06 Nov 1994 08:49:37 GMT";

fn main() -> ExitCode {
    let effort = match Effort::from_args(std::env::args().skip(1)) {
        Ok(Some(effort)) => effort,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    println!("a request's head");
    println!(
        "{:24}{:>12}{:>20}{:>20}{:>20}",
        "", "ours", "with its map", "httparse alone", "and a map"
    );
    for (name, head) in [
        ("of wrk", SMALL),
        ("of curl", CURL),
        ("of a browser", BROWSER),
    ] {
        effort.row(
            name,
            300_000,
            &[
                Box::new(move |times| read_heads(head, times)),
                Box::new(move |times| read_headers(head, times)),
                Box::new(move |times| cut_heads(head, times)),
                Box::new(move |times| copy_heads(head, times)),
            ],
        );
    }
    println!("\nan answer's head");
    println!("{:24}{:>12}{:>20}", "", "ours", "by `write!`");
    effort.row(
        "of a small answer",
        1_000_000,
        &[Box::new(write_heads), Box::new(format_heads)],
    );
    println!("\na chunked body of 1 MiB");
    println!("{:24}{:>12}{:>20}", "", "decoded", "encoded");
    for (name, size) in [("chunks of 64 B", 64), ("chunks of 16 KiB", 16 << 10)] {
        let body = Bytes::from(chunked(size));
        effort.row(
            name,
            500,
            &[
                Box::new(move |times| (0..times).for_each(|_| decode(&body))),
                Box::new(move |times| (0..times).for_each(|_| drop(black_box(chunked(size))))),
            ],
        );
    }
    ExitCode::SUCCESS
}

fn read_heads(head: &[u8], times: u64) {
    let mut parser = HeadParser::new(Limits::default().head());
    for _ in 0..times {
        let read = parser.push(black_box(head)).expect("it is in order");
        black_box(read.expect("it is whole"));
    }
}

/// With the map, which is made when it is asked for.
fn read_headers(head: &[u8], times: u64) {
    let mut parser = HeadParser::new(Limits::default().head());
    for _ in 0..times {
        let read = parser.push(black_box(head)).expect("it is in order");
        let (head, _) = read.expect("it is whole");
        black_box(head.to_headers());
    }
}

fn cut_heads(head: &[u8], times: u64) {
    for _ in 0..times {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        black_box(request.parse(black_box(head)).expect("it is in order"));
        black_box(request.headers.len());
    }
}

/// As most do: each value is copied into the map.
fn copy_heads(head: &[u8], times: u64) {
    for _ in 0..times {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut request = httparse::Request::new(&mut headers);
        request.parse(black_box(head)).expect("it is in order");
        let builder = http::Request::builder()
            .method(request.method.expect("it is whole"))
            .uri(request.path.expect("it is whole"));
        let builder = request.headers.iter().fold(builder, |builder, header| {
            builder.header(header.name, header.value)
        });
        black_box(builder.body(()).expect("it is in order"));
    }
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers
}

fn write_heads(times: u64) {
    let headers = headers();
    let mut out = Vec::new();
    for _ in 0..times {
        out.clear();
        let (status, version) = (black_box(StatusCode::OK), Version::HTTP_11);
        let plan = BodyPlan::new(&Method::GET, version, status, &headers, Some(13));
        let plan = plan.expect("it is in order");
        encode_head(&mut out, version, status, &headers, plan, true, DATE);
        black_box(&out);
    }
}

fn format_heads(times: u64) {
    use std::io::Write;

    let headers = headers();
    let mut out = Vec::new();
    for _ in 0..times {
        out.clear();
        write!(out, "HTTP/1.1 {}\r\n", black_box(StatusCode::OK)).expect("it is memory");
        for (name, value) in &headers {
            let value = value.to_str().expect("it is text");
            write!(out, "{name}: {value}\r\n").expect("it is memory");
        }
        write!(out, "content-length: {}\r\n\r\n", 13).expect("it is memory");
        black_box(&out);
    }
}

fn chunked(size: usize) -> Vec<u8> {
    let data = vec![b'x'; size];
    let mut body = Vec::with_capacity(2 << 20);
    for _ in 0..(1 << 20) / size {
        encode_chunk_head(&mut body, size as u64);
        body.extend_from_slice(&data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}

fn decode(body: &Bytes) {
    let limits = Limits::default().body();
    let mut decoder = BodyDecoder::new(BodyFraming::Chunked, limits).expect("it is in order");
    let mut rest = body.clone();
    loop {
        match decoder
            .decode(black_box(&mut rest))
            .expect("it is in order")
        {
            Decoded::Data(data) => drop(black_box(data)),
            Decoded::More => panic!("the body is whole"),
            Decoded::End => return,
        }
    }
}
