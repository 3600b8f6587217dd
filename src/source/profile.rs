//! One vendor's folder, read and checked as a whole: `vendor.toml` and the compiled `events.jq`.

#![expect(
    clippy::disallowed_methods,
    reason = "runs at the start, in `check`, and in a reload beside the runtime"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{AnswerPolicy, AnswerToml};
use super::decode::Decode;
use super::filter::Filter;
use super::handshake::{Handshake, HandshakeToml};
use super::verify::{NoKeys, VerifySpec};
use crate::problem::{Problem, key_name, without_values};
use crate::text_file;

/// How one vendor is verified, read and answered.
pub struct Profile {
    vendor: String,
    pub(super) request: RequestSpec,
    pub(super) content_types: Vec<String>,
    pub(super) verify: VerifySpec,
    pub(super) handshakes: Vec<Handshake>,
    pub(super) filter: Filter,
    pub(super) options: serde_json::Map<String, Value>,
    answer: AnswerPolicy,
}

/// The `[request]` section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestSpec {
    pub(super) decode: Decode,
    /// Instead of those that go with `decode`; `*+json` stands for any such suffix.
    content_types: Option<Vec<String>>,
    max_body: Option<usize>,
    /// Form fields that hold JSON.
    #[serde(default)]
    pub(super) json_fields: Vec<String>,
    /// A JSON pointer to what the vendor calls the event, for counting the unknown ones.
    pub(super) event_type: Option<String>,
}

/// As `intake.max_body`.
const MAX_BODY: std::ops::RangeInclusive<usize> = 1..=16_777_216;

const SECTIONS: [&str; 5] = ["request", "verify", "handshake", "answer", "options"];

/// Keys at the top that say how the vendor rings and hands over: defaults of the options of that name.
const WORDS: [&str; 2] = ["rings", "hand_over"];

/// One section by itself: the others may be wrong too, and each says so.
macro_rules! section {
    ($name:ident, $type:ty) => {{
        #[derive(Deserialize)]
        struct Only {
            $name: Option<$type>,
        }
        |text: &str| toml::from_str::<Only>(text).map(|only| only.$name)
    }};
}

impl Profile {
    /// Reads `vendor.toml` and `events.jq` of a folder that is named after its vendor.
    ///
    /// # Errors
    /// Lists every problem of both files.
    pub(crate) fn load(folder: &Path) -> Result<Self, Vec<Problem>> {
        let vendor = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let (toml_file, jq_file) = (folder.join("vendor.toml"), folder.join("events.jq"));
        let read = |file: &Path| {
            text_file::read(file, text_file::LARGEST)
                .map_err(|unread| vec![Problem::in_file(file, unread.to_string())])
        };
        let (toml, jq) = both(read(&toml_file), read(&jq_file))?;
        Self::parse(&vendor.unwrap_or_default(), folder, &toml, &jq)
    }

    /// Checks the two texts; `folder` is only named in problems.
    ///
    /// # Errors
    /// Lists every problem of both texts.
    pub(crate) fn parse(
        vendor: &str,
        folder: &Path,
        toml: &str,
        jq: &str,
    ) -> Result<Self, Vec<Problem>> {
        let (toml_file, jq_file) = (folder.join("vendor.toml"), folder.join("events.jq"));
        let filter = Filter::compile(&jq_file, jq);
        let (sections, filter) = both(Sections::read(&toml_file, toml), filter)?;
        let Sections { request, verify, handshakes, answer, options } = sections;
        Ok(Self {
            vendor: vendor.to_owned(),
            content_types: request
                .content_types
                .clone()
                .unwrap_or_else(|| request.decode.default_content_types()),
            request,
            verify,
            handshakes,
            filter,
            options,
            answer,
        })
    }

    /// The vendor's name: that of its folder.
    #[must_use]
    pub(crate) fn vendor(&self) -> &str {
        &self.vendor
    }

    /// The largest body in bytes, where the vendor's is smaller than the intake's.
    #[must_use]
    pub(crate) const fn max_body(&self) -> Option<usize> {
        self.request.max_body
    }

    /// A content type that the profile takes: for requests that are made here.
    #[must_use]
    pub(crate) fn content_type(&self) -> &str {
        let whole = self.content_types.iter().find(|text| !text.starts_with('*'));
        whole.map_or("application/json", String::as_str)
    }

    /// What the vendor hears.
    #[must_use]
    pub(crate) const fn answer(&self) -> &AnswerPolicy {
        &self.answer
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").field("vendor", &self.vendor).finish_non_exhaustive()
    }
}

/// The folders of `mappings/vendors` in name order.
///
/// # Errors
/// It cannot be read.
pub(crate) fn profile_folders(vendors: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(vendors)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// Loads every folder of `mappings/vendors`, by vendor.
///
/// # Errors
/// Lists the problems of all of them.
pub fn load_profiles(vendors: &Path) -> Result<BTreeMap<String, Arc<Profile>>, Vec<Problem>> {
    let folders = profile_folders(vendors)
        .map_err(|error| vec![Problem::in_file(vendors, format!("cannot be read: {error}"))])?;
    let (mut profiles, mut problems) = (BTreeMap::new(), Vec::new());
    for folder in folders {
        match Profile::load(&folder) {
            Ok(profile) => drop(profiles.insert(profile.vendor.clone(), Arc::new(profile))),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(profiles) } else { Err(problems) }
}

struct Sections {
    request: RequestSpec,
    verify: VerifySpec,
    handshakes: Vec<Handshake>,
    answer: AnswerPolicy,
    options: serde_json::Map<String, Value>,
}

impl Sections {
    fn read(file: &Path, text: &str) -> Result<Self, Vec<Problem>> {
        let whole: toml::Table =
            toml::from_str(text).map_err(|error| vec![toml_problem(file, text, &error)])?;
        let mut problems = Vec::new();
        let known = |key: &str| SECTIONS.contains(&key) || WORDS.contains(&key);
        for key in whole.keys().filter(|key| !known(key)) {
            let message =
                format!("{} is none of the sections {}", key_name(key), SECTIONS.join(", "));
            problems.push(Problem { line: line_of(text, key), ..Problem::in_file(file, message) });
        }
        let request = taken(file, text, &mut problems, section!(request, RequestSpec));
        let verify = taken(file, text, &mut problems, section!(verify, VerifySpec));
        let handshakes = taken(file, text, &mut problems, section!(handshake, Vec<HandshakeToml>));
        let answer = taken(file, text, &mut problems, section!(answer, AnswerToml));
        let options = taken(file, text, &mut problems, section!(options, toml::Table));
        let most = request.as_ref().and_then(|request| request.max_body);
        if most.is_some_and(|most| !MAX_BODY.contains(&most)) {
            let (least, most) = (MAX_BODY.start(), MAX_BODY.end());
            let message = format!("`request.max_body` is not from {least} to {most} bytes");
            problems.push(placed(file, text, "max_body", message));
        }
        if request.is_none() && !whole.contains_key("request") {
            problems.push(Problem::in_file(file, "`[request]` with `decode` is missing"));
        }
        let mut checked = Vec::new();
        for handshake in handshakes.unwrap_or_default() {
            match handshake.build() {
                Ok(handshake) => checked.push(handshake),
                Err(message) => problems.push(placed(file, text, "handshake", message)),
            }
        }
        let answer = answer.unwrap_or_default().build().unwrap_or_else(|messages| {
            problems.extend(messages.into_iter().map(|m| placed(file, text, "answer", m)));
            AnswerPolicy::default()
        });
        let mut known = serde_json::Map::new();
        let words = WORDS
            .into_iter()
            .filter_map(|word| whole.get(word).map(|value| (word.to_owned(), value.clone())));
        for (key, value) in words.chain(options.unwrap_or_default()) {
            match serde_json::to_value(&value) {
                Ok(value) => drop(known.insert(key, value)),
                Err(_) => {
                    let message = format!("`options.{key}` has no JSON form");
                    problems.push(placed(file, text, "options", message));
                }
            }
        }
        match request {
            Some(request) if problems.is_empty() => Ok(Self {
                request,
                verify: verify.unwrap_or(VerifySpec::None(NoKeys {})),
                handshakes: checked,
                answer,
                options: known,
            }),
            Some(_) | None => Err(problems),
        }
    }
}

fn taken<T: DeserializeOwned>(
    file: &Path,
    text: &str,
    problems: &mut Vec<Problem>,
    section: impl Fn(&str) -> Result<Option<T>, toml::de::Error>,
) -> Option<T> {
    section(text).unwrap_or_else(|error| {
        problems.push(toml_problem(file, text, &error));
        None
    })
}

fn toml_problem(file: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let line = error.span().map(|span| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1
    });
    Problem { line, ..Problem::in_file(file, without_values(error.message(), "a table")) }
}

fn placed(file: &Path, text: &str, section: &str, message: String) -> Problem {
    Problem { line: line_of(text, section), ..Problem::in_file(file, message) }
}

/// The line of a section's header, or of a key at the top.
fn line_of(text: &str, key: &str) -> Option<u64> {
    let names = |line: &str| {
        let line = line.trim_start_matches(['[', ' ']);
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with([']', '=', '.']))
    };
    text.lines().position(names).map(|place| place as u64 + 1)
}

/// Both results, or the problems of both.
fn both<A, B>(
    one: Result<A, Vec<Problem>>,
    other: Result<B, Vec<Problem>>,
) -> Result<(A, B), Vec<Problem>> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
        (Err(one), Err(other)) => Err(one.into_iter().chain(other).collect()),
    }
}

#[cfg(test)]
mod tests;
