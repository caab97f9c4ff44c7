//! The user's options on columns.

/// (being laid down)
#[derive(Debug)]
pub enum ColumnMapper {}
