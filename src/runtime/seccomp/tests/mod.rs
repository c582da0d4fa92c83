//! The compiler against libseccomp, against a plain reading of the profile, and against the
//! kernel's limits.

mod calls;
mod interpreter;
mod meaning;
mod old_calls;
mod oracle;
mod profiles;
mod program;
mod same;
mod tables;
