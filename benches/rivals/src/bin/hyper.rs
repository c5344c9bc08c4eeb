//! `hyper ADDR FILE THREADS`: hyper on tokio, on one thread or on several.

use std::convert::Infallible;
use std::env;
use std::io;

use futures_util::TryStreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::fs::File;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio_util::io::ReaderStream;

/// What a stream of a file reads at once.
const FILE_BYTES: usize = 64 * 1024;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [addr, path, threads] = &args[..] else {
        panic!("usage: hyper ADDR FILE THREADS");
    };
    let mut builder = match threads.parse().expect("a number of threads") {
        1 => Builder::new_current_thread(),
        threads => {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    let runtime = builder.enable_all().build().expect("a runtime");
    // It lives as long as the process.
    let path: &'static str = path.clone().leak();
    runtime.block_on(serve(addr, path));
}

async fn serve(addr: &str, path: &'static str) {
    let listener = TcpListener::bind(addr).await.expect("it listens");
    loop {
        let (socket, _) = listener.accept().await.expect("it accepts");
        // As ours does.
        socket.set_nodelay(true).expect("it is TCP");
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(request, path));
            let served = http1::Builder::new().serve_connection(TokioIo::new(socket), answer);
            // Whoever has gone is not answered.
            let _ = served.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    path: &str,
) -> Result<Response<BoxBody<Bytes, io::Error>>, Infallible> {
    if request.uri().path() == "/file" {
        let file = File::open(path).await.expect("it is there");
        let length = file.metadata().await.expect("it is there").len();
        let chunks = ReaderStream::with_capacity(file, FILE_BYTES).map_ok(Frame::data);
        let mut response = Response::new(BodyExt::boxed(StreamBody::new(chunks)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, length.into());
        return Ok(response);
    }
    let text = Full::new(Bytes::from_static(b"Hello, world!"));
    let mut response = Response::new(text.map_err(|never| match never {}).boxed());
    let kind = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}
