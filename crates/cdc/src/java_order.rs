//! The order in which Java's `HashMap` gives out text keys: records that hold such a map have it.

/// Sorts entries with distinct keys into the order of a `java.util.HashMap` that they were put into one after another.
///
/// By bucket of the final table (16 doubled until three quarters hold all), then by insertion, as long as no bucket
/// turns into a tree, which takes eight colliding keys.
pub fn sort<T>(entries: &mut [T], key: impl Fn(&T) -> &str) {
    sort_from(16, entries, key);
}

/// The same of a map that began as the copy of one with `copied` entries: it has no more room than they need.
pub fn sort_copy<T>(copied: usize, entries: &mut [T], key: impl Fn(&T) -> &str) {
    sort_from((copied * 4 / 3 + 1).next_power_of_two(), entries, key);
}

fn sort_from<T>(mut buckets: usize, entries: &mut [T], key: impl Fn(&T) -> &str) {
    while entries.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    entries.sort_by_cached_key(|entry| bucket(key(entry), buckets));
}

/// `String.hashCode`, spread as `HashMap.hash` does.
fn bucket(key: &str, buckets: usize) -> usize {
    let hash = key.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    (hash ^ (hash >> 16)) as usize & (buckets - 1)
}
