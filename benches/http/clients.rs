//! The clients, and what they cost the server.

use std::io;
use std::process::Command;

use crate::process::{Server, failed};

/// What so many answers cost.
pub(crate) struct Cost {
    /// How many answers there were.
    pub(crate) done: f64,
    pub(crate) seconds: f64,
    /// The processor time of the server, in seconds.
    pub(crate) cpu: f64,
}

/// Asks for a text on so many connections, for so long.
pub(crate) fn wrk(server: &Server, connections: u32, seconds: u32) -> io::Result<Cost> {
    let before = server.cpu();
    let said = output(
        Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}")])
            .arg(format!("http://{}/", server.place)),
    )?;
    let cpu = server.cpu() - before;
    // "  12345 requests in 2.01s, 1.50MB read"
    let (requests, rest) = said
        .split_once(" requests in ")
        .ok_or_else(|| failed(format!("wrk said: {said}")))?;
    let done = requests.rsplit([' ', '\n']).next().unwrap_or_default();
    let time = rest.split_once("s,").map_or("", |(time, _)| time);
    if said.contains("Non-2xx") {
        return Err(failed(format!("{}: {said}", server.name)));
    }
    // Of a server that is slow to accept, say; its figure stands, and this beside it.
    if let Some(line) = said.lines().find(|line| line.contains("Socket errors")) {
        println!("  {} with {}", server.name, line.trim());
    }
    Ok(Cost {
        done: number(done)?,
        seconds: number(time)?,
        cpu,
    })
}

/// Gets the file, and counts its bytes.
pub(crate) fn curl(server: &Server, bytes: u64) -> io::Result<Cost> {
    let before = server.cpu();
    let said = output(
        Command::new("curl")
            .args(["-sS", "-o", "/dev/null"])
            .args(["-w", "%{http_code} %{size_download} %{time_total}"])
            .arg(format!("http://{}/file", server.place)),
    )?;
    let cpu = server.cpu() - before;
    let time = said.strip_prefix(&format!("200 {bytes} "));
    let time = time.ok_or_else(|| failed(format!("{}: curl got {said}", server.name)))?;
    Ok(Cost {
        done: 1.0,
        seconds: number(time)?,
        cpu,
    })
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("{command:?}: {said}{complaint}")))
}

fn number(text: &str) -> io::Result<f64> {
    let number = text.trim().parse();
    number.map_err(|_| failed(format!("`{text}` is no number")))
}
