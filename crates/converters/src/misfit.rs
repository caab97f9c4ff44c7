//! A value that does not fit its schema, as the plans of converters meet it.

use std::sync::Arc;

use rowtide_api::Error;

/// What does not fit, and where. The path grows from the inside out.
pub struct Misfit(Box<(Vec<Arc<str>>, String)>);

impl Misfit {
    /// What is wrong with the value at hand.
    pub fn new(what: impl Into<String>) -> Self {
        Self(Box::new((Vec::new(), what.into())))
    }

    /// The same as seen from the struct whose field the value is.
    #[must_use]
    pub fn inside(mut self, field: &Arc<str>) -> Self {
        self.0.0.push(field.clone());
        self
    }

    /// `<conversion> of <the field><of> failed: …`: names the field, never the value.
    pub fn error(self, conversion: &str, of: &str) -> Error {
        let (mut path, what) = *self.0;
        path.reverse();
        let place = if path.is_empty() { "the value".to_owned() } else { format!("the field '{}'", path.join(".")) };
        Error::data(format!("{conversion} of {place}{of} failed: {what}"))
    }
}
