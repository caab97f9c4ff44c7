//! The order in which a `java.util.HashMap` with strings as keys hands out what was put into it: texts that Java wrote by way of one are
//! compared byte for byte.
//!
//! A bucket's chain keeps the order of insertion; that long chains become trees in large tables is left out.

/// The smallest table of a map that was made without a size.
const DEFAULT: u32 = 16;

/// Orders what was put into `new HashMap<>()` one after the other.
pub(crate) fn put<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    let capacity = grown(DEFAULT, items.len());
    by_place(items, capacity, key);
}

/// Orders what `new HashMap<>(map)` copied from a map that handed it out in this order, up to JDK 18: later ones make a smaller table of three
/// and of many.
pub(crate) fn copy<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    let room = items.len() as f32 / 0.75 + 1.0;
    let capacity = (room as u32).next_power_of_two();
    by_place(items, capacity, key);
}

/// Orders what was put one after the other into `new HashMap<>(n)`, as many as that says.
pub(crate) fn put_sized<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    let capacity = grown((items.len() as u32).next_power_of_two(), items.len());
    by_place(items, capacity, key);
}

/// The size of a table of this size once it holds so many: it doubles when it is three quarters full.
fn grown(mut capacity: u32, count: usize) -> u32 {
    while count as u64 * 4 > u64::from(capacity) * 3 {
        capacity *= 2;
    }
    capacity
}

fn by_place<T>(items: &mut [T], capacity: u32, key: impl Fn(&T) -> &str) {
    items.sort_by_cached_key(|item| {
        let hash = key(item).encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
        (hash ^ (hash >> 16)) & (capacity - 1)
    });
}
