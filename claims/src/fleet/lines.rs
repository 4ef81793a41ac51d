//! `registry.jsonl`, `watchers.jsonl`, `attestations.jsonl`: one object a line.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::text::{Decimal, H3Cell, Hex, HexArray, PointText, SignatureText};
use super::{FleetError, LINE_BYTES_MAX, Source, Votes};
use crate::attestation::{Attestation, Bitmap};
use crate::delegation::{Delegation, DelegationError, HardwareClass, HardwareKey, SignedDelegation};
use crate::registry::{
    Device, DeviceRegistry, Position, RegistryError, Watcher, WatcherError, WatcherRegistry,
};
use crate::tree::width;
use crate::uptime::{Shape, Vote};

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

/// Calls `take` with the number and content of each line.
fn for_each_line<T: DeserializeOwned>(
    source: Source<impl Read>,
    mut take: impl FnMut(u64, T) -> Result<(), FleetError>,
) -> Result<(), FleetError> {
    let Source { name: file, reader } = source;
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        let mut limited = (&mut reader).take(LINE_BYTES_MAX + 1);
        limited
            .read_until(b'\n', &mut bytes)
            .map_err(|source| FleetError::Read {
                file: file.clone(),
                line,
                source,
            })?;
        if bytes.is_empty() {
            break;
        }
        if bytes.len() as u64 > LINE_BYTES_MAX {
            return Err(FleetError::TooLong {
                file: file.clone(),
                line,
                limit: LINE_BYTES_MAX,
            });
        }
        let refuse = |field: String, error: &serde_json::Error| {
            let message = error.to_string();
            // serde_json counts lines itself, but is given one at a time.
            let reason = message
                .rsplit_once(" at line ")
                .map_or(message.as_str(), |(reason, _)| reason);
            FleetError::entry(
                &file,
                line,
                field,
                format!("{reason} (column {})", error.column()),
            )
        };
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| refuse(error.path().to_string(), error.inner()))?;
        json.end().map_err(|error| refuse(".".to_owned(), &error))?;
        take(line, value)?;
    }
    Ok(())
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
    for_each_line(source, |line, text: DeviceLine| {
        let refuse = |field: &str, reason: String| Err(FleetError::entry(&file, line, field, reason));
        let index = text.index;
        if index >= size {
            return refuse("index", format!("expected an index below {size}, got {index}"));
        }
        if let Some((last, _)) = devices.last()
            && *last >= index
        {
            return refuse(
                "index",
                format!("expected an index above {last} (lines in index order), got {index}"),
            );
        }
        let delegation = text
            .delegation
            .as_ref()
            .map(|given| signed_delegation(&text, given));
        let device = Device::from(&text);
        match delegation.transpose() {
            Err(error) => return refuse("delegation.hardware_key", error.to_string()),
            Ok(None) => {}
            Ok(Some(signed)) => {
                if let Err(error) = device.check_delegation(&signed, epoch) {
                    return refuse(error.field, error.to_string());
                }
            }
        }
        lines.insert(index, line);
        devices.push((index, device));
        Ok(())
    })?;
    DeviceRegistry::new(levels, devices).map_err(|error| match &error {
        RegistryError::Device { index, error: device } => FleetError::entry(
            &file,
            lines.get(index).copied().unwrap_or(0),
            device.field,
            error.to_string(),
        ),
        RegistryError::Tree(_) => FleetError::entry(&file, 0, "index", error.to_string()),
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
    for_each_line(source, |line, WatcherLine { seat, owner, key }: WatcherLine| {
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

/// Reads `attestations.jsonl`, in any order; digests and signatures are checked when a zone is claimed.
pub(super) fn read_votes(source: Source<impl Read>, shape: &Shape) -> Result<Votes, FleetError> {
    let file = source.name.clone();
    let zones = width(shape.device_levels) / shape.devices as u64;
    let mut votes = Votes::new();
    for_each_line(source, |line, text: VoteLine| {
        let refuse = |field: &str, reason: String| Err(FleetError::entry(&file, line, field, reason));
        let VoteLine { zone, seat, .. } = text;
        if zone >= zones {
            return refuse("zone", format!("expected a zone below {zones}, got {zone}"));
        }
        if seat >= shape.watchers {
            return refuse(
                "seat",
                format!("expected a seat below {}, got {seat}", shape.watchers),
            );
        }
        if let Some((first, _)) = votes.get(&(zone, seat)) {
            return refuse(
                "seat",
                format!("zone {zone}, seat {seat} already stands on line {first}"),
            );
        }
        let bitmap = match Bitmap::from_bytes(shape.devices, shape.slots, &text.bitmap.0) {
            Ok(bitmap) => bitmap,
            Err(error) => return refuse("bitmap", error.to_string()),
        };
        let attestation = Attestation {
            zone,
            seat,
            digest: text.digest.0,
            signature: text.signature.into(),
        };
        votes.insert((zone, seat), (line, Vote { bitmap, attestation }));
        Ok(())
    })?;
    Ok(votes)
}
