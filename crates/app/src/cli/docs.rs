//! `rowtide docs`: the manual, from the option tables.

use std::path::PathBuf;

use clap::Args;
use rowtide_api::{Error, Result};

use crate::manual;

/// Writes the manual of all options as Markdown.
#[derive(Args)]
pub struct DocsArgs {
    /// Directory to write to; without it everything goes to stdout
    dir: Option<PathBuf>,
    /// Write nothing; fail if what is there is not what would be written
    #[arg(long, requires = "dir")]
    check: bool,
}

/// Writes or checks the manual.
pub fn docs(args: &DocsArgs) -> Result<()> {
    let pages = manual::pages();
    let Some(dir) = &args.dir else {
        for page in &pages {
            println!("{}", page.text);
        }
        return Ok(());
    };
    let mut stale = Vec::new();
    for page in &pages {
        let path = dir.join(page.name);
        if args.check {
            if std::fs::read_to_string(&path).ok().as_deref() != Some(&page.text) {
                stale.push(path.display().to_string());
            }
            continue;
        }
        let written = std::fs::create_dir_all(dir).and_then(|()| std::fs::write(&path, &page.text));
        written.map_err(|error| Error::configuration(format!("cannot write {}", path.display())).caused_by(error))?;
    }
    if stale.is_empty() {
        return Ok(());
    }
    let stale = stale.join(", ");
    Err(Error::configuration(format!("not what the option tables say: {stale}"))
        .remedy(format!("run `rowtide docs {}`", dir.display())))
}
