//! `popw chain dashboard`: a page about a network's epochs, for a browser.

use super::client::ChainArgs;
use super::status;
use crate::failure::Failure;
use crate::files::write;
use crate::report::network::html;
use crate::screen::show;
use std::path::PathBuf;

/// Where the page goes.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,
    /// The page: one file that needs no script, no network and no other file; write it anew when the chain has moved on
    #[arg(long, default_value = "dashboard.html")]
    out: PathBuf,
}

/// Writes the page.
///
/// # Errors
/// `Internal` if the node does not answer or the file cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let report = status::read(&args.chain.open()?, None)?;
    write(&args.out, html(&report))?;
    show(format_args!("wrote {}", args.out.display()))
}
