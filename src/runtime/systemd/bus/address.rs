//! Where a bus listens: addresses of the D-Bus specification ("Server Addresses"), as far as they
//! are Unix sockets.

/// A Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::systemd) enum Target {
    /// In the file system.
    Path(String),
    /// In the abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

/// The Unix sockets of a list of addresses (`unix:path=/run/bus;unix:abstract=x,guid=…`), in its
/// order. Addresses of other transports are left out; one that cannot be read is an error.
pub(in crate::systemd) fn parse(list: &str) -> Result<Vec<Target>, &'static str> {
    let mut targets = Vec::new();
    for address in list.split(';').filter(|address| !address.is_empty()) {
        let (transport, pairs) = address.split_once(':').ok_or("no transport is named")?;
        if transport == "unix" {
            targets.extend(unix(pairs)?);
        }
    }
    if targets.is_empty() {
        return Err("no Unix socket (`unix:path=…` or `unix:abstract=…`) is in it");
    }
    Ok(targets)
}

fn unix(pairs: &str) -> Result<Option<Target>, &'static str> {
    let mut target = None;
    for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("a key has no value")?;
        let named = match key {
            "path" => String::from_utf8(unescaped(value)?)
                .map(Target::Path)
                .map_err(|_| "a path is not UTF-8")?,
            "abstract" => Target::Abstract(unescaped(value)?),
            // guid, and what only a listener uses.
            _ => continue,
        };
        if target.replace(named).is_some() {
            return Err("an address names two sockets");
        }
    }
    Ok(target)
}

/// A value without its `%xx` escapes.
fn unescaped(value: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = value.bytes();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next()), digit(bytes.next()));
        let (Some(high), Some(low)) = (high, low) else {
            return Err("`%` is not followed by two hexadecimal digits");
        };
        plain.push((high * 16 + low) as u8);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Target {
        Target::Path(text.to_owned())
    }

    #[test]
    fn sockets_are_found_in_their_order() {
        assert_eq!(parse("unix:path=/run/bus"), Ok(vec![path("/run/bus")]));
        assert_eq!(
            parse("tcp:host=x,port=1;unix:abstract=/tmp/a%20b,guid=0123;unix:guid=1,path=/x;"),
            Ok(vec![Target::Abstract(b"/tmp/a b".to_vec()), path("/x")])
        );
    }

    #[test]
    fn what_names_no_socket_is_refused() {
        let none = "no Unix socket (`unix:path=…` or `unix:abstract=…`) is in it";
        let escape = "`%` is not followed by two hexadecimal digits";
        for (list, why) in [
            ("", none),
            (";", none),
            ("unix:", none),
            ("unix:tmpdir=/tmp", none),
            ("autolaunch:", none),
            ("/run/bus", "no transport is named"),
            ("unix:path", "a key has no value"),
            ("unix:path=/a,abstract=b", "an address names two sockets"),
            ("unix:path=/a%2", escape),
            ("unix:path=/a%", escape),
            ("unix:path=/a%+1", escape),
            ("unix:path=/a%ff", "a path is not UTF-8"),
        ] {
            assert_eq!(parse(list), Err(why), "{list}");
        }
    }
}
