//! The messages inside CopyData of a replication stream.
//!
//! Specification: PostgreSQL manual, "Streaming Replication Protocol", XLogData (B) and Primary keepalive message (B).

use super::DecodeError;
use super::reader::Reader;

/// What a walsender sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamMessage<'a> {
    /// a message of the output plug-in
    XLogData {
        /// where it is in the log; 0 for some
        start: u64,
        /// where the log ended when it was sent
        end: u64,
        /// when it was sent, in microseconds since 2000-01-01
        sent: i64,
        /// the plug-in's message
        data: &'a [u8],
    },
    /// a sign of life
    Keepalive {
        /// where the log ends
        end: u64,
        /// when it was sent, in microseconds since 2000-01-01
        sent: i64,
        /// whether the server hangs up unless a status comes soon
        reply_requested: bool,
    },
}

/// Decodes the body of one CopyData message.
pub fn stream_message(body: &[u8]) -> Result<StreamMessage<'_>, DecodeError> {
    let mut r = Reader::new("replication message", body);
    match r.u8("the type of message")? {
        b'w' => Ok(StreamMessage::XLogData {
            start: r.u64("the start of the data in the log")?,
            end: r.u64("the end of the log")?,
            sent: r.i64("the time of sending")?,
            data: r.take_rest(),
        }),
        b'k' => {
            let (end, sent) = (r.u64("the end of the log")?, r.i64("the time of sending")?);
            let reply_requested = r.u8("whether a reply is wanted")? != 0;
            r.end()?;
            Ok(StreamMessage::Keepalive { end, sent, reply_requested })
        }
        _ => Err(Reader::new("replication message", body).error("XLogData 'w' or keepalive 'k'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_and_short_ones_refused() {
        let mut data = vec![b'w'];
        data.extend([0u64, 16, 5].iter().flat_map(|n| n.to_be_bytes()));
        data.extend(b"rest");
        assert_eq!(stream_message(&data), Ok(StreamMessage::XLogData { start: 0, end: 16, sent: 5, data: b"rest" }));
        let mut keepalive = vec![b'k'];
        keepalive.extend([7u64, 8].iter().flat_map(|n| n.to_be_bytes()));
        assert_eq!(stream_message(&keepalive).unwrap_err().offset, 17);
        keepalive.push(1);
        assert_eq!(stream_message(&keepalive), Ok(StreamMessage::Keepalive { end: 7, sent: 8, reply_requested: true }));
        assert!(stream_message(b"").is_err());
        assert!(stream_message(b"x").is_err());
    }
}
