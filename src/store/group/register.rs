//! A register is written, unless it was written by another meanwhile.

use super::{Change, Failed, Group, RegisterRow, Swapped};

impl Group<'_> {
    /// Writes a register, if it is still as the asker has seen it: version 0 where it was never written.
    pub(super) fn swap(
        &mut self,
        name: &'static str,
        seen: u64,
        value: &serde_json::Value,
    ) -> Result<Swapped, Failed> {
        let now = match self.registers.get(name) {
            Some(row) => Some(row.clone()),
            None => self.view.register(name)?,
        };
        let version = now.as_ref().map_or(0, |row| row.version);
        if version != seen {
            return Ok(Swapped::Other(now));
        }
        let row = RegisterRow { version: version + 1, value: value.clone() };
        self.registers.insert(name, row.clone());
        self.changes.push(Change::Register(name, row));
        Ok(Swapped::Written)
    }
}
