//! `registry.jsonl`, `watchers.jsonl`, `attestations.jsonl`: one object a line.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::attestations::{Flaw, Reason};
use super::text::{Decimal, H3Cell, Hex, HexArray, PointText, SignatureText};
use super::{FleetError, LINE_BYTES_MAX, Source};
use crate::attestation::{Attestation, Bitmap};
use crate::delegation::{Delegation, DelegationError, HardwareClass, HardwareKey, SignedDelegation};
use crate::registry::{
    Device, DeviceRegistry, Position, RegistryError, Watcher, WatcherError, WatcherRegistry,
};
use crate::tree::width;
use crate::uptime::{Shape, Vote};

/// Lines are prepared in batches of about so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// A line of `registry.jsonl`. Lines are in index order; indices that are left out are absent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceLine {
    index: u64,
    payee: HexArray<20>,
    session_key: PointText,
    device_id: Decimal,
    owner_id: Decimal,
    hardware_key_hash: Decimal,
    hardware_class: ClassText,
    /// x, y, z in decimetres.
    position_dm: [i32; 3],
    h3_cell: H3Cell,
    /// Tenths of dBi.
    gain_ddbi: i32,
    region: u16,
    /// Units of 1e-4.
    scale_e4: u32,
    secret_commitment: Decimal,
    salt: Decimal,
    /// Verified when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegation: Option<DelegationText>,
}

/// The delegation of a line: what the line itself does not say already.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DelegationText {
    hardware_key: Hex,
    first_epoch: u64,
    epochs: u64,
    signature: HexArray<64>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ClassText {
    P256,
    Ed25519,
}

impl From<ClassText> for HardwareClass {
    fn from(text: ClassText) -> Self {
        match text {
            ClassText::P256 => Self::P256,
            ClassText::Ed25519 => Self::Ed25519,
        }
    }
}

/// A line of `watchers.jsonl`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WatcherLine {
    seat: usize,
    owner: Decimal,
    key: PointText,
}

/// A line of `attestations.jsonl`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VoteLine {
    zone: u64,
    seat: usize,
    /// [`Bitmap::to_bytes`].
    bitmap: Hex,
    digest: Decimal,
    signature: SignatureText,
}

/// Writes a line of `registry.jsonl`.
///
/// # Errors
/// What the writer says.
pub fn write_device(
    writer: impl Write,
    index: u64,
    device: &Device,
    delegation: Option<&SignedDelegation>,
) -> io::Result<()> {
    let Position { x, y, z } = device.position;
    let line = DeviceLine {
        index,
        payee: HexArray(device.payee),
        session_key: PointText(device.session_key),
        device_id: Decimal(device.device_id),
        owner_id: Decimal(device.owner_id),
        hardware_key_hash: Decimal(device.hardware_key_hash),
        hardware_class: match device.hardware_class {
            HardwareClass::P256 => ClassText::P256,
            HardwareClass::Ed25519 => ClassText::Ed25519,
        },
        position_dm: [x, y, z],
        h3_cell: H3Cell(device.h3_cell),
        gain_ddbi: device.gain_ddbi,
        region: device.region,
        scale_e4: device.scale_e4,
        secret_commitment: Decimal(device.secret_commitment),
        salt: Decimal(device.salt),
        delegation: delegation.map(|signed| DelegationText {
            hardware_key: Hex(signed.key.as_bytes().to_vec()),
            first_epoch: signed.delegation.first_epoch,
            epochs: signed.delegation.epochs,
            signature: HexArray(signed.signature),
        }),
    };
    write_line(writer, &line)
}

/// Writes a line of `watchers.jsonl`.
///
/// # Errors
/// What the writer says.
pub fn write_watcher(writer: impl Write, seat: usize, watcher: &Watcher) -> io::Result<()> {
    let line = WatcherLine {
        seat,
        owner: Decimal(watcher.owner),
        key: PointText(watcher.key),
    };
    write_line(writer, &line)
}

/// Writes a line of `attestations.jsonl`.
///
/// # Errors
/// What the writer says.
pub fn write_vote(writer: impl Write, vote: &Vote) -> io::Result<()> {
    let Attestation {
        zone,
        seat,
        digest,
        signature,
    } = vote.attestation;
    let bitmap = Hex(vote.bitmap.to_bytes());
    write_line(
        writer,
        &VoteLine {
            zone,
            seat,
            bitmap,
            digest: Decimal(digest),
            signature: signature.into(),
        },
    )
}

fn write_line(mut writer: impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut writer, line)?;
    writer.write_all(b"\n")
}

/// What a line says, or the field and the reason.
fn parse_line<T: DeserializeOwned>(line: &[u8]) -> Result<T, (String, String)> {
    let refuse = |field: String, error: &serde_json::Error| {
        let message = error.to_string();
        // serde_json counts lines itself, but is given one at a time.
        let reason = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(reason, _)| reason);
        (field, format!("{reason} (column {})", error.column()))
    };
    let mut json = serde_json::Deserializer::from_slice(line);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refuse(error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| refuse(".".to_owned(), &error))?;
    Ok(value)
}

/// Reads lines in batches: `prepare` makes something of each line, in parallel with the threads of the current pool; `take` is
/// called with the number and the result of each, in order.
fn for_each_line<T: DeserializeOwned, U: Send>(
    source: Source<impl Read>,
    prepare: impl Fn(u64, T) -> Result<U, FleetError> + Sync,
    mut take: impl FnMut(u64, U) -> Result<(), FleetError>,
) -> Result<(), FleetError> {
    let Source { name: file, reader } = source;
    let mut reader = BufReader::new(reader);
    let mut first = 1;
    loop {
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        // A line that cannot be read is reported after those before it.
        let mut broken = None;
        while batch_bytes < BATCH_BYTES && broken.is_none() {
            let mut line = Vec::new();
            let number = first + batch.len() as u64;
            let read = (&mut reader)
                .take(LINE_BYTES_MAX + 1)
                .read_until(b'\n', &mut line);
            match read {
                Ok(0) => break,
                Ok(_) if line.len() as u64 > LINE_BYTES_MAX => {
                    broken = Some(FleetError::TooLong {
                        file: file.clone(),
                        line: number,
                        limit: LINE_BYTES_MAX,
                    });
                }
                Ok(bytes) => {
                    batch_bytes += bytes;
                    batch.push(line);
                }
                Err(source) => {
                    broken = Some(FleetError::Read {
                        file: file.clone(),
                        line: number,
                        source,
                    });
                }
            }
        }
        if batch.is_empty() && broken.is_none() {
            return Ok(());
        }
        let prepared: Vec<Result<U, FleetError>> = batch
            .par_iter()
            .enumerate()
            .map(|(place, line)| {
                let number = first + place as u64;
                let value = parse_line(line)
                    .map_err(|(field, reason)| FleetError::entry(&file, number, field, reason))?;
                prepare(number, value)
            })
            .collect();
        for (number, prepared) in (first..).zip(prepared) {
            take(number, prepared?)?;
        }
        if let Some(error) = broken {
            return Err(error);
        }
        first += batch.len() as u64;
    }
}

/// Reads `registry.jsonl`; delegations, where given, must cover the epoch.
pub(super) fn read_registry(
    source: Source<impl Read>,
    levels: usize,
    epoch: u64,
) -> Result<DeviceRegistry, FleetError> {
    let file = source.name.clone();
    let size = width(levels);
    let mut lines: BTreeMap<u64, u64> = BTreeMap::new();
    let mut devices: Vec<(u64, Device)> = Vec::new();
    let refuse = |line, field: &str, reason: String| FleetError::entry(&file, line, field, reason);
    let prepare = |line, text: DeviceLine| {
        let device = Device::from(&text);
        if let Some(given) = &text.delegation {
            let signed = signed_delegation(&text, given)
                .map_err(|error| refuse(line, "delegation.hardware_key", error.to_string()))?;
            device
                .check_delegation(&signed, epoch)
                .map_err(|error| refuse(line, error.field, error.to_string()))?;
        }
        Ok((text.index, device))
    };
    for_each_line(source, prepare, |line, (index, device)| {
        if index >= size {
            let reason = format!("expected an index below {size}, got {index}");
            return Err(refuse(line, "index", reason));
        }
        if let Some((last, _)) = devices.last()
            && *last >= index
        {
            let reason = format!("expected an index above {last} (lines in index order), got {index}");
            return Err(refuse(line, "index", reason));
        }
        lines.insert(index, line);
        devices.push((index, device));
        Ok(())
    })?;
    DeviceRegistry::new(levels, devices).map_err(|error| {
        let (index, field) = match &error {
            RegistryError::Device { index, error } => (Some(index), error.field),
            RegistryError::RepeatedKey(repeated) => (Some(&repeated.index), repeated.field),
            RegistryError::Tree(_) => (None, "index"),
        };
        let line = index.and_then(|index| lines.get(index)).copied().unwrap_or(0);
        refuse(line, field, error.to_string())
    })
}

impl From<&DeviceLine> for Device {
    fn from(line: &DeviceLine) -> Self {
        let [x, y, z] = line.position_dm;
        Self {
            payee: line.payee.0,
            session_key: line.session_key.0,
            device_id: line.device_id.0,
            owner_id: line.owner_id.0,
            hardware_key_hash: line.hardware_key_hash.0,
            hardware_class: line.hardware_class.into(),
            position: Position { x, y, z },
            h3_cell: line.h3_cell.0,
            gain_ddbi: line.gain_ddbi,
            region: line.region,
            scale_e4: line.scale_e4,
            secret_commitment: line.secret_commitment.0,
            salt: line.salt.0,
        }
    }
}

fn signed_delegation(line: &DeviceLine, given: &DelegationText) -> Result<SignedDelegation, DelegationError> {
    Ok(SignedDelegation {
        delegation: Delegation {
            device_id: line.device_id.0,
            session_key: line.session_key.0,
            first_epoch: given.first_epoch,
            epochs: given.epochs,
        },
        key: HardwareKey::from_bytes(line.hardware_class.into(), &given.hardware_key.0)?,
        signature: given.signature.0,
    })
}

/// Reads `watchers.jsonl`, in any order of the seats.
pub(super) fn read_watchers(
    source: Source<impl Read>,
    shape: &Shape,
    previous_randomness: &[u8; 32],
) -> Result<WatcherRegistry, FleetError> {
    let file = source.name.clone();
    let mut seats: Vec<Vec<Watcher>> = vec![Vec::new(); shape.watchers];
    let mut lines: Vec<Vec<u64>> = vec![Vec::new(); shape.watchers];
    let prepare = |_, line: WatcherLine| Ok(line);
    for_each_line(source, prepare, |line, WatcherLine { seat, owner, key }| {
        let (Some(watchers), Some(lines)) = (seats.get_mut(seat), lines.get_mut(seat)) else {
            let reason = format!("expected a seat below {}, got {seat}", shape.watchers);
            return Err(FleetError::entry(&file, line, "seat", reason));
        };
        watchers.push(Watcher {
            owner: owner.0,
            key: key.0,
        });
        lines.push(line);
        Ok(())
    })?;
    WatcherRegistry::new(shape.seat_levels, seats, previous_randomness).map_err(|error| {
        let line_of = |seat: usize, watcher: usize| {
            lines
                .get(seat)
                .and_then(|lines| lines.get(watcher))
                .copied()
                .unwrap_or(0)
        };
        let last_of = |seat: usize| {
            lines
                .get(seat)
                .and_then(|lines| lines.last())
                .copied()
                .unwrap_or(0)
        };
        let (line, field) = match &error {
            WatcherError::OwnerTooLarge { seat, watcher, .. } => (line_of(*seat, *watcher), "owner"),
            WatcherError::InvalidKey { seat, watcher } | WatcherError::RepeatedKey { seat, watcher, .. } => {
                (line_of(*seat, *watcher), "key")
            }
            WatcherError::OwnerInTwoSeats { second, .. } => (last_of(*second), "owner"),
            WatcherError::TooFewOwners { seat, .. } => (last_of(*seat), "owner"),
            WatcherError::TooManyWatchers { seat, .. } => (last_of(*seat), "seat"),
            _ => (0, "seat"),
        };
        FleetError::entry(&file, line, field, error.to_string())
    })
}

/// Reads a line of `attestations.jsonl`; zone, seat, digest and signature are not checked.
pub(super) fn parse_vote(shape: &Shape, line: &[u8]) -> Result<Vote, Flaw> {
    let text: VoteLine =
        parse_line(line).map_err(|(field, reason)| Flaw::new(Reason::Malformed, field, reason))?;
    let bitmap = Bitmap::from_bytes(shape.devices, shape.slots, &text.bitmap.0)
        .map_err(|error| Flaw::new(Reason::Malformed, "bitmap", error.to_string()))?;
    Ok(Vote {
        bitmap,
        attestation: Attestation {
            zone: text.zone,
            seat: text.seat,
            digest: text.digest.0,
            signature: text.signature.into(),
        },
    })
}
