//! Where every random choice of the tests comes from, so that `cargo test` is the same each time.
//!
//! `TEST_SEED=5 cargo test NAME` makes other choices; a test that fails says the seed. The variable does not begin as
//! the program's own do, because the configuration refuses those that it does not know.

/// The seed of this run.
#[expect(clippy::print_stdout, reason = "shown of tests that fail")]
pub(crate) fn test_seed() -> u64 {
    let seed = std::env::var("TEST_SEED").ok();
    let seed = seed.map_or(0, |text| text.parse().expect("TEST_SEED is a number"));
    println!("to choose the same again: TEST_SEED={seed}");
    seed
}
