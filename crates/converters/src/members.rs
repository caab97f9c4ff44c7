//! The members of a struct become bytes one after the other; those that it has in common with the struct before are copied.
//!
//! The events of a transaction have nearly all of their `source` block in common, and the rows of a snapshot all of it, and all of the
//! envelope but the row ([`Values::common`]).
//! What a member's bytes are belongs to the converters.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use rowtide_api::{Common, Value, Values};

use crate::misfit::Misfit;

/// How a converter writes the members of a struct.
pub trait Members {
    /// How many there are.
    fn count(&self) -> usize;
    /// Which field of the struct a member takes.
    fn field(&self, member: usize) -> usize;
    /// Appends a member.
    fn write(&self, member: usize, value: &Value, out: &mut Vec<u8>) -> Result<(), Misfit>;
    /// What follows the last one.
    fn end(&self) -> &'static [u8];
}

/// The struct with common values that was written last.
#[derive(Default)]
pub struct LastWritten(Mutex<Option<Written>>);

struct Written {
    common: Arc<Common>,
    /// all but the members that each struct has of its own, which may be large
    bytes: Box<[u8]>,
    own: Vec<Own>,
}

/// A member that each struct has of its own.
struct Own {
    member: usize,
    /// its place among the struct's own values
    value: usize,
    /// so many of the bytes stand before it
    at: usize,
}

impl LastWritten {
    /// Appends a struct's members. A field that the struct does not have is null.
    pub fn write(&self, members: &impl Members, values: &Values, out: &mut Vec<u8>) -> Result<(), Misfit> {
        // nobody else may have them; and no encoder waits for another one
        let shared = values.common().filter(|(common, _)| Arc::strong_count(common) > 1);
        let Some(((common, own), mut last)) = shared.and_then(|shared| Some((shared, self.0.try_lock().ok()?))) else {
            return all(members, values, out, |_, _, _| {});
        };
        if let Some(written) = last.as_ref().filter(|written| Arc::ptr_eq(&written.common, common)) {
            return written.again(members, own, out);
        }
        let (mut from, mut bytes, mut own) = (out.len(), Vec::new(), Vec::new());
        all(members, values, out, |member, out, at| {
            if let Some(value) = common.own().iter().position(|own| *own == members.field(member)) {
                bytes.extend_from_slice(&out[from..at.start]);
                own.push(Own { member, value, at: bytes.len() });
                from = at.end;
            }
        })?;
        bytes.extend_from_slice(&out[from..]);
        *last = Some(Written { common: common.clone(), bytes: bytes.into(), own });
        Ok(())
    }
}

impl Written {
    /// The same bytes, with another struct's own members in their places.
    fn again(&self, members: &impl Members, own: &[Value], out: &mut Vec<u8>) -> Result<(), Misfit> {
        let mut from = 0;
        for Own { member, value, at } in &self.own {
            out.extend_from_slice(&self.bytes[from..*at]);
            members.write(*member, &own[*value], out)?;
            from = *at;
        }
        out.extend_from_slice(&self.bytes[from..]);
        Ok(())
    }
}

/// Every member; `written` hears after each where it stands.
fn all(
    members: &impl Members,
    values: &Values,
    out: &mut Vec<u8>,
    mut written: impl FnMut(usize, &[u8], Range<usize>),
) -> Result<(), Misfit> {
    for member in 0..members.count() {
        let start = out.len();
        members.write(member, values.get(members.field(member)).unwrap_or(&Value::Null), out)?;
        written(member, out, start..out.len());
    }
    out.extend_from_slice(members.end());
    Ok(())
}
