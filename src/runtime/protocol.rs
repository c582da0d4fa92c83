//! Messages between the parent, init and `start`: fixed-size, over SOCK_SEQPACKET.
//!
//! ```text
//! parent                          init
//!   clone3 ─────────────────────────►  walks the plan's steps
//!   ◄──────────────── Request(kind)    (network devices, hooks; as often as planned)
//!   Continue ───────────────────────►
//!   ◄───────────────── Console + fd    (the pty's master, SCM_RIGHTS)
//!   ◄───────────── Listener(number)    (a seccomp filter with notifications is loaded)
//!   Continue ───────────────────────►  (the agent has a copy of the descriptor)
//!   ◄──────────────────────── Ready
//!   writes state.json
//!   Continue ───────────────────────►  clears its parent-death signal
//!                                      run, exec: execve; the socket closes (CLOEXEC)
//!                                      create: shuts the socket down, listens for `start`
//! start
//!   connect, Start ─────────────────►  accept
//!   ◄──────────────────── Continue     (without it the listener went away: already started)
//!   ◄────────────── closed: executed   execve
//! ```
//!
//! `Failed` may come instead of any message of init's; it is always the last one. After it init
//! waits for the peer to close, so that the peer can still look at its root. No string crosses
//! but the kernel's own explanation of a refused mount (fs context log).

/// Bytes kept of the kernel's explanation.
pub const DETAIL_LEN: usize = 104;

/// Kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tag {
    /// init: a step failed. `step`, `stage`, `item`, `errno` and `detail` are set.
    Failed = 1,
    /// init: wants `item` (a [`crate::plan::Request`]).
    Request = 2,
    /// init: the terminal's master travels with this message.
    Console = 3,
    /// init: everything is in place.
    Ready = 4,
    /// parent: go on; to `start`: the program is about to be executed.
    Continue = 5,
    /// start: execute the program.
    Start = 6,
    /// init: notifications of its seccomp filter come in on its descriptor `item`.
    Listener = 7,
}

impl Tag {
    fn from_raw(raw: u32) -> Option<Self> {
        [
            Self::Failed,
            Self::Request,
            Self::Console,
            Self::Ready,
            Self::Continue,
            Self::Start,
            Self::Listener,
        ]
        .into_iter()
        .find(|tag| *tag as u32 == raw)
    }
}

/// Which part of a step failed; the parent words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// The step's one operation.
    Whole = 0,
    /// Resolving a path below the root.
    Resolve = 1,
    /// Creating a missing mount point or parent directory.
    CreateTarget = 2,
    /// The target is inside procfs, or /proc or /sys is not an ordinary directory.
    ForbiddenTarget = 3,
    /// Opening the file system type.
    FsOpen = 4,
    /// A parameter of the file system; `item` is its number.
    FsOption = 5,
    /// Creating the file system.
    FsCreate = 6,
    /// Setting mount attributes.
    Attributes = 7,
    /// Attaching the mount.
    Attach = 8,
    /// Setting the propagation.
    Propagation = 9,
    /// Copying into the tmpfs.
    CopyUp = 10,
    /// A file exists and is something else.
    Different = 11,
    /// Changing the owner.
    Owner = 12,
    /// Opening the mount source.
    Source = 13,
    /// Supplementary groups.
    Groups = 14,
    /// Group id.
    Gid = 15,
    /// User id.
    Uid = 16,
    /// Bounding set; `item` is the capability.
    Bounding = 17,
    /// Capability sets.
    Capabilities = 18,
    /// no_new_privs.
    NoNewPrivileges = 19,
    /// The working directory is outside the root.
    Outside = 20,
    /// Opening the terminal multiplexer.
    Ptmx = 21,
    /// Sending a descriptor to the parent.
    Send = 22,
    /// Program not found in any directory of PATH.
    NotInPath = 23,
    /// A bind over /proc that is no procfs.
    NotProc = 24,
    /// The container's null device in place of the host's.
    NullDevice = 25,
    /// Telling the parent of the seccomp filter's listener.
    Listener = 26,
}

impl Stage {
    const LAST: u32 = Self::Listener as u32;

    fn from_raw(raw: u32) -> Self {
        const ALL: [Stage; Stage::LAST as usize + 1] = [
            Stage::Whole,
            Stage::Resolve,
            Stage::CreateTarget,
            Stage::ForbiddenTarget,
            Stage::FsOpen,
            Stage::FsOption,
            Stage::FsCreate,
            Stage::Attributes,
            Stage::Attach,
            Stage::Propagation,
            Stage::CopyUp,
            Stage::Different,
            Stage::Owner,
            Stage::Source,
            Stage::Groups,
            Stage::Gid,
            Stage::Uid,
            Stage::Bounding,
            Stage::Capabilities,
            Stage::NoNewPrivileges,
            Stage::Outside,
            Stage::Ptmx,
            Stage::Send,
            Stage::NotInPath,
            Stage::NotProc,
            Stage::NullDevice,
            Stage::Listener,
        ];
        ALL.get(raw as usize).copied().unwrap_or(Self::Whole)
    }
}

/// A failed step: all the child says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Index into the plan's steps.
    pub step: u32,
    /// Part of the step.
    pub stage: Stage,
    /// Number within the part.
    pub item: u32,
    /// The errno.
    pub errno: i32,
    /// The kernel's explanation, padded with zeroes.
    pub detail: [u8; DETAIL_LEN],
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub tag: Tag,
    /// See [`Failure`]; for a request, `item` is its number.
    pub body: Failure,
}

/// Size of a message on the wire.
pub const MESSAGE_LEN: usize = 5 * 4 + DETAIL_LEN;

impl Message {
    /// A message without content.
    #[must_use]
    pub const fn new(tag: Tag) -> Self {
        let body = Failure {
            step: 0,
            stage: Stage::Whole,
            item: 0,
            errno: 0,
            detail: [0; DETAIL_LEN],
        };
        Self { tag, body }
    }

    /// A request for `item`.
    #[must_use]
    pub const fn request(item: u32) -> Self {
        let mut message = Self::new(Tag::Request);
        message.body.item = item;
        message
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; MESSAGE_LEN] {
        let mut bytes = [0; MESSAGE_LEN];
        let words = [
            self.tag as u32,
            self.body.step,
            self.body.stage as u32,
            self.body.item,
            self.body.errno.cast_unsigned(),
        ];
        let (head, detail) = bytes.split_at_mut(20);
        for (chunk, word) in head.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_ne_bytes());
        }
        detail.copy_from_slice(&self.body.detail);
        bytes
    }

    /// A message from its bytes; `None` if it is of no known kind.
    #[must_use]
    pub fn decode(bytes: &[u8; MESSAGE_LEN]) -> Option<Self> {
        let (head, rest) = bytes.split_at(20);
        let mut words = head.chunks_exact(4).map(|chunk| {
            let mut word = [0; 4];
            word.copy_from_slice(chunk);
            u32::from_ne_bytes(word)
        });
        let mut next = || words.next().unwrap_or(0);
        let tag = Tag::from_raw(next())?;
        let (step, stage, item) = (next(), Stage::from_raw(next()), next());
        let errno = next().cast_signed();
        let mut detail = [0; DETAIL_LEN];
        detail.copy_from_slice(rest);
        Some(Self {
            tag,
            body: Failure {
                step,
                stage,
                item,
                errno,
                detail,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        for stage in 0..=Stage::LAST {
            let mut message = Message::new(Tag::Failed);
            message.body = Failure {
                step: 7,
                stage: Stage::from_raw(stage),
                item: u32::MAX,
                errno: -1,
                detail: [stage as u8; DETAIL_LEN],
            };
            assert_eq!(Message::decode(&message.encode()), Some(message));
            assert_eq!(message.body.stage as u32, stage);
        }
    }

    #[test]
    fn an_unknown_kind_is_no_message() {
        assert_eq!(Message::decode(&[0xff; MESSAGE_LEN]), None);
    }
}
