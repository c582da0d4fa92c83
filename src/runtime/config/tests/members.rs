//! Every member that we read is really read: a wrong type at any place is found there.

use serde_json::{Value, json};

use super::valid::corpus;
use crate::config::Config;

/// The pointers of all values below `document`, containers too.
pub(super) fn places(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(document, "", &mut found);
    found
}

fn collect(value: &Value, at: &str, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.replace('~', "~0").replace('/', "~1"), member))
            .collect(),
        Value::Array(elements) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, element)| (index.to_string(), element))
                .collect()
        }
        _ => Vec::new(),
    };
    for (key, member) in members {
        let below = format!("{at}/{key}");
        collect(member, &below, found);
        found.push(below);
    }
}

#[test]
fn a_wrong_type_is_reported_once_and_at_its_place_wherever_it_is() {
    let (_, document) = corpus()
        .into_iter()
        .find(|(name, _)| name == "every-member")
        .unwrap();
    let all = places(&document);
    assert!(all.len() > 200, "only {} places", all.len());
    for place in all {
        let mut broken = document.clone();
        let value = broken.pointer_mut(&place).unwrap();
        let container = value.is_array() || value.is_object();
        *value = if container { json!(7) } else { json!([]) };
        let faults = Config::from_spec(&broken, "/bundle").err();
        let faults = faults.unwrap_or_else(|| panic!("{place} is not read"));
        let here: Vec<&str> = faults
            .iter()
            .filter(|fault| fault.at.as_str() == place && fault.why.starts_with("expected "))
            .map(|fault| fault.why.as_str())
            .collect();
        assert_eq!(here.len(), 1, "{place}: {faults:#?}");
    }
}
