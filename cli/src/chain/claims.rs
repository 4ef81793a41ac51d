//! What devices' owners do: `claim`, `payee`.

use super::account::AccountArgs;
use super::client::{ChainArgs, unanswered};
use crate::contracts::Rewards;
use crate::failure::{Failure, in_file};
use crate::files::read_text;
use crate::report::text::counted;
use crate::screen::show;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolStruct, eip712_domain, sol};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// How long a signed change of payee is good, seconds.
const SIGNATURE_SECONDS: u64 = 3_600;

/// Claims rewards.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub struct ClaimArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The claims.json that `epoch run` wrote, or its folder
    claims: PathBuf,
    /// The device's registry index; may be repeated
    #[arg(long, group = "which", value_name = "INDEX")]
    device: Vec<u64>,
    /// Every device whose rows have this payee
    #[arg(long, group = "which", value_name = "ADDRESS")]
    payee: Option<Address>,
    /// Every device
    #[arg(long, group = "which")]
    all: bool,
    #[command(flatten)]
    account: AccountArgs,
}

/// Changes where rewards go.
#[derive(clap::Args)]
pub struct PayeeArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The device's registry index
    #[arg(long, value_name = "INDEX")]
    device: u64,
    /// Who is to be paid
    #[arg(long, value_name = "ADDRESS")]
    to: Address,
    /// The payee, whose key signs and sends
    #[command(flatten)]
    account: AccountArgs,
}

/// `claims.json`.
#[derive(Deserialize)]
struct ClaimsFile {
    epoch: u64,
    zones: Vec<ZoneEntry>,
}

#[derive(Deserialize)]
struct ZoneEntry {
    leaves: Vec<Leaf>,
}

/// A claim leaf: eight devices' rows.
#[derive(Deserialize)]
struct Leaf {
    rows: Bytes,
    path: Vec<B256>,
    claims: Vec<Entry>,
}

/// A device that may claim.
#[derive(Deserialize)]
struct Entry {
    index: u64,
    payee: Address,
}

impl ClaimArgs {
    fn read(&self) -> Result<ClaimsFile, Failure> {
        let path = match self.claims.is_dir() {
            true => self.claims.join("claims.json"),
            false => self.claims.clone(),
        };
        let file: ClaimsFile = serde_json::from_str(&read_text(&path)?).map_err(in_file(&path))?;
        self.check_devices(&path, &file)?;
        Ok(file)
    }

    /// A device that was asked for and has nothing to claim is an error, not silence.
    fn check_devices(&self, path: &Path, file: &ClaimsFile) -> Result<(), Failure> {
        let entries = || {
            file.zones
                .iter()
                .flat_map(|zone| &zone.leaves)
                .flat_map(|leaf| &leaf.claims)
        };
        match self
            .device
            .iter()
            .find(|device| entries().all(|entry| entry.index != **device))
        {
            Some(device) => Err(Failure::input(format!(
                "{}: device {device} has nothing to claim in epoch {}",
                path.display(),
                file.epoch
            ))),
            None => Ok(()),
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        self.all || self.device.contains(&entry.index) || self.payee == Some(entry.payee)
    }
}

/// Claims what was not claimed yet. A claim that the contract refuses holds no other one up.
///
/// # Errors
/// `Input` if the file cannot be used, `Refused` with the contract's reasons.
pub fn claim(args: &ClaimArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let file = args.read()?;
    let history = sender.history(file.epoch)?;
    let (mut claimed, mut failures) = (0u64, Vec::new());
    for leaf in file.zones.iter().flat_map(|zone| &zone.leaves) {
        for entry in leaf.claims.iter().filter(|entry| args.wants(entry)) {
            if history.claims.iter().any(|claim| claim.device == entry.index) {
                continue;
            }
            let sent = sender.send(&Rewards::claimCall {
                epoch: file.epoch,
                device: entry.index,
                rows: leaf.rows.clone(),
                path: leaf.path.clone(),
            });
            match sent {
                Ok(receipt) => {
                    claimed += 1;
                    show(format_args!(
                        "device {}: claimed, {} gas",
                        entry.index, receipt.gas_used
                    ))?;
                }
                Err(failure) => failures.push(format!("device {}: {}", entry.index, failure.message)),
            }
        }
    }
    show(format_args!(
        "claimed now: {}",
        counted(claimed, "device", "devices")
    ))?;
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::refused(failures.join("\n"))),
    }
}

sol! {
    /// What a payee signs (EIP-712).
    struct SetPayee {
        uint64 device;
        address payee;
        address newPayee;
        uint256 nonce;
        uint256 deadline;
    }
}

/// Signs and sends a change of payee.
///
/// # Errors
/// `Refused` with the contract's reason.
pub fn payee(args: &PayeeArgs) -> Result<(), Failure> {
    let sender = args.chain.open_to_send(&args.account)?;
    let (rewards, payee) = (sender.deployment.rewards, sender.address());
    let now = sender.rpc().latest_block().map_err(unanswered)?.timestamp;
    let message = SetPayee {
        device: args.device,
        payee,
        newPayee: args.to,
        nonce: sender.ask(rewards, &Rewards::noncesCall { owner: payee })?,
        deadline: U256::from(now.saturating_add(SIGNATURE_SECONDS)),
    };
    let domain = eip712_domain! {
        name: "popw",
        version: "1",
        chain_id: sender.deployment.chain_id,
        verifying_contract: rewards,
    };
    let signature = sender.account().sign(message.eip712_signing_hash(&domain))?;
    let receipt = sender.send(&Rewards::setPayeeCall {
        device: message.device,
        payee,
        newPayee: message.newPayee,
        deadline: message.deadline,
        signature: signature.to_vec().into(),
    })?;
    show(format_args!(
        "later rewards of device {} go from {payee} to {}, {} gas",
        args.device, args.to, receipt.gas_used
    ))
}
