//! Standard output as a target: JSON lines, or lines for eyes with a status once a second.

use std::io::{IsTerminal, Stderr, Stdout, Write};
use std::time::{Duration, Instant};

use rowtide_api::{EncodedRecord, Error, Result};

use crate::pretty::{self, Style};

/// How often the status is written.
const STATUS: Duration = Duration::from_secs(1);
/// Width of a line for eyes when nobody says how wide the terminal is.
const WIDTH: usize = 160;

pub(crate) struct Terminal {
    out: Stdout,
    buffer: Vec<u8>,
    /// none writes JSON lines
    pretty: Option<Pretty>,
}

struct Pretty {
    style: Style,
    status: Stderr,
    status_colour: bool,
    /// since the last status
    window: Option<Instant>,
    events: u64,
    total: u64,
    /// `source.ts_ms` of the last event
    source_time: Option<i64>,
}

impl Terminal {
    pub(crate) fn new(pretty: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let (out, status) = (std::io::stdout(), std::io::stderr());
        let style = Style { colour: out.is_terminal() && !plain, width: WIDTH };
        let status_colour = status.is_terminal() && !plain;
        let pretty =
            pretty.then_some(Pretty { style, status, status_colour, window: None, events: 0, total: 0, source_time: None });
        Self { out, buffer: Vec::new(), pretty }
    }

    /// Appends the records' lines.
    pub(crate) fn append(&mut self, records: &[EncodedRecord]) {
        let Some(pretty) = &mut self.pretty else {
            for record in records {
                crate::line::write(record, &mut self.buffer);
            }
            return;
        };
        // the window may have been resized
        pretty.style.width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0).max(20));
        let now = jiff::Zoned::now().strftime("%H:%M:%S%.3f").to_string();
        for record in records {
            let source_time = pretty::write(record, &now, &pretty.style, &mut self.buffer);
            pretty.source_time = source_time.or(pretty.source_time);
        }
        pretty.window.get_or_insert_with(Instant::now);
        pretty.events += records.len() as u64;
        pretty.total += records.len() as u64;
    }

    /// Writes out what was appended.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = self.out.write_all(&self.buffer).and_then(|()| self.out.flush());
        self.buffer.clear();
        written.map_err(|error| {
            let error_kind = error.kind();
            let message = "cannot write to standard output";
            match error_kind {
                std::io::ErrorKind::BrokenPipe => Error::configuration(message)
                    .remedy("keep the program that reads it running; what it did not read is sent again at the next start"),
                _ => Error::transient(message).remedy("look at where standard output is directed to"),
            }
            .caused_by(error)
        })
    }

    /// How long until the status is due; none while nothing happened.
    pub(crate) fn status_in(&self) -> Option<Duration> {
        let window = self.pretty.as_ref()?.window?;
        Some(STATUS.saturating_sub(window.elapsed()))
    }

    /// Writes the status if it is due. That it cannot be written is nobody's loss.
    pub(crate) fn status_if_due(&mut self) {
        let Some(pretty) = &mut self.pretty else { return };
        let Some(elapsed) = pretty.window.map(|window| window.elapsed()).filter(|elapsed| *elapsed >= STATUS) else { return };
        let lag = pretty.source_time.map(|time| jiff::Timestamp::now().as_millisecond() - time);
        let text = pretty::status(pretty.events, elapsed, lag, pretty.total);
        let (dim, reset) = if pretty.status_colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let _ = writeln!(pretty.status, "{dim}{text}{reset}");
        (pretty.window, pretty.events) = (None, 0);
    }
}
