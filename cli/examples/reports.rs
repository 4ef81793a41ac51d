//! Writes one report of each kind, to look at: `zcat *.ndjson.gz | cargo run --release -p popw --example reports -- OUT_DIR`.
//!
//! The epoch is invented. The map shows what standard input has: receptions of LoRaWAN frames as CampusIoT publishes them
//! (<https://github.com/CampusIoT/datasets>, one JSON object a line), judged by distance alone.

use popw::report::Count;
use popw::report::coverage::{self, CoverageReport, Place, Receipt};
use popw::report::uptime::{self, DeviceUptime, FileLine, Rejection, SeatCount, Tally, UptimeReport};
use popw_claims::uptime::{Preset, Shape, longest_outage, score, up_slots};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use std::error::Error;
use std::io::{BufRead, stdin};
use std::path::PathBuf;
use std::{env, fs};

const EPOCH_SECONDS: u32 = 86_400;
const ZONES: u64 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let out: PathBuf = env::args_os()
        .nth(1)
        .ok_or("an argument is missing: OUT_DIR")?
        .into();
    fs::create_dir_all(&out)?;
    fs::write(out.join("uptime.html"), uptime::html(&invented_epoch()))?;
    let receptions = read_receptions(stdin().lock())?;
    fs::write(out.join("coverage.html"), coverage::html(&receptions))?;
    fs::write(out.join("map.svg"), coverage::map_svg(&receptions))?;
    Ok(())
}

/// A fleet in which most devices are up, some stations sleep at night, one region loses its uplink and two zones were not settled.
fn invented_epoch() -> UptimeReport {
    let mut random = StdRng::seed_from_u64(1);
    let shape = Shape {
        outage_rule: true,
        ..Shape::new(256, 8, 144)
    };
    let parameters = Preset::Geodnet
        .parameters(&shape, EPOCH_SECONDS, 5)
        .with_outage_limit(36);
    let mut tally = Tally::new(ZONES, shape.slots);
    for zone in 0..ZONES {
        let registered = if zone == ZONES - 1 { 91 } else { 256 };
        let devices: Vec<(Vec<bool>, u32)> = (0..registered)
            .map(|_| {
                let dead = random.gen_bool(0.02);
                let loss = if random.gen_bool(0.15) { 0.08 } else { 0.002 };
                let sleeps = random.gen_bool(0.06);
                let slots: Vec<_> = (0..shape.slots)
                    .map(|slot| {
                        let is_dark =
                            (96..140).contains(&zone) && (58..71).contains(&slot) && !random.gen_bool(0.1);
                        let is_asleep = sleeps && !(30..120).contains(&slot);
                        !(dead || is_dark || is_asleep || random.gen_bool(loss))
                    })
                    .collect();
                let score = score(&parameters, &shape, up_slots(&slots), longest_outage(&slots));
                (slots, score)
            })
            .collect();
        let file = (zone != 17 && zone != 203).then(|| format!("settle/{zone}.json"));
        let devices = (zone * 256..)
            .zip(&devices)
            .map(|(index, (slots, score))| DeviceUptime {
                index,
                slots,
                score: *score,
            });
        tally.add_zone(zone, file, devices);
    }
    let hash = |digit: &str| format!("0x0{}", digit.repeat(63));
    let seats = (0..8).map(|seat| {
        let absent = [2, 0, 5, 1, 31, 0, 3, 1][seat];
        SeatCount {
            attested: ZONES - absent,
            absent,
        }
    });
    let rejection = |reason: &str, count, lines: &[u64]| Rejection {
        reason: reason.to_owned(),
        count,
        examples: (lines.iter())
            .map(|line| FileLine {
                file: "attestations.jsonl".to_owned(),
                line: *line,
            })
            .collect(),
    };
    UptimeReport {
        title: "Invented network".to_owned(),
        epoch: 20_152,
        epoch_start: 20_152 * u64::from(EPOCH_SECONDS),
        shape,
        parameters,
        preset: Some(Preset::Geodnet.name().to_owned()),
        epoch_tag: hash("3"),
        registry_root: hash("a"),
        params_hash: hash("7"),
        attestation_root: hash("c"),
        tally,
        seats: seats.collect(),
        rejections: vec![
            rejection(
                "the signature does not belong to this key and message",
                23,
                &[118, 412, 1_977],
            ),
            rejection("the seat was not drawn", 9, &[77, 78, 1_204]),
            rejection("a second attestation of the seat", 2, &[901, 2_210]),
        ],
    }
}

/// Receptions with both positions, the others by what they lack.
fn read_receptions(lines: impl BufRead) -> Result<CoverageReport, Box<dyn Error>> {
    let mut receipts = Vec::new();
    let (mut missing, mut null) = (0, 0);
    for line in lines.lines() {
        let frame: Value = serde_json::from_str(&line?)?;
        let device = &frame["_devLocation"];
        let beacon = place(&device["latitude"], &device["longitude"]);
        for hotspot in frame["hotspots"].as_array().into_iter().flatten() {
            let witness = place(&hotspot["lat"], &hotspot["long"]);
            let (Some(beacon), Some(witness)) = (beacon, witness) else {
                missing += 1;
                continue;
            };
            // The null position is the south-west corner of the globe, or the centre of its smallest cell.
            if witness.latitude_e7 < -899_000_000 {
                null += 1;
                continue;
            }
            let metres = hotspot["_distance"]["_distanceHaversine"].as_u64().unwrap_or(0);
            let distance_m = u32::try_from(metres)?;
            let refusal = match distance_m {
                0 => Some("in the same cell"),
                1..400 => Some("minimum distance"),
                10_000.. => Some("beyond 10 km (for the example)"),
                _ => None,
            };
            receipts.push(Receipt {
                beacon,
                witness,
                distance_m,
                refusal: refusal.map(str::to_owned),
            });
        }
    }
    Ok(CoverageReport {
        title: "LoRaWAN around Grenoble".to_owned(),
        lead: "Receptions by Helium hotspots, CampusIoT 2022 and 2023; positions of 1.2 km by 0.6 km cells"
            .to_owned(),
        evidence: "none: receptions as a network server logged them, not signed".to_owned(),
        does_not_prove: coverage::DOES_NOT_PROVE.to_owned(),
        facts: vec![("Minimum distance".to_owned(), "400 m".to_owned())],
        receipts,
        unplaced: [("no coordinates", missing), ("the null position", null)]
            .map(|(name, count)| Count {
                name: name.to_owned(),
                count,
            })
            .to_vec(),
    })
}

fn place(latitude: &Value, longitude: &Value) -> Option<Place> {
    // Within 180 degrees the product fits 32 bits; anything else is cut to them.
    #[allow(clippy::cast_possible_truncation)]
    let e7 = |degrees: &Value| Some((degrees.as_f64()? * 1e7).round() as i32);
    Some(Place {
        latitude_e7: e7(latitude)?,
        longitude_e7: e7(longitude)?,
    })
}
