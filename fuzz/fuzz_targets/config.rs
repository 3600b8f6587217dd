//! Any text as the configuration file.
//! The target's body, and what it promises, is in `src/config/fuzzing.rs`; `cargo test` replays the same corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| awa_bridge::testing::fuzzing::config(data));
