//! Coming from Node: its names, ours, and what differs.
//!
//! The rules are Node's: a high-water mark, `write` that returns whether to go on, `drain`, `end`,
//! `pipeline`. The state machines of [`state`](crate::state) give what Node's streams give for the same
//! calls, with a low mark of 0. What differs is that **a call waits** where Node would call back. So there is no
//! event to listen for: the event is the return of a call.
//!
//! # Names
//!
//! | Node | here | the difference, and why |
//! | --- | --- | --- |
//! | `stream.Readable` | [`Readable`](crate::Readable) | an `Iterator`, `Read` and `BufRead`; nothing is pushed at you |
//! | `stream.Writable` | [`Writable`](crate::Writable) | also a `Write` |
//! | `stream.Duplex` | [`Duplex`](crate::Duplex) | `split` gives the halves to two threads |
//! | `stream.Transform`, `_transform`, `push` | [`Transform`](crate::Transform), [`Out::push`](crate::Out::push) | `push` waits for room, so one chunk that becomes many is bounded |
//! | `_flush` | [`Transform::flush`](crate::Transform::flush) | |
//! | `PassThrough` | [`buffered`](crate::Pipeline::buffered), [`channel`](crate::channel) | |
//! | `_read`, `push(null)` | [`Source::read`](crate::Source::read) returns `Some` or `None` | it may block |
//! | `_write`, `_writev`, `_final` | [`Sink::write`](crate::Sink::write) with a [`Batch`](crate::Batch), [`Sink::finish`](crate::Sink::finish) | one request at a time, as in Node |
//! | `_destroy(error)` | [`Sink::fail`](crate::Sink::fail), [`Source::fail`](crate::Source::fail), then drop | |
//! | `highWaterMark` | [`HighWaterMark`](crate::HighWaterMark) | typed by its unit; default 256 KiB or 64 items (Node 64 KiB, 16) |
//! | `objectMode` | the type `T` of a stream | |
//! | `write()` → `false` | [`write`](crate::Writable::write) → [`Pressure::Reached`](crate::Pressure::Reached) | ignoring it is safe: the next write waits |
//! | `'drain'` | [`wait_drain`](crate::Writable::wait_drain) | at half the mark, so that threads overlap; `low(0)` is Node's rule |
//! | `end()` | [`end`](crate::Writable::end) | |
//! | `end(callback)`, `'finish'` | [`finish`](crate::Writable::finish) | waits for flush **and** close, and gives the sink back |
//! | `'data'`, `for await` | `for chunk in readable` | each item is a `Result` |
//! | `on('end')` | the iterator returns `None` | |
//! | `on('error')` | `?` | one error, the first cause, in every handle |
//! | `on('close')` | the return of `finish`; the drop of a handle | |
//! | `readable.read(n)` | [`read_n`](crate::Readable::read_n), [`read_at_least`](crate::Readable::read_at_least) | waits for `n` bytes |
//! | `unshift` | [`unshift`](crate::Readable::unshift) | |
//! | `pause`, `resume` | [`pause`](crate::Readable::pause), [`resume`](crate::Readable::resume) | the source stops at once; or just do not read |
//! | `pipe` | [`pipe_to`](crate::Readable::pipe_to) | errors go both ways |
//! | `pipeline` | [`pipeline`](fn@crate::pipeline), [`run`](crate::report::ReadyPipeline::run) | returns when all is closed, with a report |
//! | `finished` | [`wait_finish`](crate::Writable::wait_finish) | |
//! | `compose` | [`operators::compose`](crate::stage::operators::compose) | |
//! | `cork`, `uncork` | [`cork`](crate::Writable::cork) | a guard; a write that would wait lifts it |
//! | `destroy(error)` | [`destroy`](crate::Writable::destroy) | gives back what was buffered; an error is required |
//! | `AbortSignal`, `signal` | [`CancelToken`](crate::CancelToken) | `abort` as Node, and `stop`, which lets through what is buffered |
//! | `map`, `filter`, `flatMap`, `take`, `forEach` | methods of [`Pipeline`](crate::Pipeline) and [`Flow`](crate::stream::Flow) | std's names; a flow is what [`Readable::flow`](crate::Readable::flow) makes |
//! | `drop` | [`skip`](crate::stream::Flow::skip), of a [pipeline](crate::Pipeline::skip) too | |
//! | `some`, `every`, `find` | [`any`](crate::stream::Flow::any), [`all`](crate::stream::Flow::all), [`find`](crate::stream::Flow::find) | |
//! | `reduce` | [`fold`](crate::stream::Flow::fold), [`Fold`](crate::stage::Fold) behind a pipeline | begins with a value, always |
//! | `map(f, { concurrency })` | [`par_map`](crate::Pipeline::par_map) | on threads |
//! | `toArray`, `text`, `buffer` | `to_vec(limit)`, `to_bytes(limit)` | the limit is required |
//! | `setEncoding('utf8')` | [`lines::utf8_lossy`](crate::lines::utf8_lossy), [`lines::utf8`](crate::lines::utf8()) | chunks are bytes; text is a stage |
//! | `Readable.from` | [`Readable::from_iter`](crate::Readable::from_iter) | runs on a thread of its own |
//! | `writableLength`, `writableNeedDrain` | [`len`](crate::Writable::len), [`needs_drain`](crate::Writable::needs_drain) | |
//! | `fs.createReadStream`, `start`, `end` | [`fs::read`](crate::fs::read), [`range`](crate::fs::FileSource::range) | opened at the call; a range ends before its end |
//! | `fs.createWriteStream` | [`fs::create`](crate::fs::create), [`append`](crate::fs::append()) | |
//! | `process.stdin`, `process.stdout` | [`fs::stdin`](crate::fs::stdin), [`fs::stdout`](crate::fs::stdout) | a blocked read can be cancelled |
//! | `readline.createInterface` | [`lines::lines`](crate::lines::lines()) | bytes, not strings; a line has at most 1 MiB |
//! | `net.connect`, `net.createServer` | [`net::connect`](crate::net::connect()), [`net::Server`](crate::net::Server) | a thread a connection; 1024 at once, the rest wait |
//! | `http.createServer` | [`http::Server`](crate::http::Server) | limits on by default; a handler that fails is a 500, not a crash |
//! | `res.write`, `res.end` | [`Response::writable`](crate::http::Response::writable) | without `finish` the response is cut |
//! | `zlib.createGzip`, `createGunzip` | [`gzip::compress`](crate::gzip::compress), [`gzip::decompress`](crate::gzip::decompress) | |
//! | `child_process.spawn` | [`process::source`](crate::process::source), [`sink`](crate::process::sink), [`stage`](crate::process::stage) | the exit status is part of the stream |
//! | `EventEmitter` on a stream | | there is none |
//!
//! # The server, ported
//!
//! The example of many articles: a big file over HTTP, by hand, with `write`, `false`, `drain` and `end`.
//! In Node:
//!
//! ```js
//! http.createServer((req, res) => {
//!   const file = fs.createReadStream('big.file');
//!   file.on('data', (chunk) => {
//!     if (!res.write(chunk)) {
//!       file.pause();
//!       res.once('drain', () => file.resume());
//!     }
//!   });
//!   file.on('end', () => res.end());
//! }).listen(8000);
//! ```
//!
//! Here, with a client that reads nothing until the server has had to wait for it:
//!
//! ```
//! # #[cfg(all(unix, feature = "http"))] {
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use std::sync::mpsc;
//! use highwater::http::{Request, Response, Server};
//! use highwater::{HighWaterMark, Readable, fs};
//!
//! let path = std::env::temp_dir().join(format!("highwater-big-{}", std::process::id()));
//! std::fs::write(&path, vec![b'x'; 16 << 20])?;
//!
//! let (tell, slow) = mpsc::channel();
//! let big = path.clone();
//! let server = Server::bind("127.0.0.1:0")?.spawn(move |_: Request, response: Response| {
//!     let mark = HighWaterMark::bytes(64 * 1024);
//!     let file = Readable::from_source(fs::read(&big)?, mark); // createReadStream
//!     let mut out = response.writable(mark);
//!     for chunk in file { // on('data'); an error is thrown by `?`
//!         if out.write(chunk?)?.reached() { // false
//!             let _ = tell.send(out.len()); // 64 KiB and a chunk wait; the file is not read on
//!             out.wait_drain()?; // once('drain')
//!         }
//!     }
//!     out.finish()?; // end(), and the kernel has everything
//!     Ok(())
//! })?;
//!
//! let mut client = TcpStream::connect(server.local_addr().unwrap())?;
//! client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
//! let waiting = slow.recv()?; // the kernel's buffers are full, and so is ours
//! assert!(waiting <= 64 * 1024 + 64 * 1024);
//!
//! let mut got = Vec::new();
//! client.read_to_end(&mut got)?; // now the client reads, and the server goes on
//! assert!(got.len() > 16 << 20);
//! assert_eq!(server.stop()?.finished, 1);
//! # std::fs::remove_file(&path)?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The `if` and the `wait_drain` can be left out: the next `write` waits by itself. As Node's `pipe` it is
//! one line, `file.pipe_to(response.writable(mark))`. And for a file as it is, `send_file` has the kernel do
//! it.
//!
//! # What differs silently
//!
//! - A socket or response that is dropped without `finish` is **reset**, so that no peer takes a part for
//!   everything. Node's `destroy()` sends a `FIN`.
//! - `write!` on a [`Writable`](crate::Writable) is merged, up to 32 KiB, until `flush` or `end`. Node sends
//!   each write. A chat protocol has to `flush`, or to use [`write`](crate::Writable::write) with chunks.
//! - A stopped server aborts what still runs after 30 s; `server.close()` waits for ever.
//! - `noDelay` is on for every socket; in Node only for HTTP.
//! - The half of a socket that is written stays open when the peer has ended (`allowHalfOpen: true`).
//! - A lone `\r` ends no line.
//!
//! Not here: TLS, an HTTP client, HTTP/2, brotli, zstd, web streams.
//!
//! Next: [coming from channels](super::from_channels).

// A search for a name of Node that no item here bears leads to the table.
#![doc(alias(
    "createReadStream",
    "createWriteStream",
    "createServer",
    "createInterface",
    "setEncoding",
    "AbortSignal",
    "AbortController",
    "toArray",
    "forEach",
    "flatMap",
    "some",
    "every",
    "reduce",
    "on(",
    "once",
    "EventEmitter",
    "objectMode",
    "PassThrough",
    "finished",
    "uncork",
    "_read",
    "_write",
    "_writev",
    "_final",
    "_transform",
    "_flush",
    "_destroy",
    "writableLength",
    "pipeTo",
    "allowHalfOpen",
    "string_decoder",
    "child_process",
    "zlib"
))]
