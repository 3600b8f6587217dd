//! What a group leaves to other nodes, because a newer program has written it: no decision, no claim, no rewrite.
//!
//! A question shows only while it is decided that it concerns such a row. The group is then decided again without it,
//! so that nothing of it stays behind.

use std::collections::HashSet;

use super::request::Failed;

/// The places of what is left, among all that a group is asked.
#[derive(Debug, Default)]
pub(super) struct Left(HashSet<usize>);

impl Left {
    /// Asks for what is at a place; none where it is left.
    ///
    /// # Errors
    /// [`Failed::Newer`] where that is found now: the group has to be decided again. Otherwise those of `ask`.
    pub(super) fn ask<T>(
        &mut self,
        place: usize,
        ask: impl FnOnce() -> Result<T, Failed>,
    ) -> Result<Option<T>, Failed> {
        if self.0.contains(&place) {
            return Ok(None);
        }
        let answer = ask();
        if matches!(answer, Err(Failed::Newer)) {
            self.0.insert(place);
        }
        answer.map(Some)
    }
}
