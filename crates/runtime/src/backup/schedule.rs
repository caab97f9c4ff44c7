//! Backups while a worker runs: when the next is due, and what is logged of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rowtide_api::config::Config;
use rowtide_api::{Error, Props, Result};
use tracing::{info, warn};

use super::{Backup, Backups, StoreSettings, collect};
use crate::herder::{Herder, State, TargetState};
use crate::offsets::OffsetStore;

/// A failed backup is tried again after this, or after the interval if that is shorter.
const AGAIN: Duration = Duration::from_secs(60);

/// `rowtide.backup.*`
#[derive(Clone, Debug)]
pub struct Settings {
    /// where they lie
    pub backups: Backups,
    /// how often one is taken
    pub interval: Duration,
    /// how many are kept
    pub keep: usize,
}

impl Settings {
    /// Reads a worker's configuration. None: no backups are wanted.
    pub fn read(config: &Config<'_>) -> Result<Option<Self>> {
        let Some(place) = config.opt("rowtide.backup.directory").filter(|place| !place.is_empty()) else { return Ok(None) };
        let text = |name: &str| config.opt(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let store = StoreSettings { region: text("rowtide.backup.s3.region"), endpoint: text("rowtide.backup.s3.endpoint") };
        Ok(Some(Self {
            backups: Backups::new(place, &store)?,
            interval: config.millis("rowtide.backup.interval.ms")?,
            keep: config.size("rowtide.backup.keep")?,
        }))
    }
}

/// Takes backups until it is dropped. The first is due an interval after the newest that is there: restarts put none off.
pub async fn run(settings: Settings, herder: Arc<dyn Herder>, offsets: Arc<dyn OffsetStore>) {
    let mut wait = first_wait(&settings).await;
    loop {
        tokio::time::sleep(wait).await;
        let taken = take(&settings, configs(&*herder).await, &*offsets).await;
        wait = if taken { settings.interval } else { settings.interval.min(AGAIN) };
    }
}

/// Takes one now, and says so in the log; false: it could not be written. While nothing is known there is nothing to write.
pub async fn take(settings: &Settings, configs: Vec<(String, Props, TargetState)>, offsets: &dyn OffsetStore) -> bool {
    let written = async {
        let connectors = collect(configs, offsets).await?;
        if connectors.is_empty() {
            return Ok(());
        }
        let name = settings.backups.write(&Backup::of_now(connectors)).await?;
        info!("backup {name} of configurations and offsets written");
        if let Err(error) = settings.backups.prune(settings.keep).await {
            warn!("backups that are too many are still there: {error}");
        }
        Ok::<(), Error>(())
    };
    let outcome = written.await;
    if let Err(error) = &outcome {
        warn!("no backup was taken: {error}");
    }
    outcome.is_ok()
}

/// Writes a backup and removes those that are too many; its name.
pub async fn write(settings: &Settings, backup: &Backup) -> Result<String> {
    let name = settings.backups.write(backup).await?;
    settings.backups.prune(settings.keep).await?;
    Ok(name)
}

async fn first_wait(settings: &Settings) -> Duration {
    let newest = settings.backups.newest().await.ok().flatten();
    // one from the future is none to wait for
    let age = newest.and_then(|newest| Duration::try_from(Timestamp::now().duration_since(newest)).ok());
    age.map_or(Duration::ZERO, |age| settings.interval.saturating_sub(age))
}

/// What the herder knows of its connectors. One that is FAILED counts as wanted to run.
pub async fn configs(herder: &dyn Herder) -> Vec<(String, Props, TargetState)> {
    let mut configs = Vec::new();
    for name in herder.connectors().await {
        // one that was deleted meanwhile is in no backup
        let (Ok(info), Ok(status)) = (herder.info(&name).await, herder.status(&name).await) else { continue };
        let config = info.config.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect();
        let target = match status.connector.state {
            State::Paused => TargetState::Paused,
            State::Stopped => TargetState::Stopped,
            _ => TargetState::Started,
        };
        configs.push((name, config, target));
    }
    configs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_backup_is_due_an_interval_after_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let backups = Backups::new(&folder.path().display().to_string(), &StoreSettings::default()).unwrap();
        let settings = Settings { backups: backups.clone(), interval: Duration::from_secs(3600), keep: 2 };
        assert_eq!(first_wait(&settings).await, Duration::ZERO);
        let backup = |taken: Timestamp| Backup { taken, connectors: Vec::new() };
        backups.write(&backup(Timestamp::now() - jiff::SignedDuration::from_mins(40))).await.unwrap();
        let wait = first_wait(&settings).await.as_secs();
        assert!((1100..=1200).contains(&wait), "{wait}");
        backups.write(&backup(Timestamp::now() + jiff::SignedDuration::from_hours(40))).await.unwrap();
        assert_eq!(first_wait(&settings).await, Duration::ZERO);
    }
}
