//! The settings that steer the coordinator, whatever the database. (What shapes records is read by `shape`,
//! `envelope` and `naming` from the same configuration.)

use std::time::Duration;

use rowtide_api::Result;
use rowtide_api::config::Config;

use crate::dispatcher::BatchLimits;
use crate::notification::Notifier;
use crate::signal::SignalTable;
use crate::signal::channels::Channels;
use crate::snapshot_mode::{Choices, SnapshotMode};

/// Settings of the coordinator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `snapshot.mode` with its five choices
    pub mode: SnapshotMode,
    /// `snapshot.delay.ms`
    pub snapshot_delay: Duration,
    /// `streaming.delay.ms`
    pub streaming_delay: Duration,
    /// `heartbeat.interval.ms`; zero: off
    pub heartbeat_interval: Duration,
    /// bounds of the queue
    pub limits: BatchLimits,
    /// the signal table
    pub signal_table: SignalTable,
    /// the other ways of signals
    pub channels: Channels,
    /// channels of notifications
    pub notifier: Notifier,
}

impl Settings {
    /// Reads them.
    pub fn read(config: &Config<'_>) -> Result<Self> {
        let choice = |name: &str| config.flag(&format!("snapshot.mode.configuration.based.{name}"));
        let choices = Choices {
            data: choice("snapshot.data"),
            stream: choice("start.stream"),
            on_data_error: choice("snapshot.on.data.error"),
        };
        Ok(Self {
            mode: SnapshotMode::parse(config.text("snapshot.mode")?, choices)?,
            snapshot_delay: config.millis("snapshot.delay.ms")?,
            streaming_delay: config.millis("streaming.delay.ms")?,
            heartbeat_interval: config.millis("heartbeat.interval.ms")?,
            limits: BatchLimits::new(config.size("max.batch.size")?, config.size("max.queue.size.in.bytes")?),
            signal_table: SignalTable::read(config),
            channels: Channels::read(config)?,
            notifier: Notifier::read(config),
        })
    }
}
