//! The `popw` binary: arguments in, exit code out. Everything else is in the library beside it.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let line = std::env::args_os().collect();
    match popw::parse(line).and_then(|cli| popw::run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("popw: {}", failure.message);
            failure.exit_code()
        }
    }
}
