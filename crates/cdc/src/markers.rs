//! Which row of a snapshot is its first, its last, the first or the last of its table, although several connections read
//! and nobody knows the last row before the end.
//!
//! The last row so far of each table is held back. What the original calls the places stands in the `source` block,
//! which is the source's.

use std::collections::VecDeque;

use crate::change::Row;

/// The place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Place {
    First,
    FirstOfTable,
    Between,
    LastOfTable,
    Last,
}

/// A row and what it takes along.
#[derive(Debug)]
pub struct PlacedRow {
    /// number of its table
    pub table: usize,
    /// its values
    pub row: Row,
    /// its size as it was read
    pub bytes: usize,
    /// its place
    pub place: Place,
    /// chunks of its table that are done once it is handed over
    pub done: Vec<usize>,
}

/// Puts rows in order.
#[derive(Debug)]
pub struct Markers {
    /// whether one connection reads: then the first row of all is only looked for in the first table, as in the original
    sequential: bool,
    /// whether a row was there already
    begun: bool,
    /// by table: rows, and the last one
    tables: Vec<(u64, Option<PlacedRow>)>,
    /// the last row of a table that is read to its end; the last of all, if no other follows
    ended: Option<PlacedRow>,
    ready: VecDeque<PlacedRow>,
}

impl Markers {
    /// For this many tables. `begun`: an earlier round had the first row.
    pub fn new(tables: usize, sequential: bool, begun: bool) -> Self {
        let tables = std::iter::repeat_with(|| (0, None)).take(tables).collect();
        Self { sequential, begun, tables, ended: None, ready: VecDeque::new() }
    }

    /// An earlier round had rows of this table.
    pub fn continues(&mut self, table: usize) {
        self.tables[table].0 = 1;
    }

    /// Takes a row; those before it become ready.
    pub fn push(&mut self, table: usize, row: Row, bytes: usize) {
        let (rows, held) = &mut self.tables[table];
        let place = match *rows {
            0 if !self.begun && (table == 0 || !self.sequential) => Place::First,
            0 => Place::FirstOfTable,
            _ => Place::Between,
        };
        *rows += 1;
        self.begun = true;
        self.ready.extend(self.ended.take());
        if let Some(before) = held.replace(PlacedRow { table, row, bytes, place, done: Vec::new() }) {
            self.ready.push_back(before);
        }
    }

    /// A chunk is read to its end. True: no row of it is left here, so that it is done now.
    pub fn chunk_end(&mut self, table: usize, chunk: usize) -> bool {
        let held = self.tables[table].1.as_mut();
        let done = held.is_none();
        held.into_iter().for_each(|row| row.done.push(chunk));
        done
    }

    /// A table is read to its end.
    pub fn table_end(&mut self, table: usize) {
        let Some(mut last) = self.tables[table].1.take() else { return };
        if last.place != Place::First {
            last.place = Place::LastOfTable;
        }
        self.ready.extend(self.ended.replace(last));
    }

    /// Nothing more comes. `complete`: not in another round either.
    pub fn end(&mut self, complete: bool) {
        for (_, held) in &mut self.tables {
            self.ready.extend(held.take());
        }
        if let Some(mut last) = self.ended.take() {
            if complete {
                last.place = Place::Last;
            }
            self.ready.push_back(last);
        }
    }

    /// The next row that can be handed over.
    pub fn next_ready(&mut self) -> Option<PlacedRow> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rowtide_api::Value;

    fn taken(markers: &mut Markers) -> Vec<(usize, i64, Place)> {
        std::iter::from_fn(|| markers.next_ready()).map(|row| (row.table, row.row[0].as_i64().unwrap(), row.place)).collect()
    }

    fn push(markers: &mut Markers, table: usize, number: i64) {
        markers.push(table, vec![Value::Int64(number)], 1);
    }

    #[test]
    fn one_connection_marks_as_the_peer_does() {
        let mut markers = Markers::new(4, true, false);
        push(&mut markers, 0, 1);
        markers.table_end(0);
        push(&mut markers, 1, 2);
        push(&mut markers, 1, 3);
        push(&mut markers, 1, 4);
        markers.table_end(1);
        markers.table_end(2);
        push(&mut markers, 3, 5);
        markers.table_end(3);
        markers.end(true);
        let expected = [
            (0, 1, Place::First),
            (1, 2, Place::FirstOfTable),
            (1, 3, Place::Between),
            (1, 4, Place::LastOfTable),
            (3, 5, Place::Last),
        ];
        assert_eq!(taken(&mut markers), expected);
    }

    #[test]
    fn the_first_row_is_looked_for_in_the_first_table_only() {
        let mut markers = Markers::new(2, true, false);
        markers.table_end(0);
        push(&mut markers, 1, 1);
        push(&mut markers, 1, 2);
        markers.table_end(1);
        markers.end(true);
        assert_eq!(taken(&mut markers), [(1, 1, Place::FirstOfTable), (1, 2, Place::Last)]);
    }

    #[test]
    fn several_connections_mix_tables_and_places_are_right_still() {
        let mut markers = Markers::new(2, false, false);
        push(&mut markers, 1, 10);
        push(&mut markers, 0, 1);
        push(&mut markers, 1, 11);
        assert!(!markers.chunk_end(1, 0));
        markers.table_end(1);
        push(&mut markers, 0, 2);
        markers.table_end(0);
        markers.end(true);
        let expected = [(1, 10, Place::First), (1, 11, Place::LastOfTable), (0, 1, Place::FirstOfTable), (0, 2, Place::Last)];
        assert_eq!(taken(&mut markers), expected);
    }

    #[test]
    fn a_chunk_is_done_with_the_row_that_was_held_back() {
        let mut markers = Markers::new(1, true, false);
        assert!(markers.chunk_end(0, 7), "a chunk without rows holds nothing back");
        push(&mut markers, 0, 1);
        assert!(!markers.chunk_end(0, 8));
        push(&mut markers, 0, 2);
        assert!(!markers.chunk_end(0, 9));
        markers.end(false);
        let done: Vec<_> = std::iter::from_fn(|| markers.next_ready()).map(|row| (row.done, row.place)).collect();
        assert_eq!(done, [(vec![8], Place::First), (vec![9], Place::Between)]);
    }
}
