//! `popw chain ..`: a network's contracts, driven through a node's JSON-RPC.
//!
//! | module | what it is for |
//! |---|---|
//! | [`deploy`] | `deploy`: the contracts of a network, from a file |
//! | [`epoch`] | `open`, `draw`, `attest`, `settle`, `close`: what the operator does with an epoch. Start here |
//! | [`recourse`] | `replace`, `demand`, `answer`, `void`, `withdraw`: what watchers and anyone else can do |
//! | [`claims`] | `claim`, `payee`: what devices' owners do |
//! | [`stop`] | `stop`: no proof of a verifier is accepted any more |
//! | [`status`], [`dashboard`] | what the chain knows, on the screen and as a page |
//! | [`history`] | the events of an epoch, added up |
//! | [`deployment`], [`beacon`] | `chain.json` |
//! | [`client`], [`account`], [`rpc`] | typed calls, signatures, JSON-RPC |
//!
//! Depends on: [`crate::contracts`] for the interfaces, [`crate::fleet_folder`] and [`crate::epoch`] for the files that are
//! posted. What the contracts do stands in docs/onchain.md.

pub mod account;
pub mod beacon;
pub mod claims;
pub mod client;
pub mod dashboard;
pub mod deploy;
pub mod deployment;
pub mod epoch;
pub mod history;
pub mod recourse;
pub mod rpc;
pub mod status;
pub mod stop;

use crate::failure::Failure;
use alloy_primitives::{U256, ruint};

/// What to do on chain.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Deploy a network's contracts
    Deploy(deploy::Args),
    /// Plan an epoch and pay its budget in, before its randomness is known
    Open(epoch::OpenArgs),
    /// Bring an epoch's randomness, and write it to the fleet's epoch.toml
    Draw(epoch::DrawArgs),
    /// Post the watchers' digests
    Attest(epoch::AttestArgs),
    /// Put a watcher's digest, which the operator left out or changed, into its seat
    Replace(recourse::OpenVoteArgs),
    /// Demand that the vote behind a digest is opened; costs a bond until it is known to be justified
    Demand(recourse::DemandArgs),
    /// Open a demanded vote and earn the bond
    Answer(recourse::OpenVoteArgs),
    /// Void the digests whose demands nobody answered
    Void(recourse::VoidArgs),
    /// Withdraw bonds
    Withdraw(recourse::WithdrawArgs),
    /// Settle the zones that `epoch run` proved, in batches
    Settle(epoch::SettleArgs),
    /// Close an epoch, so that claims begin
    Close(epoch::CloseArgs),
    /// Claim devices' rewards, for whoever is their payee
    Claim(claims::ClaimArgs),
    /// Have a device's later rewards paid to another address
    Payee(claims::PayeeArgs),
    /// Print what the chain knows of a network or an epoch
    Status(status::Args),
    /// Write a page about a network's epochs
    Dashboard(dashboard::Args),
    /// Stop a verifier for ever: as its guardian, or with a proof that it is broken
    Stop(stop::Args),
}

/// Runs a command.
///
/// # Errors
/// What to print, and the exit code.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Deploy(args) => deploy::run(args),
        Command::Open(args) => epoch::open(args),
        Command::Draw(args) => epoch::draw(args),
        Command::Attest(args) => epoch::attest(args),
        Command::Replace(args) => recourse::replace(args),
        Command::Demand(args) => recourse::demand(args),
        Command::Answer(args) => recourse::answer(args),
        Command::Void(args) => recourse::void(args),
        Command::Withdraw(args) => recourse::withdraw(args),
        Command::Settle(args) => epoch::settle(args),
        Command::Close(args) => epoch::close(args),
        Command::Claim(args) => claims::claim(args),
        Command::Payee(args) => claims::payee(args),
        Command::Status(args) => status::run(args),
        Command::Dashboard(args) => dashboard::run(args),
        Command::Stop(args) => stop::run(args),
    }
}

/// A decimal amount below 2^96, as budgets and limits are.
///
/// # Errors
/// What was expected.
pub fn amount(text: &str) -> Result<U256, String> {
    let refused = || format!("expected a decimal number below 2^96, got `{text}`");
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let number: Result<U256, ruint::ParseError> = U256::from_str_radix(text, 10);
    match number {
        Ok(number) if number >> 96 == U256::ZERO => Ok(number),
        _ => Err(refused()),
    }
}
