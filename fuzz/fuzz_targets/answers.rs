//! Any answer of ServiceNow's: calls, look-ups and tokens.
//! The target's body, and what it promises, is in `src/awa/fuzzing.rs`; `cargo test` replays the same corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| awa_bridge::testing::fuzzing::answers(data));
