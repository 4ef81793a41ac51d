//! The `popw` binary: arguments in, exit code out. Everything else is in the library beside it.

#![forbid(unsafe_code)]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match popw::run(&popw::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("popw: {}", failure.message);
            failure.exit_code()
        }
    }
}
