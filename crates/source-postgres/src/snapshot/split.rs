//! How a table is split into chunks. Pure.
//!
//! What is known of a table is read by `plan`; what of it is done stands in `rowtide_cdc::ledger`.

use rowtide_cdc::ledger::Split;

use crate::client::{quote_ident, quote_literal};

/// No chunk is made smaller than this for the sake of more connections: 1 MiB of ordinary blocks.
const LEAST_BLOCKS: u64 = 128;

/// What the settings ask for.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// chunks of a table: `snapshot.max.threads` times its multiplier
    pub chunks: u64,
    /// `rowtide.snapshot.chunk.bytes` in blocks
    pub most_blocks: u64,
    /// `legacy.snapshot.max.threads`: each table whole
    pub whole: bool,
}

/// Chunks by the blocks of a table's file. One connection reads them in the order of a plain scan.
pub fn by_blocks(blocks: u64, rules: Rules) -> Split {
    let each = if rules.chunks > 1 { blocks.div_ceil(rules.chunks).max(LEAST_BLOCKS) } else { blocks };
    let each = each.min(rules.most_blocks).max(1);
    if rules.whole || blocks <= each { Split::Whole } else { Split::Blocks { blocks, each } }
}

/// Chunks by values of a key's column, of which the server's statistics hold evenly spread ones in order.
pub fn by_keys(column: &str, kind: &str, known: Vec<String>, rules: Rules) -> Split {
    let wanted = usize::try_from(rules.chunks).unwrap_or(usize::MAX).saturating_sub(1).min(known.len());
    if rules.whole || wanted == 0 {
        return Split::Whole;
    }
    let place = |number: usize| (number + 1) * known.len() / (wanted + 1);
    let mut bounds: Vec<String> = (0..wanted).filter_map(|number| known.get(place(number)).cloned()).collect();
    bounds.dedup();
    Split::Keys { column: column.to_owned(), kind: kind.to_owned(), bounds }
}

/// The condition of a chunk; none: all rows.
pub fn condition(split: &Split, chunk: usize) -> Option<String> {
    let last = chunk + 1 >= split.chunks();
    let (lower, upper) = match split {
        Split::Whole => return None,
        Split::Blocks { each, .. } => {
            let at = |chunk: usize| format!("'({},0)'::tid", (chunk as u64).saturating_mul(*each));
            let lower = (chunk > 0).then(|| format!("ctid >= {}", at(chunk)));
            (lower, (!last).then(|| format!("ctid < {}", at(chunk + 1))))
        }
        Split::Keys { column, kind, bounds } => {
            let column = quote_ident(column);
            let value = |chunk: usize| format!("CAST({} AS {kind})", quote_literal(&bounds[chunk]));
            // the key of a table without a primary key may be null
            let upper = |chunk: usize| {
                let before = format!("{column} < {}", value(chunk));
                if chunk == 0 { format!("({before} OR {column} IS NULL)") } else { before }
            };
            ((chunk > 0).then(|| format!("{column} >= {}", value(chunk - 1))), (!last).then(|| upper(chunk)))
        }
    };
    let parts: Vec<String> = lower.into_iter().chain(upper).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(chunks: u64) -> Rules {
        Rules { chunks, most_blocks: 8192, whole: false }
    }

    #[test]
    fn a_small_table_is_one_chunk_and_a_large_one_is_bounded() {
        assert_eq!(by_blocks(0, rules(1)), Split::Whole);
        assert_eq!(by_blocks(100, rules(8)), Split::Whole);
        assert_eq!(by_blocks(8192, rules(1)), Split::Whole);
        assert_eq!(by_blocks(8192, rules(4)), Split::Blocks { blocks: 8192, each: 2048 });
        // 100 GB
        assert_eq!(by_blocks(13_107_200, rules(4)).chunks(), 1600);
        assert_eq!(by_blocks(13_107_200, Rules { whole: true, ..rules(4) }), Split::Whole);
    }

    #[test]
    fn conditions_meet_and_leave_nothing_out() {
        let blocks = Split::Blocks { blocks: 25, each: 10 };
        let all: Vec<_> = (0..blocks.chunks()).map(|chunk| condition(&blocks, chunk).unwrap()).collect();
        assert_eq!(all, ["ctid < '(10,0)'::tid", "ctid >= '(10,0)'::tid AND ctid < '(20,0)'::tid", "ctid >= '(20,0)'::tid"]);
        let keys = by_keys("i\"d", "text", ["a", "it's", "z"].map(str::to_owned).to_vec(), rules(3));
        let all: Vec<_> = (0..keys.chunks()).map(|chunk| condition(&keys, chunk).unwrap()).collect();
        assert_eq!(
            all,
            [
                "(\"i\"\"d\" < CAST('it''s' AS text) OR \"i\"\"d\" IS NULL)",
                "\"i\"\"d\" >= CAST('it''s' AS text) AND \"i\"\"d\" < CAST('z' AS text)",
                "\"i\"\"d\" >= CAST('z' AS text)"
            ]
        );
        assert_eq!(condition(&Split::Whole, 0), None);
        assert_eq!(by_keys("id", "int4", Vec::new(), rules(4)), Split::Whole);
    }

    proptest! {
        #[test]
        fn splits_hold_the_bounds(blocks in 0..1_000_000u64, chunks in 1..64u64, most in 1..10_000u64, known in 0..300usize) {
            let rules = Rules { chunks, most_blocks: most, whole: false };
            let split = by_blocks(blocks, rules);
            if let Split::Blocks { each, .. } = split {
                prop_assert!(each <= most && each > 0);
                let end = (split.chunks() as u64 - 1) * each;
                prop_assert!(end < blocks, "the last chunk has blocks of its own");
            } else {
                prop_assert!(blocks <= most.max(LEAST_BLOCKS));
            }
            let values: Vec<String> = (0..known).map(|value| format!("{value:04}")).collect();
            let split = by_keys("id", "text", values, rules);
            prop_assert!(split.chunks() as u64 <= chunks.max(1));
            if let Split::Keys { bounds, .. } = split {
                prop_assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }
}
