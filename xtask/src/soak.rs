//! `soak`: every test with many times the usual number of cases, without the other checks. It takes hours.
//!
//! `POPW_ROUNDS` says how many times; tests without cases run once. A filter on the command line chooses some.
//!
//! Depends on: `test`, which does the work. Where to go next: there.

use crate::args::Args;
use crate::error::Error;
use crate::test::{self, Plan};
use crate::workspace::Workspace;

/// Times the usual number of cases.
const ROUNDS: u32 = 200;

/// The command.
pub(crate) fn run(workspace: &Workspace, mut args: Args) -> Result<(), Error> {
    let workspace = workspace.narrow(args.value("--package")?.as_deref())?;
    let record = args.value("--record")?.map(Into::into);
    let filters = args.rest(1)?;
    test::execute(
        &workspace,
        &Plan {
            filters,
            full: true,
            rounds: Some(ROUNDS),
            checks: false,
            record,
        },
    )
}
