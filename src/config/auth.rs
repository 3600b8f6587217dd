//! `servicenow.auth`: how the bridge authenticates at the instance.

use serde::{Deserialize, Deserializer};

use super::Secret;
use super::secret::KeyFile;
use crate::credentials;

/// With secrets as the configuration gives them.
pub type Auth = credentials::Auth<Secret, KeyFile>;

/// Reads the table whose key `kind` says what else stands in it.
pub(super) fn auth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Auth>, D::Error> {
    #[derive(Deserialize)]
    struct Table {
        kind: Auth,
    }

    Option::<Table>::deserialize(deserializer).map(|table| table.map(|table| table.kind))
}
