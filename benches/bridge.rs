//! End-to-end speed.
fn main() {}
