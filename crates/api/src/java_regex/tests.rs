use super::JavaRegex;

fn full(pattern: &str, text: &str) -> bool {
    JavaRegex::new(pattern, false).unwrap().is_full_match(text)
}

#[test]
fn simple() {
    assert!(full("prod\\.public\\.(.*)", "prod.public.x"));
}
