//! Starting other programs, and saying so.
//!
//! Depends on: `error`. Where to go next: `workspace`, which makes cargo's command lines.

use crate::error::Error;
use std::process::{Child, Command, Stdio};

/// Prints a command and runs it with our own output.
pub(crate) fn run(command: &mut Command) -> Result<(), Error> {
    println!("$ {}", line(command));
    let status = command.status().map_err(|source| cannot_start(command, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Status {
            command: line(command),
            status,
        })
    }
}

/// Starts a command whose standard output is read here.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, Error> {
    command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| cannot_start(command, source))
}

/// Runs a command silently and hands its standard output over.
pub(crate) fn output(command: &mut Command) -> Result<String, Error> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| cannot_start(command, source))?;
    let status = output.status;
    if !status.success() {
        return Err(Error::Status {
            command: line(command),
            status,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it, without the folders of the program.
pub(crate) fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The error of a program that did not start.
fn cannot_start(command: &Command, source: std::io::Error) -> Error {
    Error::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}
