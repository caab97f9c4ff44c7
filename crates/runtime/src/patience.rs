//! Waits for something that others withhold: they have no limit, and must not be silent.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// After so long a wait is worth a word, and again after as long.
const WORTH_A_WORD: Duration = Duration::from_secs(10);

/// Waits for it; `word` is called with the time so far whenever it has become worth one.
pub async fn patiently<T>(wait: impl Future<Output = T>, mut word: impl FnMut(Duration)) -> T {
    let began = Instant::now();
    let mut wait = pin!(wait);
    loop {
        match timeout(WORTH_A_WORD, &mut wait).await {
            Ok(over) => return over,
            Err(_) => word(began.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_told_of_and_a_short_one_is_not() {
        let mut told = Vec::new();
        assert_eq!(patiently(async { 7 }, |waited| told.push(waited.as_secs())).await, 7);
        assert!(told.is_empty());
        // waits: for a clock that stands still and jumps
        patiently(tokio::time::sleep(Duration::from_secs(25)), |waited| told.push(waited.as_secs())).await;
        assert_eq!(told, [10, 20]);
    }
}
