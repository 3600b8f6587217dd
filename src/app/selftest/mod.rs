//! Tests that an operator runs on their own machine and disk.

pub mod writer;
