//! Which tool it is, and of which version.

use crate::tools::{run, said};

pub(crate) const TOOLS: [&str; 9] = [
    "copy", "events", "gzip", "lines", "proxy", "serve", "tee", "transfer", "upload",
];

#[test]
fn every_tool_says_which_version_it_is() {
    for tool in TOOLS {
        for option in ["--version", "-V"] {
            let output = run(tool, &[option], 0);
            let line = format!("{tool} (highwater {})\n", env!("CARGO_PKG_VERSION"));
            assert_eq!(String::from_utf8_lossy(&output.stdout), line);
            assert_eq!(said(&output), "");
        }
    }
}

#[test]
fn an_option_that_is_not_known_is_a_wrong_call_in_every_tool() {
    for tool in TOOLS {
        let output = run(tool, &["--versions"], 2);
        let said = said(&output);
        let begins = format!("{tool}: ");
        assert!(
            said.starts_with(&begins) && said.contains("--help"),
            "{said}"
        );
        assert_eq!(output.stdout, b"");
    }
}
