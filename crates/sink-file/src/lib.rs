//! Sinks that need no broker: `file`, rotating files of JSON lines, and `stdout`, for pipes and for eyes.
//!
//! What belongs here: the line that a record becomes, files with their rotation, the terminal, and the acknowledgement
//! once a record is on disk (or written out). What does not: the bytes of keys and values (converters), and retries (the
//! runtime's: a full disk is a transient error here).

mod line;
mod options;
mod pretty;
mod rotating;
mod terminal;
mod writer;

use rowtide_api::plugin::SinkPlugin;

/// Every sink of this crate, for the binary's list of plug-ins.
pub static ALL: &[SinkPlugin] = &[
    SinkPlugin { name: "file", config_def: options::file, new: writer::new_file },
    SinkPlugin { name: "stdout", config_def: options::stdout, new: writer::new_stdout },
];
