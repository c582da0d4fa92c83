//! `hooks`: the six kinds of the runtime spec.

use std::time::Duration;

use super::reader::Cursor;
use crate::error::Pointer;

/// When a hook runs (runtime-spec, config.md#posix-platform-hooks).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// Deprecated; as `createRuntime`, before it.
    Prestart,
    /// In the runtime's namespaces, after the container's namespaces exist, before pivot.
    CreateRuntime,
    /// In the container's namespaces, before pivot, path resolved on the host.
    CreateContainer,
    /// In the container, before its program is executed.
    StartContainer,
    /// In the runtime's namespaces, after the program was executed.
    Poststart,
    /// In the runtime's namespaces, after the container is deleted.
    Poststop,
}

impl HookKind {
    /// All kinds in the order in which they run.
    pub const ALL: [Self; 6] = [
        Self::Prestart,
        Self::CreateRuntime,
        Self::CreateContainer,
        Self::StartContainer,
        Self::Poststart,
        Self::Poststop,
    ];

    /// The member of `hooks`, also the name in error texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prestart => "prestart",
            Self::CreateRuntime => "createRuntime",
            Self::CreateContainer => "createContainer",
            Self::StartContainer => "startContainer",
            Self::Poststart => "poststart",
            Self::Poststop => "poststop",
        }
    }
}

/// One hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Absolute path of the program.
    pub path: String,
    /// Arguments including the zeroth; absent means the path alone.
    pub args: Option<Vec<String>>,
    /// `key=value` entries; absent means what the kind's default says (see `crate::hooks`).
    pub env: Option<Vec<String>>,
    /// Time limit; always positive.
    pub timeout: Option<Duration>,
    /// Where it stands, such as `/hooks/poststop/1`.
    pub at: Pointer,
}

/// All hooks of a container.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    lists: [Vec<Hook>; 6],
}

impl Hooks {
    /// The hooks of one kind in their order.
    #[must_use]
    pub fn of(&self, kind: HookKind) -> &[Hook] {
        self.lists.get(kind as usize).map_or(&[], Vec::as_slice)
    }

    /// Appends a hook.
    pub fn add(&mut self, kind: HookKind, hook: Hook) {
        if let Some(list) = self.lists.get_mut(kind as usize) {
            list.push(hook);
        }
    }
}

/// Reads `hooks` of the document.
pub(super) fn read(document: &Cursor) -> Hooks {
    let mut hooks = Hooks::default();
    let Some(member) = document.object("hooks") else {
        return hooks;
    };
    for kind in HookKind::ALL {
        for hook in member.list(kind.name(), hook) {
            hooks.add(kind, hook);
        }
    }
    hooks
}

fn hook(entry: &Cursor) -> Option<Hook> {
    if !entry.is_object() {
        return None;
    }
    // The kernel's clock counts further, but a sum with "now" must not overflow.
    let timeout = entry.integer_at("timeout", 1..=i128::from(u32::MAX));
    let args = strings(entry, "args");
    let env = strings(entry, "env");
    let member = entry.required("path")?;
    let path = member.text()?;
    if !path.starts_with('/') {
        member.refuse(format!("`{path}` is not an absolute path"));
        return None;
    }
    Some(Hook {
        path: path.to_owned(),
        args,
        env,
        timeout: timeout.map(Duration::from_secs),
        at: entry.at(),
    })
}

/// An absent list is not an empty one: a hook without `args` is called by its path.
fn strings(entry: &Cursor, key: &str) -> Option<Vec<String>> {
    entry.member(key)?;
    Some(entry.list(key, |text| text.text().map(str::to_owned)))
}
