//! `snapshot.mode`: what it means for what was found at the start. Pure.

use rowtide_api::{Error, Result};

use crate::database::Resume;

/// Debezium's snapshot modes (`custom` names a Java class and is refused by validation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// rows at every start
    Always,
    /// rows once, then the stream
    Initial,
    /// rows once, and nothing more
    InitialOnly,
    /// never rows
    NoData,
    /// rows once, and again when the log no longer has the stored position
    WhenNeeded,
    /// by five settings of the user's
    ConfigurationBased(Choices),
}

/// `snapshot.mode.configuration.based.*`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// `…snapshot.data`: at every start
    pub data: bool,
    /// `…start.stream`
    pub stream: bool,
    /// `…snapshot.on.data.error`
    pub on_data_error: bool,
}

/// What the connector does after its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPlan {
    /// read the tables' rows
    pub data: bool,
    /// then stream
    pub stream: bool,
    /// the stored offset is void: the stream goes on from the snapshot, or from the slot
    pub forget_offset: bool,
}

impl SnapshotMode {
    /// The mode named in a configuration.
    pub fn parse(name: &str, choices: Choices) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "always" => SnapshotMode::Always,
            "initial" => SnapshotMode::Initial,
            "initial_only" => SnapshotMode::InitialOnly,
            "no_data" | "never" => SnapshotMode::NoData,
            "when_needed" => SnapshotMode::WhenNeeded,
            "configuration_based" => SnapshotMode::ConfigurationBased(choices),
            other => {
                return Err(Error::configuration(format!("The 'snapshot.mode' value is invalid: '{other}' is not a mode"))
                    .remedy("use always, initial, initial_only, no_data, when_needed or configuration_based"));
            }
        })
    }

    /// Whether a stream follows.
    pub fn streams(self) -> bool {
        match self {
            SnapshotMode::InitialOnly => false,
            SnapshotMode::ConfigurationBased(choices) => choices.stream,
            _ => true,
        }
    }

    /// Whether this mode ever reads rows.
    fn reads_rows(self) -> bool {
        match self {
            SnapshotMode::NoData => false,
            SnapshotMode::ConfigurationBased(choices) => choices.data,
            _ => true,
        }
    }

    /// What to do, given what became of the stored offset.
    pub fn plan(self, resume: &Resume) -> Result<SnapshotPlan> {
        let stream = self.streams();
        let rows = SnapshotPlan { data: true, stream, forget_offset: true };
        match resume {
            Resume::SnapshotContinues if self.reads_rows() => Ok(SnapshotPlan { forget_offset: !stream, ..rows }),
            _ if self == SnapshotMode::Always => Ok(rows),
            Resume::Fresh => Ok(SnapshotPlan { data: self.reads_rows(), stream, forget_offset: true }),
            Resume::SnapshotInterrupted if self.reads_rows() => Ok(rows),
            Resume::SnapshotInterrupted | Resume::SnapshotContinues => Err(Error::configuration(
                "The connector previously stopped while taking a snapshot, but now the connector is configured to never allow snapshots.",
            )
            .remedy("Reconfigure the connector to use snapshots initially or when needed: snapshot.mode=initial or when_needed.")),
            // as Debezium: the choice is asked at every start, whatever is stored
            Resume::Stored if matches!(self, SnapshotMode::ConfigurationBased(choices) if choices.data) => Ok(rows),
            Resume::Stored => Ok(SnapshotPlan { data: false, stream, forget_offset: false }),
            Resume::Lost(_) if self.rereads_after_loss() => Ok(rows),
            Resume::Lost(evidence) => Err(Error::fatal(format!(
                "The connector is trying to read change stream starting at the stored offset, but this is no longer available on the server: {evidence}"
            ))
            .remedy(
                "changes in between may be lost. Reconfigure the connector to use a snapshot mode when needed (snapshot.mode=when_needed), \
                 or stop the connector, reset its offsets (DELETE /connectors/{name}/offsets) and let it take a new snapshot",
            )),
        }
    }

    fn rereads_after_loss(self) -> bool {
        match self {
            SnapshotMode::WhenNeeded => true,
            SnapshotMode::ConfigurationBased(choices) => choices.on_data_error,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(mode: SnapshotMode, resume: Resume) -> Option<(bool, bool)> {
        mode.plan(&resume).ok().map(|plan| (plan.data, plan.stream))
    }

    #[test]
    fn modes_do_what_the_reference_says() {
        use SnapshotMode::*;
        let lost = || Resume::Lost("x".into());
        assert_eq!(plan(Initial, Resume::Fresh), Some((true, true)));
        assert_eq!(plan(Initial, Resume::SnapshotInterrupted), Some((true, true)));
        assert_eq!(plan(Initial, Resume::Stored), Some((false, true)));
        assert_eq!(plan(Initial, lost()), None);
        assert_eq!(plan(InitialOnly, Resume::Fresh), Some((true, false)));
        assert_eq!(plan(InitialOnly, Resume::Stored), Some((false, false)));
        assert_eq!(plan(NoData, Resume::Fresh), Some((false, true)));
        assert_eq!(plan(NoData, Resume::SnapshotInterrupted), None);
        assert_eq!(plan(NoData, lost()), None);
        assert_eq!(plan(WhenNeeded, lost()), Some((true, true)));
        assert_eq!(plan(Always, Resume::Stored), Some((true, true)));
        let goes_on = |mode: SnapshotMode| !mode.plan(&Resume::SnapshotContinues).unwrap().forget_offset;
        assert!(goes_on(Initial) && goes_on(Always) && goes_on(WhenNeeded) && !goes_on(InitialOnly));
        assert_eq!(plan(NoData, Resume::SnapshotContinues), None);
        let chosen = ConfigurationBased(Choices { data: false, stream: true, on_data_error: true });
        assert_eq!(plan(chosen, Resume::Fresh), Some((false, true)));
        assert_eq!(plan(chosen, lost()), Some((true, true)));
        assert_eq!(plan(chosen, Resume::Stored), Some((false, true)));
        let chosen = ConfigurationBased(Choices { data: true, stream: true, on_data_error: false });
        assert_eq!(plan(chosen, Resume::Stored), Some((true, true)));
        assert_eq!(plan(chosen, lost()), None);
    }
}
