//! Arguments to command to exit code; no logic.

fn main() {}
