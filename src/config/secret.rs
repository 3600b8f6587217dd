//! Secrets: where each is kept, and the one step that reads it. Their values never reach an error, a log or Debug.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use figment::value::{Dict, Value};
use secrecy::{ExposeSecret, SecretString};

use super::section::{Given, parsed};
use super::values::array;
use super::{Problem, limits};
use crate::text_file::{self, Unread};

/// A secret as the configuration gives it: the text itself, or where it is kept.
#[derive(Clone)]
pub struct Secret {
    kept: Kept,
    place: Option<String>,
    key: String,
}

#[derive(Clone)]
enum Kept {
    Here(SecretString),
    Variable(String),
    File(PathBuf),
    Credential(String),
}

impl Secret {
    /// A secret that is at hand, for parts that are started without a configuration file.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        let text: String = text.into();
        Self { kept: Kept::Here(text.into()), place: None, key: String::new() }
    }

    /// Reads the secret from where it is kept; the line end of a file's or a variable's last line is cut off.
    ///
    /// # Errors
    /// The variable or file is not there, is empty, too large, not UTF-8 or has more than one line. Names the place, never the content.
    pub fn reveal(&self) -> Result<SecretString, Problem> {
        let revealed = match &self.kept {
            Kept::Here(text) => Ok(text.clone()),
            Kept::Variable(name) => variable(name),
            Kept::File(path) => from_file(path),
            Kept::Credential(name) => credential(name).and_then(|path| from_file(&path)),
        };
        revealed
            .and_then(|secret| match secret.expose_secret().is_empty() {
                true => Err("is empty where it is kept".to_owned()),
                false => Ok(secret),
            })
            .map_err(|text| Problem { place: self.place.clone(), key: self.key.clone(), text })
    }
}

impl Secret {
    /// The path of the key that it is read for; with its place in brackets in an array.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The file and line, or the variable, that says where it is kept.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Whether a file or a variable gives the secret with blanks around it, which belong to it; says where, never what.
    pub(super) fn warning(&self) -> Option<String> {
        match &self.kept {
            Kept::Here(_) => return None,
            Kept::Variable(_) | Kept::File(_) | Kept::Credential(_) => {}
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
}

impl Secret {
    /// Its key, if its text stands in the configuration file.
    pub(super) fn written_in_file(&self) -> Option<&str> {
        let in_file =
            self.place.as_ref().is_some_and(|place| !place.starts_with(super::ENV_PREFIX));
        (matches!(self.kept, Kept::Here(_)) && in_file).then_some(self.key.as_str())
    }

    /// Whether every user of the machine may read the file that it is kept in; says where, never what.
    pub(super) fn open_to_all(&self) -> Option<String> {
        let Kept::File(path) = &self.kept else { return None };
        super::is_open_to_all(path).then(|| {
            format!("{}: {} can be read by every user of this machine", self.key, path.display())
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kept {
            Kept::Here(_) => f.write_str("Secret(redacted)"),
            Kept::Variable(name) => write!(f, "Secret(env {name})"),
            Kept::File(path) => write!(f, "Secret(file {})", path.display()),
            Kept::Credential(name) => write!(f, "Secret(credential {name})"),
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
    let text = text_file::read(path, limits::SECRET_FILE).map_err(|unread| match unread {
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

/// Reads a secret: a text (or a whole number or a flag, taken as its text), or a table that says where it is kept.
pub(super) fn secret(given: Given) -> Result<Secret, String> {
    kept_as(given, |kept| kept)
}

fn kept_as(given: Given, meant: impl FnOnce(Kept) -> Kept) -> Result<Secret, String> {
    let Given { value, environment, place, key, marks } = given;
    let secret = Secret { kept: meant(kept(value, environment)?), place, key };
    marks.borrow_mut().secrets.push(secret.clone());
    Ok(secret)
}

/// Reads an array of secrets, or a single one.
pub(super) fn secrets(given: Given) -> Result<Vec<Secret>, String> {
    let (place, key, marks) = (given.place.clone(), given.key.clone(), Rc::clone(&given.marks));
    let several = match &given.value {
        Value::Array(..) => true,
        Value::String(_, text) => given.environment && text.trim_start().starts_with('['),
        _ => false,
    };
    if !several {
        return Ok(vec![secret(given)?]);
    }
    let elements = array(given).map_err(|_| "is not an array; write [\"…\", \"…\"]".to_owned())?;
    if elements.len() > limits::SECRETS {
        return Err(format!(
            "has {} elements; at most {} are taken",
            elements.len(),
            limits::SECRETS
        ));
    }
    let one = |(index, element)| {
        let kept = kept(element, false).map_err(|text| format!("[{index}] {text}"))?;
        let secret = Secret { kept, place: place.clone(), key: format!("{key}[{index}]") };
        marks.borrow_mut().secrets.push(secret.clone());
        Ok(secret)
    };
    elements.into_iter().enumerate().map(one).collect()
}

/// Reads where a PEM file is: here a plain text is its path.
pub(super) fn key_file(given: Given) -> Result<Secret, String> {
    kept_as(given, |kept| match kept {
        Kept::Here(path) => Kept::File(PathBuf::from(path.expose_secret())),
        kept @ (Kept::Variable(_) | Kept::File(_) | Kept::Credential(_)) => kept,
    })
}

const WANTED: &str =
    "write a text in quotes, { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }";

fn kept(value: Value, environment: bool) -> Result<Kept, String> {
    let value = match value {
        Value::String(_, text) if environment && text.starts_with('{') => match parsed(&text) {
            table @ Value::Dict(..) => table,
            _ => Value::from(text),
        },
        other => other,
    };
    let text = match value {
        Value::String(_, text) => text,
        Value::Char(_, char) => char.to_string(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => number.to_string(),
            (None, None) => {
                return Err("is a number with a fraction; write it in quotes".to_owned());
            }
        },
        Value::Dict(_, entries) => return kept_elsewhere(&entries),
        Value::Empty(..) | Value::Array(..) => return Err(format!("is not a secret; {WANTED}")),
    };
    if text.is_empty() {
        return Err(format!("is empty; {WANTED}"));
    }
    Ok(Kept::Here(text.into()))
}

fn kept_elsewhere(entries: &Dict) -> Result<Kept, String> {
    let mut entries = entries.iter();
    let (Some((word, Value::String(_, name))), None) = (entries.next(), entries.next()) else {
        return Err(format!("is a table, but not one with a single text in it; {WANTED}"));
    };
    if name.is_empty() {
        return Err(format!("names nothing; {WANTED}"));
    }
    match word.as_str() {
        "env" => Ok(Kept::Variable(name.clone())),
        "file" => Ok(Kept::File(PathBuf::from(name))),
        "credential" if name.contains('/') || name.starts_with('.') => {
            Err("names a credential that is no plain file name".to_owned())
        }
        "credential" => Ok(Kept::Credential(name.clone())),
        _ => Err(format!("is a table with another key than env, file or credential; {WANTED}")),
    }
}
