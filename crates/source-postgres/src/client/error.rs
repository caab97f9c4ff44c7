//! What can go wrong on a connection.

use std::fmt;
use std::io;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

/// An error of the client. No variant ever holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// the network, or the server closed the connection
    #[error("{doing}: {source}")]
    Io {
        /// what was tried
        doing: String,
        /// what the operating system said
        source: io::Error,
    },
    /// no encrypted connection as asked for, or its files are unusable
    #[error("TLS: {0}")]
    Tls(String),
    /// no agreement on how to authenticate (a wrong password is a [`ClientError::Server`] with SQLSTATE 28P01)
    #[error("authentication: {0}")]
    Auth(String),
    /// the server answered with an error
    #[error("{0}")]
    Server(Box<ServerError>),
    /// the peer does not speak the protocol as specified, or this client was used out of turn
    #[error("protocol: {0}")]
    Protocol(String),
    /// took longer than allowed
    #[error("timed out: {0}")]
    Timeout(String),
}

impl ClientError {
    /// The SQLSTATE, when the server answered with an error.
    pub fn sqlstate(&self) -> Option<&str> {
        self.server().map(|error| error.sqlstate.as_str())
    }

    /// The server's error, when it is one.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Server(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the connection is of no more use.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Server(error) => matches!(error.severity.as_str(), "FATAL" | "PANIC"),
            _ => true,
        }
    }

    pub(super) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }

    pub(super) fn closed(doing: &str) -> Self {
        Self::io(doing, io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"))
    }

    pub(super) fn protocol(what: impl fmt::Display) -> Self {
        Self::Protocol(what.to_string())
    }
}

/// An ErrorResponse or NoticeResponse (PostgreSQL manual, "Error and Notice Message Fields").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `PANIC`; of a notice `WARNING`, `NOTICE`, …: never translated
    pub severity: String,
    /// five characters
    pub sqlstate: String,
    /// primary message
    pub message: String,
    /// more about it
    pub detail: Option<String>,
    /// what the server suggests
    pub hint: Option<String>,
    /// where in the statement, in characters from 1
    pub position: Option<String>,
    /// call stack of the server's procedural languages
    pub context: Option<String>,
    /// the schema it is about
    pub schema: Option<String>,
    /// the table it is about
    pub table: Option<String>,
    /// the column it is about
    pub column: Option<String>,
    /// the constraint it is about
    pub constraint: Option<String>,
}

impl ServerError {
    pub(super) fn read(mut fields: ErrorFields<'_>) -> Result<Self, ClientError> {
        let mut error = Self::default();
        while let Some(field) = fields.next().map_err(ClientError::protocol)? {
            // before the encoding is agreed on (FATAL at connect) messages may be in any
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'S' if error.severity.is_empty() => error.severity = text,
                b'V' => error.severity = text,
                b'C' => error.sqlstate = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = Some(text),
                b'W' => error.context = Some(text),
                b's' => error.schema = Some(text),
                b't' => error.table = Some(text),
                b'c' => error.column = Some(text),
                b'n' => error.constraint = Some(text),
                _ => {}
            }
        }
        Ok(error)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (SQLSTATE {})", self.severity, self.message, self.sqlstate)?;
        if let Some(detail) = &self.detail {
            write!(f, "; detail: {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; hint: {hint}")?;
        }
        Ok(())
    }
}
