//! Receptions of LoRaWAN frames by public hotspots: a line of JSON for each frame, with every hotspot that heard
//! it, where it stands and how strong the frame was.
//!
//! The format is that of the CampusIoT datasets (unpacked). Numbers are floating point there; they are rounded once,
//! here, to the integers that claims compute with. Positions in these data are centres of geohash cells, so
//! a pair can share one: distance zero says nothing and is dropped, as are hotspots without a place.

use std::io::Read;

use serde::Deserialize;

use super::{FILE_BYTES_MAX, LogError, ROWS_MAX, read_limited};
use crate::coverage::{Receipt, Report};
use crate::registry::Position;

/// Longest line, in bytes: a frame heard by more than fifty hotspots.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Hotspots that never said where they are stand in the geohash cell of (-90, -180): everything below these degrees.
const NULL_LATITUDE: f64 = -89.99;
const NULL_LONGITUDE: f64 = -179.98;

/// One frame as one hotspot heard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reception {
    /// Line in the file, from 1.
    pub line: u64,
    /// The hotspot's identifier in the network.
    pub hotspot: String,
    /// Where the sender stands: latitude and longitude in 1e-7 degrees.
    pub sender_e7: [i32; 2],
    /// Where the hotspot stands: latitude and longitude in 1e-7 degrees.
    pub hotspot_e7: [i32; 2],
    /// Where the sender stands, in decimetres.
    pub sender: Position,
    /// Where the hotspot stands, in decimetres.
    pub hotspot_position: Position,
    /// Frequency and strength.
    pub receipt: Receipt,
}

/// What was read and what was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReceptionReport {
    /// Frames, one a line.
    pub frames: usize,
    /// Receptions of all frames.
    pub receptions: usize,
    /// Dropped: sender or hotspot has no coordinates.
    pub without_coordinates: usize,
    /// Dropped: the hotspot stands in the null position.
    pub null_position: usize,
    /// Dropped: sender and hotspot stand in the same place.
    pub zero_distance: usize,
}

impl ReceptionReport {
    /// Receptions that were kept.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.receptions - self.without_coordinates - self.null_position - self.zero_distance
    }
}

/// The usable receptions of a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoraLog {
    receptions: Vec<Reception>,
    report: ReceptionReport,
}

impl LoraLog {
    /// The usable receptions.
    #[must_use]
    pub fn receptions(&self) -> &[Reception] {
        &self.receptions
    }

    /// What was read and what was dropped.
    #[must_use]
    pub fn report(&self) -> ReceptionReport {
        self.report
    }
}

/// Reads a log of receptions. `name` is what errors call the file.
///
/// # Errors
/// [`LogError`] naming file, line, field and reason.
pub fn read_lora(name: &str, reader: impl Read) -> Result<LoraLog, LogError> {
    let file = || name.to_owned();
    let bytes = read_limited(name, reader, FILE_BYTES_MAX)?;
    let content = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    if content.is_empty() {
        return Err(LogError::NoRows { file: file() });
    }
    let mut log = LoraLog {
        receptions: Vec::new(),
        report: ReceptionReport::default(),
    };
    for (line, bytes) in (1u64..).zip(content.split(|byte| *byte == b'\n')) {
        let too_large = |what, limit| LogError::TooLarge {
            file: file(),
            line,
            what,
            limit,
        };
        if log.report.frames == ROWS_MAX {
            return Err(too_large("number of rows", ROWS_MAX as u64));
        }
        if bytes.len() > LINE_BYTES_MAX {
            return Err(too_large("length of the line in bytes", LINE_BYTES_MAX as u64));
        }
        log.take(line, bytes).map_err(|(field, reason)| LogError::Field {
            file: file(),
            line,
            field,
            reason,
        })?;
    }
    Ok(log)
}

/// A frame, as far as it is read.
#[derive(Deserialize)]
struct Frame {
    hotspots: Vec<Hotspot>,
    #[serde(rename = "_devLocation")]
    sender: Option<Place>,
}

#[derive(Deserialize)]
struct Hotspot {
    id: String,
    /// MHz.
    frequency: f64,
    /// dBm.
    rssi: f64,
    lat: Option<f64>,
    long: Option<f64>,
}

#[derive(Deserialize)]
struct Place {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// A field and what is wrong with it.
type Problem = (String, String);

impl LoraLog {
    fn take(&mut self, line: u64, bytes: &[u8]) -> Result<(), Problem> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let frame: Frame = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| (error.path().to_string(), error.inner().to_string()))?;
        json.end().map_err(|error| (".".to_owned(), error.to_string()))?;
        self.report.frames += 1;
        let sender = frame.sender.and_then(|place| place.latitude.zip(place.longitude));
        for (number, hotspot) in frame.hotspots.into_iter().enumerate() {
            self.report.receptions += 1;
            let (Some(sender), Some(place)) = (sender, hotspot.lat.zip(hotspot.long)) else {
                self.report.without_coordinates += 1;
                continue;
            };
            if place.0 < NULL_LATITUDE && place.1 < NULL_LONGITUDE {
                self.report.null_position += 1;
                continue;
            }
            let of_hotspot = |field: &str| format!("hotspots[{number}].{field}");
            let (sender_e7, sender) = located(sender, "_devLocation.latitude", "_devLocation.longitude")?;
            let (hotspot_e7, hotspot_position) = located(place, &of_hotspot("lat"), &of_hotspot("long"))?;
            let frequency_hz = rounded(hotspot.frequency, 1e6)
                .and_then(|hertz| u32::try_from(hertz).ok())
                .ok_or_else(|| (of_hotspot("frequency"), expected("MHz", hotspot.frequency)))?;
            let rssi_ddbm = rounded(hotspot.rssi, 10.0)
                .ok_or_else(|| (of_hotspot("rssi"), expected("dBm", hotspot.rssi)))?;
            let receipt = Receipt {
                frequency_hz,
                rssi_ddbm,
            };
            receipt.validate().map_err(|error| {
                let name = if error.field == "rssi_ddbm" {
                    "rssi"
                } else {
                    "frequency"
                };
                (of_hotspot(name), error.to_string())
            })?;
            if sender_e7 == hotspot_e7 {
                self.report.zero_distance += 1;
                continue;
            }
            self.receptions.push(Reception {
                line,
                hotspot: hotspot.id,
                sender_e7,
                hotspot_e7,
                sender,
                hotspot_position,
                receipt,
            });
        }
        Ok(())
    }
}

/// Latitude and longitude in 1e-7 degrees, and the position.
fn located(
    (latitude, longitude): (f64, f64),
    latitude_field: &str,
    longitude_field: &str,
) -> Result<([i32; 2], Position), Problem> {
    let degrees = |value, field: &str| {
        rounded(value, 1e7).ok_or_else(|| (field.to_owned(), expected("degrees", value)))
    };
    let [latitude, longitude] = [
        degrees(latitude, latitude_field)?,
        degrees(longitude, longitude_field)?,
    ];
    let position = Position::from_degrees_e7(latitude, longitude).map_err(|error| {
        let field = if error.field == "latitude" {
            latitude_field
        } else {
            longitude_field
        };
        (field.to_owned(), error.to_string())
    })?;
    Ok(([latitude, longitude], position))
}

fn expected(unit: &str, got: f64) -> String {
    format!("expected {unit}, got {got}")
}

/// `value * unit` to the nearest integer, if that fits 32 bits.
fn rounded(value: f64, unit: f64) -> Option<i32> {
    let scaled = (value * unit).round();
    let fits = scaled >= f64::from(i32::MIN) && scaled <= f64::from(i32::MAX);
    // A whole number within the range of the type.
    #[allow(clippy::cast_possible_truncation)]
    fits.then_some(scaled as i32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    const SENDER: &str = r#""_devLocation":{"latitude":45.5,"longitude":5.75,"altitude":1}"#;

    fn hotspot(lat: &str, long: &str, frequency: &str, rssi: &str) -> String {
        format!(r#"{{"id":"a","frequency":{frequency},"rssi":{rssi},"lat":{lat},"long":{long},"snr":-1.5}}"#)
    }

    fn frame(hotspots: &[String], sender: &str) -> String {
        format!(r#"{{"name":"x","hotspots":[{}],{sender}}}"#, hotspots.join(","))
    }

    fn read(lines: &[String]) -> Result<LoraLog, LogError> {
        read_lora("test.ndjson", lines.join("\n").as_bytes())
    }

    #[test]
    fn a_reception_in_integers() {
        let near = hotspot("45.25", "-5.5", "868.2999877929688", "-115.25");
        let log = read(&[frame(&[], SENDER), frame(&[near], SENDER)]).unwrap();
        let [reception] = log.receptions() else {
            panic!("one reception")
        };
        assert_eq!(reception.line, 2);
        assert_eq!(reception.sender_e7, [455_000_000, 57_500_000]);
        assert_eq!(reception.hotspot_e7, [452_500_000, -55_000_000]);
        assert_eq!(
            Position::from_degrees_e7(452_500_000, -55_000_000),
            Ok(reception.hotspot_position)
        );
        let receipt = Receipt {
            frequency_hz: 868_299_988,
            // Halves are rounded away from zero.
            rssi_ddbm: -1_153,
        };
        assert_eq!(reception.receipt, receipt);
    }

    #[test]
    fn unusable_receptions_are_counted_by_reason() {
        let good = hotspot("45.25", "5.5", "868.1", "-100");
        let hotspots = [
            good.clone(),
            hotspot("null", "5.5", "868.1", "-100"),
            hotspot("-89.997", "-179.994", "868.1", "-100"),
            hotspot("45.5", "5.75", "868.1", "-100"),
        ];
        let lost = frame(std::slice::from_ref(&good), r#""_devLocation":null"#);
        let log = read(&[frame(&hotspots, SENDER), lost]).unwrap();
        let expected = ReceptionReport {
            frames: 2,
            receptions: 5,
            without_coordinates: 2,
            null_position: 1,
            zero_distance: 1,
        };
        assert_eq!(log.report(), expected);
        assert_eq!((log.receptions().len(), expected.usable()), (1, 1));
    }

    #[test]
    fn refusals_name_file_line_field_and_reason() {
        let refused = |line: String| read(&[frame(&[], SENDER), line]).unwrap_err().to_string();
        let of = |lat, long, frequency, rssi| refused(frame(&[hotspot(lat, long, frequency, rssi)], SENDER));
        for (error, field) in [
            (of("91", "5", "868", "-100"), "hotspots[0].lat"),
            (of("45", "181", "868", "-100"), "hotspots[0].long"),
            (of("45", "1e300", "868", "-100"), "hotspots[0].long"),
            (of("45", "5", "-1", "-100"), "hotspots[0].frequency"),
            (of("45", "5", "1073.741824", "-100"), "hotspots[0].frequency"),
            (of("45", "5", "868", "410"), "hotspots[0].rssi"),
            (of("45", "5", "868", "1e20"), "hotspots[0].rssi"),
            (of("45", "5", "868", "\"loud\""), "hotspots[0].rssi"),
            (refused("{\"hotspots\":[]".to_owned()), "?"),
            (refused(frame(&[], SENDER) + "1"), "."),
            (refused("[]".to_owned()), "."),
        ] {
            let start = format!("test.ndjson, line 2, field `{field}`: ");
            assert!(error.starts_with(&start), "{error} does not start with {start}");
        }
    }

    proptest! {
        #![proptest_config(crate::cases(500))]

        #[test]
        fn damaged_lines_are_refused_or_read_and_never_panic(at in 0usize..400, byte in any::<u8>()) {
            let mut bytes = frame(&[hotspot("45.25", "5.5", "868.1", "-100")], SENDER).into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(log) = read_lora("test.ndjson", bytes.as_slice()) {
                let usable = log.receptions();
                prop_assert_eq!(usable.len(), log.report().usable());
                prop_assert!(usable.iter().all(|reception| reception.receipt.validate().is_ok()));
            }
        }
    }

    #[test]
    fn limits() {
        assert!(matches!(read(&[]), Err(LogError::NoRows { .. })));
        let long = format!("{}{}", frame(&[], SENDER), " ".repeat(LINE_BYTES_MAX));
        assert!(matches!(read(&[long]), Err(LogError::TooLarge { line: 1, .. })));
        let endless = std::io::repeat(b' ').take(FILE_BYTES_MAX + 5);
        assert!(matches!(
            read_lora("test.ndjson", endless),
            Err(LogError::TooLarge {
                what: "size in bytes",
                ..
            })
        ));
    }
}
