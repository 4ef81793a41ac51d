//! `params.toml` and `epoch.toml`.

use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::text::HexArray;
use super::{FleetError, Source};
use crate::epoch::Epoch;
use crate::uptime::params::{DEVICE_LEVELS, SEAT_LEVELS};
use crate::uptime::{Parameters, PolicyKind, Shape};

/// Largest table, in bytes.
const TABLE_BYTES_MAX: u64 = 64 << 10;

/// `params.toml`; [`fmt::Display`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParametersTable {
    /// `[shape]`.
    pub shape: Shape,
    /// `[parameters]`.
    pub parameters: Parameters,
    /// Whether a quorum of half the watchers or less is wanted.
    pub allow_minority_quorum: bool,
}

/// `epoch.toml`; [`fmt::Display`] writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochTable {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the epochs contract.
    pub settlement: [u8; 20],
    /// Selector of the verifier.
    pub selector: [u8; 4],
    /// Number e.
    pub number: u64,
    /// First second, Unix time: e times the length of an epoch.
    pub start: u64,
    /// R of this epoch.
    pub randomness: [u8; 32],
    /// R of the epoch before, which orders the watchers.
    pub previous_randomness: [u8; 32],
}

impl fmt::Display for ParametersTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape {
            devices,
            watchers,
            slots,
            device_levels,
            seat_levels,
            outage_rule,
        } = self.shape;
        let Parameters {
            epoch_seconds,
            quorum,
            outage_limit,
            policy,
            slope,
            offset,
            grace_seconds,
        } = self.parameters;
        writeln!(
            f,
            "[shape]\ndevices = {devices}\nwatchers = {watchers}\nslots = {slots}"
        )?;
        writeln!(
            f,
            "device_levels = {device_levels}\nseat_levels = {seat_levels}\noutage_rule = {outage_rule}"
        )?;
        writeln!(
            f,
            "\n[parameters]\nepoch_seconds = {epoch_seconds}\nquorum = {quorum}"
        )?;
        if self.allow_minority_quorum {
            writeln!(f, "allow_minority_quorum = true")?;
        }
        writeln!(f, "outage_limit = {outage_limit}\npolicy = \"{}\"", policy.name())?;
        writeln!(
            f,
            "slope = {slope}\noffset = {offset}\ngrace_seconds = {grace_seconds}"
        )
    }
}

impl fmt::Display for EpochTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain_id = {}", self.chain_id)?;
        writeln!(f, "settlement = \"0x{}\"", hex::encode(self.settlement))?;
        writeln!(f, "selector = \"0x{}\"", hex::encode(self.selector))?;
        writeln!(f, "number = {}\nstart = {}", self.number, self.start)?;
        writeln!(f, "randomness = \"0x{}\"", hex::encode(self.randomness))?;
        writeln!(
            f,
            "previous_randomness = \"0x{}\"",
            hex::encode(self.previous_randomness)
        )
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersText {
    shape: ShapeSection,
    parameters: ParametersSection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShapeSection {
    devices: usize,
    watchers: usize,
    slots: usize,
    #[serde(default = "device_levels")]
    device_levels: usize,
    #[serde(default = "seat_levels")]
    seat_levels: usize,
    #[serde(default)]
    outage_rule: bool,
}

fn device_levels() -> usize {
    DEVICE_LEVELS
}

fn seat_levels() -> usize {
    SEAT_LEVELS
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersSection {
    epoch_seconds: u32,
    quorum: u32,
    #[serde(default)]
    allow_minority_quorum: bool,
    /// All slots when left out.
    outage_limit: Option<u32>,
    policy: PolicyText,
    slope: u32,
    offset: u32,
    #[serde(default)]
    grace_seconds: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum PolicyText {
    Threshold,
    Linear,
    Quadratic,
}

impl From<PolicyText> for PolicyKind {
    fn from(text: PolicyText) -> Self {
        match text {
            PolicyText::Threshold => Self::Threshold,
            PolicyText::Linear => Self::Linear,
            PolicyText::Quadratic => Self::Quadratic,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochText {
    chain_id: u64,
    settlement: HexArray<20>,
    selector: HexArray<4>,
    number: u64,
    start: u64,
    randomness: HexArray<32>,
    previous_randomness: HexArray<32>,
}

/// Reads and validates `params.toml`.
pub(super) fn read_parameters(source: Source<impl Read>) -> Result<ParametersTable, FleetError> {
    let file = source.name.clone();
    let (
        text,
        ParametersText {
            shape,
            parameters: section,
        },
    ) = read_table(source)?;
    let refuse = |table: &str, field: &str, reason: String| {
        FleetError::entry(
            &file,
            line_of_key(&text, field),
            format!("{table}.{field}"),
            reason,
        )
    };
    let ShapeSection {
        devices,
        watchers,
        slots,
        device_levels,
        seat_levels,
        outage_rule,
    } = shape;
    let shape = Shape {
        devices,
        watchers,
        slots,
        device_levels,
        seat_levels,
        outage_rule,
    };
    shape
        .validate()
        .map_err(|error| refuse("shape", error.field, error.to_string()))?;
    let parameters = Parameters {
        epoch_seconds: section.epoch_seconds,
        quorum: section.quorum,
        outage_limit: section
            .outage_limit
            .unwrap_or(u32::try_from(slots).unwrap_or(u32::MAX)),
        policy: section.policy.into(),
        slope: section.slope,
        offset: section.offset,
        grace_seconds: section.grace_seconds,
    };
    let allow_minority_quorum = section.allow_minority_quorum;
    parameters
        .validate(&shape)
        .and_then(|()| {
            if allow_minority_quorum {
                Ok(())
            } else {
                parameters.check_majority(&shape)
            }
        })
        .map_err(|error| refuse("parameters", error.field, error.to_string()))?;
    Ok(ParametersTable {
        shape,
        parameters,
        allow_minority_quorum,
    })
}

/// Reads `epoch.toml` and makes the epoch of it.
pub(super) fn read_epoch(
    source: Source<impl Read>,
    shape: &Shape,
    parameters: &Parameters,
) -> Result<(EpochTable, Epoch), FleetError> {
    let file = source.name.clone();
    let (text, table): (String, EpochText) = read_table(source)?;
    let refuse = |field: &str, reason| FleetError::entry(&file, line_of_key(&text, field), field, reason);
    let slots = u32::try_from(shape.slots).unwrap_or(u32::MAX);
    let epoch = Epoch::new(table.number, parameters.epoch_seconds, slots)
        .map_err(|error| refuse("number", error.to_string()))?;
    if table.start != epoch.start() {
        let reason = format!(
            "expected {} (number times epoch_seconds = {} x {}), got {}",
            epoch.start(),
            epoch.number(),
            epoch.seconds(),
            table.start
        );
        return Err(refuse("start", reason));
    }
    let EpochText {
        chain_id,
        number,
        start,
        ..
    } = table;
    let table = EpochTable {
        chain_id,
        settlement: table.settlement.0,
        selector: table.selector.0,
        number,
        start,
        randomness: table.randomness.0,
        previous_randomness: table.previous_randomness.0,
    };
    Ok((table, epoch))
}

/// The text and what it says.
fn read_table<T: DeserializeOwned>(source: Source<impl Read>) -> Result<(String, T), FleetError> {
    let Source { name: file, reader } = source;
    let mut text = String::new();
    reader
        .take(TABLE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|source| FleetError::Read {
            file: file.clone(),
            line: 1,
            source,
        })?;
    if text.len() as u64 > TABLE_BYTES_MAX {
        return Err(FleetError::TooLong {
            file: file.clone(),
            line: 1,
            limit: TABLE_BYTES_MAX,
        });
    }
    let refuse = |error: &toml::de::Error, field: String| {
        let line = error.span().map_or(0, |span| line_at(&text, span.start));
        FleetError::entry(&file, line, field, error.message().trim())
    };
    let parsed = toml::Deserializer::parse(&text).map_err(|error| refuse(&error, ".".to_owned()))?;
    let table = serde_path_to_error::deserialize(parsed)
        .map_err(|error| refuse(error.inner(), error.path().to_string()))?;
    Ok((text, table))
}

/// The line of a byte, from 1.
fn line_at(text: &str, position: usize) -> u64 {
    1 + text.bytes().take(position).filter(|byte| *byte == b'\n').count() as u64
}

/// The line on which a key is assigned, 0 if it is left out. Keys are unique across the sections of a table.
fn line_of_key(text: &str, key: &str) -> u64 {
    let assigns = |line: &str| {
        line.trim_start()
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    (1..)
        .zip(text.lines())
        .find(|(_, line)| assigns(line))
        .map_or(0, |(number, _)| number)
}
