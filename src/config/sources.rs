//! `[sources.*]`: one table per webhook URL. What `verify` and `options` may hold is the profile's to say.

use figment::value::{Empty, Num, Value};
use serde_json::{Map, Value as Json};

use super::secret::secrets;
use super::section::{Given, Section};
use super::values::{check_name, flag, name, plain};
use super::{Problem, Problems, Secret};

/// One source: who calls `/webhooks/{name}`.
#[derive(Debug, Clone)]
pub struct Source {
    /// The last part of its URL.
    pub name: String,
    /// A folder of `mappings/vendors`.
    pub vendor: String,
    /// Any that fits is good; several during a rotation.
    pub secrets: Vec<Secret>,
    /// Takes the place of the profile's `[verify]`.
    pub verify: Option<Map<String, Json>>,
    /// Sources with the same one share conversations and tables.
    pub contact_center: String,
    /// Queue ids are the external ids already.
    pub pass_through_queues: bool,
    /// Take the place of the profile's `[options]`, one by one.
    pub options: Map<String, Json>,
}

impl Source {
    pub(super) fn read(source: String, mut section: Section<'_>) -> Option<Self> {
        let fits = check_name(&source);
        if let Err(text) = &fits {
            section.complain_of_itself(format!("the source's name {text}"));
        }
        let vendor = section.need("vendor", name);
        let secrets = section.wish("secrets", secrets);
        let verify = section.wish_tree("verify", object);
        let contact_center = section.wish("contact_center", name);
        let pass_through_queues = section.wish("pass_through_queues", flag);
        let options = section.wish_tree("options", object);
        section.close();
        fits.ok()?;
        Some(Self {
            vendor: vendor?,
            secrets: secrets?.unwrap_or_default(),
            verify: verify?,
            contact_center: contact_center?.unwrap_or_else(|| source.clone()),
            pass_through_queues: pass_through_queues?.unwrap_or(false),
            options: options?.unwrap_or_default(),
            name: source,
        })
    }

    /// Reads all of the source's secrets.
    ///
    /// # Errors
    /// Every one that could not be read.
    pub fn reveal_secrets(&self) -> Result<Vec<secrecy::SecretString>, Problems> {
        let (mut revealed, mut problems) = (Vec::new(), Vec::<Problem>::new());
        for secret in &self.secrets {
            match secret.reveal() {
                Ok(text) => revealed.push(text),
                Err(problem) => problems.push(problem),
            }
        }
        Problems::none_of(problems).map(|()| revealed)
    }
}

fn object(given: Given) -> Result<Map<String, Json>, String> {
    match json(plain(given)) {
        Json::Object(object) => Ok(object),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Err("is not a table; write { key = value }".to_owned())
        }
    }
}

/// The same value as JSON.
fn json(value: Value) -> Json {
    match value {
        Value::String(_, text) => Json::String(text),
        Value::Char(_, char) => Json::String(char.to_string()),
        Value::Bool(_, flag) => Json::Bool(flag),
        Value::Num(_, number) => number_as_json(number),
        Value::Empty(_, Empty::None | Empty::Unit) => Json::Null,
        Value::Dict(_, entries) => {
            Json::Object(entries.into_iter().map(|(key, value)| (key, json(value))).collect())
        }
        Value::Array(_, elements) => Json::Array(elements.into_iter().map(json).collect()),
    }
}

fn number_as_json(number: Num) -> Json {
    let whole = number.to_i128().and_then(|whole| i64::try_from(whole).ok()).map(Json::from);
    let large = || number.to_u128().and_then(|whole| u64::try_from(whole).ok()).map(Json::from);
    whole.or_else(large).or_else(|| number.to_f64().map(Json::from)).unwrap_or(Json::Null)
}
