//! Where this jq differs from jq 1.7: the table of `mappings/README.md` is what really happens here.

use super::*;

/// The rows of the table: filter, input, what jq 1.7 makes of it, what is made here.
fn rows() -> Vec<[String; 4]> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, table) =
        text.split_once("| filter | of | jq 1.7 | here |\n|---|---|---|---|\n").unwrap();
    let lines = table.lines().take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let plain = line.replace("\\|", "\u{1}");
        let cells: Vec<String> = plain
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').replace('\u{1}', "|"))
            .collect();
        cells.try_into().unwrap_or_else(|cells| panic!("{line}: {cells:?}"))
    };
    lines.map(cells).collect()
}

/// What a filter makes here: its values with a comma between them, `refused`, or `error`.
fn made(code: &str, input: &str) -> String {
    let Ok(filter) = Filter::compile(Path::new("events.jq"), code) else {
        return "refused".to_owned();
    };
    let input = parse_json(input.as_bytes()).unwrap();
    let outputs = filter.run(&input, &Bindings::default());
    let shown =
        |output: Output| output.map_or_else(|_| "error".to_owned(), |value| value.to_string());
    let shown: Vec<String> = outputs.into_iter().map(shown).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

#[test]
fn the_table_of_differences_is_what_happens() {
    let rows = rows();
    assert!(rows.len() >= 10, "{rows:?}");
    for [filter, input, jq, here] in rows {
        assert_eq!(made(&filter, &input), here, "{filter} of {input}");
        assert_ne!(jq, here, "{filter} of {input} is no difference");
    }
}

/// Words that the prelude is made of, and that nobody else uses.
const INNER: [&str; 5] =
    ["document_in", "id_of_parts", "is_one_of", "lower_text", "seconds_of_pair"];

#[test]
fn every_word_that_a_profile_may_use_is_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let of_prelude = PRELUDE.lines().filter_map(|line| line.strip_prefix("def "));
    let of_prelude = of_prelude.map(|rest| rest.split(['(', ':']).next().unwrap());
    let natives = words::words().into_iter().map(|(name, ..)| name);
    let named =
        |word: &&str| text.contains(&format!("`{word}`")) || text.contains(&format!("`{word}("));
    let unnamed: Vec<&str> =
        of_prelude.chain(natives).filter(|word| !INNER.contains(word) && !named(word)).collect();
    assert!(unnamed.is_empty(), "mappings/README.md does not name {unnamed:?}");
    for denied in natives::DENIED {
        assert!(text.contains(&format!("`{denied}`")), "mappings/README.md does not name {denied}");
    }
}
