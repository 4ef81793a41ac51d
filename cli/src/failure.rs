//! How a command fails: what people read, and the exit code.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes of `popw`, as its help text lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The verdict is no: a proof is invalid, a claim false, a check of the demo failed.
    Refused = 1,
    /// The arguments or a file cannot be used. (Clap uses the same code.)
    Input = 2,
    /// Something failed that should not: the disk, the machine.
    Internal = 3,
}

/// The end of a command that did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What happened, where, and what to do.
    pub message: String,
}

impl Failure {
    /// The verdict is no.
    pub fn refused(message: impl Display) -> Self {
        Self {
            code: Code::Refused,
            message: message.to_string(),
        }
    }

    /// An argument or file cannot be used.
    pub fn input(message: impl Display) -> Self {
        Self {
            code: Code::Input,
            message: message.to_string(),
        }
    }

    /// Something failed that should not.
    pub fn internal(message: impl Display) -> Self {
        Self {
            code: Code::Internal,
            message: message.to_string(),
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }
}

/// Names the file in a parser's error.
pub fn in_file<E: Display>(path: &Path) -> impl Fn(E) -> Failure + '_ {
    move |error| Failure::input(format!("{}: {error}", path.display()))
}
