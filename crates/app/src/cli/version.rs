//! `rowtide version`.

/// Prints what this is and whose behaviour it has.
pub fn version() {
    println!("rowtide {}", env!("CARGO_PKG_VERSION"));
    for source in crate::plugins::all().sources {
        println!("{} {}", source.info().class, source.info().version);
    }
}
