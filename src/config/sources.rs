//! `[sources.*]`: one table per webhook URL. What `verify` and `options` may hold is the profile's to say.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};

use super::secret::Secrets;
use super::values::{Name, by, check_name, or_default};
use super::{Problem, Problems, Secret};

/// One source: who calls `/webhooks/{name}`.
#[derive(Debug, Clone, Deserialize)]
pub struct Source {
    /// The last part of its URL.
    #[serde(rename = "$name", deserialize_with = "own_name")]
    pub(crate) name: String,
    /// A folder of `mappings/vendors`.
    #[serde(deserialize_with = "by::<Name, _, _>")]
    pub(crate) vendor: String,
    /// Any that fits is good; several during a rotation.
    #[serde(deserialize_with = "by::<Secrets, _, _>")]
    pub(crate) secrets: Vec<Secret>,
    /// Takes the place of the profile's `[verify]`.
    pub(crate) verify: Option<Map<String, Json>>,
    /// Sources with the same one share conversations and tables.
    #[serde(deserialize_with = "or_default::<Name, _, _>")]
    pub(crate) contact_center: String,
    /// Queue ids are the external ids already.
    #[serde(deserialize_with = "or_default::<bool, _, _>")]
    pub(crate) pass_through_queues: bool,
    /// Take the place of the profile's `[options]`, one by one.
    pub options: Map<String, Json>,
}

impl Source {
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

fn own_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let wrong = |text| serde::de::Error::custom(format!("the source's name {text}"));
    check_name(&name).map(|()| name).map_err(wrong)
}
