//! `popw simulate`: a fleet from a seed, with honest devices, outages, packet loss and attackers, so that anyone can see what a
//! claim catches and what it does not.
//!
//! Attacks change messages before anybody verifies them ([`attacks`]); watchers, collector and claim are the ordinary pipeline and
//! know of none. What everyone really is stands in `truth.json`, which nothing reads.
//!
//! - [`roles`], [`world`]: who there is.
//! - [`traffic`], [`attacks`]: what is sent.
//! - [`zone`], [`collector`]: watchers, votes, the claim.
//! - [`output`], [`report`]: the files and the summary.
//! - [`table`]: each attack alone, measured, by [`uptime`], [`location`], [`coverage`] (the last two on a [`stage`] of their own);
//!   `docs/security/attacks.md` is made from it.

pub mod attacks;
pub mod collector;
pub mod coverage;
pub mod location;
pub mod output;
pub mod report;
pub mod roles;
pub mod stage;
pub mod table;
pub mod traffic;
pub mod uptime;
pub mod world;
pub mod zone;

use crate::failure::Failure;
use crate::fleet_folder;
use crate::screen::{Screen, show};
use clap::builder::PossibleValuesParser;
use popw_claims::fleet::Encoding;
use popw_claims::uptime::Preset;
use rayon::prelude::*;
use report::Summary;
use roles::Shares;
use std::path::PathBuf;
use world::{Settings, World};

/// The fleet to make up.
#[derive(clap::Args)]
pub struct Args {
    /// Folder for params.toml, epoch.toml, registry.jsonl, watchers.jsonl, attestations.jsonl and truth.json
    #[arg(long, required_unless_present = "table")]
    out: Option<PathBuf>,
    /// Seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Devices of the fleet
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
    /// Devices of a zone: 1, 16, 256 or 4096
    #[arg(long, default_value_t = 256, value_name = "N")]
    zone_devices: usize,
    /// Slots of the epoch, a day
    #[arg(long, default_value_t = 144, value_name = "N")]
    slots: usize,
    /// Watchers of a zone
    #[arg(long, default_value_t = 8, value_name = "N")]
    watchers: usize,
    /// Watchers from whom each of them is drawn, 4 at least
    #[arg(long, default_value_t = 8, value_name = "N")]
    watchers_per_seat: usize,
    /// Watchers that must agree on a slot; the least majority if absent
    #[arg(long, value_name = "N")]
    quorum: Option<u32>,
    /// The rule
    #[arg(long, default_value = "geodnet-linear", value_parser = PossibleValuesParser::new(Preset::ALL.map(Preset::name)))]
    preset: String,
    /// Slots without quorum in a row above which a score is 0; no such rule if absent
    #[arg(long, value_name = "SLOTS")]
    outage_limit: Option<u32>,
    /// Records that each watcher loses, in percent
    #[arg(long, default_value_t = 2, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    loss: u8,
    /// Seconds by which a watcher's clock is wrong at most
    #[arg(long, default_value_t = 2, value_name = "SECONDS")]
    skew: u16,
    /// No attackers but those that a share below asks for
    #[arg(long)]
    honest: bool,
    /// Share of devices with a role, such as cloned-key=5; may be repeated
    #[arg(long, value_name = "ROLE=PERCENT")]
    device_share: Vec<String>,
    /// Share of watchers with a role, such as colluder=33; may be repeated
    #[arg(long, value_name = "ROLE=PERCENT")]
    watcher_share: Vec<String>,
    /// Sign under the epoch of this fleet, which `chain draw` opened, in place of a made-up one; all other options as before
    #[arg(long, value_name = "FLEET")]
    opened: Option<PathBuf>,
    /// How attestations are written
    #[arg(long, value_enum, default_value_t = Attestations::Jsonl)]
    attestations: Attestations,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Measure each attack alone and print the table of docs/security/attacks.md; takes no other option
    #[arg(long, exclusive = true)]
    table: bool,
}

/// The files of attestations.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Attestations {
    /// An object a line.
    Jsonl,
    /// The compact form.
    Bin,
}

impl From<Attestations> for Encoding {
    fn from(attestations: Attestations) -> Self {
        match attestations {
            Attestations::Jsonl => Self::JsonLines,
            Attestations::Bin => Self::Binary,
        }
    }
}

impl Args {
    fn settings(&self) -> Result<Settings, Failure> {
        let (mut device_shares, mut watcher_shares) = match self.honest {
            true => (Shares::honest(), Shares::honest()),
            false => (Shares::usual(), Shares::usual()),
        };
        self.device_share
            .iter()
            .try_for_each(|text| device_shares.set(text))?;
        self.watcher_share
            .iter()
            .try_for_each(|text| watcher_shares.set(text))?;
        let preset = Preset::from_name(&self.preset);
        let majority = u32::try_from(self.watchers / 2 + 1).map_err(Failure::input)?;
        Ok(Settings {
            seed: self.seed,
            devices: usize::try_from(self.devices).map_err(Failure::input)?,
            zone_devices: self.zone_devices,
            slots: self.slots,
            watchers: self.watchers,
            watchers_per_seat: self.watchers_per_seat,
            quorum: self.quorum.unwrap_or(majority),
            preset: preset.ok_or_else(|| Failure::input(format!("no preset `{}`", self.preset)))?,
            outage_limit: self.outage_limit,
            loss_percent: self.loss,
            skew_seconds: self.skew,
            outages: true,
            device_shares,
            watcher_shares,
        })
    }
}

/// Makes up a fleet, plays an epoch, writes the files, and says what came of it.
///
/// # Errors
/// `Input` if the numbers break a limit; if a file cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let Some(out) = args.out.as_ref().filter(|_| !args.table) else {
        return show(table::markdown()?);
    };
    let screen = Screen::new(args.json);
    screen.begin("registering devices and watchers");
    let mut world = World::new(args.settings()?)?;
    if let Some(folder) = &args.opened {
        world = world.opened(&fleet_folder::read(folder)?)?;
    }
    screen.begin("devices sign, watchers verify and attest, claims are evaluated");
    let summary = play(
        &world,
        &mut output::FleetFiles::create(out, &world, args.attestations.into())?,
    )?;
    let times = screen.finish();
    match args.json {
        true => show(summary.json(&times)),
        false => {
            show(&summary)?;
            for (label, time) in &times {
                show(format_args!("{label:64} {:8.2} s", time.as_secs_f64()))?;
            }
            show(format_args!("files in {}", out.display()))
        }
    }
}

/// Plays every zone, some at a time, and writes what comes out in the order of the zones.
///
/// # Errors
/// If a file cannot be written.
pub fn play(world: &World, files: &mut output::FleetFiles) -> Result<Summary, Failure> {
    let mut summary = Summary::new(world);
    let zones: Vec<u64> = (0..world.zones()).collect();
    for some in zones.chunks(rayon::current_num_threads()) {
        let played: Vec<_> = some
            .par_iter()
            .map(|zone| zone::play(world, *zone))
            .collect::<Result<_, _>>()?;
        for played in &played {
            files.write_zone(world, played)?;
            summary.add(world, played);
        }
    }
    files.finish()?;
    Ok(summary)
}
