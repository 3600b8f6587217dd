//! What tests and the fuzzer share: the inputs that are kept, and a small mutator for where there is no fuzzer.
//!
//! Each room has its target beside its code, `fuzzing.rs`: a function that takes any bytes and panics where the room
//! breaks a promise. `fuzz/` runs them under libFuzzer; every `cargo test` runs them over `fuzz/corpus` and over
//! some thousand mutations of it, the same for the same seed. Nothing of this is in the program.

#[cfg(test)]
pub(crate) use mutations::replay;

/// The first line, the lines up to a blank one split at `: `, and everything behind it: a request or an answer.
pub(crate) fn head_and_body(data: &[u8]) -> (String, Vec<(String, String)>, &[u8]) {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (first, headers, body)
}

#[cfg(test)]
mod mutations {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use crate::seed::test_seed;

    /// Runs a target over its corpus, and over that many mutations of it.
    pub(crate) fn replay(target: &str, mutations: u64, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let corpus: BTreeMap<String, Vec<u8>> = fs::read_dir(&folder)
            .expect("every target has a corpus")
            .map(|entry| {
                let path = entry.expect("an entry of the corpus").path();
                (path.display().to_string(), fs::read(&path).expect("a file of the corpus"))
            })
            .collect();
        assert!(!corpus.is_empty(), "{} is empty", folder.display());
        for (file, data) in &corpus {
            let guard = Named(file, data);
            run(data);
            std::mem::forget(guard);
        }
        let inputs: Vec<&Vec<u8>> = corpus.values().collect();
        let seed = test_seed();
        for number in 0..mutations {
            let mut dice = StdRng::seed_from_u64(seed.wrapping_add(number));
            let data = mutated(&inputs, &mut dice);
            let name = format!("mutation {number} of {target}");
            let guard = Named(&name, &data);
            run(&data);
            std::mem::forget(guard);
        }
    }

    /// Names the input where its run panics.
    struct Named<'a>(&'a str, &'a [u8]);

    impl Drop for Named<'_> {
        #[expect(clippy::print_stderr, reason = "tests show it where they fail")]
        fn drop(&mut self) {
            eprintln!("failing input: {}: {}", self.0, self.1.escape_ascii());
        }
    }

    /// What formats trip over.
    const TOKENS: [&str; 32] = [
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        "99999999999999999999",
        "-0.0",
        "\"\"",
        "{}",
        "[]",
        "\\u0000",
        "\\ud800",
        "\u{FEFF}",
        "\u{202E}",
        "\r\n",
        "\n\n",
        "\0",
        ",",
        ":",
        "\"",
        "{",
        "[",
        "&",
        "=",
        "%00",
        "+",
        "../",
        ";",
        "#",
        "'''",
        "\u{1F600}",
        "\u{7F}",
    ];

    fn mutated(inputs: &[&Vec<u8>], dice: &mut StdRng) -> Vec<u8> {
        let mut data = inputs[dice.random_range(0..inputs.len())].clone();
        for _ in 0..=dice.random_range(0..4) {
            let at = dice.random_range(0..data.len() + 1);
            let end = (at + 1 + dice.random_range(0..32)).min(data.len());
            match dice.random_range(0..8) {
                0 if at < data.len() => data[at] ^= 1 << dice.random_range(0..8),
                1 => drop(data.splice(at..at, TOKENS[dice.random_range(0..TOKENS.len())].bytes())),
                2 => drop(data.splice(at..end, TOKENS[dice.random_range(0..TOKENS.len())].bytes())),
                3 => drop(data.drain(at..end)),
                4 => {
                    let piece = data[at..end].to_vec();
                    drop(data.splice(at..at, piece));
                }
                5 => {
                    let other = inputs[dice.random_range(0..inputs.len())];
                    let from = dice.random_range(0..other.len() + 1);
                    let upto = (from + dice.random_range(0..64)).min(other.len());
                    drop(data.splice(at..at, other[from..upto].iter().copied()));
                }
                6 => data.truncate(at),
                _ => {
                    data.insert(at, dice.random());
                }
            }
        }
        data
    }
}
