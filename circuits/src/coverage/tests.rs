//! Claim C1 against its native twin, at its pinned cost, and through the soundness regime.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::forgeries::witness_forgeries;
use super::rule::{Report, Rule, Site, unsigned};
use super::structure;
use super::subject::{Case, build_case, parameter_sets, small, subject};
use crate::Builder;
use crate::catalog;
use crate::gadgets::bits::Bit;
use crate::gadgets::int::Int;
use crate::r1cs::RowKind;
use crate::soundness::{Draw, Finding, build, check_constraints};
use ark_bn254::Fr;
use popw_claims::coverage::{
    Arrivals, Beacon, Link, Outcome, Parameters, Preset, Receipt, Refusal, Shape, Site as NativeSite,
};
use popw_claims::log::lora::read_lora;
use popw_claims::registry::Position;
use std::path::{Path, PathBuf};

fn rounds() -> usize {
    std::env::var("POPW_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(1)
}

/// The circuit's public inputs are the native statement's, and it accepts exactly what the native twin accepts; the outcome.
fn agrees(case: &Case) -> Result<Option<Outcome>, String> {
    let (r1cs, assignment) = build(&build_case, case);
    let accepted = r1cs.violations(&assignment).is_empty();
    match case.witness.evaluate(&case.shape) {
        Ok(outcome) => {
            let expected = outcome.statement_at(case.z).public_inputs();
            match accepted && assignment[1..8] == expected {
                true => Ok(Some(outcome)),
                false => Err(format!(
                    "honest, but accepted: {accepted}, {expected:?}, {:?}",
                    &assignment[1..8]
                )),
            }
        }
        Err(error) if accepted => Err(format!(
            "the circuit accepts what the native twin refuses: {error}"
        )),
        Err(_) => Ok(None),
    }
}

#[test]
fn the_circuit_and_its_native_twin_agree() {
    let deep = Shape {
        device_levels: 2,
        seat_levels: 2,
        ..small(3)
    };
    let mut seen = Vec::new();
    for shape in [small(1), small(2), deep] {
        for parameters in parameter_sets(&shape) {
            for seed in 0..7 * rounds() as u64 {
                let case = Case::honest(shape, parameters.clone(), 1000 + seed);
                let outcome = agrees(&case).unwrap().unwrap();
                seen.extend(outcome.verdicts);
            }
            let case = Case::honest(shape, parameters, 7);
            for silent in [case.clone().without_receipts(), case.without_ingestor()] {
                let outcome = agrees(&silent).unwrap().unwrap();
                assert!(outcome.rows.iter().all(|row| row.score == 0));
            }
        }
    }
    // Every verdict occurs.
    for verdict in [
        None,
        Some(Ok(())),
        Some(Err(Refusal::NotFresh)),
        Some(Err(Refusal::TooLate)),
        Some(Err(Refusal::Frequency)),
        Some(Err(Refusal::TooFar)),
        Some(Err(Refusal::TooNear)),
        Some(Err(Refusal::TooStrong)),
    ] {
        assert!(seen.contains(&verdict), "{verdict:?}");
    }
}

/// The size that networks use: all fourteen rows, with every verdict among them.
#[test]
fn a_full_beacon_agrees() {
    let shape = Shape::new(14);
    let case = Case::honest(shape, parameter_sets(&shape)[0].clone(), 1);
    let outcome = agrees(&case).unwrap().unwrap();
    let accepted = outcome
        .verdicts
        .iter()
        .filter(|verdict| **verdict == Some(Ok(())))
        .count();
    assert_eq!(accepted, 4);
    assert_eq!(outcome.rows[0].score, 10_000);
    assert_eq!(
        outcome.rows.iter().skip(1).map(|row| row.score).sum::<u32>(),
        40_000
    );
}

#[test]
fn forgeries_are_refused_by_both() {
    for forgery in witness_forgeries(&small(2)) {
        assert!(agrees(&forgery.witness).unwrap().is_none(), "{}", forgery.name);
    }
}

/// The rule of a link alone: parameters, both sites, both reports.
fn build_link(cs: &mut Builder<Fr>, (parameters, link): &(Parameters, Link)) {
    let rule = Rule::new(cs, &small(1), parameters);
    link_bit(cs, &rule, link);
}

fn link_bit(cs: &mut Builder<Fr>, rule: &Rule, link: &Link) -> Bit<Fr> {
    let site = |cs: &mut Builder<Fr>, site: &NativeSite| {
        let limit = 1 << 27;
        let Position { x, y, z } = site.position;
        let position =
            [x, y, z].map(|value| Int::input_between(cs, "coordinate", value.into(), -limit, limit - 1));
        let gain = cs.input("gain", Fr::from(site.gain_ddbi));
        Site::new(cs, position, &gain)
    };
    let [beaconer, witness] = [site(cs, &link.beaconer), site(cs, &link.witness)];
    let beacon = Report::beacon(cs, &link.beacon);
    let receipt = Report::receipt(cs, &link.receipt);
    rule.accepts_link(cs, (&beacon, &beaconer), (&receipt, &witness))
}

/// The verdict of the circuit, with the constraints checked if asked.
fn circuit_accepts(parameters: &Parameters, link: &Link, checked: bool) -> bool {
    if checked {
        let (r1cs, assignment) = build(&build_link, &(parameters.clone(), *link));
        assert!(r1cs.violations(&assignment).is_empty(), "{link:?}");
    }
    let mut cs = Builder::witness();
    let rule = Rule::new(&mut cs, &small(1), parameters);
    link_bit(&mut cs, &rule, link).value()
}

fn published() -> Parameters {
    Preset::HeliumIot.parameters(&small(1))
}

/// Antennas a distance apart along y.
fn link(distance_dm: i32, rssi_ddbm: i32, power_dbm: i32, gains: [i32; 2]) -> Link {
    let site = |y, gain_ddbi| NativeSite {
        position: Position { x: -9, y, z: 4 },
        gain_ddbi,
    };
    let frequency_hz = 867_900_024;
    Link {
        beacon: Beacon {
            frequency_hz,
            power_dbm,
        },
        beaconer: site(-3, gains[0]),
        receipt: Receipt {
            frequency_hz,
            rssi_ddbm,
        },
        witness: site(distance_dm - 3, gains[1]),
    }
}

#[test]
fn links_at_every_border_have_the_native_verdict() {
    let mut links = vec![
        // The published vector of free space: K = 853 and 854.
        link(5_080, -573, 12, [81, 83]),
        link(5_080, -574, 12, [81, 83]),
    ];
    // Distances.
    for distance in [
        0,
        3_999,
        4_000,
        1_009_984,
        1_009_985,
        (1 << 20) - 1,
        1 << 20,
        1 << 27,
    ] {
        links.push(link(distance, -1_500, 14, [12, 30]));
    }
    // K at both ends of the table and at the ends of its own range.
    for loss in [-7_375, -1, 0, 1, 1_325, 1_326, 1_327, 1_328, 7_366] {
        let power = if loss < 0 { -128 } else { 127 };
        let gain = if loss < 0 { -1_000 } else { 1_000 };
        let gains = if (-1..=1_328).contains(&loss) {
            [0, 0]
        } else {
            [gain, gain]
        };
        let rssi = 10 * (power + gains[0] / 10 + gains[1] / 10) - loss;
        if (-4_096..4_096).contains(&rssi) {
            for distance in [4_000, 100_000, 1_009_984] {
                let link = link(distance, rssi, power, gains);
                assert_eq!(link.loss(), i64::from(loss));
                links.push(link);
            }
        }
    }
    // Gains on both sides of zero and of every ten.
    for gain in [-1_000, -11, -10, -9, -1, 0, 1, 9, 10, 11, 1_000] {
        for rssi in [-573, -574, -583, -584, -563, -564] {
            links.push(link(5_080, rssi, 12, [gain, 83]));
            links.push(link(5_080, rssi, 12, [81, gain]));
        }
    }
    // Frequencies.
    for difference in [-100_001, -100_000, 100_000, 100_001] {
        let mut tuned = link(5_080, -1_000, 12, [81, 83]);
        tuned.receipt.frequency_hz = tuned.receipt.frequency_hz.checked_add_signed(difference).unwrap();
        links.push(tuned);
    }
    for frequency in [0, 1, (1 << 30) - 1] {
        let mut edge = link(5_080, -1_000, 12, [81, 83]);
        (edge.beacon.frequency_hz, edge.receipt.frequency_hz) = (frequency, frequency);
        links.push(edge);
        edge.beacon.frequency_hz = 0;
        links.push(edge);
    }
    // Corners of the coordinates.
    for (low, high) in [(-(1 << 27), (1 << 27) - 1), (0, (1 << 27) - 1)] {
        let mut far = link(5_080, -1_500, 12, [0, 0]);
        far.beaconer.position = Position {
            x: low,
            y: low,
            z: low,
        };
        far.witness.position = Position {
            x: high,
            y: high,
            z: high,
        };
        links.push(far);
        far.witness.position = far.beaconer.position;
        links.push(far);
    }
    let widest = parameter_sets(&small(1))[2].clone();
    for link in &links {
        for parameters in [published(), widest.clone(), parameter_sets(&small(1))[1].clone()] {
            let native = link.check(&parameters).is_ok();
            assert_eq!(circuit_accepts(&parameters, link, true), native, "{link:?}");
        }
    }
}

#[test]
fn random_links_have_the_native_verdict() {
    let mut draw = Draw::new(21);
    let mut accepted = 0;
    let links = 1_500 * rounds();
    for _ in 0..links {
        let mut number = |limit: u64| i32::try_from(draw.number(limit)).unwrap();
        let distance = [5_000, 50_000, 1_100_000][usize::try_from(number(3)).unwrap()];
        let mut link = link(
            number(distance),
            -number(1_300),
            number(30),
            [number(2_001) - 1_000, number(100)],
        );
        link.witness.position.z += number(distance);
        link.receipt.frequency_hz = link
            .receipt
            .frequency_hz
            .checked_add_signed(number(220_000) - 110_000)
            .unwrap();
        let native = link.check(&published()).is_ok();
        assert_eq!(circuit_accepts(&published(), &link, false), native, "{link:?}");
        accepted += usize::from(native);
    }
    assert!(
        (links / 10..links * 9 / 10).contains(&accepted),
        "{accepted} of {links}"
    );
}

#[test]
fn clocks_have_the_native_verdict() {
    let circuit = |cs: &mut Builder<Fr>,
                   (parameters, beacon, receipts): &(Parameters, u32, Vec<Option<u32>>)| {
        let rule = Rule::new(cs, &small(1), parameters);
        let beacon = unsigned(cs, "time", *beacon, 27);
        let rows: Vec<(Bit<Fr>, Int<Fr>)> = receipts
            .iter()
            .map(|time| {
                let present = Bit::choice(cs, "present", time.is_some());
                // An absent row may hold any time, such as the earliest.
                (present, unsigned(cs, "time", time.unwrap_or(0), 27))
            })
            .collect();
        let fresh = rule.is_fresh(cs, &beacon).value();
        let clock = rule.clock(cs, &beacon, rows.iter().map(|(present, time)| (present, time)));
        let prompt = rows
            .iter()
            .map(|(_, time)| clock.is_prompt(cs, time).value())
            .collect();
        (fresh, prompt)
    };
    let build_clock = |cs: &mut Builder<Fr>, case: &(Parameters, u32, Vec<Option<u32>>)| {
        let _: (bool, Vec<bool>) = circuit(cs, case);
    };
    let late = (1 << 27) - 1;
    for receipts in [
        vec![Some(10_000), Some(14_000), Some(14_001)],
        vec![Some(9_999), Some(11_499), Some(11_500)],
        vec![None, Some(10_001), Some(late)],
        vec![Some(12_000), None, Some(10_000)],
        vec![Some(late), Some(0), Some(1_500)],
        vec![Some(1_501), Some(1), Some(0)],
        vec![None, None, None],
    ] {
        for beacon in [0, 10_000, 180_000, 180_001, late] {
            for start_ms in [0, 9_999, 10_000, 10_001, late] {
                let parameters = Parameters {
                    start_ms,
                    ..published()
                };
                let case = (parameters, beacon, receipts.clone());
                let (r1cs, assignment) = build(&build_clock, &case);
                assert!(r1cs.violations(&assignment).is_empty());
                let (fresh, prompt) = circuit(&mut Builder::witness(), &case);
                let arrivals = Arrivals::new(beacon, receipts.iter().flatten().copied());
                assert_eq!(
                    fresh,
                    arrivals.check_fresh(&case.0).is_ok(),
                    "{beacon} {start_ms}"
                );
                for (time, prompt) in receipts.iter().zip(prompt) {
                    if let Some(time) = time {
                        let native = arrivals.check_lag(&case.0, *time).is_ok();
                        assert_eq!(prompt, native, "{beacon} {time} of {receipts:?}");
                    }
                }
            }
        }
    }
}

/// Every usable reception of the corpus, sent with 14 dBm and antennas of 3 and 1.2 dBi, which the data do not tell.
#[test]
fn real_receptions_have_the_native_verdict() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("POPW_CORPUS")
        .map_or(beside, PathBuf::from)
        .join("logs/lora");
    let Ok(files) = std::fs::read_dir(&folder) else {
        let message = format!("SKIPPED (corpus): nothing in {}", folder.display());
        assert!(std::env::var_os("POPW_REQUIRE_CORPUS").is_none(), "{message}");
        return println!("{message}");
    };
    let [mut receptions, mut accepted, mut checked] = [0, 0, 0];
    for path in files.map(|file| file.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "gz") {
            continue;
        }
        let unpacked = flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap());
        for reception in read_lora(&path.to_string_lossy(), unpacked).unwrap().receptions() {
            let mut link = link(0, 0, 14, [30, 12]);
            link.beacon.frequency_hz = reception.receipt.frequency_hz;
            link.receipt = reception.receipt;
            link.beaconer.position = reception.sender;
            link.witness.position = reception.hotspot_position;
            let native = link.check(&published()).is_ok();
            let is_sample = receptions % 200 == 0 || !native;
            assert_eq!(
                circuit_accepts(&published(), &link, is_sample),
                native,
                "{link:?}"
            );
            receptions += 1;
            accepted += usize::from(native);
            checked += usize::from(is_sample);
        }
    }
    println!("{receptions} receptions, {accepted} accepted; constraints checked for {checked}");
    assert!(accepted > 0 && accepted < receptions);
}

#[test]
fn a_bug_planted_in_coverage_is_caught() {
    let mut subject = subject(small(1), 1);
    subject.valid.truncate(1);
    let (r1cs, _) = build(&build_case, &subject.valid[0]);
    let in_scope = |scope: &str, kind| {
        (0..r1cs.constraints())
            .filter(|row| r1cs.scope_name(r1cs.row_scope(*row)) == scope && r1cs.row_kind(*row) == kind)
            .collect::<Vec<_>>()
    };
    let caught = |row: usize| {
        let report = check_constraints(&subject, &r1cs.without_row(row));
        let found = |kind: &dyn Fn(&Finding) -> bool| report.findings.iter().any(kind);
        [
            found(&|finding| matches!(finding, Finding::FreeWire(_))),
            found(&|finding| matches!(finding, Finding::ForgeryAccepted(_))),
        ]
    };
    // The masked product of the free-space table's index: the index is free.
    assert!(caught(in_scope("verdict[0].free_space", RowKind::Determining)[31])[0]);
    // "No receipt without an ingestor", and "one registry": forgeries pass.
    for row in in_scope("registry", RowKind::Assertion) {
        assert!(caught(row)[1], "row {row}");
    }
    // A witness of the beaconer's owner.
    assert!(caught(in_scope("registry", RowKind::Determining)[0]).contains(&true));
}

#[test]
fn every_public_input_is_bound() {
    let case = Case::honest(small(1), parameter_sets(&small(1))[0].clone(), 4);
    let (r1cs, assignment) = build(&build_case, &case);
    assert_eq!(r1cs.public_inputs(), 7);
    for input in 1..=7 {
        for delta in [1u64, 2, 1 << 40] {
            let mut changed = assignment.clone();
            changed[input] += Fr::from(delta);
            assert!(!r1cs.violations(&changed).is_empty(), "public input {input}");
        }
    }
}

#[test]
fn a_structure_does_not_depend_on_the_witness() {
    let blank = structure(&small(2));
    let case = Case::honest(small(2), parameter_sets(&small(2))[0].clone(), 3);
    let (other, assignment) = build(&build_case, &case);
    assert_eq!(blank.constraints(), other.constraints());
    for row in 0..blank.constraints() {
        for matrix in 0..3 {
            assert!(blank.terms(matrix, row).eq(other.terms(matrix, row)), "row {row}");
        }
    }
    assert!(blank.violations(&assignment).is_empty());
}

#[test]
fn fourteen_witnesses_are_within_budget() {
    let r1cs = structure(&Shape::new(14));
    assert!(r1cs.constraints() <= 120_000, "{}", r1cs.constraints());
    for (name, rows) in catalog::breakdown(&r1cs) {
        println!("{name} {rows}");
    }
}
