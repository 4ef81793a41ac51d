//! `popw chain status`: what the chain knows of a network or an epoch.

use super::client::{ChainArgs, Reader, ask, unanswered};
use super::history::{History, Zone, epochs};
use super::rpc::Block;
use crate::contracts::{EmergencyStop, Rewards, TestToken};
use crate::failure::Failure;
use crate::report::network::{ClaimRow, EpochReport, NetworkReport, Verifier, ZoneRow};
use crate::report::text::{date_and_time, percent};
use crate::screen::show;
use alloy_primitives::{Address, U256};
use serde_json::{Value, json};

/// What to print.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    chain: ChainArgs,
    /// Only this epoch
    #[arg(long)]
    epoch: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints.
///
/// # Errors
/// `Input` if the epoch was not opened, `Internal` if the node does not answer.
pub fn run(args: &Args) -> Result<(), Failure> {
    let report = read(&args.chain.open()?, args.epoch)?;
    match args.json {
        true => show(json_of(&report)),
        false => print(&report),
    }
}

/// Reads a network, with all its epochs or one.
///
/// # Errors
/// As [`run`].
pub fn read(reader: &Reader, only: Option<u64>) -> Result<NetworkReport, Failure> {
    let block = reader.rpc.latest_block().map_err(unanswered)?;
    let deployment = &reader.deployment;
    let token = |call: &TestToken::decimalsCall| ask(&reader.rpc, Address::ZERO, deployment.token, call);
    let decimals = token(&TestToken::decimalsCall {})?;
    let symbol = ask(
        &reader.rpc,
        Address::ZERO,
        deployment.token,
        &TestToken::symbolCall {},
    )?;
    let verifiers = deployment
        .verifiers
        .iter()
        .map(|verifier| {
            let stopped = ask(
                &reader.rpc,
                Address::ZERO,
                verifier.stop,
                &EmergencyStop::stoppedCall {},
            )?;
            Ok(Verifier {
                circuit: verifier.circuit.clone(),
                selector: verifier.selector.to_string(),
                stopped,
            })
        })
        .collect::<Result<_, Failure>>()?;
    let numbers = match only {
        Some(number) => vec![number],
        None => epochs(&reader.rpc, deployment)?,
    };
    let epochs = numbers
        .into_iter()
        .map(|number| epoch(reader, number, block, decimals))
        .collect::<Result<_, _>>()?;
    Ok(NetworkReport {
        chain_id: deployment.chain_id,
        contract: deployment.rewards.to_string(),
        block: block.number,
        time: block.timestamp,
        paused: reader.ask(&Rewards::pausedCall {})?,
        token: symbol,
        verifiers,
        epochs,
    })
}

fn epoch(reader: &Reader, number: u64, block: Block, decimals: u8) -> Result<EpochReport, Failure> {
    let history = reader.history(number)?;
    let pot = reader.ask(&Rewards::potsCall { epoch: number })?;
    let ends = reader.ask(&Rewards::deadlinesCall { epoch: number })?;
    let deadlines = [
        ("epoch", ends.end),
        ("attest", ends.attestBy),
        ("replace", ends.replaceBy),
        ("demand", ends.demandBy),
        ("answer", ends.answerBy),
        ("settle", ends.settleBy),
    ]
    .map(|(name, time)| (name, time.saturating_to::<u64>()));
    let phase = phase(&history, &deadlines, block.timestamp);
    let (budget, paid) = (U256::from(pot.budget), U256::from(pot.paid));
    let share = (paid * U256::from(1_000_000)).checked_div(budget);
    let scores = |settled: &super::history::Settled| settled.scores.saturating_to::<u64>();
    Ok(EpochReport {
        number,
        phase: phase.to_owned(),
        deadlines: deadlines.to_vec(),
        zones: history.plan.zones.into(),
        devices: history.plan.devices.into(),
        watchers: history.plan.watchers.into(),
        epoch_tag: history.drawn.map_or(String::new(), |(_, tag)| tag.to_string()),
        scores: history
            .zones
            .values()
            .filter_map(|zone| zone.settled.as_ref().map(scores))
            .sum(),
        total: history.total.map(|total| total.saturating_to()),
        budget: decimal(budget, decimals),
        paid: decimal(paid, decimals),
        paid_share: share.unwrap_or_default().saturating_to(),
        swept: history.swept.map(|amount| decimal(amount, decimals)),
        zone_rows: history
            .zones
            .iter()
            .map(|(number, zone)| zone_row(*number, zone))
            .collect(),
        claims: history
            .claims
            .iter()
            .map(|claim| ClaimRow {
                device: claim.device,
                payee: claim.payee.to_string(),
                amount: decimal(claim.amount, decimals),
                transaction: claim.transaction.to_string(),
            })
            .collect(),
    })
}

fn zone_row(number: u64, zone: &Zone) -> ZoneRow {
    ZoneRow {
        zone: number,
        digests: zone.digests.iter().filter(|digest| !digest.is_zero()).count() as u64,
        replaced: zone.replaced.into(),
        demanded: zone.demanded.count_ones() as u64,
        voided: zone.voided.count_ones() as u64,
        settled: zone.settled.map(|settled| {
            (
                settled.claims_root.to_string(),
                settled.scores.saturating_to::<u64>(),
            )
        }),
    }
}

/// What can be done with an epoch at a time.
fn phase(history: &History, deadlines: &[(&'static str, u64); 6], time: u64) -> &'static str {
    if history.swept.is_some() {
        return "over";
    }
    if history.total.is_some() {
        return "claims";
    }
    if history.drawn.is_none() {
        return "planned, not drawn";
    }
    match deadlines.iter().find(|(_, end)| time <= *end) {
        Some(("epoch", _)) => "running",
        Some((name, _)) => name,
        None => "to be closed",
    }
}

/// An amount of the token's smallest units, in whole ones.
fn decimal(amount: U256, decimals: u8) -> String {
    let digits = amount.to_string();
    let places = usize::from(decimals);
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

fn json_of(report: &NetworkReport) -> Value {
    let zone = |zone: &ZoneRow| {
        json!({
            "zone": zone.zone,
            "digests": zone.digests,
            "replaced": zone.replaced,
            "demanded": zone.demanded,
            "voided": zone.voided,
            "claims_root": zone.settled.as_ref().map(|(root, _)| root),
            "scores": zone.settled.as_ref().map(|(_, scores)| scores),
        })
    };
    let claim = |claim: &ClaimRow| {
        json!({
            "device": claim.device,
            "payee": claim.payee,
            "amount": claim.amount,
            "transaction": claim.transaction,
        })
    };
    let epoch = |epoch: &EpochReport| {
        let deadlines: serde_json::Map<_, _> = epoch
            .deadlines
            .iter()
            .map(|(name, time)| ((*name).to_owned(), json!(time)))
            .collect();
        json!({
            "epoch": epoch.number,
            "phase": epoch.phase,
            "deadlines": deadlines,
            "zones": epoch.zones,
            "devices": epoch.devices,
            "watchers": epoch.watchers,
            "epoch_tag": epoch.epoch_tag,
            "settled": epoch.settled(),
            "demanded": epoch.demanded(),
            "scores": epoch.scores,
            "total": epoch.total,
            "budget": epoch.budget,
            "paid": epoch.paid,
            "swept": epoch.swept,
            "zone_rows": epoch.zone_rows.iter().map(zone).collect::<Vec<_>>(),
            "claims": epoch.claims.iter().map(claim).collect::<Vec<_>>(),
        })
    };
    let verifier = |verifier: &Verifier| json!({ "circuit": verifier.circuit, "selector": verifier.selector, "stopped": verifier.stopped });
    json!({
        "chain_id": report.chain_id,
        "contract": report.contract,
        "block": report.block,
        "time": report.time,
        "paused": report.paused,
        "token": report.token,
        "verifiers": report.verifiers.iter().map(verifier).collect::<Vec<_>>(),
        "epochs": report.epochs.iter().map(epoch).collect::<Vec<_>>(),
    })
}

fn print(report: &NetworkReport) -> Result<(), Failure> {
    show(format_args!(
        "{} on chain {}, block {}, {} UTC{}",
        report.contract,
        report.chain_id,
        report.block,
        date_and_time(report.time),
        if report.paused { ", PAUSED" } else { "" }
    ))?;
    for verifier in &report.verifiers {
        show(format_args!(
            "{}  {}{}",
            verifier.selector,
            verifier.circuit,
            if verifier.stopped { "  STOPPED" } else { "" }
        ))?;
    }
    show("\nepoch       phase               zones  settled  demands  claims  paid      budget")?;
    for epoch in &report.epochs {
        show(format_args!(
            "{:<10}  {:<18}  {:>5}  {:>7}  {:>7}  {:>6}  {:<8}  {} {}",
            epoch.number,
            epoch.phase,
            epoch.zones,
            epoch.settled(),
            epoch.demanded(),
            epoch.claims.len(),
            percent(epoch.paid_share, 1_000_000),
            epoch.budget,
            report.token
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_whole_tokens() {
        for (amount, decimals, text) in [
            (0u64, 18, "0"),
            (1, 3, "0.001"),
            (1_500, 3, "1.5"),
            (1_500, 0, "1500"),
            (120, 2, "1.2"),
            (1_000_000, 6, "1"),
        ] {
            assert_eq!(decimal(U256::from(amount), decimals), text);
        }
    }
}
