//! `FLEET_DIR/` of a simulation: the fleet's files as any network has them, and `truth.json`.

use super::roles::Role;
use super::world::World;
use super::zone::Played;
use crate::failure::Failure;
use crate::files::{Streamed, create_folder, write};
use popw_claims::attestation::Bitmap;
use popw_claims::fleet::{Encoding, EpochTable, ParametersTable, write_device, write_watcher};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// The files that grow zone by zone.
pub struct FleetFiles {
    encoding: Encoding,
    attestations: Option<Streamed>,
    truth: Option<Streamed>,
    has_devices: bool,
}

impl FleetFiles {
    /// Writes what is known before the epoch, and opens what is not.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn create(folder: &Path, world: &World, encoding: Encoding) -> Result<Self, Failure> {
        create_folder(folder)?;
        write(&folder.join("params.toml"), parameters(world).to_string())?;
        write(&folder.join("epoch.toml"), epoch(world).to_string())?;
        let mut registry = Streamed::create(&folder.join("registry.jsonl"))?;
        for (index, simulated) in (0..).zip(&world.devices) {
            if let Some(device) = world.registry.device(index) {
                write_device(&mut registry, index, device, Some(&simulated.delegation))
                    .map_err(|error| registry.unwritable(error))?;
            }
        }
        registry.finish()?;
        let mut watchers = Streamed::create(&folder.join("watchers.jsonl"))?;
        for seat in 0..world.watchers.seats() {
            for watcher in world.watchers.watchers(seat) {
                write_watcher(&mut watchers, seat, watcher).map_err(|error| watchers.unwritable(error))?;
            }
        }
        watchers.finish()?;
        let mut truth = Streamed::create(&folder.join("truth.json"))?;
        let (seed, watchers) = (world.settings.seed, truth_of_watchers(world));
        write!(truth, "{{\"seed\":{seed},\"watchers\":{watchers},\"devices\":[")
            .map_err(|error| truth.unwritable(error))?;
        let mut attestations = Streamed::create(&folder.join(encoding.file_name()))?;
        encoding
            .write_header(&mut attestations, &world.shape)
            .map_err(|error| attestations.unwritable(error))?;
        Ok(Self {
            encoding,
            attestations: Some(attestations),
            truth: Some(truth),
            has_devices: false,
        })
    }

    /// Writes a zone's votes, and the truth about its devices.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_zone(&mut self, world: &World, played: &Played) -> Result<(), Failure> {
        if let Some(attestations) = &mut self.attestations {
            for vote in &played.collected.published {
                self.encoding
                    .write_vote(&mut *attestations, vote)
                    .map_err(|error| attestations.unwritable(error))?;
            }
        }
        let Some(truth) = &mut self.truth else {
            return Ok(());
        };
        for verdict in &played.verdicts {
            let device = &world.devices[verdict.index];
            let mut on = Bitmap::new(1, verdict.on.len());
            (0..)
                .zip(&verdict.on)
                .for_each(|(slot, is_on)| on.set(0, slot, *is_on));
            let mut line = json!({
                "index": verdict.index,
                "role": device.role.name(),
                "on": format!("0x{}", hex::encode(on.to_bytes())),
                "deserved": verdict.deserved,
            });
            if world.registry.device(verdict.index as u64).is_none() {
                line["registered"] = json!(false);
            }
            if let Some(partner) = device.partner {
                line["partner"] = json!(partner);
            }
            if device.role == super::roles::DeviceRole::WatchersOwn {
                line["watcher"] = json!(world.owner_of(verdict.index));
            }
            let separator = if self.has_devices { ",\n" } else { "\n" };
            write!(truth, "{separator}{line}").map_err(|error| truth.unwritable(error))?;
            self.has_devices = true;
        }
        Ok(())
    }

    /// Puts the files in their places.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn finish(&mut self) -> Result<(), Failure> {
        if let Some(attestations) = self.attestations.take() {
            attestations.finish()?;
        }
        let Some(mut truth) = self.truth.take() else {
            return Ok(());
        };
        writeln!(truth, "\n]}}").map_err(|error| truth.unwritable(error))?;
        truth.finish()
    }
}

fn parameters(world: &World) -> ParametersTable {
    ParametersTable {
        shape: world.shape,
        parameters: world.parameters,
        allow_minority_quorum: false,
    }
}

fn epoch(world: &World) -> EpochTable {
    EpochTable {
        chain_id: world.context.chain_id,
        settlement: world.context.settlement,
        selector: world.context.selector,
        number: world.context.epoch,
        start: world.epoch.start(),
        randomness: world.context.randomness,
        previous_randomness: world.previous_randomness,
    }
}

fn truth_of_watchers(world: &World) -> Value {
    (0..world.watcher_keys.count())
        .map(|number| {
            json!({
                "number": number,
                "seat": world.watcher_keys.seat(number),
                "key_x": popw_claims::field::to_decimal(&world.watcher_keys.secret(number).public_key().x),
                "role": world.watcher_roles[number].name(),
                "clock_error_seconds": world.clock_error(number),
            })
        })
        .collect()
}
