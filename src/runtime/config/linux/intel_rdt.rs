//! `linux.intelRdt`: lines for resctrl (Documentation/filesystems/resctrl.rst).

use serde_json::Value;

use crate::config::Fault;
use crate::config::reader::{Cursor, Findings};
use crate::error::Pointer;

/// `linux.intelRdt` (resctrl).
#[derive(Clone, Debug)]
pub struct IntelRdt {
    /// `closID`; absent means the container's id.
    pub clos_id: Option<String>,
    /// Lines for a new group's `schemata` file; an existing one must have them already
    /// (l3CacheSchema, memBwSchema).
    pub schemas: Vec<String>,
    /// Lines written to the group's `schemata` file after those.
    pub schemata: Vec<String>,
    /// `enableMonitoring`
    pub monitoring: bool,
    /// Where it stands.
    pub at: Pointer,
}

impl IntelRdt {
    /// Reads a document that has nothing but the member `intelRdt`.
    ///
    /// # Errors
    /// All faults of the document.
    pub fn from_document(document: &Value) -> Result<Self, Vec<Fault>> {
        let findings = Findings::default();
        let rdt = read(&Cursor::new(document, &findings));
        match (rdt, findings.into_parts().0) {
            (Some(rdt), faults) if faults.is_empty() => Ok(rdt),
            (_, faults) => Err(faults),
        }
    }
}

pub(in crate::config) fn read(linux: &Cursor) -> Option<IntelRdt> {
    let rdt = linux.object("intelRdt")?;
    let mut schemas = cache_lines(&rdt);
    schemas.extend(bandwidth_line(&rdt));
    Some(IntelRdt {
        clos_id: clos_id(&rdt),
        schemas,
        schemata: rdt.list("schemata", line),
        monitoring: rdt.flag_at("enableMonitoring"),
        at: rdt.at(),
    })
}

/// Directories of resctrl's own that are no groups.
const OWN: [&str; 3] = ["info", "mon_groups", "mon_data"];

/// Longest name of a directory (NAME_MAX).
const NAME_MAX: usize = 255;

/// `/` is the root group; any other is one directory.
fn clos_id(rdt: &Cursor) -> Option<String> {
    let id = rdt.text_at("closID")?;
    let is_path = matches!(id, "." | "..") || id.contains(['/', '\n']);
    if id != "/" && (is_path || OWN.contains(&id) || id.len() > NAME_MAX) {
        rdt.refuse_at(
            "closID",
            format!("`{id}` is no name of a directory below resctrl"),
        );
        return None;
    }
    Some(id.to_owned())
}

/// Several lines; those for the bandwidth give way to `memBwSchema`.
fn cache_lines(rdt: &Cursor) -> Vec<String> {
    let text = rdt.text_at("l3CacheSchema").unwrap_or_default();
    let bandwidth_elsewhere = rdt.has_text("memBwSchema");
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .filter(|line| !(bandwidth_elsewhere && line.starts_with("MB:")))
        .map(str::to_owned)
        .collect()
}

fn bandwidth_line(rdt: &Cursor) -> Option<String> {
    let text = rdt.text_at("memBwSchema")?;
    if !text.starts_with("MB:") || text.contains('\n') {
        rdt.refuse_at("memBwSchema", "must be one line that begins with `MB:`");
        return None;
    }
    Some(text.to_owned())
}

fn line(entry: &Cursor) -> Option<String> {
    let text = entry.text()?;
    if text.contains('\n') {
        entry.refuse("holds a newline; each line is an entry of its own");
        return None;
    }
    Some(text.to_owned())
}
