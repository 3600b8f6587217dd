//! The sources by name, behind a handle through which a reload replaces them all at once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

type Named<D> = HashMap<String, Arc<D>>;

/// The sources in force; clones share them.
pub(crate) struct Sources<D> {
    in_force: Arc<RwLock<Arc<Named<D>>>>,
}

impl<D> Clone for Sources<D> {
    fn clone(&self) -> Self {
        Self { in_force: Arc::clone(&self.in_force) }
    }
}

impl<D> Sources<D> {
    /// Starts with these.
    #[must_use]
    pub(crate) fn new(sources: Named<D>) -> Self {
        Self { in_force: Arc::new(RwLock::new(Arc::new(sources))) }
    }

    /// The source of that name and its endpoint.
    #[must_use]
    pub(crate) fn find(&self, name: &str) -> Option<Arc<D>> {
        // The lock is held for a clone or a swap only, neither of which can leave it half done.
        let in_force = self.in_force.read().unwrap_or_else(PoisonError::into_inner).clone();
        in_force.get(name).cloned()
    }

    /// Puts others in their place; requests in flight keep the endpoint that they found.
    pub(crate) fn replace(&self, sources: Named<D>) {
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
    }
}
