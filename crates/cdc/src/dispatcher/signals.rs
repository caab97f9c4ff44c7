//! The dispatcher's part in signals, incremental snapshots and notifications: all of them have a place in the stream.

use std::fmt::Write;
use std::sync::Arc;

use rowtide_api::failpoint::{Failpoint, pass};
use rowtide_api::{OffsetMap, OffsetValue, Signal};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::Dispatcher;
use crate::blocking::Blocking;
use crate::change::Change;
use crate::incremental::{Beside, Incremental};
use crate::notification::{Notification, Notifier};
use crate::settings::Settings;
use crate::signal::channels::{Incoming, Way};
use crate::signal::{Action, SignalTable, action};

/// What goes on beside the stream.
#[derive(Debug)]
pub struct Aside {
    table: SignalTable,
    pub(super) notifier: Notifier,
    incremental: Incremental,
    /// signals that come by other ways than the signal table
    channel: Option<mpsc::Receiver<Incoming>>,
    /// the last record of the signal topic that was taken
    signal_place: Option<i64>,
    /// how many signals of the file were taken
    file_signals: Option<i64>,
    /// blocking snapshots that are to be taken
    blocking: Arc<[Blocking]>,
    /// told before there was a position for their records
    waiting: Vec<Notification>,
}

impl Aside {
    /// With the channels of the settings, and what a stored offset says to go on with.
    pub fn new(settings: &Settings, stored: Beside, channel: mpsc::Receiver<Incoming>) -> Self {
        let (table, notifier) = (settings.signal_table.clone(), settings.notifier.clone());
        let incremental = Incremental::restore(stored.progress);
        Self {
            table,
            notifier,
            incremental,
            channel: Some(channel),
            signal_place: stored.signal_place,
            file_signals: stored.file_signals,
            blocking: stored.blocking,
            waiting: Vec::new(),
        }
    }
}

impl Dispatcher {
    /// The incremental snapshot. Who changes it calls [`Dispatcher::note_incremental`].
    pub fn incremental(&mut self) -> &mut Incremental {
        &mut self.aside.incremental
    }

    /// The blocking snapshot that is to be taken, until [`Dispatcher::end_blocking`] says that it is over.
    pub fn blocking(&self) -> Option<&Blocking> {
        self.aside.blocking.first()
    }

    /// The blocking snapshot is over: offsets hold it no longer.
    pub fn end_blocking(&mut self) {
        self.aside.blocking = self.aside.blocking.iter().skip(1).cloned().collect();
        self.note_incremental();
    }

    /// From here on, offsets hold what goes on beside the stream as it is now.
    pub fn note_incremental(&mut self) {
        let Aside { incremental, blocking, signal_place, file_signals, .. } = &self.aside;
        let (progress, blocking) = (incremental.progress(), blocking.clone());
        let beside = Beside { progress, blocking, signal_place: *signal_place, file_signals: *file_signals };
        self.emitter.set_beside(beside);
    }

    /// The same, and whoever looks how far snapshots are sees the incremental one as it is now.
    pub fn show_incremental(&mut self) {
        self.note_incremental();
        self.progress.show_incremental(self.aside.incremental.shown());
    }

    /// The next signal that comes by another way than the signal table. Cancelling loses none.
    pub async fn next_signal(&mut self) -> Incoming {
        if let Some(channel) = &mut self.aside.channel {
            if let Some(incoming) = channel.recv().await {
                return incoming;
            }
            self.aside.channel = None;
        }
        std::future::pending().await
    }

    /// Takes a signal. What it asks for is done in the stream, by [`crate::incremental::drive`].
    pub fn signal(&mut self, incoming: &Incoming) {
        match incoming.way {
            Way::Topic(place) => self.aside.signal_place = Some(place),
            Way::File => {
                *self.aside.file_signals.get_or_insert(0) += 1;
                // the file is emptied once that is stored
                self.batch.urgent = true;
            }
            Way::Rest => {}
        }
        let position = self.whole().map_or_else(OffsetMap::default, |whole| whole.offset.to_offset());
        self.act(&incoming.signal, &position);
        self.note_incremental();
    }

    /// Looks for what a change means beside being one: a signal, or news of a row that a chunk holds.
    pub(super) fn watch(&mut self, change: &Change) {
        match change {
            Change::Row(row) => {
                if self.aside.incremental.holds_rows() {
                    self.aside.incremental.changed(row);
                }
                if let Some(signal) = self.aside.table.signal(row) {
                    self.act(&signal, &row.origin.position.to_offset());
                }
            }
            Change::Truncate { table, .. } if self.aside.incremental.holds_rows() => self.aside.incremental.truncated(table),
            _ => {}
        }
    }

    fn act(&mut self, signal: &Signal, position: &OffsetMap) {
        let action = match action(signal) {
            Ok(action) => action,
            // the sender's mistake is no reason to stop the stream
            Err(refused) => return warn!("{refused}"),
        };
        pass(Failpoint::SignalRead);
        let incremental = &mut self.aside.incremental;
        match action {
            Action::Log(message) => info!("{}", message.replace("{}", &logged(position))),
            Action::Execute(execute) => {
                info!("Requested 'INCREMENTAL' snapshot of data collections '{:?}' (signal '{}')", execute.names(), signal.id);
                incremental.add(&signal.id, execute);
            }
            Action::Block(_) => {
                let asked = Blocking::new(signal.clone());
                self.aside.blocking = self.aside.blocking.iter().cloned().chain([asked]).collect();
            }
            Action::Stop(tables) => {
                info!("Requested stop of snapshot 'INCREMENTAL' (signal '{}')", signal.id);
                incremental.stop(tables);
            }
            Action::Pause if incremental.pause() => self.tell("Pausing incremental snapshot", "PAUSED"),
            Action::Resume if incremental.resume() => self.tell("Resuming incremental snapshot", "RESUMED"),
            Action::Pause | Action::Resume => info!("Signal '{}' has no effect: there is no snapshot to do it to", signal.id),
            Action::SchemaChanges => info!("Signal '{}' has no effect: the database tells the shape of its tables", signal.id),
            Action::OpenWindow => incremental.open_window(&signal.id),
            Action::CloseWindow => incremental.close_window(&signal.id),
        }
        self.show_incremental();
    }

    fn tell(&mut self, log: &str, kind: &'static str) {
        info!("{log}");
        let notification = self.aside.incremental.notify(kind);
        self.notify(&notification);
    }

    /// Notifies, at the place of the last change.
    pub fn notify(&mut self, notification: &Notification) {
        self.aside.notifier.log(notification, self.now);
        match self.whole().cloned() {
            Some(position) => {
                let record = self.aside.notifier.record(notification, self.now, position);
                if let Some(record) = record {
                    self.batch.records.push(record);
                    self.forget_reached();
                }
            }
            None => self.aside.waiting.push(notification.clone()),
        }
    }

    /// Sends the notifications that waited for a position.
    pub(super) fn send_waiting(&mut self) {
        if self.aside.waiting.is_empty() {
            return;
        }
        let Some(position) = self.whole().cloned() else { return };
        let (notifier, now) = (&self.aside.notifier, self.now);
        let records = self.aside.waiting.iter().filter_map(|waiting| notifier.record(waiting, now, position.clone()));
        self.batch.records.extend(records);
        self.forget_reached();
        self.aside.waiting.clear();
    }
}

/// An offset as Java shows a map.
fn logged(offset: &OffsetMap) -> String {
    let mut text = String::from("{");
    for (index, (name, value)) in offset.0.iter().enumerate() {
        let value = match value {
            OffsetValue::Null => "null".to_owned(),
            OffsetValue::Boolean(truth) => truth.to_string(),
            OffsetValue::Int(number) => number.to_string(),
            OffsetValue::Float(number) => number.to_string(),
            OffsetValue::String(text) => text.to_string(),
        };
        // writing to a string cannot fail
        let _ = write!(text, "{}{name}={value}", if index > 0 { ", " } else { "" });
    }
    text + "}"
}
