//! The house rules that a compiler does not keep: who may use whom, what is public, module docs, the length of files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that anyone but `routing` may use: they name things, tell the time or serve tests, and know nobody.
const COMMON: [&str; 11] = [
    "base_url",
    "clock",
    "contained",
    "credentials",
    "fuzzing",
    "metrics",
    "pauses",
    "personal",
    "problem",
    "seed",
    "text_file",
];

/// The table of who may use whom. `app` may use everything.
pub(super) const MAY_USE: [(&str, &[&str]); 26] = [
    ("routing", &[]),
    ("source", &["routing"]),
    ("mapping", &["routing"]),
    ("awa", &["routing"]),
    ("store", &["routing"]),
    ("sandbox", &["http", "routing", "shutdown"]),
    ("http", &["report", "shutdown"]),
    ("intake", &["http", "source", "store", "routing", "report", "shutdown"]),
    ("dispatch", &["awa", "store", "routing", "report", "shutdown"]),
    ("admin", &["http", "store", "routing", "report", "shutdown"]),
    ("notify", &["awa", "source", "store", "routing", "shutdown"]),
    ("report", &["store", "routing"]),
    ("config", &["routing"]),
    ("cli", &["app", "admin", "config", "logging", "systemd", "routing", "sandbox", "shutdown"]),
    ("fuzzing", &[]),
    ("logging", &["routing"]),
    ("systemd", &[]),
    ("shutdown", &[]),
    ("metrics", &["routing"]),
    ("clock", &["routing"]),
    ("contained", &[]),
    ("pauses", &["clock"]),
    ("personal", &[]),
    ("text_file", &[]),
    ("base_url", &[]),
    ("credentials", &[]),
];

/// Files that may be longer than 400 lines, each with the reason.
const LONGER: [(&str, &str); 0] = [];

#[test]
fn rooms_use_only_the_rooms_that_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut breaches = Vec::new();
    for file in sources("src") {
        let room = room_of(&file);
        let Some(allowed) = allowed.get(room.as_str()) else { continue };
        for used in rooms_used(&production(&file)) {
            let common = room != "routing" && COMMON.contains(&used.as_str());
            if used != room && !common && !allowed.contains(&used.as_str()) {
                breaches.push(format!("{}: `{room}` may not use `{used}`", file.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    let listed: BTreeSet<String> = MAY_USE.iter().map(|(room, _)| (*room).to_owned()).collect();
    let free = ["app", "lib", "main", "problem", "testing"].map(str::to_owned);
    let rooms: BTreeSet<String> = sources("src").iter().map(|file| room_of(file)).collect();
    let unlisted: Vec<_> =
        rooms.iter().filter(|room| !listed.contains(*room) && !free.contains(room)).collect();
    assert!(unlisted.is_empty(), "rooms without a line in MAY_USE: {unlisted:?}");
}

#[test]
fn routing_reads_no_clock_draws_no_random_numbers_and_does_no_io() {
    let banned = [
        "tokio",
        "hyper",
        "reqwest",
        "sled",
        "rand::",
        "std::fs",
        "std::net",
        "SystemTime",
        "Instant",
        "serde_json",
    ];
    let mut breaches = Vec::new();
    for file in sources("src/routing") {
        let text = production(&file);
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(word) = banned.iter().find(|word| line.contains(**word)) {
                breaches.push(format!("{}: {word}: {line}", file.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// A group may be decided several times, and may come to nothing: what it does is told by its transitions, after its
/// commit.
#[test]
fn what_is_decided_is_neither_logged_nor_counted_before_its_commit() {
    let deciding = |file: &PathBuf| {
        let text = file.to_string_lossy();
        ["src/routing/", "src/store/group/", "src/store/left.rs", "src/store/lane.rs"]
            .iter()
            .any(|of| text.contains(of))
    };
    let mut breaches = Vec::new();
    for file in sources("src").into_iter().filter(deciding) {
        let text = production(&file);
        let tells = |line: &&str| line.contains("tracing::") || line.contains("metrics::");
        breaches.extend(text.lines().find(tells).map(|line| format!("{}: {line}", file.display())));
    }
    assert!(breaches.is_empty(), "push a Transition instead: {}", breaches.join("\n"));
}

#[test]
fn the_clock_is_read_in_one_place() {
    let mut breaches = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")).chain(sources("benches")) {
        let text = fs::read_to_string(&file).expect("the file was just listed");
        let reads =
            ["Instant", "SystemTime"].iter().any(|of| text.contains(&format!("{of}::now(")));
        if reads && !file.ends_with("src/clock.rs") {
            breaches.push(file.display().to_string());
        }
    }
    assert!(breaches.is_empty(), "time comes from clock.rs: {}", breaches.join(", "));
}

#[test]
fn every_module_opens_with_what_it_is_for() {
    let mut silent = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")) {
        if is_unit_test(&file) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file was just listed");
        if !text.starts_with("//!") {
            silent.push(file.display().to_string());
        }
    }
    assert!(silent.is_empty(), "no module doc: {}", silent.join(", "));
}

#[test]
fn files_stay_under_400_lines() {
    let mut long = Vec::new();
    for file in sources("src").into_iter().chain(sources("tests")) {
        let lines = fs::read_to_string(&file).expect("the file was just listed").lines().count();
        let name = file.display().to_string();
        if lines > 400 && !LONGER.iter().any(|(longer, _)| name.ends_with(longer)) {
            long.push(format!("{name}: {lines}"));
        }
    }
    assert!(long.is_empty(), "over 400 lines: {}", long.join(", "));
}

#[test]
fn comments_have_at_most_120_columns() {
    let mut wide = Vec::new();
    for file in ["src", "tests", "benches", "fuzz/fuzz_targets"].map(sources).concat() {
        let text = fs::read_to_string(&file).expect("the file was just listed");
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            // A row of a table cannot be broken.
            let is_row = comment.starts_with("//! |");
            if comment.starts_with("//") && !is_row && line.chars().count() > 120 {
                wide.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    assert!(wide.is_empty(), "over 120 columns: {}", wide.join(", "));
}

#[test]
fn what_is_public_is_used_from_outside() {
    let mut named = BTreeSet::new();
    let outside = ["tests", "benches", "fuzz/fuzz_targets"].map(sources).concat();
    let main = sources("src").into_iter().filter(|file| file.ends_with("src/main.rs"));
    for file in outside.into_iter().chain(main) {
        let text = fs::read_to_string(&file).expect("the file was just listed");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        named.extend(code.flat_map(|line| line.split(|of| !is_of_a_name(of))).map(str::to_owned));
    }
    let mut unused = Vec::new();
    for file in sources("src").iter().filter(|file| !file.ends_with("src/testing.rs")) {
        for (number, line) in production(file).lines().enumerate() {
            if let Some(name) = public_name(line).filter(|name| !named.contains(*name)) {
                unused.push(format!(
                    "{}:{}: nothing in tests/, benches/, fuzz/ or src/main.rs names `{name}`; make it `pub(crate)`, then the \
                     compiler says whether anything uses it, and delete it if nothing does",
                    file.display(),
                    number + 1,
                ));
            }
        }
    }
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

#[test]
fn a_public_name_is_that_of_a_function_or_a_constant() {
    let of = |line| public_name(line).unwrap_or_default();
    assert_eq!(of("    pub fn a_method(&self) -> bool {"), "a_method");
    assert_eq!(of("pub async fn start("), "start");
    assert_eq!(of("    pub const fn plus(self, ms: u64) -> Self {"), "plus");
    assert_eq!(of("pub const CHAT: &str = \"27f\";"), "CHAT");
    for line in ["pub struct Store {", "pub path: PathBuf,", "pub(crate) fn new() {", "fn a() {"] {
        assert_eq!(public_name(line), None, "{line}");
    }
}

/// The function or constant that a line makes public. Not a field: a struct whose fields are not all public cannot be
/// written with `..` outside.
fn public_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split(' ').peekable();
    let kinds = ["const", "async", "unsafe", "fn", "static"];
    let mut is_of_a_kind = false;
    while words.next_if(|word| kinds.contains(word)).is_some() {
        is_of_a_kind = true;
    }
    words.next().filter(|_| is_of_a_kind)?.split(|of| !is_of_a_name(of)).next()
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// All Rust files under a folder of the crate.
fn sources(folder: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder of the crate") {
            let path = entry.expect("an entry of a folder of the crate").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut files);
    files.sort();
    files
}

/// `src/store/layout.rs` -> `store`, `src/clock.rs` -> `clock`.
fn room_of(file: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(root).expect("a file under src");
    let first = inside.components().next().expect("a file has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// Whether the file holds the tests of a module.
fn is_unit_test(file: &Path) -> bool {
    let inside = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a file of the crate");
    inside.starts_with("src")
        && (inside.components().any(|part| part.as_os_str() == "tests")
            || file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")))
}

/// The file's text without tests: empty for test files, up to an inline test module else.
fn production(file: &Path) -> String {
    if is_unit_test(file) {
        return String::new();
    }
    let text = fs::read_to_string(file).expect("the file was just listed");
    match text.find("#[cfg(test)]\nmod tests {") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The first path segment behind every `crate::`, also in a braced list.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    for behind in code.split("crate::").skip(1) {
        if let Some(list) = behind.strip_prefix('{') {
            let list = list.split(';').next().unwrap_or_default();
            let mut depth = 0_usize;
            let mut name = String::new();
            for letter in list.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    ',' if depth == 0 => {
                        used.insert(std::mem::take(&mut name));
                    }
                    letter if depth == 0 => name.push(letter),
                    _ => {}
                }
            }
            used.insert(name);
        } else {
            used.insert(behind.to_owned());
        }
    }
    let first_word = |path: &String| {
        let path = path.trim();
        path.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    used.iter().map(first_word).filter(|word: &String| !word.is_empty()).collect()
}
