//! What is known of the tables that the server has described, by its number for them.
//!
//! What belongs here: which description counts. What does not: what is made of one (`relation`).

use std::collections::HashMap;

use rowtide_cdc::TableId;

use crate::relation::Captured;

/// Descriptions by relation id; none: the table is not captured.
pub(super) struct Relations<T = Captured> {
    by_id: HashMap<u32, Option<T>>,
    /// which relation a name was given to last
    ids: HashMap<TableId, u32>,
}

/// What has the name of a table: a seam for tests, which have no types to decode.
pub(super) trait Named {
    fn name(&self) -> &TableId;
}

impl Named for Captured {
    fn name(&self) -> &TableId {
        &self.schema.id
    }
}

impl<T: Named> Relations<T> {
    /// Nothing is known.
    pub(super) fn new() -> Self {
        Self { by_id: HashMap::new(), ids: HashMap::new() }
    }

    /// What is known of a relation; `Some(None)`: that it is not captured.
    pub(super) fn get(&self, id: u32) -> Option<Option<&T>> {
        self.by_id.get(&id).map(Option::as_ref)
    }

    /// A relation is as described from here on.
    ///
    /// A table of this name that had another id was dropped or renamed, and is forgotten: else each that is dropped and made anew would take memory
    /// for good. One that was renamed is described again before its next event.
    pub(super) fn describe(&mut self, id: u32, table: Option<T>) {
        let name = table.as_ref().map(|table| table.name().clone());
        let former = self.by_id.insert(id, table).flatten();
        if let Some(former) = former.filter(|former| Some(former.name()) != name.as_ref())
            && self.ids.get(former.name()) == Some(&id)
        {
            self.ids.remove(former.name());
        }
        let Some(name) = name else { return };
        let namesake = self.ids.insert(name.clone(), id).filter(|namesake| *namesake != id);
        if let Some(namesake) = namesake
            && self.get(namesake).flatten().is_some_and(|table| *table.name() == name)
        {
            self.by_id.remove(&namesake);
        }
    }

    /// Takes out what is known of a relation, for a while in which an older description counts.
    pub(super) fn set_aside(&mut self, id: u32) -> Option<Option<T>> {
        self.by_id.remove(&id)
    }

    /// What was set aside counts again.
    pub(super) fn put_back(&mut self, relations: HashMap<u32, Option<T>>) {
        relations.into_iter().for_each(|(id, table)| self.describe(id, table));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Table(TableId);

    impl Named for Table {
        fn name(&self) -> &TableId {
            &self.0
        }
    }

    fn table(name: &str) -> Option<Table> {
        Some(Table(TableId::in_schema("public", name)))
    }

    #[test]
    fn a_table_that_is_made_anew_takes_the_place_of_the_one_that_was_dropped() {
        let mut relations = Relations::new();
        for id in 1..100 {
            relations.describe(id, table("orders"));
        }
        assert_eq!((relations.by_id.len(), relations.ids.len()), (1, 1));
        assert_eq!(relations.get(99), Some(table("orders").as_ref()));
    }

    #[test]
    fn a_renamed_table_stays_when_another_gets_its_name() {
        let mut relations = Relations::new();
        relations.describe(1, table("orders"));
        relations.describe(1, table("orders_old"));
        relations.describe(2, table("orders"));
        assert_eq!(relations.get(1), Some(table("orders_old").as_ref()));
        assert_eq!(relations.get(2), Some(table("orders").as_ref()));
        // and is not there again once it was not captured
        relations.describe(2, None);
        assert_eq!((relations.get(2), relations.get(3)), (Some(None), None));
        assert_eq!(relations.ids.len(), 1);
    }
}
