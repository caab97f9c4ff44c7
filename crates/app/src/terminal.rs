//! How far snapshots are, as one line that is written anew at the end of a terminal, below the log.
//!
//! Where there is no terminal, the log's own lines have to do. How far they are is asked of the herder.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rowtide_api::{SnapshotProgress, SnapshotStatus, TableProgress};
use rowtide_runtime::herder::Herder;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// To the beginning of the line, and away with it.
const ERASE: &str = "\r\x1b[K";

/// The line below the log; empty: none. Cheap to clone.
#[derive(Clone, Default)]
pub struct StatusLine(Arc<Mutex<String>>);

impl StatusLine {
    /// Puts this line in the place of the last one.
    pub fn set(&self, line: String) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != line {
            // a terminal that is gone is no reason to stop
            let _ = io::stderr().write_all(format!("{ERASE}{line}").as_bytes());
            *shown = line;
        }
    }

    /// A writer of whole lines of the log.
    pub fn above(&self) -> Above {
        Above(self.clone())
    }
}

/// Writes to stderr, above the line.
pub struct Above(StatusLine);

impl Write for Above {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let shown = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_empty() {
            return io::stderr().write(lines);
        }
        // one write, so that nobody sees the terminal without it
        io::stderr().write_all(&[ERASE.as_bytes(), lines, shown.as_bytes()].concat())?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Keeps the line up to date until it is dropped.
pub async fn show(herder: impl Herder, status: StatusLine) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let mut parts = Vec::new();
        for name in herder.connectors().await {
            // one that was deleted meanwhile has none
            for task in herder.snapshots(&name).await.unwrap_or_default() {
                parts.extend(line(&name, &task, Instant::now(), SystemTime::now()));
            }
        }
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0));
        status.set(parts.join(" | ").chars().take(width.saturating_sub(1)).collect());
    }
}

/// `shop: 3 of 12 tables, 70000 rows, 2 min left (public.orders 45 %, 40 s left)`, as far as it is known.
fn line(name: &str, snapshot: &SnapshotProgress, now: Instant, clock: SystemTime) -> Option<String> {
    if snapshot.status != SnapshotStatus::Running {
        return None;
    }
    let left = |left: Option<Duration>| left.map(|left| format!(", {} left", rounded(left))).unwrap_or_default();
    let of_table = |table: &TableProgress| {
        let share = table.share().map(|share| format!(" {:.0} %", share * 100.0)).unwrap_or_default();
        format!("{}{share}{}", table.table, left(table.left(now)))
    };
    let read: Vec<String> = snapshot.tables.iter().filter(|table| table.is_being_read()).map(of_table).collect();
    let read = if read.is_empty() { String::new() } else { format!(" ({})", read.join("; ")) };
    let (done, tables, rows) = (snapshot.tables_finished(), snapshot.tables.len(), snapshot.rows());
    Some(format!("{name}: {done} of {tables} tables, {rows} rows{}{read}", left(snapshot.left(clock))))
}

fn rounded(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..=99 => format!("{seconds} s"),
        seconds @ 100..=5999 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_known() {
        let (now, clock) = (Instant::now(), SystemTime::now());
        let table = |table: &str, rows, estimated| TableProgress {
            table: table.to_owned(),
            rows,
            estimated: Some(estimated),
            started: Some(now),
            chunks: 1,
            ..TableProgress::default()
        };
        let mut snapshot = SnapshotProgress { started: Some(clock), ..SnapshotProgress::default() };
        assert_eq!(line("shop", &snapshot, now, clock), None);
        snapshot.status = SnapshotStatus::Running;
        snapshot.tables = vec![table("public.a", 10, 10), table("public.b", 250, 1000)];
        snapshot.tables[0].finished = true;
        let (now, clock) = (now + Duration::from_secs(60), clock + Duration::from_secs(60));
        let expected = "shop: 1 of 2 tables, 260 rows, 3 min left (public.b 25 %, 3 min left)";
        assert_eq!(line("shop", &snapshot, now, clock).as_deref(), Some(expected));
    }

    #[test]
    fn times_are_as_exact_as_they_can_be_known() {
        let words = [7, 99, 100, 5999, 6000, 90_000].map(|seconds| rounded(Duration::from_secs(seconds)));
        assert_eq!(words, ["7 s", "99 s", "2 min", "100 min", "1 h 40 min", "25 h 0 min"]);
    }
}
