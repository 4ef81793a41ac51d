//! `popw epoch plan`: size classes, their costs, and how a registry is best cut into zones.

use crate::failure::Failure;
use crate::fleet_folder;
use crate::screen::show;
use popw_circuits::uptime::{Plan, plan, size_classes};
use popw_claims::uptime::Shape;
use serde_json::json;
use std::path::PathBuf;

/// A registry and the limits of the machine that will prove it.
#[derive(clap::Args)]
pub struct Args {
    /// A fleet, whose registry, watchers, slots and levels are taken; without it, a registry of --devices devices without gaps
    fleet: Option<PathBuf>,
    /// Devices of the registry
    #[arg(long, required_unless_present = "fleet", conflicts_with = "fleet")]
    devices: Option<u64>,
    /// Watchers of a zone
    #[arg(long, default_value_t = 8, conflicts_with = "fleet")]
    watchers: usize,
    /// Slots of an epoch
    #[arg(long, default_value_t = 144, conflicts_with = "fleet")]
    slots: usize,
    /// With the rule that no outage is longer than a limit
    #[arg(long, conflicts_with = "fleet")]
    outage: bool,
    /// Largest domain, as a power of two: a proof takes about 220 bytes of memory a row, its key 520 of disk
    #[arg(long, default_value_t = 22, value_parser = clap::value_parser!(u32).range(10..=27))]
    max_power: u32,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the classes and the best plan.
///
/// # Errors
/// `Input` if the fleet cannot be read, the shape is outside its limits, or no class fits.
pub fn run(args: &Args) -> Result<(), Failure> {
    let fleet = args.fleet.as_deref().map(fleet_folder::read).transpose()?;
    let (shape, indices): (Shape, Vec<u64>) = match &fleet {
        Some(fleet) => (
            *fleet.shape(),
            fleet.devices().devices().map(|(index, _)| index).collect(),
        ),
        None => {
            let shape = Shape {
                outage_rule: args.outage,
                ..Shape::new(1, args.watchers, args.slots)
            };
            (shape, (0..args.devices.unwrap_or(0)).collect())
        }
    };
    shape.validate().map_err(Failure::input)?;
    let classes = size_classes(&shape, args.max_power);
    let best = plan(&shape, indices.iter().copied(), args.max_power).ok_or_else(|| {
        Failure::input(format!(
            "--max-power {}: not even a zone of one device fits",
            args.max_power
        ))
    })?;
    let plans: Vec<Plan> = classes
        .into_iter()
        .map(|class| Plan::of(class, indices.iter().copied()))
        .collect();
    if args.json {
        let row = |plan: &Plan| {
            json!({
                "devices": plan.class.shape.devices,
                "constraints": plan.class.constraints,
                "power": plan.class.power,
                "zones": plan.zones.len(),
            })
        };
        return show(json!({
            "registered": indices.len(),
            "watchers": shape.watchers,
            "slots": shape.slots,
            "outage_rule": shape.outage_rule,
            "classes": plans.iter().map(row).collect::<Vec<_>>(),
            "best": row(&best),
            "zones": best.zones,
        }));
    }
    show(format_args!(
        "{} devices, {} watchers, {} slots{}",
        indices.len(),
        shape.watchers,
        shape.slots,
        if shape.outage_rule { ", outage rule" } else { "" }
    ))?;
    show("zone of  constraints  a device  domain   zones  rows of all domains")?;
    for plan in &plans {
        let devices = plan.class.shape.devices;
        show(format_args!(
            "{devices:>7}  {:>11}  {:>8}  2^{:<4}  {:>6}  {:>19}{}",
            plan.class.constraints,
            plan.class.constraints / devices,
            plan.class.power,
            plan.zones.len(),
            plan.cost(),
            if plan.class == best.class { "  best" } else { "" }
        ))?;
    }
    if let (Some((first, _)), Some((last, _))) = (best.zones.first(), best.zones.last()) {
        let devices = best.zones.iter().map(|(_, devices)| devices);
        show(format_args!(
            "best: {} zones, {first} to {last}, of {} to {} devices",
            best.zones.len(),
            devices.clone().min().unwrap_or(&0),
            devices.max().unwrap_or(&0)
        ))?;
    }
    if let Some(fleet) = &fleet
        && fleet.shape().devices != best.class.shape.devices
    {
        show(format_args!(
            "the epoch of this fleet is open with zones of {}: the best is for the next one",
            fleet.shape().devices
        ))?;
    }
    Ok(())
}
