//! The servers that are measured, each in a process of its own.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::process::{Server, has};

/// Whom the others are compared to.
pub(crate) const JUDGE: &str = "nginx";

/// What has this program serve, in place of measuring.
pub(crate) const OURS: &str = "--serve-ours";

/// One that answers, and what it is called.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    /// Answers with a small text at `/`.
    pub(crate) text: Option<Server>,
    /// Answers with a large file at `/file`.
    pub(crate) file: Option<Server>,
}

/// A folder with what is served, gone with this.
pub(crate) struct Site(PathBuf);

impl Site {
    pub(crate) fn new(bytes: u64) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("highwater-http-{}", std::process::id()));
        fs::create_dir(&path)?;
        let site = Self(path);
        let mut file = File::create(site.file())?;
        // Not a hole, which is cheaper to read than a file is.
        let piece: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
        for _ in 0..bytes >> 20 {
            file.write_all(&piece)?;
        }
        Ok(site)
    }

    fn file(&self) -> PathBuf {
        self.0.join("file")
    }

    /// Writes what one of the servers reads.
    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Lets this process and those that it starts have a descriptor for each connection.
fn raise_descriptors() -> io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    Ok(())
}

/// More than any of them needs.
const DESCRIPTORS: u64 = 8192;

/// Starts all that are there, and says of the others why not.
pub(crate) fn contestants(site: &Site) -> io::Result<Vec<Contestant>> {
    raise_descriptors()?;
    let own = env::current_exe()?;
    let mut all = vec![both("highwater", |place| {
        let mut command = Command::new(&own);
        command.args([OURS, place]).arg(site.file());
        Ok(command)
    })?];
    if has("nginx") {
        all.push(both(JUDGE, |place| nginx(site, place, 1))?);
        all.push(both("nginx x2", |place| nginx(site, place, 2))?);
    } else {
        println!("skipped: there is no `nginx`, and so no ratio");
    }
    if has("node") {
        all.push(both("node", |place| node(site, place))?);
    } else {
        println!("skipped: there is no `node`");
    }
    let rivals = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/target/release");
    if rivals.join("hyper").is_file() {
        let rival = |program: &'static str, threads: &'static str| {
            let (program, file) = (rivals.join(program), site.file());
            move |place: &str| {
                let mut command = Command::new(&program);
                command.arg(place).arg(&file).arg(threads);
                Ok(command)
            }
        };
        all.push(both("tiny_http", rival("tiny", "4"))?);
        all.push(both("hyper", rival("hyper", "1"))?);
        all.push(both("hyper x2", rival("hyper", "2"))?);
    } else {
        println!("skipped: tiny_http and hyper are not built (benches/rivals)");
    }
    Ok(all)
}

/// A server that answers both with a text and with a file.
fn both(
    name: &'static str,
    command: impl Fn(&str) -> io::Result<Command>,
) -> io::Result<Contestant> {
    Ok(Contestant {
        name,
        text: Some(Server::start(name, &command)?),
        file: Some(Server::start(name, &command)?),
    })
}

fn nginx(site: &Site, place: &str, workers: u32) -> io::Result<Command> {
    let folder = site.0.display();
    let port = place.rsplit(':').next().unwrap_or_default();
    let config = format!(
        "daemon off; worker_processes {workers}; pid {folder}/nginx-{port}.pid;\n\
         error_log stderr error;\n\
         worker_rlimit_nofile 8192;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n\
           access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n\
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;\n\
           scgi_temp_path {folder}/scgi;\n\
           server {{\n\
             listen {place} backlog=4096;\n\
             root {folder};\n\
             location = / {{ default_type text/plain; return 200 'Hello, world!'; }}\n\
           }}\n\
         }}\n"
    );
    let config = site.write(&format!("nginx-{port}.conf"), &config)?;
    // So that its workers may read the folder, whoever starts it.
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-c").arg(config);
    Ok(command)
}

/// The server that everyone knows streams from: what is read is written, until `write` says no.
const NODE: &str = r"
const [host, port] = process.argv[2].split(':');
const file = process.argv[3];
const { createReadStream, statSync } = require('fs');
require('http').createServer((request, response) => {
  if (request.url !== '/file') {
    response.setHeader('content-type', 'text/plain');
    response.end('Hello, world!');
    return;
  }
  response.setHeader('content-length', statSync(file).size);
  const from = createReadStream(file);
  from.on('data', (chunk) => {
    if (!response.write(chunk)) {
      from.pause();
    }
  });
  response.on('drain', () => from.resume());
  from.on('end', () => response.end());
}).listen({ host, port: +port, backlog: 4096 });
";

fn node(site: &Site, place: &str) -> io::Result<Command> {
    let script = site.write("server.js", NODE)?;
    let mut command = Command::new("node");
    command.arg(script).arg(place).arg(site.file());
    Ok(command)
}
