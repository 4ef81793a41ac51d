//! The rule of coverage against the published rule in floating point, on every usable reception of the corpus.
//!
//! The receptions are of ordinary frames: the senders are sensors, not beaconers. Power and gains are not in the data
//! and are assumed: 14 dBm, 3 dBi at the sender, 1.2 dBi at the hotspot, which counts as 1.
//!
//! The corpus lies in the folder that `POPW_CORPUS` names, or else beside the repository in `shared/corpus`.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::{Path, PathBuf};

use popw_claims::coverage::{Beacon, Link, Parameters, Preset, Receipt, Refusal, Shape, Site};
use popw_claims::log::lora::{Reception, read_lora};

/// dBm, and tenths of dBi.
const POWER_DBM: i32 = 14;
const GAINS_DDBI: [i32; 2] = [30, 12];

fn files() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("POPW_CORPUS")
        .map_or(beside, PathBuf::from)
        .join("logs/lora");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        let message = format!("SKIPPED (corpus): nothing in {}", folder.display());
        assert!(std::env::var_os("POPW_REQUIRE_CORPUS").is_none(), "{message}");
        println!("{message}");
        return vec![];
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    files
}

fn link(reception: &Reception, rssi_ddbm: i32) -> Link {
    let site = |position, gain_ddbi| Site { position, gain_ddbi };
    Link {
        beacon: Beacon {
            frequency_hz: reception.receipt.frequency_hz,
            power_dbm: POWER_DBM,
        },
        beaconer: site(reception.sender, GAINS_DDBI[0]),
        receipt: Receipt {
            rssi_ddbm,
            ..reception.receipt
        },
        witness: site(reception.hotspot_position, GAINS_DDBI[1]),
    }
}

/// Metres along the sphere, by haversines.
fn haversine(reception: &Reception) -> f64 {
    const RADIUS: f64 = 6_371_007.18;
    let radians = |[latitude, longitude]: [i32; 2]| {
        [latitude, longitude].map(|degrees| (f64::from(degrees) / 1e7).to_radians())
    };
    let ([la, lo], [lb, lp]) = (radians(reception.sender_e7), radians(reception.hotspot_e7));
    let half = ((la - lb) / 2.0).sin().powi(2) + la.cos() * lb.cos() * ((lo - lp) / 2.0).sin().powi(2);
    2.0 * RADIUS * half.sqrt().asin()
}

/// The published rule: `signal / 10 <= tx + g_b / 10 + g_w / 10 - 20 log10(4 pi d f / 2.998e8)`, whole
/// kilometres of whole metres at most 100.
fn published(reception: &Reception, rssi_ddbm: i32) -> Result<(), Refusal> {
    let metres = haversine(reception);
    if (metres.round() / 1000.0).floor() > 100.0 {
        return Err(Refusal::TooFar);
    }
    if metres < 400.0 {
        return Err(Refusal::TooNear);
    }
    let frequency = f64::from(reception.receipt.frequency_hz);
    let loss = 20.0 * (4.0 * std::f64::consts::PI * metres * frequency / 2.998e8).log10();
    let gains: i32 = GAINS_DDBI.iter().map(|gain| gain / 10).sum();
    if f64::from(rssi_ddbm) / 10.0 > f64::from(POWER_DBM + gains) - loss {
        return Err(Refusal::TooStrong);
    }
    Ok(())
}

#[test]
fn integers_agree_with_the_published_floats_on_every_usable_reception() {
    let parameters: Parameters = Preset::HeliumIot.parameters(&Shape::new(14));
    let files = files();
    let [mut accepted, mut far, mut near, mut strong] = [0; 4];
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let unpacked = flate2::read::GzDecoder::new(File::open(path).unwrap());
        let log = read_lora(&name, unpacked).unwrap();
        let report = log.report();
        assert_eq!(log.receptions().len(), report.usable());
        for reception in log.receptions() {
            let own = reception.receipt.rssi_ddbm;
            let verdict = link(reception, own).check(&parameters);
            assert_eq!(
                verdict,
                published(reception, own),
                "{name}, line {}",
                reception.line
            );
            match verdict {
                Ok(()) => accepted += 1,
                Err(Refusal::TooFar) => far += 1,
                Err(Refusal::TooNear) => near += 1,
                Err(_) => strong += 1,
            }
            // The strengths around the bound of this pair: one is the first that is refused.
            let metres = haversine(reception);
            let frequency = f64::from(reception.receipt.frequency_hz);
            let loss = 20.0 * (4.0 * std::f64::consts::PI * metres * frequency / 2.998e8).log10();
            #[allow(clippy::cast_possible_truncation)] // a few hundred
            let bound = (10.0 * (18.0 - loss)).floor() as i32;
            for rssi in bound - 1..=bound + 2 {
                assert_eq!(
                    link(reception, rssi).check(&parameters),
                    published(reception, rssi),
                    "{name}, line {}, {rssi}",
                    reception.line
                );
            }
        }
        println!("{name}: {report:?}, usable {}", report.usable());
    }
    println!("accepted {accepted}, too far {far}, too near {near}, too strong {strong}");
    assert!(files.is_empty() || accepted > 0 && strong > 0);
}
