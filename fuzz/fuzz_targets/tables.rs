//! Any bytes as a contact centre's three CSV tables.
//! The target's body, and what it promises, is in `src/mapping/fuzzing.rs`; `cargo test` replays the same corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| awa_bridge::testing::fuzzing::tables(data));
