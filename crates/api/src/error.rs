//! The one error type, and the one table that decides what follows from an error.

use std::fmt;

/// Result with Rowtide's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of trouble it is. The kind alone decides what the runtime does: see [`ErrorKind::reaction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// the other side is away or busy; the same call may succeed later
    Transient,
    /// a setting, a privilege or the server's set-up is wrong; only a person can change that
    Configuration,
    /// one record cannot be converted, transformed or accepted
    Data,
    /// going on would lose data, or an invariant is broken
    Fatal,
}

/// What the runtime does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// restart the task inside after `retriable.restart.connector.wait.ms`, at most `errors.max.retries` times
    Retry,
    /// `errors.tolerance` decides: skip the record, counted and visible, or stop
    Tolerate,
    /// the task is FAILED, its trace says why
    Stop,
}

impl ErrorKind {
    /// The table: kind → reaction.
    pub fn reaction(self) -> Reaction {
        match self {
            ErrorKind::Transient => Reaction::Retry,
            ErrorKind::Data => Reaction::Tolerate,
            ErrorKind::Configuration | ErrorKind::Fatal => Reaction::Stop,
        }
    }
}

/// An error that a user may read: what happened with its evidence, and what to do about it. Holds nothing secret
/// and no row data.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    remedy: Option<String>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind with its evidence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), remedy: None, cause: None }))
    }

    /// The other side is away or busy.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// A setting or a set-up is wrong.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    /// One record is bad.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// Going on would lose data.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Fatal, message)
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Adds the error below.
    #[must_use]
    pub fn caused_by(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Box::new(cause));
        self
    }

    /// Puts what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, doing: &str) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the user can do.
    pub fn remedy_text(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut cause = self.0.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
        while let Some(below) = cause {
            let text = below.to_string();
            if !self.0.message.contains(&text) {
                write!(f, ": {text}")?;
            }
            cause = below.source();
        }
        match &self.0.remedy {
            Some(remedy) => write!(f, "\nRemedy: {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
