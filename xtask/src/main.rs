//! `cargo xtask`: setup and checks of the workspace, so that one command on a bare machine says whether all
//! is well.
//!
//! To add a command: write a module with a function `run(&Workspace, Args) -> Result<(), Error>` and give it
//! a line in [`COMMANDS`]; the help text and the dispatch follow.
//!
//! Depends on: cargo, rustfmt and clippy on the path; Node for the contracts. Where to go next: `test` for
//! what CI runs, `arrows` for the rules that a machine can check.

#![forbid(unsafe_code)]

mod args;
mod arrows;
mod contracts;
mod counts;
mod error;
mod gpu_check;
mod process;
mod setup;
mod soak;
mod soundness;
mod test;
mod workspace;

use args::Args;
use error::Error;
use std::process::ExitCode;
use workspace::Workspace;

struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&Workspace, Args) -> Result<(), Error>,
}

/// Every command. A new one is a line here and a module.
const COMMANDS: &[Command] = &[
    Command {
        name: "setup",
        arguments: "",
        about: "install what the tests need, if it is missing or out of date",
        run: setup::run,
    },
    Command {
        name: "test",
        arguments: "[--full] [--package NAME] [--record FILE] [FILTER]",
        about: "all that CI runs: setup, fmt, clippy, arrows, wasm, every test with its time",
        run: test::run,
    },
    Command {
        name: "soak",
        arguments: "[--package NAME] [--record FILE] [FILTER]",
        about: "every test with many times the usual number of cases (hours)",
        run: soak::run,
    },
    Command {
        name: "arrows",
        arguments: "[--package NAME]",
        about: "who may depend on whom, and the other rules that a machine can check",
        run: arrows::run,
    },
    Command {
        name: "contracts",
        arguments: "[--check]",
        about: "compile the Solidity; with --check, compare with the committed artifacts",
        run: contracts::run,
    },
    Command {
        name: "counts",
        arguments: "[--bless]",
        about: "the pinned sizes of all circuits; with --bless, write them anew",
        run: counts::run,
    },
    Command {
        name: "gpu-check",
        arguments: "[--kit FOLDER] [ARGUMENTS]",
        about: "check and measure this machine's GPU; with --kit, only copy the program that does, for another machine",
        run: gpu_check::run,
    },
    Command {
        name: "soundness",
        arguments: "[--full] [--check] [FILTER]",
        about: "run the soundness regime and write its tables; --full: at network sizes (many minutes); --check: compare",
        run: soundness::run,
    },
];

const NOTES: &str = "\
--full       longer tests: sets POPW_ROUNDS to 10 unless it is set
--package    only this crate
--record     write the summary to a file, as Markdown
FILTER       only tests whose name contains it

POPW_ROUNDS          multiplies the cases of property tests (1; soak: 200)
POPW_REQUIRE_ALL     a test that says SKIPPED fails, unless it is for want of the corpus; the build for
                     wasm32-unknown-unknown may always be left out, where that target is not installed
POPW_REQUIRE_CORPUS  that fails too
POPW_CORPUS          where the corpus lies (../shared/corpus)";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    let mut args = Args::new(words);
    if matches!(name.as_str(), "" | "help" | "--help" | "-h") || args.flag("--help") || args.flag("-h") {
        println!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let result = match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => Workspace::load().and_then(|workspace| (command.run)(&workspace, args)),
        None => Err(Error::Usage(format!("no command `{name}`"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::Usage(_)) => {
            eprintln!("xtask: {error}\n\n{}", usage());
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n\n");
    for command in COMMANDS {
        text += &format!(
            "  {} {}\n      {}\n",
            command.name, command.arguments, command.about
        );
    }
    text + "\n" + NOTES
}
