//! Any bytes where the store's rows should be.
//! The target's body, and what it promises, is in `src/store/fuzzing.rs`; `cargo test` replays the same corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| awa_bridge::testing::fuzzing::records(data));
