//! What the intake needs of the two rooms behind it: a [`Desk`] that verifies and reads one source's requests, and the
//! [`Ledger`] that keeps what was read.

use crate::report;
use crate::store::{Acceptance, Delivery, Refusal, Store};
use crate::vendor::{
    AnswerPolicy, HandshakeAnswer, Malformed, Reading, Request, Source, Unverified,
};

/// One source: its secrets, its profile and its filter.
pub trait Desk: Send + Sync + 'static {
    /// The contact centre whose conversations it speaks of.
    fn contact_center(&self) -> &str;

    /// What the vendor wants to hear instead of the usual answers.
    fn answer_policy(&self) -> &AnswerPolicy;

    /// The answer to a request that only asks whether somebody is there.
    fn handshake(&self, request: &Request) -> Option<HandshakeAnswer>;

    /// Whether the raw bytes come from the vendor.
    ///
    /// # Errors
    /// They do not, or too late.
    fn verify(&self, request: &Request) -> Result<(), Unverified>;

    /// What an authentic request says.
    ///
    /// # Errors
    /// Its body is not what it is declared to be.
    fn read(&self, request: &Request) -> Result<Vec<Reading>, Malformed>;
}

/// What became of one item of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Stored now.
    Accepted,
    /// Known already.
    Duplicate,
}

/// Where deliveries are kept.
pub trait Ledger: Send + Sync + 'static {
    /// Stores a delivery as a whole, and returns when it is flushed, duplicates too: one receipt an item, in order.
    fn accept(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Vec<Receipt>, Refusal>> + Send;
}

impl Desk for Source {
    fn contact_center(&self) -> &str {
        Self::contact_center(self)
    }

    fn answer_policy(&self) -> &AnswerPolicy {
        self.answer()
    }

    fn handshake(&self, request: &Request) -> Option<HandshakeAnswer> {
        Self::handshake(self, request)
    }

    fn verify(&self, request: &Request) -> Result<(), Unverified> {
        Self::verify(self, request)
    }

    fn read(&self, request: &Request) -> Result<Vec<Reading>, Malformed> {
        Self::read(self, request)
    }
}

impl Ledger for Store {
    async fn accept(&self, delivery: Delivery) -> Result<Vec<Receipt>, Refusal> {
        let accepted = Self::accept(self, delivery).await?;
        Ok(accepted
            .into_iter()
            .map(|acceptance| match acceptance {
                Acceptance::Accepted { settled } => {
                    report::settled(&settled);
                    Receipt::Accepted
                }
                Acceptance::Duplicate => Receipt::Duplicate,
            })
            .collect())
    }
}
