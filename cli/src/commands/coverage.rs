//! `popw coverage LOG..`: real receptions judged by the rule of claim C1, and a map of them.
//!
//! Public logs of receptions are not signed, and nobody was challenged: this shows what the rule would say, and proves nothing.

use crate::failure::Failure;
use crate::files::{Streamed, create_folder, write};
use crate::report::Count;
use crate::report::coverage::{CoverageReport, DOES_NOT_PROVE, Place, Receipt as Drawn, html, map_svg};
use crate::report::text::grouped;
use crate::screen::show;
use clap::builder::PossibleValuesParser;
use flate2::read::MultiGzDecoder;
use popw_claims::coverage::params::WITNESSES_MAX;
use popw_claims::coverage::{Beacon, Link, Parameters, Preset, Shape, Site};
use popw_claims::log::lora::{LoraLog, Reception, ReceptionReport, read_lora};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Logs, and what they do not say.
#[derive(clap::Args)]
pub struct Args {
    /// Receptions of LoRaWAN frames by hotspots, a frame a line, as CampusIoT publishes them: .ndjson or .ndjson.gz
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Folder for report.html, map.svg and verdicts.jsonl
    #[arg(long)]
    out: PathBuf,
    /// The rule
    #[arg(long, default_value = "helium-iot-2026-05", value_parser = PossibleValuesParser::new(Preset::ALL.map(Preset::name)))]
    preset: String,
    /// Power that the senders are taken to send with, in dBm; the logs do not say
    #[arg(long, default_value_t = 14, allow_negative_numbers = true)]
    power: i8,
    /// Antenna gain that senders and hotspots are taken to have, in tenths of dBi; the logs do not say
    #[arg(long, default_value_t = 30, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1000..=1000))]
    gain: i32,
    /// Print the counts as JSON
    #[arg(long)]
    json: bool,
}

/// Judges every reception and writes the report.
///
/// # Errors
/// `Input` if a log cannot be used, naming file, line, field and reason.
pub fn run(args: &Args) -> Result<(), Failure> {
    let preset = Preset::from_name(&args.preset)
        .ok_or_else(|| Failure::input(format!("no preset `{}`", args.preset)))?;
    let shape = Shape::new(WITNESSES_MAX);
    let parameters = preset.parameters(&shape);
    create_folder(&args.out)?;
    let mut lines = Streamed::create(&args.out.join("verdicts.jsonl"))?;
    let (mut receipts, mut read) = (Vec::new(), ReceptionReport::default());
    for path in &args.logs {
        let log = read_log(path)?;
        add(&mut read, &log.report());
        for reception in log.receptions() {
            let link = link(args, reception);
            let refusal = link.check(&parameters).err().map(|refusal| refusal.to_string());
            let distance_dm = link.squared_distance().isqrt();
            lines.print(format_args!(
                "{}\n",
                json!({
                    "file": path.file_name().unwrap_or_default().to_string_lossy(),
                    "line": reception.line,
                    "hotspot": reception.hotspot,
                    "frequency_hz": reception.receipt.frequency_hz,
                    "rssi_ddbm": reception.receipt.rssi_ddbm,
                    "squared_distance_dm2": link.squared_distance(),
                    "loss_ddb": link.loss(),
                    "refused": refusal,
                })
            ))?;
            receipts.push(Drawn {
                beacon: place(reception.sender_e7),
                witness: place(reception.hotspot_e7),
                distance_m: u32::try_from((distance_dm + 5) / 10).unwrap_or(u32::MAX),
                refusal,
            });
        }
    }
    lines.finish()?;
    let mut refused: BTreeMap<String, u64> = BTreeMap::new();
    for reason in receipts.iter().filter_map(|receipt| receipt.refusal.clone()) {
        *refused.entry(reason).or_default() += 1;
    }
    let usable = receipts.len();
    let report = report(args, &parameters, &shape, receipts, &read);
    write(&args.out.join("map.svg"), map_svg(&report))?;
    write(&args.out.join("report.html"), html(&report))?;
    let accepted = usable as u64 - refused.values().sum::<u64>();
    if args.json {
        return show(json!({
            "frames": read.frames,
            "receptions": read.receptions,
            "without_coordinates": read.without_coordinates,
            "null_position": read.null_position,
            "zero_distance": read.zero_distance,
            "usable": usable,
            "accepted": accepted,
            "refused": refused,
        }));
    }
    show(format_args!(
        "{} receptions of {} frames: {} without coordinates, {} in the null position, {} at distance zero; {usable} usable",
        read.receptions, read.frames, read.without_coordinates, read.null_position, read.zero_distance
    ))?;
    show(format_args!("accepted by {}: {accepted}", args.preset))?;
    for (reason, count) in refused {
        show(format_args!("refused, {reason}: {count}"))?;
    }
    show(format_args!(
        "report in {}",
        args.out.join("report.html").display()
    ))
}

fn read_log(path: &Path) -> Result<LoraLog, Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::input(format!("{}: cannot be read: {error}", path.display())))?;
    let name = path.display().to_string();
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    match is_compressed {
        true => read_lora(&name, MultiGzDecoder::new(file)),
        false => read_lora(&name, file),
    }
    .map_err(Failure::input)
}

/// A reception as the rule sees it: sent at the frequency at which it was heard.
fn link(args: &Args, reception: &Reception) -> Link {
    let site = |position| Site {
        position,
        gain_ddbi: args.gain,
    };
    Link {
        beacon: Beacon {
            frequency_hz: reception.receipt.frequency_hz,
            power_dbm: i32::from(args.power),
        },
        beaconer: site(reception.sender),
        receipt: reception.receipt,
        witness: site(reception.hotspot_position),
    }
}

fn place([latitude_e7, longitude_e7]: [i32; 2]) -> Place {
    Place {
        latitude_e7,
        longitude_e7,
    }
}

fn add(sum: &mut ReceptionReport, more: &ReceptionReport) {
    sum.frames += more.frames;
    sum.receptions += more.receptions;
    sum.without_coordinates += more.without_coordinates;
    sum.null_position += more.null_position;
    sum.zero_distance += more.zero_distance;
}

fn report(
    args: &Args,
    parameters: &Parameters,
    shape: &Shape,
    receipts: Vec<Drawn>,
    read: &ReceptionReport,
) -> CoverageReport {
    let names: Vec<_> = (args.logs.iter())
        .map(|path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let metres = |squared: u64| format!("{} m", grouped(squared.isqrt() / 10));
    let unplaced = [
        ("no coordinates", read.without_coordinates),
        ("the null position", read.null_position),
        ("in one cell with the sender", read.zero_distance),
    ];
    CoverageReport {
        title: "Receptions".to_owned(),
        lead: names.join(", "),
        evidence: "none: the log is not signed, and nobody was challenged. It shows what the rule says"
            .to_owned(),
        does_not_prove: DOES_NOT_PROVE.to_owned(),
        facts: vec![
            ("Rule".to_owned(), args.preset.clone()),
            ("Largest distance".to_owned(), metres(parameters.distance_max)),
            ("Smallest distance".to_owned(), metres(parameters.distance_min)),
            ("Power, assumed".to_owned(), format!("{} dBm", args.power)),
            (
                "Gains, assumed".to_owned(),
                format!("{} dBi", f64::from(args.gain) / 10.0),
            ),
            (
                "Parameters' hash".to_owned(),
                popw_claims::field::to_decimal(&parameters.hash(shape)),
            ),
        ],
        receipts,
        unplaced: unplaced
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| Count {
                name: name.to_owned(),
                count: count as u64,
            })
            .collect(),
    }
}
