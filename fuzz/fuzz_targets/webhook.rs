//! A request of anybody's, then the same signed, to a source of every shipped profile: verify, decode, filter, read.
//! The target's body, and what it promises, is in `src/source/fuzzing.rs`; `cargo test` replays the same corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| awa_bridge::testing::fuzzing::webhook(data));
