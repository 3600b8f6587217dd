//! Operators' questions about events and conversations.

use bytes::Bytes;

use super::record::Filter;
use super::{Failed, Store};
use crate::routing::{ConversationRecord, EventRecord, Page};

impl Store {
    /// One event.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row of the event is damaged.
    pub async fn event(&self, source: &str, id: &str) -> Result<Option<EventRecord>, Failed> {
        let (source, id) = (source.to_owned(), id.to_owned());
        self.read(move |reader| reader.event(&source, &id)).await
    }

    /// The vendor's body that brought an event, while it is kept.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row of the event is damaged.
    pub async fn body(&self, source: &str, id: &str) -> Result<Option<Bytes>, Failed> {
        let (source, id) = (source.to_owned(), id.to_owned());
        self.read(move |reader| reader.body(&source, &id)).await
    }

    /// Events, newest first. An unreadable cursor gives an empty page.
    ///
    /// # Errors
    /// The store is closed or cannot be read.
    pub(crate) async fn events(&self, filter: Filter) -> Result<Page, Failed> {
        self.read(move |reader| reader.events(&filter)).await
    }

    /// One conversation with what is known of its document, and the latest events of all conversations that share that.
    ///
    /// # Errors
    /// The store is closed or cannot be read, or a row is damaged.
    pub async fn conversation(
        &self,
        contact_center: &str,
        conversation: &str,
    ) -> Result<Option<ConversationRecord>, Failed> {
        let (contact_center, conversation) = (contact_center.to_owned(), conversation.to_owned());
        self.read(move |reader| reader.conversation(&contact_center, &conversation)).await
    }
}
