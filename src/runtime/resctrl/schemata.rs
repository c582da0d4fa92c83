//! Lines of a `schemata` file, such as `L3:0=7f0;1=1f`: resource, then a value for each domain.

/// Whether a group whose file reads `present` has every value of the line `wanted`. As on writing,
/// domains that the line does not name may have any.
pub(super) fn agrees(wanted: &str, present: &str) -> bool {
    let Some((resource, domains)) = wanted.split_once(':') else {
        return false;
    };
    let Some((_, found)) = line(present, resource).and_then(|line| line.split_once(':')) else {
        return false;
    };
    let found: Vec<_> = values(found).collect();
    values(domains).all(|value| value.is_some() && found.contains(&value))
}

/// The line of a resource.
pub(super) fn line<'a>(schemata: &'a str, resource: &str) -> Option<&'a str> {
    let lines = schemata.lines().map(str::trim);
    lines
        .filter(|line| line.split_once(':').is_some())
        .find(|line| line.split(':').next() == Some(resource.trim()))
}

/// Domains with their values; `None` for what is not of the form `0=f`.
fn values(domains: &str) -> impl Iterator<Item = Option<(&str, String)>> {
    domains.trim().trim_end_matches(';').split(';').map(|part| {
        let (domain, value) = part.split_once('=')?;
        Some((domain.trim(), plain(value)))
    })
}

/// A number without the padding of the kernel, the prefix and the capitals that it accepts.
fn plain(value: &str) -> String {
    let value = value.trim().to_ascii_lowercase();
    let digits = value.strip_prefix("0x").unwrap_or(&value);
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => "0".to_owned(),
        significant => significant.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::agrees;

    /// As Linux prints it.
    const PRESENT: &str = "    MB:0= 20;1=100\n    L3:0=007f0;1=0001f\n";

    #[test]
    fn padding_prefix_case_and_unnamed_domains_do_not_matter() {
        for line in ["L3:0=7f0;1=1f", "L3:1=0x1F", "MB:0=20;1=100;", " MB: 0=20"] {
            assert!(agrees(line, PRESENT), "{line}");
        }
    }

    #[test]
    fn other_values_domains_and_resources_differ() {
        for line in [
            "L3:0=7f1", "L3:2=1f", "L2:0=7f0", "MB:0=200", "MB:0", "MB:", "MB", "",
        ] {
            assert!(!agrees(line, PRESENT), "{line}");
        }
    }
}
