//! (being laid down)

/// (being laid down)
pub struct Dispatcher {}
