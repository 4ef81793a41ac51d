//! `popw completions` and `popw man`: the grammar, for shells and for `man`.

use crate::failure::Failure;
use crate::screen::show;
use clap_complete::Shell;
use std::path::PathBuf;

/// For which shell.
#[derive(clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Where to.
#[derive(clap::Args)]
pub struct ManArgs {
    /// Folder of the pages, one for each command; made if it is missing
    folder: PathBuf,
}

/// Writes a shell's completions to standard output.
///
/// # Errors
/// If it cannot be written.
pub fn completions(args: &CompletionsArgs, mut grammar: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut grammar, "popw", &mut script);
    show(String::from_utf8_lossy(&script).trim_end())
}

/// Writes the manual's pages.
///
/// # Errors
/// `Input` if the folder cannot be written.
pub fn man(args: &ManArgs, grammar: clap::Command) -> Result<(), Failure> {
    let failed = |error| Failure::input(format!("{}: {error}", args.folder.display()));
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(grammar, &args.folder).map_err(failed)
}
