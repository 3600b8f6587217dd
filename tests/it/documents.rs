//! The documents say what is there: links, commands, configuration keys and examples, in the checkout and in the
//! package.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::house::MAY_USE;
use super::support::program::{root, run};

/// Longest line of a document, in characters. A row of a table cannot be broken.
const COLUMNS: usize = 120;

/// The folders of documents, relative to the repository.
const FOLDERS: [&str; 5] = ["", "docs", "mappings", "monitoring", ".github"];

/// Where the package puts documents.
const SHIPPED: &str = "usr/share/doc/awa-bridge/";

/// Every document, relative to the repository.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(root().join(folder)).expect("a folder of the repository") {
            let name = entry.expect("an entry").file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
                found.push(Path::new(folder).join(name));
            }
        }
    }
    found.sort();
    found
}

fn read(document: &Path) -> String {
    fs::read_to_string(root().join(document)).expect("a document")
}

/// What stands between ``` of one language, block by block.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The relative targets of a document's links: file, relative to the repository, and anchor.
fn links(document: &Path) -> Vec<(PathBuf, Option<String>)> {
    let text = read(document);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative = targets.filter(|target| !target.contains("://") && !target.contains(' '));
    let place = |target: &str| {
        let (file, anchor) = target
            .split_once('#')
            .map_or((target, None), |(file, anchor)| (file, Some(anchor.to_owned())));
        let folder = document.parent().expect("a folder");
        let path = if file.is_empty() { document.to_owned() } else { folder.join(file) };
        (without_dots(&path), anchor)
    };
    relative.map(place).collect()
}

/// `docs/../README.md` -> `README.md`.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

/// A heading as links name it.
fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for document in documents() {
        for (target, anchor) in links(&document) {
            let there = root().join(&target).exists();
            let headed = anchor.as_ref().is_none_or(|anchor| {
                let text = fs::read_to_string(root().join(&target)).unwrap_or_default();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                headings
                    .map(|line| anchor_of(line.trim_start_matches('#').trim()))
                    .any(|of| of == *anchor)
            });
            if !there || !headed {
                broken.push(format!("{}: {} {anchor:?}", document.display(), target.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_of_shipped_documents_lead_to_shipped_files() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("the assets");
    let at_its_own_path: Vec<_> = assets
        .iter()
        .map(|asset| (asset[0].as_str().expect("a path"), asset[1].as_str().expect("a path")))
        .filter(|(from, to)| {
            let folder = Path::new(from).parent().expect("a folder");
            Path::new(SHIPPED).join(folder) == Path::new(to)
        })
        .map(|(from, _)| from)
        .collect();
    let is_shipped = |file: &Path| {
        at_its_own_path.iter().any(|from| match from.strip_suffix("*") {
            Some(folder) => file.parent() == Some(Path::new(folder.trim_end_matches('/'))),
            None => file == Path::new(from),
        })
    };
    assert!(is_shipped(Path::new("README.md")) && is_shipped(Path::new("docs/security.md")));
    let mut broken = Vec::new();
    for document in documents().iter().filter(|document| is_shipped(document)) {
        for (target, _) in links(document) {
            let folder = root().join(&target).is_dir();
            let shipped =
                if folder { is_shipped(&target.join("README.md")) } else { is_shipped(&target) };
            if !shipped {
                broken.push(format!("{}: {}", document.display(), target.display()));
            }
        }
    }
    assert!(broken.is_empty(), "not in the package: {}", broken.join("\n"));
}

#[test]
fn lines_are_short_enough_to_be_read_in_a_terminal() {
    let mut long = Vec::new();
    for document in documents().into_iter().chain(["config.toml".into()]) {
        let readme = document == Path::new("README.md");
        for (number, line) in read(&document).lines().enumerate() {
            let breakable = readme || !line.starts_with('|');
            if breakable && line.chars().count() > COLUMNS {
                long.push(format!("{}:{}", document.display(), number + 1));
            }
        }
    }
    assert!(long.is_empty(), "over {COLUMNS} columns: {}", long.join(", "));
}

#[test]
fn every_command_of_an_example_is_one_of_the_programs() {
    let program = || Command::new(env!("CARGO_BIN_EXE_awa-bridge"));
    let (_, help, _) = run(program().arg("--help"));
    let commands = help.split("Commands:").nth(1).expect("its commands").split("Options:").next();
    let mut known: BTreeSet<_> = commands
        .expect("a list")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    known.insert("reload");
    let mut unknown = Vec::new();
    for document in documents() {
        let text = read(&document);
        let lines = blocks(&text, "sh").into_iter().flat_map(str::lines);
        let code = lines.map(|line| line.split(" #").next().unwrap_or_default());
        let called = code.flat_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let named = words.iter().position(|word| word.ends_with("awa-bridge"));
            let after = named.map_or(&[][..], |at| &words[at + 1..]);
            let skipped = if after.first() == Some(&"--config") { 2 } else { 0 };
            after.get(skipped).copied().filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
        });
        let by_cargo = text.split("cargo run --release -- ").skip(1);
        let by_cargo = by_cargo.filter_map(|rest| rest.split([' ', '`', '\n']).next());
        for word in called.chain(by_cargo).filter(|word| !known.contains(word)) {
            unknown.push(format!("{}: {word}", document.display()));
        }
    }
    assert!(unknown.is_empty(), "no such command: {}", unknown.join(", "));
}

#[test]
fn every_key_that_a_document_names_is_in_config_toml() {
    let mut keys = BTreeSet::new();
    let mut section = String::new();
    for line in fs::read_to_string(root().join("config.toml")).expect("config.toml").lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys.insert("servicenow.auth".to_owned());
    let sections: BTreeSet<_> = keys.iter().filter_map(|key| key.split('.').next()).collect();
    let mut unknown = Vec::new();
    for document in documents().iter().filter(|document| !document.ends_with("CHANGELOG.md")) {
        let text = read(document);
        for word in text.split('`').skip(1).step_by(2) {
            let name = word.split([' ', '=']).next().unwrap_or_default();
            let Some((section, key)) = name.split_once('.') else { continue };
            let is_key = key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
            let is_file = ["md", "toml", "csv", "jq", "json", "service", "socket"].contains(&key);
            if !section.is_empty()
                && sections.contains(section)
                && is_key
                && !is_file
                && !keys.contains(name)
            {
                unknown.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "no such key: {}", unknown.join(", "));
}

#[test]
fn every_example_in_toml_can_be_read() {
    for document in documents() {
        for block in blocks(&read(&document), "toml") {
            let read = block.parse::<toml::Table>();
            assert!(read.is_ok(), "{}: {read:?}\n{block}", document.display());
        }
    }
}

#[test]
fn the_architecture_shows_the_table_of_who_may_use_whom() {
    let mut table = String::from("| module | may use |\n|---|---|\n");
    for (module, others) in MAY_USE {
        let others: Vec<_> = others.iter().map(|other| format!("`{other}`")).collect();
        let others =
            if others.is_empty() { "nothing of ours".to_owned() } else { others.join(", ") };
        table += &format!("| `{module}` | {others} |\n");
    }
    let page = read(Path::new("docs/architecture.md"));
    assert!(page.contains(&table), "docs/architecture.md should have\n{table}");
}
