//! `linux.resources.hugepageLimits`.

use std::collections::HashMap;

use super::numbers::UNSIGNED;
use super::types::HugepageLimit;
use crate::config::reader::Cursor;
use crate::error::Pointer;

const UNITS: [&str; 3] = ["KB", "MB", "GB"];

pub(super) fn read(resources: &Cursor) -> Vec<HugepageLimit> {
    let mut places: HashMap<String, Pointer> = HashMap::new();
    resources.list("hugepageLimits", |entry| {
        let limit = limit(entry)?;
        if let Some(other) = places.insert(limit.page_size.clone(), limit.at.clone()) {
            let size = &limit.page_size;
            entry.refuse(format!("a second limit for pages of {size}, after {other}"));
        }
        Some(limit)
    })
}

fn limit(entry: &Cursor) -> Option<HugepageLimit> {
    if !entry.is_object() {
        return None;
    }
    let page_size = entry.required("pageSize").and_then(|size| page_size(&size));
    let limit = entry
        .required("limit")
        .and_then(|limit| limit.integer(UNSIGNED));
    Some(HugepageLimit {
        page_size: page_size?,
        limit: limit?,
        at: entry.at(),
    })
}

/// It becomes a part of a file name, so nothing else may be in it (runc #4103).
fn page_size(member: &Cursor) -> Option<String> {
    let text = member.text()?;
    let digits = UNITS.iter().find_map(|unit| text.strip_suffix(unit));
    let well_formed = digits.is_some_and(|digits| {
        !digits.is_empty()
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    if well_formed {
        return Some(text.to_owned());
    }
    member.refuse_with_hint(
        format!("`{text}` is no size of huge pages"),
        "write it as the kernel does: 64KB, 2MB, 1GB",
    );
    None
}
