//! Secrets: where each is kept, and the one step that reads it. Their values never reach an error, a log or Debug.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::Problem;
use super::values::at_most;
use crate::text_file::{self, Unread};

/// How many secrets a source may have; each is tried on each request.
const MOST: usize = 16;
/// URLs, which are secrets where a password is in them.
const URLS: [&str; 2] = ["servicenow.proxy", "store.postgres.url"];
/// The largest file that is read as a secret, in bytes.
const LARGEST_FILE: u64 = 65_536;

/// A secret as the configuration gives it: the text itself, or where it is kept.
#[derive(Clone, Deserialize)]
pub struct Secret {
    kept: Kept,
    /// The secret, or the name of what it is kept in.
    #[serde(deserialize_with = "secret_text")]
    text: SecretString,
    /// Empty if neither a file nor a variable gave it.
    place: String,
    key: String,
}

/// Where a secret is, by the word for it in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Here,
    Env,
    File,
    Credential,
}

fn secret_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl Secret {
    /// A secret that is at hand, for parts that are started without a configuration file.
    #[must_use]
    pub(crate) fn of(text: impl Into<String>) -> Self {
        let text = text.into().into();
        Self { kept: Kept::Here, text, place: String::new(), key: String::new() }
    }

    /// Reads the secret from where it is kept; the line end of a file's or a variable's last line is cut off.
    ///
    /// # Errors
    /// The variable or file is not there, is empty, too large, not UTF-8 or has more than one line. Names the place,
    /// never the content.
    pub fn reveal(&self) -> Result<SecretString, Problem> {
        let name = self.text.expose_secret();
        let revealed = match self.kept {
            Kept::Here => Ok(self.text.clone()),
            Kept::Env => variable(name),
            Kept::File => from_file(Path::new(name)),
            Kept::Credential => credential(name).and_then(|path| from_file(&path)),
        };
        revealed
            .and_then(|secret| match secret.expose_secret().is_empty() {
                true => Err("is empty where it is kept".to_owned()),
                false => Ok(secret),
            })
            .map_err(|text| Problem {
                place: self.place().map(str::to_owned),
                key: self.key.clone(),
                text,
            })
    }

    /// The path of the key that it is read for; with its place in brackets in an array.
    #[must_use]
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The file and line, or the variable, that says where it is kept.
    #[must_use]
    pub(crate) fn place(&self) -> Option<&str> {
        Some(self.place.as_str()).filter(|place| !place.is_empty())
    }

    /// Takes a text (or a whole number or a flag as its text), or a table that says where it is kept. Where that is
    /// a key's file, a plain text is its path.
    pub(super) fn read(
        value: &Value,
        is_path: bool,
        place: Option<String>,
        key: String,
    ) -> Result<Self, String> {
        let (kept, text) = match value {
            Value::Dict(_, entries) => kept_elsewhere(entries)?,
            value => (if is_path { Kept::File } else { Kept::Here }, plain_text(value)?),
        };
        Ok(Self { kept, text: text.into(), place: place.unwrap_or_default(), key })
    }

    /// Its fields by their names.
    pub(super) fn parts(&self) -> [(&'static str, String); 4] {
        let kept = match self.kept {
            Kept::Here => "here",
            Kept::Env => "env",
            Kept::File => "file",
            Kept::Credential => "credential",
        };
        let text = self.text.expose_secret().to_owned();
        [
            ("kept", kept.to_owned()),
            ("text", text),
            ("place", self.place.clone()),
            ("key", self.key.clone()),
        ]
    }

    /// Whether a file or a variable gives the secret with blanks around it, which belong to it; says where, never what.
    pub(super) fn warning(&self) -> Option<String> {
        if self.kept == Kept::Here {
            return None;
        }
        let secret = self.reveal().ok()?;
        let text = secret.expose_secret();
        let blank = |char: Option<char>| char.is_some_and(|char| matches!(char, ' ' | '\t'));
        let outer = blank(text.chars().next()) || blank(text.chars().next_back());
        outer.then(|| {
            format!(
                "{}: the file begins or ends with a blank, which is taken as part of the secret",
                self.key
            )
        })
    }

    /// Its key, if its text stands in the configuration file and tells something.
    pub(super) fn written_in_file(&self) -> Option<&str> {
        let in_file = self.place().is_some_and(|place| !place.starts_with(super::ENV_PREFIX));
        let tells = !URLS.contains(&self.key()) || holds_password(self.text.expose_secret());
        (self.kept == Kept::Here && in_file && tells).then_some(self.key.as_str())
    }

    /// Whether every user of the machine may read the file that it is kept in; says where, never what.
    pub(super) fn open_to_all(&self) -> Option<String> {
        let path = Path::new(self.text.expose_secret());
        (self.kept == Kept::File && super::is_open_to_all(path)).then(|| {
            format!("{}: {} can be read by every user of this machine", self.key, path.display())
        })
    }
}

/// Whether a URL, or a list of parameters in its place, may hold a password.
fn holds_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    user.contains(':') || url.to_ascii_lowercase().contains("password")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.text.expose_secret();
        match self.kept {
            Kept::Here => f.write_str("Secret(redacted)"),
            Kept::Env => write!(f, "Secret(env {name})"),
            Kept::File => write!(f, "Secret(file {name})"),
            Kept::Credential => write!(f, "Secret(credential {name})"),
        }
    }
}

fn variable(name: &str) -> Result<SecretString, String> {
    let shown = shown_variable(name);
    let text = env::var(name).map_err(|error| match error {
        env::VarError::NotPresent => format!("names {shown}, which is not set"),
        env::VarError::NotUnicode(_) => format!("names {shown}, which is not UTF-8"),
    })?;
    one_line(&text).ok_or_else(|| format!("has more than one line in {shown}"))
}

fn credential(name: &str) -> Result<PathBuf, String> {
    match env::var_os("CREDENTIALS_DIRECTORY") {
        Some(directory) => Ok(Path::new(&directory).join(name)),
        None => {
            let name = if is_telling(name) { format!(" {name}") } else { String::new() };
            Err(format!(
                "names the credential{name}, but CREDENTIALS_DIRECTORY is not set; give it to the systemd unit with \
                 LoadCredential=NAME:PATH, or use {{ file = \"PATH\" }}"
            ))
        }
    }
}

/// The variable by its name, where that looks like one: the secret itself may have been written there.
fn shown_variable(name: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match name.contains('_') && name.bytes().all(fits) {
        true => format!("the variable {name}"),
        false => "a variable (its name is not shown, for it looks like none)".to_owned(),
    }
}

/// A path, where it looks like one: a secret itself may have been written in its place.
#[must_use]
pub(crate) fn shown_path(path: &Path) -> String {
    let within = path.parent().is_some_and(|parent| parent.is_dir() && parent != Path::new(""));
    let text = path.to_string_lossy();
    match path.is_absolute() || within || path.extension().is_some() || is_telling(&text) {
        true => text.into_owned(),
        false => "a file (its path is not shown, for it looks like none)".to_owned(),
    }
}

fn is_telling(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-_./".contains(&byte))
}

fn from_file(path: &Path) -> Result<SecretString, String> {
    let text = text_file::read(path, LARGEST_FILE).map_err(|unread| match unread {
        Unread::Io(error) => format!("cannot be read from {} ({error})", shown_path(path)),
        Unread::NotUtf8 => format!(
            "names {}, which {unread}; a key in DER has to be written as PEM",
            shown_path(path)
        ),
        Unread::Larger(_) | Unread::Utf16 => {
            format!("names {}, which {unread}", shown_path(path))
        }
    })?;
    one_line(&text).ok_or_else(|| format!("has more than one line in {}", shown_path(path)))
}

/// A secret without the line end that an editor or a shell puts behind it; none if it has more than one line.
fn one_line(text: &str) -> Option<SecretString> {
    let text = text.trim_end_matches(['\r', '\n']);
    // A key in PEM has many lines, and is read where one is wanted.
    let several = text.contains(['\r', '\n']) && !text.contains("-----BEGIN ");
    (!several).then(|| text.into())
}

/// An array of secrets, or a single one.
#[derive(Deserialize)]
pub(super) struct Secrets(#[serde(deserialize_with = "at_most::<MOST, _, _>")] Vec<Secret>);

impl From<Secrets> for Vec<Secret> {
    fn from(Secrets(secrets): Secrets) -> Self {
        secrets
    }
}

/// Where a PEM file is: here a plain text is its path.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyFile(Secret);

impl AsRef<Secret> for KeyFile {
    fn as_ref(&self) -> &Secret {
        &self.0
    }
}

impl From<KeyFile> for Secret {
    fn from(KeyFile(secret): KeyFile) -> Self {
        secret
    }
}

const WANTED: &str =
    "write a text in quotes, { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }";

fn plain_text(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(_, text) => text.clone(),
        Value::Char(_, char) => char.to_string(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => {
                return Err("is a number with a fraction; write it in quotes".to_owned());
            }
        },
        Value::Empty(..) | Value::Array(..) | Value::Dict(..) => {
            return Err(format!("is not a secret; {WANTED}"));
        }
    };
    if text.is_empty() { Err(format!("is empty; {WANTED}")) } else { Ok(text) }
}

fn kept_elsewhere(entries: &Dict) -> Result<(Kept, String), String> {
    let mut entries = entries.iter();
    let (Some((word, Value::String(_, name))), None) = (entries.next(), entries.next()) else {
        return Err(format!("is a table, but not one with a single text in it; {WANTED}"));
    };
    let kept = match word.as_str() {
        _ if name.is_empty() => return Err(format!("names nothing; {WANTED}")),
        "env" => Kept::Env,
        "file" => Kept::File,
        "credential" if name.contains('/') || name.starts_with('.') => {
            return Err("names a credential that is no plain file name".to_owned());
        }
        "credential" => Kept::Credential,
        _ => {
            let text = "is a table with another key than env, file or credential";
            return Err(format!("{text}; {WANTED}"));
        }
    };
    Ok((kept, name.clone()))
}
