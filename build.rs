//! Says which types of the standard library this compiler has that the oldest supported one lacks.

use std::env;
use std::process::Command;

/// `std::io::PipeReader` and `PipeWriter` came with Rust 1.87.
const STD_PIPES: u32 = 87;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(std_pipes)");
    println!("cargo::rerun-if-changed=build.rs");
    // One that cannot be asked is taken for the oldest.
    if minor().is_some_and(|minor| minor >= STD_PIPES) {
        println!("cargo::rustc-cfg=std_pipes");
    }
}

/// The second number of the compiler's version: `rustc 1.85.0 (...)`.
fn minor() -> Option<u32> {
    let rustc = env::var_os("RUSTC")?;
    let output = Command::new(rustc).arg("--version").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    version.split('.').nth(1)?.parse().ok()
}
