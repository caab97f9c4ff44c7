//! A large COPY takes no more memory than a small one. A test binary of its own, so that no other test's memory counts.

use rowtide_source_postgres::client::{Connection, CopyFormat};
use rowtide_source_postgres::decode::{DecodeError, copy_text_row};

#[allow(dead_code)] // each test binary uses its part
mod support;
use support::shared_server;

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_million_rows_are_copied_in_constant_memory() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    let before = resident_bytes();
    let (mut rows, mut bytes, mut peak, mut sum) = (0u64, 0, before, 0u64);
    let mut copy = connection
        .copy_out("COPY (SELECT n, repeat('x', 100), NULL FROM generate_series(1, 1000000) n) TO STDOUT")
        .await
        .unwrap();
    assert_eq!((copy.format(), copy.columns()), (CopyFormat::Text, 3));
    while let Some(chunk) = copy.next_rows().await.unwrap() {
        peak = peak.max(resident_bytes());
        bytes += chunk.byte_len();
        for row in chunk.rows() {
            copy_text_row(row, |number, field| {
                match number {
                    0 => sum += std::str::from_utf8(&field.unwrap()).unwrap().parse::<u64>().unwrap(),
                    1 => assert_eq!(field.unwrap().len(), 100),
                    _ => assert!(number == 2 && field.is_none()),
                }
                Ok::<_, DecodeError>(())
            })
            .unwrap();
            rows += 1;
        }
    }
    assert_eq!((rows, sum), (1_000_000, 500_000_500_000));
    assert!(bytes > 100_000_000);
    assert!(peak - before < 16 << 20, "{} bytes more", peak - before);
    assert_eq!(connection.query("SELECT 1").await.unwrap()[0].text(0), "1");
}
