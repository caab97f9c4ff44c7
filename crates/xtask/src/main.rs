//! The project's own commands: `cargo xtask tidy` and `cargo xtask docs [--check]`.
//!
//! Here are rules about the source tree that the compiler and clippy cannot know. What runs servers is in `ci/` and `lab/`.

mod docs;
mod ratchet;
mod source;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask tidy            the rules of this source tree; each failure names its reason and its remedy
cargo xtask tidy --lower    the same, and lowers crates/xtask/ratchet.txt to what is true now
cargo xtask docs            writes the manual to docs/manual
cargo xtask docs --check    fails where docs/manual is not what `rowtide docs` writes";

/// The root of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(&root(), false),
        ["tidy", "--lower"] => tidy::run(&root(), true),
        ["docs"] => docs::write(&root()),
        ["docs", "--check"] => docs::check(&root()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
