//! The sources by name, behind a handle through which a reload replaces them all at once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::source::Source;

type Named = HashMap<String, Arc<Source>>;

/// The sources in force; clones share them.
#[derive(Clone)]
pub(crate) struct Sources {
    in_force: Arc<RwLock<Arc<Named>>>,
}

impl Sources {
    /// Starts with these.
    #[must_use]
    pub(crate) fn new(sources: Named) -> Self {
        Self { in_force: Arc::new(RwLock::new(Arc::new(sources))) }
    }

    /// The source of that name.
    #[must_use]
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Source>> {
        // The lock is held for a clone or a swap only, neither of which can leave it half done.
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone();
        in_force.get(name).cloned()
    }

    /// Puts others in their place; requests in flight keep the source that they found.
    pub(crate) fn replace(&self, sources: Named) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
    }
}
