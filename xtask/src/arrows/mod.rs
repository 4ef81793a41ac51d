//! `arrows`: the rules of the architecture that a machine can check.
//!
//! - `edges`: who may depend on whom;
//! - `manifests`: versions stand once, in the workspace's manifest;
//! - `sources`: no `unsafe` outside its rooms, a header on every module, no names of registry hosts.
//!
//! Depends on: `workspace`. Where to go next: `edges`, the table that draws the house.

mod code;
mod edges;
mod manifests;
mod sources;

use crate::args::Args;
use crate::error::Error;
use crate::workspace::Workspace;

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let workspace = workspace.narrow(args.value("--package")?.as_deref())?;
    args.rest(0)?;
    check(&workspace)
}

/// Checks every rule and prints every breach.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    let mut breaches = edges::check(workspace);
    breaches.extend(manifests::check(workspace)?);
    breaches.extend(sources::check(workspace)?);
    for breach in &breaches {
        println!("arrows: {breach}");
    }
    match breaches.len() {
        0 => {
            println!("arrows: {} packages keep the rules", workspace.packages.len());
            Ok(())
        }
        count => Err(Error::Found(format!(
            "arrows: {count} breaches of the architecture's rules"
        ))),
    }
}
