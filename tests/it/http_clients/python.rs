//! Python's own client, and `requests`.

use std::process::Command;

use crate::http_clients::site::{LARGE, Site, has, hash_of, run};

fn python(site: &Site, script: &str) -> String {
    let mut python = Command::new("python3");
    python.args(["-c", script, &site.host(), &hash_of(&LARGE)]);
    String::from_utf8(run(&mut python, &LARGE).stdout).unwrap()
}

/// Two answers are broken off, and nothing else goes wrong.
fn ended(site: Site) -> u64 {
    let (connections, told) = site.ended();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|said| said.contains("broken off")),
        "{told:?}"
    );
    connections
}

#[test]
fn pythons_client_and_the_server_understand_each_other() {
    if !has("python3", &["--version"]) {
        return;
    }
    let site = Site::new();
    let said = python(&site, include_str!("client.py"));
    assert_eq!(said, "kept\nsent\nread\ncut\ncut\nok\n");
    assert_eq!(ended(site), 3);
}

#[test]
fn requests_and_the_server_understand_each_other() {
    if !has("python3", &["-c", "import requests"]) {
        return;
    }
    let site = Site::new();
    let said = python(&site, include_str!("requests_client.py"));
    assert_eq!(said, "kept\nsent\nread\nrefused\ncut\ncut\nok\n");
    // One for everything until it is cut, and one more.
    assert_eq!(ended(site), 2);
}
