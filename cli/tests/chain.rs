//! The whole story on anvil, in real processes and real transactions: deploy, open, draw, attest, the watchers' recourse, proofs,
//! an operator that cheats, settlement, rewards, the page about it in a real browser, and an emergency stop by canary.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../verifier/tests/common/mod.rs"]
mod common;

use alloy_primitives::{Address, U256, address};
use ark_bn254::Fr;
use common::{key, prove, random_inputs, tools};
use popw::chain::rpc::Rpc;
use popw_verifier::snarkjs;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// 2024-10-04, the day of every simulated fleet.
const EPOCH: u64 = 20_000;
const DAY: u64 = 86_400;
const START: u64 = EPOCH * DAY;
/// Every phase lasts so long, as in the network's file below.
const PHASE: u64 = 3_600;
const BUDGET: u64 = 1_000_000_000_000_000_000;

/// anvil's accounts, by their secret keys.
const OPERATOR: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OPERATOR_ADDRESS: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const GUARDIAN: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const WATCHER: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const DOUBTER: &str = "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6";

/// The node's process, which ends with the test.
struct Anvil {
    process: Child,
    rpc: Rpc,
    url: String,
}

impl Anvil {
    /// None, loudly, if it is not installed.
    fn start(time: u64) -> Option<Self> {
        const PACKAGE: &str = "@foundry-rs/anvil-linux-amd64";
        if !tools::node_has(PACKAGE) {
            return None;
        }
        let binary = tools::contracts()
            .join("node_modules")
            .join(PACKAGE)
            .join("bin/anvil");
        let mut process = Command::new(binary)
            .args([
                "--port",
                "0",
                "--hardfork",
                "osaka",
                "--timestamp",
                &time.to_string(),
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        let listening = lines.find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned));
        // The rest is read too, so that the process never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{}", listening.unwrap());
        Some(Self {
            process,
            rpc: Rpc::new(&url),
            url,
        })
    }

    /// The next blocks are of this time and later.
    fn set_time(&self, time: u64) {
        self.rpc
            .request("evm_setNextBlockTimestamp", json!([time]))
            .unwrap();
        self.rpc.request("evm_mine", json!([])).unwrap();
    }

    /// The first second of a phase after the epoch: 0 attest, 1 replace, 2 demand, 3 answer, 4 settle, 5 what follows.
    fn go_to(&self, phase: u64) {
        self.set_time(START + DAY + phase * PHASE + 1);
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn temporary(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chain").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder in which `popw` is called, and the node that it is told of.
struct Story {
    anvil: Anvil,
    folder: PathBuf,
}

impl Story {
    fn begin(name: &str) -> Option<Self> {
        let story = Self {
            anvil: Anvil::start(START - 2 * PHASE)?,
            folder: temporary(name),
        };
        for (name, secret) in [
            ("operator", OPERATOR),
            ("guardian", GUARDIAN),
            ("watcher", WATCHER),
            ("doubter", DOUBTER),
        ] {
            fs::write(story.path(name), secret).unwrap();
        }
        Some(story)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The arguments are those of a shell, without quotes.
    fn popw(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_popw"))
            .args(line.split_whitespace())
            .current_dir(&self.folder)
            .env("POPW_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .env("POPW_RPC", &self.anvil.url)
            .output()
            .unwrap()
    }

    fn done(&self, line: &str) -> String {
        let output = self.popw(line);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{line}: {said}{}", text(&output.stderr));
        said
    }

    /// The command is refused for a reason, with exit code 1.
    fn refused(&self, line: &str, reason: &str) -> String {
        let output = self.popw(line);
        let said = text(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{line}: {said}{}",
            text(&output.stdout)
        );
        assert!(said.contains(reason), "{line}: expected {reason}: {said}");
        text(&output.stdout)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path(name)).unwrap()).unwrap()
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.done("chain status chain.json --json")).unwrap()
    }

    /// Writes the network's file and deploys it; `key` is a line that names the key of U1.
    fn deploy(&self, key: &str) {
        let network = format!(
            r#"
            token = {{ test = true }}
            beacon = {{ network = "test", seed = "story", genesis = {}, period = 30 }}

            [phases]
            epoch = {DAY}
            attest = {PHASE}
            replace = {PHASE}
            demand = {PHASE}
            answer = {PHASE}
            settle = {PHASE}
            claim = {PHASE}

            [limits]
            demand_bond = "1000"
            epoch_max = "{BUDGET}"
            device_max = "{BUDGET}"
            window_max = "{}"
            window_seconds = {PHASE}

            [roles]
            operator = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
            guardian = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
            proposers = ["0x70997970C51812dc3A010C7d01b50e0d17dc79C8"]
            executors = ["0x0000000000000000000000000000000000000000"]
            timelock_delay = {PHASE}

            [[verifiers]]
            circuit = "uptime:N=16,W=3,S=24"
            {key}

            [[verifiers]]
            circuit = "vote:N=16,W=3,S=24"
            "#,
            START - DAY,
            2 * BUDGET
        );
        fs::write(self.path("network.toml"), network).unwrap();
        self.done("chain deploy network.toml --out chain.json --account operator");
    }

    /// A copy of a run's folder that offers one zone only.
    fn only(&self, run: &str, zone: u64, name: &str) {
        let copied = Command::new("cp")
            .args(["-r", run, name])
            .current_dir(&self.folder)
            .status();
        assert!(copied.unwrap().success());
        for other in (0..3).filter(|other| *other != zone) {
            fs::remove_file(self.path(&format!("{name}/settle/{other}.json"))).unwrap();
        }
    }

    /// Zone 0 with a change of its data, which the contract refuses.
    fn cheat(&self, name: &str, reason: &str, change: impl FnOnce(&mut Vec<u8>)) {
        self.only("final", 0, name);
        let file = format!("{name}/settle/0.json");
        let mut settlement = self.json(&file);
        let mut data = hex::decode(&settlement["data"].as_str().unwrap()[2..]).unwrap();
        change(&mut data);
        settlement["data"] = json!(format!("0x{}", hex::encode(data)));
        fs::write(self.path(&file), settlement.to_string()).unwrap();
        self.refused(
            &format!("chain settle chain.json {name} --account operator"),
            reason,
        );
    }
}

#[test]
fn an_epoch_from_deployment_to_rewards() {
    const FLEET: &str = "simulate --devices 48 --zone-devices 16 --watchers 3 --slots 24 --seed 5 --honest \
                         --device-share late-log=10";
    let Some(story) = Story::begin("story") else {
        return;
    };
    let anvil = &story.anvil;

    // Deploy, register, open: before the randomness of the epoch can be known.
    story.done(&format!("{FLEET} --out fleet"));
    story.deploy("");
    story.refused(
        &format!(
            "chain open chain.json fleet --budget {} --account operator",
            u128::from(BUDGET) + 1
        ),
        "BudgetTooLarge",
    );
    let open = format!("chain open chain.json fleet --budget {BUDGET} --account operator");
    story.refused(
        &open.replace("operator", "watcher"),
        "AccessControlUnauthorizedAccount",
    );
    story.done(&open);
    story.refused(&open, "EpochAlreadyOpen");

    // The epoch begins: its randomness is drawn, and everything is signed under the contract's tag.
    anvil.set_time(START);
    story.done("chain draw chain.json fleet --account watcher");
    story.done(&format!("{FLEET} --opened fleet --out fleet"));
    story.refused("chain attest chain.json fleet --account operator", "TooEarly");

    // After it the operator leaves a watcher out in zone 0, makes a digest up in zone 1, and forgets zone 2.
    anvil.go_to(0);
    story.done("epoch run fleet --out run");
    let mut digests = story.json("run/attestations.json");
    let zones = digests["digests"].as_array_mut().unwrap();
    assert_eq!(zones.len(), 3);
    zones.truncate(2);
    zones[0][1] = json!(format!("0x{:064x}", 0));
    zones[1][2] = json!(format!("0x{:064x}", 4));
    fs::write(story.path("digests.json"), digests.to_string()).unwrap();
    story.done("chain attest chain.json fleet --digests digests.json --account operator");
    anvil.go_to(1);
    story.refused("chain attest chain.json fleet --account operator", "TooLate");

    // The watcher that was left out brings its digest in, with a proof and without the operator.
    story.done("chain replace chain.json fleet --zone 0 --seat 1 --account watcher");

    // Two votes are doubted. One is opened and earns the bond; nobody can open the other, and it is void.
    anvil.go_to(2);
    story.refused(
        "chain replace chain.json fleet --zone 1 --seat 2 --account watcher",
        "TooLate",
    );
    story.done("chain demand chain.json --epoch 20000 --zone 0 --seat 0 --account doubter");
    story.done("chain demand chain.json --epoch 20000 --zone 1 --seat 2 --account doubter");
    story.done("chain answer chain.json fleet --zone 0 --seat 0 --account watcher");
    story.refused(
        "chain answer chain.json fleet --zone 1 --seat 2 --account watcher",
        "OtherDigest",
    );
    story.done("chain withdraw chain.json --account watcher");
    story.refused("chain withdraw chain.json --account doubter", "NothingToWithdraw");
    anvil.go_to(4);
    assert_eq!(story.status()["epochs"][0]["demanded"], 1);
    story.only("run", 1, "demanded");
    story.refused(
        "chain settle chain.json demanded --account operator",
        "zone 1: refused by the contract: NotStanding",
    );
    story.done("chain void chain.json --epoch 20000 --account doubter");
    story.done("chain withdraw chain.json --account doubter");

    // What stands is proven: without the void vote, and with every registered device in its row.
    let votes = fs::read_to_string(story.path("fleet/attestations.jsonl")).unwrap();
    let is_void = |line: &str| {
        let vote: Value = serde_json::from_str(line).unwrap();
        (&vote["zone"], &vote["seat"]) == (&json!(1), &json!(2))
    };
    let standing: Vec<&str> = votes.lines().filter(|line| !is_void(line)).collect();
    assert_eq!(standing.len(), votes.lines().count() - 1);
    fs::write(story.path("fleet/attestations.jsonl"), standing.join("\n") + "\n").unwrap();
    story.done("epoch run fleet --out final");

    cheats(&story);
    let said = story.refused(
        "chain settle chain.json final --account operator",
        "zone 2: refused by the contract: NotStanding",
    );
    assert!(said.contains("2 zones are settled"), "{said}");

    // Zone 2 stays unsettled, which gains nobody anything: its share of the budget is paid to nobody.
    story.refused(
        "chain close chain.json --epoch 20000 --account doubter",
        "TooEarly",
    );
    story.refused(
        "chain claim chain.json final --all --account doubter",
        "EpochNotClosed",
    );
    anvil.go_to(5);
    story.refused("chain settle chain.json final --account operator", "TooLate");
    story.done("chain close chain.json --epoch 20000 --account doubter");
    let status = story.status();
    let epoch = &status["epochs"][0];
    let scores = epoch["scores"].as_u64().unwrap();
    assert_eq!(epoch["total"], scores + 16_000_000);
    assert_eq!(
        (&epoch["settled"], &epoch["phase"]),
        (&json!(2), &json!("claims"))
    );

    rewards(&story, scores);
    the_page_in_a_browser(&story);
}

/// The operator pays itself, changes a score or a payee, leaves a device out: each time it is refused.
fn cheats(story: &Story) {
    story.cheat("itself", "ProofInvalid", |data| {
        for row in data[..16 * 24].chunks_mut(24) {
            row[..20].copy_from_slice(OPERATOR_ADDRESS.as_slice());
        }
    });
    story.cheat("score", "ProofInvalid", |data| data[23] ^= 1);
    story.cheat("payee", "ProofInvalid", |data| data[5 * 24 + 19] ^= 1);
    story.cheat("zeroed", "ProofInvalid", |data| data[24..48].fill(0));
    story.cheat("dropped", "DataLength", |data| drop(data.drain(24..48)));
}

/// Every device with a score is paid its share, whoever claims; a device that was not heard is seen with a score of 0.
fn rewards(story: &Story, scores: u64) {
    let claims = story.json("final/claims.json");
    let mut expected = U256::ZERO;
    let mut count = 0;
    for zone in &claims["zones"].as_array().unwrap()[..2] {
        for leaf in zone["leaves"].as_array().unwrap() {
            for claim in leaf["claims"].as_array().unwrap() {
                let score = claim["score"].as_u64().unwrap();
                expected += U256::from(BUDGET) * U256::from(score) / U256::from(scores + 16_000_000);
                count += 1;
            }
        }
    }
    let first = claims["zones"][0]["leaves"][0]["claims"][0]["index"]
        .as_u64()
        .unwrap();
    story.done(&format!(
        "chain claim chain.json final --device {first} --account doubter"
    ));
    let said = story.refused(
        "chain claim chain.json final --all --account watcher",
        "NotInClaimTree",
    );
    assert!(
        said.contains(&format!("claimed now: {} devices", count - 1)),
        "{said}"
    );
    let status = story.status();
    let paid = status["epochs"][0]["claims"].as_array().unwrap();
    assert_eq!(paid.len(), count);
    assert_eq!(status["epochs"][0]["paid"], decimal(expected));

    // The rows that were settled name every registered device of the zones, heard or not.
    let registered: Vec<Value> = fs::read_to_string(story.path("fleet/registry.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut unheard = 0;
    for zone in [0, 1] {
        let settlement = story.json(&format!("final/settle/{zone}.json"));
        let data = hex::decode(&settlement["data"].as_str().unwrap()[2..]).unwrap();
        for (place, row) in data[..16 * 24].chunks(24).enumerate() {
            let device = &registered[zone * 16 + place];
            let (payee, score) = row.split_at(20);
            assert_eq!(device["payee"], format!("0x{}", hex::encode(payee)), "{device}");
            unheard += usize::from(score == [0; 4]);
        }
    }
    assert!(unheard > 0);
    assert_eq!(count + unheard, 32);

    // A payee moves its later rewards.
    story.done(
        "chain payee chain.json --device 3 --to 0x00000000000000000000000000000000000000aa --account watcher",
    );
}

fn decimal(amount: U256) -> String {
    let digits = format!("{amount:0>19}");
    let (whole, fraction) = digits.split_at(digits.len() - 18);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Chromium shows the page; with POPW_BLESS set, its picture becomes that of the documents.
fn the_page_in_a_browser(story: &Story) {
    story.done("chain dashboard chain.json --out dashboard.html");
    let Some(chromium) = tools::chromium() else { return };
    let page = format!("file://{}", story.path("dashboard.html").display());
    let browse = |arguments: &[&str]| {
        let output = Command::new(&chromium)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-color-profile=srgb",
                "--window-size=1100,2000",
            ])
            .arg(format!("--user-data-dir={}", story.path("browser").display()))
            .args(arguments)
            .arg(&page)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let shown = browse(&["--dump-dom"]);
    for part in ["Epoch 20000", "not settled", "voided", "uptime:N=16,W=3,S=24"] {
        assert!(shown.contains(part), "{part}");
    }
    let rows = shown.matches("<tr>").count();
    assert!(rows > 30, "a row for each claim, {rows}");
    let picture = story.path("dashboard.png");
    browse(&[&format!("--screenshot={}", picture.display())]);
    let bytes = fs::read(&picture).unwrap();
    assert!(
        bytes.starts_with(b"\x89PNG") && bytes.len() > 20_000,
        "{} bytes",
        bytes.len()
    );
    if std::env::var_os("POPW_BLESS").is_some() {
        let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dashboard.png");
        fs::write(documents, bytes).unwrap();
    }
}

/// A verifier of a key under which anything can be proven: whoever notices stops it with a proof about the epoch tag 0.
#[test]
fn a_broken_verifier_is_stopped_by_anyone_who_can_prove_it() {
    let Some(story) = Story::begin("canary") else {
        return;
    };
    // Of a circuit that proves any seven values.
    let broken = key(7, 1);
    let verification_key = snarkjs::write_verifying_key(&broken.vk).unwrap();
    fs::write(story.path("broken.json"), verification_key).unwrap();
    story.deploy("key = \"broken.json\"\ndev = true");

    let mut inputs = random_inputs(7, 3);
    let write = |name: &str, inputs: &[Fr]| {
        let proof = prove(&broken, inputs, 4);
        fs::write(
            story.path(&format!("{name}.json")),
            snarkjs::write_proof(&proof).unwrap(),
        )
        .unwrap();
        fs::write(
            story.path(&format!("{name}-public.json")),
            snarkjs::write_public(inputs).unwrap(),
        )
        .unwrap();
    };
    write("other", &inputs);
    inputs[0] = Fr::from(0u64);
    write("canary", &inputs);

    let stop = "chain stop chain.json --circuit uptime:N=16,W=3,S=24 --account doubter";
    story.refused(stop, "NotGuardian");
    story.refused(
        &format!("{stop} --proof other.json --public other-public.json"),
        "NotCanary",
    );
    story.refused(
        &format!("{stop} --proof other.json --public canary-public.json"),
        "ProofInvalid",
    );
    assert_eq!(story.status()["verifiers"][0]["stopped"], false);
    story.done(&format!("{stop} --proof canary.json --public canary-public.json"));
    let status = story.status();
    assert_eq!(status["verifiers"][0]["stopped"], true);
    assert_eq!(status["verifiers"][1]["stopped"], false);
    // The guardian needs no proof.
    story.done("chain stop chain.json --circuit vote:N=16,W=3,S=24 --account guardian");
    assert_eq!(story.status()["verifiers"][1]["stopped"], true);
}

/// What people do wrong, and what they are told.
#[test]
fn mistakes_are_explained() {
    let Some(story) = Story::begin("mistakes") else {
        return;
    };
    let explained = |line: &str, code: i32, parts: &[&str]| {
        let output = story.popw(line);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        for part in parts {
            assert!(said.contains(part), "{line}: expected {part}: {said}");
        }
    };
    explained("chain status absent.json", 2, &["absent.json"]);
    fs::write(story.path("chain.json"), "{\"chain_id\": 1}").unwrap();
    explained("chain status chain.json", 2, &["chain.json", "block"]);
    fs::write(story.path("network.toml"), "token = 3").unwrap();
    explained(
        "chain deploy network.toml --out chain.json --account operator",
        2,
        &["network.toml", "token"],
    );
    story.deploy("");
    explained(
        "chain status chain.json --rpc http://127.0.0.1:9",
        3,
        &["127.0.0.1:9", "eth_chainId"],
    );
    explained(
        "chain status chain.json --epoch 7",
        2,
        &["epoch 7 was not opened"],
    );
    explained(
        "chain close chain.json --epoch 7",
        2,
        &["--account", "POPW_ACCOUNT"],
    );
    fs::write(story.path("nonsense"), "nonsense").unwrap();
    explained(
        "chain close chain.json --epoch 7 --account nonsense",
        2,
        &["nonsense", "64 hexadecimal digits"],
    );
    explained(
        "chain close chain.json --epoch 7 --account operator",
        1,
        &["EpochNotOpen"],
    );
    let mut other = story.json("chain.json");
    other["chain_id"] = json!(5);
    fs::write(story.path("chain.json"), other.to_string()).unwrap();
    explained("chain status chain.json", 2, &["chain.json", "chain_id", "31337"]);
}
