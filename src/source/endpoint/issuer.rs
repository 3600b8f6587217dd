//! A source whose sender proves itself by tokens of an issuer that publishes its keys.

use std::sync::Arc;

use super::super::issuer::Issuer;
use super::Source;

impl Source {
    /// The issuer whose keys have to be fetched for it; none where no keys are.
    pub(crate) fn issuer(&self) -> Option<&Arc<Issuer>> {
        self.verifier.issuer()
    }

    /// Uses the keys that were fetched for a source before, where both have the same issuer.
    pub(crate) fn share_issuer(&mut self, before: &Self) {
        if let Some(issuer) = before.issuer() {
            self.verifier.share_issuer(issuer);
        }
    }
}
