//! How long the values of a typical row take: `cargo run --release -p rowtide-source-postgres --example decode_row`.
//!
//! Eight columns: int8, int4, numeric(10,2), text, varchar, timestamptz, bool, uuid.

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use rowtide_api::{Props, Result, Value};
use rowtide_cdc::{ColumnTypes, TableId};
use rowtide_source_postgres::options::postgres_config_def;
use rowtide_source_postgres::types::{PgTypes, TypeOptions, TypeRegistry, oid};
use rowtide_source_postgres::values::ColumnDecoder;

const ROWS: u32 = 3_000_000;
const COLUMNS: [(u32, i32, &str); 8] = [
    (oid::INT8, -1, "123456789"),
    (oid::INT4, -1, "4711"),
    (oid::NUMERIC, 655_366, "1234.56"),
    (oid::TEXT, -1, "a note of some forty letters, as many are"),
    (oid::VARCHAR, 24, "shipped"),
    (oid::TIMESTAMPTZ, -1, "2024-02-29 13:14:15.123456+00"),
    (oid::BOOL, -1, "t"),
    (oid::UUID, -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
];

fn main() -> Result<()> {
    let options = TypeOptions::read(&postgres_config_def().read(&Props::default()))?;
    let types = PgTypes::new(TypeRegistry::default(), options);
    let mut whole = String::new();
    let mut columns: Vec<(ColumnDecoder, std::ops::Range<usize>)> = Vec::new();
    for (oid, modifier, text) in COLUMNS {
        let column = types.column("c", oid, modifier, None);
        let Some(schema) = types.schema(&column) else { continue };
        let decoder = types.decoder(&TableId::in_schema("s", "t"), &column, &schema.shared());
        columns.push((decoder, whole.len()..whole.len() + text.len()));
        whole.push_str(text);
    }
    // one buffer for the row, as a tuple has it
    let buffer = Bytes::from(whole);
    let time = |columns: &[(ColumnDecoder, std::ops::Range<usize>)]| -> Result<f64> {
        let mut row = vec![Value::Null; columns.len()];
        let start = Instant::now();
        for _ in 0..ROWS {
            for ((decoder, range), value) in columns.iter().zip(&mut row) {
                *value = decoder.text(&buffer.slice(range.clone()))?;
            }
            black_box(&row);
        }
        Ok(start.elapsed().as_nanos() as f64 / f64::from(ROWS))
    };
    for (column, (_, _, text)) in columns.chunks(1).zip(COLUMNS) {
        println!("{:6.1} ns  {text}", time(column)?);
    }
    println!("{:6.1} ns  the row", time(&columns)?);
    Ok(())
}
