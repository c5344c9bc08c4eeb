//! Our own server, in a process of its own as the others are.

use std::fs::File;
use std::path::Path;

use highwater::Error;
use highwater::http::{Request, Response, Server, StatusCode};

/// Answers as the others do, until somebody kills it.
pub(crate) fn serve(place: &str, path: &str) -> Result<(), Error> {
    let path = Path::new(path).to_owned();
    let server = Server::bind(place)?.connections(2000);
    let served = server.serve(move |request: Request, mut response: Response| {
        if request.path() == "/file" {
            let file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            return response.status(StatusCode::OK).send_file(&file, 0..bytes);
        }
        response.header("content-type", "text/plain")?;
        response.send("Hello, world!")
    });
    served.map(drop)
}
