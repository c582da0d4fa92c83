//! `devices.json`: the device rules that an update has set, as its document had them.
//!
//! Not there: those of config.json are in force. `null`: an update did not come to its end.

use serde_json::Value;

use super::Entry;
use crate::error::Result;

const DEVICES: &str = "devices.json";
/// Bytes that are read at most.
const LARGEST: u64 = 1 << 20;

impl Entry {
    /// Keeps the rules that are in force, or `null` before they change.
    ///
    /// # Errors
    /// Kind system.
    pub fn write_devices(&self, rules: &Value) -> Result<()> {
        self.write_json(DEVICES, rules)
    }

    /// The rules that an update has set, if one has.
    ///
    /// # Errors
    /// Kind system; also if the file is damaged.
    pub fn devices(&self) -> Result<Option<Value>> {
        self.read_json(DEVICES, LARGEST)
    }
}
