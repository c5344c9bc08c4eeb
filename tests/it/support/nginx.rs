//! nginx, on a socket of its own.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ended when it is dropped.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) socket: String,
}

impl Nginx {
    /// Starts one in a folder that is not there yet; `server` is what its one server is told.
    pub(crate) fn of(place: &Path, server: &str) -> Self {
        fs::create_dir(place).unwrap();
        let place = place.display().to_string();
        let socket = format!("{place}/socket");
        let user = if rustix::process::getuid().is_root() {
            "user root;"
        } else {
            ""
        };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {place}/{name};"))
            .concat();
        let config = format!(
            "{user} daemon off; master_process off; pid {place}/pid; error_log {place}/log;
             events {{}} http {{ access_log off; {temporary}
             server {{ listen unix:{socket}; {server} }} }}"
        );
        fs::write(format!("{place}/conf"), config).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.args([
            "-e",
            &format!("{place}/log"),
            "-c",
            &format!("{place}/conf"),
        ]);
        let child = nginx.stdin(Stdio::null()).spawn().unwrap();
        let mut nginx = Self { child, socket };
        while UnixStream::connect(&nginx.socket).is_err() {
            let ended = nginx.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{}",
                fs::read_to_string(format!("{place}/log")).unwrap()
            );
            std::thread::yield_now();
        }
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
