//! `popw simulate`: the same seed makes the same bytes, the ordinary reader reads them, and every attack does what
//! `docs/security/attacks.md` says of it.

#![allow(clippy::unwrap_used, clippy::panic)]

use popw::fleet_folder;
use popw::simulate::output::FleetFiles;
use popw::simulate::report::Summary;
use popw::simulate::roles::{DeviceRole, Role, Shares, WatcherRole};
use popw::simulate::table::{Attack, Measured, attacks, markdown};
use popw::simulate::uptime::{Capture, lost_by_packet_loss};
use popw::simulate::world::{Settings, World};
use popw::simulate::{self, zone};
use popw_claims::fleet::{Encoding, Reason};
use popw_claims::uptime::Preset;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const DOCS: &str = include_str!("../../docs/security/attacks.md");
const FILES: [&str; 6] = [
    "params.toml",
    "epoch.toml",
    "registry.jsonl",
    "watchers.jsonl",
    "attestations.jsonl",
    "truth.json",
];

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Three zones of sixteen, with attackers of every kind, by a rule with an outage limit.
fn settings(seed: u64) -> Settings {
    let mut device_shares = Shares::honest();
    for role in DeviceRole::ATTACKS {
        device_shares.set(&format!("{}=5", role.name())).unwrap();
    }
    let mut watcher_shares = Shares::honest();
    for role in WatcherRole::ATTACKS {
        watcher_shares.set(&format!("{}=4", role.name())).unwrap();
    }
    Settings {
        seed,
        devices: 40,
        zone_devices: 16,
        slots: 24,
        watchers: 8,
        watchers_per_seat: 8,
        quorum: 5,
        preset: Preset::Onocoy,
        outage_limit: Some(12),
        loss_percent: 5,
        skew_seconds: 2,
        outages: true,
        device_shares,
        watcher_shares,
    }
}

fn honest(devices: usize) -> Settings {
    Settings {
        devices,
        device_shares: Shares::honest(),
        watcher_shares: Shares::honest(),
        ..settings(1)
    }
}

fn simulate(folder: &Path, settings: Settings) -> (World, Summary) {
    let world = World::new(settings).unwrap();
    let mut files = FleetFiles::create(folder, &world, Encoding::JsonLines).unwrap();
    let summary = simulate::play(&world, &mut files).unwrap();
    (world, summary)
}

fn bytes(folder: &Path) -> Vec<Vec<u8>> {
    FILES
        .iter()
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .collect()
}

#[test]
fn the_same_seed_makes_the_same_bytes() {
    let folders = ["seed-1", "seed-1-again", "seed-2"].map(temporary);
    let summaries = [1, 1, 2].map(settings).into_iter().zip(&folders);
    let summaries: Vec<Summary> = summaries
        .map(|(settings, folder)| simulate(folder, settings).1)
        .collect();
    assert_eq!(summaries[0], summaries[1]);
    let [first, again, other] = folders.map(|folder| bytes(&folder));
    assert_eq!(first, again);
    // All but the parameters depend on the seed.
    assert_eq!(first[0], other[0]);
    for (file, (first, other)) in FILES.iter().zip(first.iter().zip(&other)).skip(1) {
        assert_ne!(first, other, "{file}");
    }
}

#[test]
fn the_ordinary_reader_reads_every_file_and_says_the_same_scores() {
    let folder = temporary("read-back");
    let (world, summary) = simulate(&folder, settings(3));
    let fleet = fleet_folder::read(&folder).unwrap();
    assert_eq!(fleet.epoch_tag(), world.epoch_tag);
    assert_eq!(
        (fleet.shape(), fleet.parameters()),
        (&world.shape, &world.parameters)
    );
    assert_eq!(fleet.zones(), [0, 1, 2]);
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let devices = truth["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 40);
    assert_eq!(truth["watchers"].as_array().unwrap().len(), 64);

    // What was published is in the file, and its reader takes and refuses what the collector did.
    let mut rejected: BTreeMap<Reason, u64> = BTreeMap::new();
    let mut attestations = fleet_folder::ingest(&folder, &fleet, |rejection| {
        *rejected.entry(rejection.flaw.reason).or_default() += 1;
    })
    .unwrap();
    let collected: BTreeMap<Reason, u64> = summary.rejections().counts().collect();
    assert!(!collected.is_empty());
    assert_eq!(rejected, collected);

    let mut scored = 0;
    for zone in fleet.zones() {
        let claim = fleet.claim(zone, &attestations.votes(zone).unwrap()).unwrap();
        for verdict in zone::play(&world, zone).unwrap().verdicts {
            let place = verdict.index % 16;
            assert_eq!(
                claim.outcome.scores[place], verdict.scored,
                "device {}",
                verdict.index
            );
            let told = &devices[verdict.index];
            assert_eq!(told["index"], verdict.index);
            assert_eq!(told["role"], world.devices[verdict.index].role.name());
            assert_eq!(told["deserved"], verdict.deserved);
            let on = u32::from_str_radix(&told["on"].as_str().unwrap()[2..], 16).unwrap();
            assert_eq!(
                on.count_ones() as usize,
                verdict.on.iter().filter(|on| **on).count()
            );
            scored += u64::from(verdict.scored);
        }
    }
    let json = summary.json(&[]);
    let total: u64 = json["roles"]
        .as_object()
        .unwrap()
        .values()
        .map(|role| role["scored"].as_u64().unwrap())
        .sum();
    assert_eq!(total, scored);
}

#[test]
fn a_line_that_is_malformed_or_stands_twice_is_rejected_and_nothing_else_changes() {
    let folder = temporary("malformed");
    simulate(&folder, honest(16));
    let path = folder.join("attestations.jsonl");
    let good = std::fs::read_to_string(&path).unwrap();
    assert_eq!(good.lines().count(), 8);
    let first = good.lines().next().unwrap();
    let fleet = fleet_folder::read(&folder).unwrap();
    for (bad, at_line, reason, counted) in [
        (format!("{good}{first}\n"), 9, Reason::Duplicate, 8),
        (
            format!("{good}{}\n", &first[..first.len() / 2]),
            9,
            Reason::Malformed,
            8,
        ),
        (
            good.replacen("\"bitmap\":\"0x", "\"bitmap\":\"0xff", 1),
            1,
            Reason::Malformed,
            7,
        ),
        (
            good.replacen("\"digest\":\"", "\"digest\":\"0", 1),
            1,
            Reason::Malformed,
            7,
        ),
    ] {
        std::fs::write(&path, bad).unwrap();
        let mut rejections = Vec::new();
        let attestations = fleet_folder::ingest(&folder, &fleet, |rejection| {
            rejections.push((rejection.number, rejection.flaw.reason));
        })
        .unwrap();
        assert_eq!(rejections, [(at_line, reason)]);
        assert_eq!(attestations.len(), counted);
    }
}

#[test]
fn without_attackers_or_loss_everybody_gets_what_they_deserve() {
    let settings = Settings {
        loss_percent: 0,
        ..honest(40)
    };
    let (_, summary) = simulate(&temporary("honest"), settings);
    let account = summary.account(DeviceRole::Honest);
    assert_eq!((account.devices, account.gained, account.lost), (40, 0, 0));
    assert!(account.deserved > 0 && account.deserved < 40_000_000);
}

#[test]
fn shares_are_dealt_exactly_and_refused_with_a_reason() {
    let world = World::new(settings(1)).unwrap();
    for role in DeviceRole::ATTACKS {
        let dealt = world.devices.iter().filter(|device| device.role == *role).count();
        assert_eq!(dealt, 2, "5 % of 40 are {}", role.name());
    }
    for (text, reason) in [
        ("cloned-key", "expected NAME=PERCENT"),
        ("no-such-role=1", "expected one of replayed-log"),
        ("cloned-key=x", "expected a whole percentage"),
        ("cloned-key=101", "at most 100 % in all"),
    ] {
        let refused = Shares::<DeviceRole>::honest().set(text).unwrap_err().message;
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn the_command_writes_a_fleet_and_refuses_numbers_beyond_the_limits() {
    let folder = temporary("command");
    let out = folder.to_str().unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_popw"))
            .arg("simulate")
            .args(arguments)
            .output()
            .unwrap()
    };
    let small = [
        "--out",
        out,
        "--devices",
        "20",
        "--zone-devices",
        "16",
        "--slots",
        "24",
        "--json",
    ];
    let output = run(&small);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["zones"]["played"], 2);
    assert!(fleet_folder::read(&folder).is_ok());
    for bad in [
        ["--slots", "7"],
        ["--zone-devices", "17"],
        ["--watchers", "11"],
        ["--watchers-per-seat", "3"],
        ["--quorum", "4"],
        ["--outage-limit", "145"],
        ["--preset", "none"],
        ["--watcher-share", "colluder=101"],
    ] {
        let output = run(&[&["--out", out, "--devices", "1"], &bad[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn the_docs_say_what_is_measured() {
    let (_, rest) = DOCS
        .split_once("<!-- begin: popw simulate --table -->\n")
        .unwrap();
    let (table, _) = rest.split_once("<!-- end -->").unwrap();
    assert_eq!(table.trim(), markdown().unwrap().trim());
}

/// The measured share of zones that colluders decide is the binomial one, within four standard deviations.
#[test]
fn colluding_watchers_get_a_quorum_as_often_as_chance_says() {
    for (colluders, least, most) in [(3, 0.0091, 0.0117), (5, 0.0843, 0.0915)] {
        let capture = Capture::measure(colluders).unwrap();
        assert!((least..most).contains(&capture.fraction()), "{capture:?}");
        assert!((least..most).contains(&capture.expected), "{capture:?}");
    }
}

/// A quorum of five of eight bridges the loss of one record in fifty, not of one in three.
#[test]
fn packet_loss_costs_honest_devices_when_it_is_large() {
    let [small, large, larger] = [2, 30, 50].map(|percent| lost_by_packet_loss(percent).unwrap());
    assert_eq!(small, 0);
    assert!(0 < large && large < larger && larger <= WHOLE);
}

const WHOLE: u32 = 1_000_000;

/// A test of an attack's name, with what must come of it: who gains, who loses, and whether the rule refused messages.
macro_rules! attacks {
    ($($name:ident: $gained:expr, $lost:expr, $refused:expr;)*) => {
        $(#[test]
        fn $name() {
            let measured = measured(stringify!($name));
            let Measured { gained, lost, refused } = measured;
            assert_eq!((gained, lost, refused), ($gained, $lost, $refused));
            let caught = if measured.is_caught() { "yes" } else { "**no**" };
            let name = stringify!($name).replace('_', "-");
            let row = format!("| `{name}` |");
            let row = DOCS.lines().find(|line| line.starts_with(&row)).unwrap();
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let claim = Attack::named(&name).unwrap().scenario.claim();
            assert_eq!(cells[3..5], [claim, caught]);
        })*

        #[test]
        fn every_attack_has_a_test() {
            let tested = [$(stringify!($name).replace('_', "-")),*];
            let known: Vec<&str> = attacks().map(|attack| attack.name).collect();
            assert_eq!(known, tested);
        }
    };
}

fn measured(name: &str) -> Measured {
    Attack::named(&name.replace('_', "-")).unwrap().measure().unwrap()
}

/// Records of the three quarters in which the attacker is off, at eight watchers.
const OFF: u64 = 108 * 8;

attacks! {
    replayed_log: 0, 0, OFF;
    forged_signatures: 0, 0, OFF;
    borrowed_identity: 0, 0, OFF;
    echoed_records: 0, 0, OFF;
    back_dated_log: 0, 0, 0;
    late_log: 0, 0, OFF;
    stockpiled_records: WHOLE, 0, 0;
    cloned_key: WHOLE, 0, 0;
    registered_twice: 0, 0, 144 * 8;
    collusion_below_the_quorum: 0, 0, 0;
    collusion_of_a_quorum: WHOLE, 0, 0;
    self_vote: 0, 0, 0;
    undrawn_watchers: 0, 0, 5;
    altered_attestations: 0, 0, 5;
    replayed_attestations: 0, 0, 5;
    malformed_attestations: 0, 0, 3;
    double_attestations: 0, 0, 3;
    silence_of_three: 0, 0, 0;
    silence_of_four: 0, WHOLE, 0;
    slander_by_three: 0, 0, 0;
    slander_by_four: 0, WHOLE, 0;
    skewed_clocks_of_three: 0, 0, 0;
    skewed_clocks_of_four: 0, 250_000, 0;

    position_that_contradicts: 0, 0, 24;
    spoofed_position: WHOLE, 0, 0;
    replayed_reports: 0, 0, 24;
    reports_of_other_slots: 0, 0, 18;
    withheld_reports: 500_000, 0, 0;
    too_few_reports: 0, 0, 0;
    inventing_ingestor: WHOLE, 0, 0;
    undrawn_ingestor: 0, 0, 1;
    altered_reports: 0, 0, 1;
    silent_ingestor: 0, WHOLE, 0;

    many_radios_of_one_owner: 0, 0, 4;
    own_radio_as_witness: 0, 0, 1;
    room_of_radios: 0, 0, 12;
    spoofed_places: 4_056_600, 778_000, 0;
    stuffed_window: 0, WHOLE, 13;
    signal_too_strong: 0, 0, 1;
    signal_that_nobody_heard: 1_250_000, 0, 0;
    witness_beyond_the_maximum_distance: 0, 0, 1;
    another_frequency: 0, 0, 1;
    replayed_receipt: 0, 0, 1;
    late_receipt: 0, 0, 1;
    back_dated_receipt: 1_250_000, 0, 0;
    receipts_left_out: 0, WHOLE, 0;
}
