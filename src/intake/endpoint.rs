//! What the intake needs of the modules behind it: an [`Endpoint`] that verifies and reads one source's requests, and the
//! [`DeliveryStore`] that keeps what was read.

use bytes::Bytes;

use crate::routing::ContactCenter;
use crate::source::{
    AnswerPolicy, HandshakeAnswer, Malformed, Reading, Request, Source, Unverified,
};
use crate::store::{Acceptance, Delivery, Refusal, Store};

/// One source: its secrets, its profile and its filter.
pub(crate) trait Endpoint: Send + Sync + 'static {
    /// The contact centre whose conversations it speaks of.
    fn contact_center(&self) -> &ContactCenter;

    /// What the vendor wants to hear instead of the usual answers.
    fn answer_policy(&self) -> &AnswerPolicy;

    /// The largest body in bytes that its profile takes; none: as the intake.
    fn max_body(&self) -> Option<usize> {
        None
    }

    /// The answer to a request that only asks whether somebody is there.
    fn handshake(&self, request: &Request) -> Option<HandshakeAnswer>;

    /// Why a request is refused before its body is read, where its head alone proves whose it is.
    fn refused_by_head(&self, _head: &Request) -> Option<Unverified> {
        None
    }

    /// Whether the raw bytes come from the vendor.
    ///
    /// # Errors
    /// They do not, or too late.
    fn verify(&self, request: &Request) -> Result<(), Unverified>;

    /// An authentic request's body as it may be kept: without a secret that its sender puts there.
    fn body_to_keep(&self, request: &Request) -> Bytes {
        request.body.clone()
    }

    /// What the signature of an authentic request covers, where the same signed bytes can be read as other events.
    fn fingerprint(&self, _request: &Request) -> Option<[u8; 32]> {
        None
    }

    /// Whether a look at a signature takes long, whatever the size of the request: public keys do.
    fn is_costly(&self) -> bool {
        false
    }

    /// What an authentic request says; none if that takes longer than a thread of the runtime may be held up.
    ///
    /// # Errors
    /// Its body is not what it is declared to be.
    fn read_quickly(&self, request: &Request) -> Result<Option<Vec<Reading>>, Malformed> {
        self.read(request).map(Some)
    }

    /// What an authentic request says, however long that takes.
    ///
    /// # Errors
    /// Its body is not what it is declared to be.
    fn read(&self, request: &Request) -> Result<Vec<Reading>, Malformed>;
}

/// Where deliveries are kept.
pub(crate) trait DeliveryStore: Send + Sync + 'static {
    /// Stores a delivery as a whole, and returns when it is synced, duplicates too: what became of each item, in order.
    fn accept(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<Vec<Acceptance>, Refusal>> + Send;
}

impl Endpoint for Source {
    fn contact_center(&self) -> &ContactCenter {
        Self::contact_center(self)
    }

    fn answer_policy(&self) -> &AnswerPolicy {
        self.answer()
    }

    fn max_body(&self) -> Option<usize> {
        self.profile().max_body()
    }

    fn handshake(&self, request: &Request) -> Option<HandshakeAnswer> {
        Self::handshake(self, request)
    }

    fn refused_by_head(&self, head: &Request) -> Option<Unverified> {
        Self::refused_by_head(self, head)
    }

    fn verify(&self, request: &Request) -> Result<(), Unverified> {
        Self::verify(self, request)
    }

    fn body_to_keep(&self, request: &Request) -> Bytes {
        Self::body_to_keep(self, request)
    }

    fn fingerprint(&self, request: &Request) -> Option<[u8; 32]> {
        Self::fingerprint(self, request)
    }

    fn is_costly(&self) -> bool {
        Self::is_costly(self)
    }

    fn read_quickly(&self, request: &Request) -> Result<Option<Vec<Reading>>, Malformed> {
        Self::read_quickly(self, request)
    }

    fn read(&self, request: &Request) -> Result<Vec<Reading>, Malformed> {
        Self::read(self, request)
    }
}

impl DeliveryStore for Store {
    async fn accept(&self, delivery: Delivery) -> Result<Vec<Acceptance>, Refusal> {
        Self::accept(self, delivery).await
    }
}
