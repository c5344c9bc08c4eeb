//! A browser: Chromium, without a window.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use highwater::http::{Request, Response, Server, files, header};
use highwater::mark::READ_BYTES;
use highwater::net::RunningServer;
use highwater::{Bytes, Error, HighWaterMark};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::http_clients::site::{hash_of, understood};
use crate::support::{Folder, pattern};

/// How long a browser may take to start and to do everything, on a machine with other work.
const BROWSER_LIMIT: Duration = Duration::from_secs(120);

const IMAGES: u32 = 24;
const BIG_BYTES: usize = 32 << 20;
const MARK_BYTES: usize = 64 * 1024;
/// One minute and a half of silence, in which there is much to skip.
const SAMPLES: u32 = 90 * 44_100;

/// A browser, and all of its processes.
struct Browser(Child);

impl Browser {
    fn start(profile: &Folder, url: &str) -> Option<Self> {
        ["chromium", "chromium-browser"].iter().find_map(|name| {
            let log = fs::File::create(profile.path("log")).unwrap();
            let mut browser = Command::new(name);
            browser
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                ])
                .args(["--no-first-run", "--disable-background-networking"])
                .args(["--disable-component-update", "--disable-sync"])
                .args(["--disable-dev-shm-usage", "--no-proxy-server"])
                .arg("--autoplay-policy=no-user-gesture-required")
                // It stays until it is ended.
                .arg("--remote-debugging-port=0")
                .arg(format!(
                    "--user-data-dir={}",
                    profile.path("data").display()
                ))
                .arg(url);
            browser
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log);
            browser.process_group(0).spawn().ok().map(Self)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = kill_process_group(group.expect("a process"), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// What the browser has asked for: how often each path, and from where on.
type Asked = Arc<Mutex<BTreeMap<String, Vec<Option<u64>>>>>;

fn serve(
    folder: &Folder,
    asked: &Asked,
    (big, sum): (&Bytes, &str),
) -> (RunningServer, Receiver<String>) {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let asked = Arc::clone(asked);
    let sum = sum.to_owned();
    let files = files::Folder::open(folder.path("")).unwrap();
    let big = big.clone();
    let server = Server::bind("127.0.0.1:0").unwrap();
    let server = server.spawn(move |mut request: Request, mut response: Response| {
        note(&asked, &request);
        match request.path() {
            "/" => {
                response.header("content-type", "text/html; charset=utf-8")?;
                response.send(page(&sum))
            }
            "/big" => {
                let mut out = response.writable(HighWaterMark::bytes(MARK_BYTES));
                for start in (0..BIG_BYTES).step_by(READ_BYTES) {
                    out.write(big.slice(start..start + READ_BYTES))?;
                    assert!(out.len() <= MARK_BYTES + READ_BYTES, "{} wait", out.len());
                }
                out.finish().map(drop)
            }
            "/told" => {
                let said = understood(&mut request)?;
                response.send(said)
            }
            "/events" => events(response),
            "/outcome" => {
                let said = request.body().to_bytes(1 << 16)?;
                let said = String::from_utf8(said.to_vec()).map_err(Error::other)?;
                tell.lock().unwrap().send(said).map_err(Error::other)?;
                response.send("")
            }
            _ => files.respond(&request, response),
        }
    });
    (server.unwrap(), told)
}

fn note(asked: &Asked, request: &Request) {
    let range = request.headers().get(header::RANGE);
    let first = range.and_then(|range| {
        let range = range.to_str().ok()?.strip_prefix("bytes=")?;
        range.split('-').next()?.parse().ok()
    });
    let mut asked = asked.lock().unwrap();
    let path = request.path().to_owned();
    asked.entry(path).or_default().push(first);
}

/// Three events, each as it comes.
fn events(mut response: Response) -> Result<(), Error> {
    response.header("content-type", "text/event-stream")?;
    let mut out = response.writable(HighWaterMark::bytes(MARK_BYTES));
    for number in 0..3 {
        io::Write::write_all(&mut out, format!("data: {number}\n\n").as_bytes())?;
        out.flush()?;
    }
    out.finish().map(drop)
}

fn page(sum: &str) -> String {
    let images: String = (1..=IMAGES)
        .map(|width| format!("<img src=/{width}.bmp>"))
        .collect();
    let script = include_str!("page.js");
    format!(
        "<!doctype html><title>page</title>{images}<script>const sum = '{sum}';\n{script}</script>"
    )
}

/// A picture that is as wide as its number.
fn image(width: u32) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let mut bmp = b"BM".to_vec();
    for field in [
        54 + row,
        0,
        54,
        40,
        width,
        1,
        1 | 24 << 16,
        0,
        row,
        0,
        0,
        0,
        0,
    ] {
        bmp.extend_from_slice(&field.to_le_bytes());
    }
    bmp.resize(bmp.len() + row as usize, 0x7f);
    bmp
}

/// A sound that is none.
fn sound() -> Vec<u8> {
    let data = SAMPLES * 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend_from_slice(&(36 + data).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    // One channel, 16 bits a sample.
    for field in [16, 1 | 1 << 16, 44_100, 88_200, 2 | 16 << 16] {
        wav.extend_from_slice(&u32::to_le_bytes(field));
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&data.to_le_bytes());
    wav.resize(wav.len() + data as usize, 0);
    wav
}

#[test]
fn a_browser_shows_a_page_downloads_uploads_and_plays() {
    let (served, profile) = (Folder::new(), Folder::new());
    for width in 1..=IMAGES {
        served.file(&format!("{width}.bmp"), &image(width));
    }
    served.file("sound.wav", &sound());
    let asked = Asked::default();
    let big = Bytes::from(pattern(BIG_BYTES));
    let sum = hash_of(&big);
    let (server, told) = serve(&served, &asked, (&big, &sum));
    let url = format!("http://{}/", server.local_addr().unwrap());
    let Some(browser) = Browser::start(&profile, &url) else {
        eprintln!("SKIPPED: there is no chromium");
        return;
    };
    let outcome = told.recv_timeout(BROWSER_LIMIT);
    drop(browser);
    let log = fs::read_to_string(profile.path("log")).unwrap();
    let asked = asked.lock().unwrap();
    let outcome = outcome.unwrap_or_else(|_| panic!("it says nothing; {asked:?} {log}"));
    let widths: Vec<String> = (1..=IMAGES).map(|width| width.to_string()).collect();
    let expected = [
        format!("images {}", widths.join(" ")),
        format!("big {BIG_BYTES} {}", sum),
        format!("told POST HTTP/1.1 {BIG_BYTES} {BIG_BYTES} {} none", sum),
        "events 0 1 2".to_owned(),
        "sound 90 played".to_owned(),
        "ok".to_owned(),
    ];
    assert_eq!(outcome.lines().collect::<Vec<_>>(), expected, "{asked:?}");
    // It has skipped what it did not play.
    let sound = &asked["/sound.wav"];
    assert!(sound.iter().flatten().any(|first| *first > 0), "{sound:?}");
    let counts = server.stop().unwrap();
    let requests: usize = asked.values().map(Vec::len).sum();
    eprintln!("{requests} requests on {} connections", counts.accepted);
    assert!((counts.accepted as usize) < requests, "{counts:?}");
    assert_eq!(asked["/big"].len(), 1);
}
