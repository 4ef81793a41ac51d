//! `counts`: the pinned sizes of every circuit and gadget, `circuits/counts.csv`.
//!
//! Without `--bless` the file must be what the circuits are; with it, it is written.
//!
//! Depends on: `popw_circuits::catalog`. Where to go next: `docs/circuits/uptime.md`, where the constraints go.

use crate::args::Args;
use crate::error::Error;
use crate::workspace::Workspace;
use popw_circuits::catalog;
use std::fs;

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let bless = args.flag("--bless");
    args.rest(0)?;
    let path = workspace.root.join("circuits/counts.csv");
    let mut counted = format!("{}\n", catalog::COUNTS_HEADER);
    for line in catalog::counts_lines() {
        println!("{line}");
        counted.push_str(&line);
        counted.push('\n');
    }
    if bless {
        return fs::write(&path, counted).map_err(Error::file("write", &path));
    }
    let pinned = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    match pinned == counted {
        true => Ok(()),
        false => Err(Error::Found(format!(
            "{} differs: if the change is meant, `cargo xtask counts --bless`",
            path.display()
        ))),
    }
}
