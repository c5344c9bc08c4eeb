//! Node's own client, and its `fetch`.

use std::process::Command;

use crate::http_clients::site::{LARGE, Site, has, hash_of, run};

#[test]
fn nodes_client_and_the_server_understand_each_other() {
    if !has("node", &["--version"]) {
        return;
    }
    let site = Site::new();
    let mut node = Command::new("node");
    node.args(["-e", include_str!("node.js"), &site.host()]);
    let said = run(node.arg(hash_of(&LARGE)), &LARGE);
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(
        said,
        "kept\nsent\nread\nhinted\ntold\nupgraded\ncut\ncut\nfetched\nok\n"
    );
    let (_, told) = site.ended();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().all(|said| said.contains("broken off")),
        "{told:?}"
    );
}
