//! The chain of transforms with their predicates, applied to one record after the other.

use rowtide_api::{Error, ErrorKind, Outcome, Predicate, Result, SourceRecord, Transform};

use super::letters::{Failure, Stage};

/// One transform of a connector.
pub struct Link {
    /// the alias under `transforms`
    pub alias: String,
    /// its class
    pub class: &'static str,
    /// the instance
    pub transform: Box<dyn Transform>,
    /// the condition that it is bound to, and whether that is negated
    pub predicate: Option<(Box<dyn Predicate>, bool)>,
}

/// The transforms of a connector in order. One instance per encode thread.
#[derive(Default)]
pub struct Chain {
    /// in the order of the `transforms` list
    pub links: Vec<Link>,
}

impl Chain {
    /// Whether there is nothing to apply.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Applies all transforms once; none: the record is dropped.
    pub(crate) fn apply_once(&mut self, record: SourceRecord) -> Result<Option<SourceRecord>> {
        self.apply(record, false, &mut |_| false).map_err(|failure| failure.error)
    }

    /// Applies all transforms; none: the record is dropped. `again` is asked after a transient failure whether to try once
    /// more; a chain that may never be asked (`retries` false) copies no record.
    pub(super) fn apply(
        &mut self,
        mut record: SourceRecord,
        retries: bool,
        again: &mut dyn FnMut(&Error) -> bool,
    ) -> Result<Option<SourceRecord>, Box<Failure>> {
        for link in &mut self.links {
            if let Some((predicate, negate)) = &link.predicate
                && predicate.test(&record) == *negate
            {
                continue;
            }
            record = loop {
                let copy = retries.then(|| record.clone());
                match (link.transform.apply(record), copy) {
                    (Outcome::Kept(changed), _) => break changed,
                    (Outcome::Dropped, _) => return Ok(None),
                    (Outcome::Failed(error), Some(copy)) if error.kind() == ErrorKind::Transient && again(&error) => {
                        record = copy
                    }
                    (Outcome::Failed(error), _) => {
                        let error = error.context(&format!("transformation '{}' ({})", link.alias, link.class));
                        return Err(Box::new(Failure { stage: Stage::Transformation, class: link.class, error, record: None }));
                    }
                }
            };
        }
        Ok(Some(record))
    }
}
