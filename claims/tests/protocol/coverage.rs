//! Challenged coverage: challenge, payload, messages, elements, verdicts, outputs.

use popw_claims::coverage::selection::{digest, draw};
use popw_claims::coverage::statement::out_commit;
use popw_claims::coverage::{
    Arrivals, Beacon, Link, Preset, Receipt, Received, ReceivedReceipt, Report, Shape, Site, challenge,
    free_space_table, payload,
};
use popw_claims::eddsa::SecretKey;
use popw_claims::field::{Fr, keccak256, to_decimal};
use popw_claims::registry::Position;
use popw_claims::statement::polynomial;
use serde_json::{Value, json};

use crate::check_json;

#[test]
fn challenged_coverage() {
    let shape = Shape::new(14);
    let parameters = Preset::HeliumIot.parameters(&shape);
    let [epoch_tag, nonce] = [1_234_567u64, 99].map(Fr::from);
    let zone = 70_000;
    let challenge = challenge(epoch_tag, nonce, zone);
    let key = |role: u64| SecretKey::from_bytes(&keccak256(format!("popw/example/radio/{role}").as_bytes()));
    let report = Beacon {
        frequency_hz: 867_900_024,
        power_dbm: 12,
    };
    let beacon = Received {
        report,
        signature: report.sign(&key(zone), epoch_tag, challenge),
        time_ms: 90_000,
    };
    let home = Site {
        position: Position::from_degrees_e7(485_734_000, 77_521_000).unwrap(),
        gain_ddbi: 81,
    };
    // Metres to the north in decimetres of z, strength, offset of frequency, time.
    let heard = [
        (5_080, -573, 0, 90_100),
        (5_080, -574, 0, 90_100),
        (3_999, -1_000, 0, 90_100),
        (1_100_000, -1_000, 0, 90_100),
        (5_080, -1_000, 100_001, 90_100),
        (5_080, -1_000, -100_000, 94_000),
        (5_080, -1_000, 0, 94_001),
        (40_000, -4_096, 0, 90_050),
    ];
    let arrivals = Arrivals::new(beacon.time_ms, heard.map(|(.., time_ms)| time_ms));
    let mut receipts = Vec::new();
    let mut rows: Vec<Value> = Vec::new();
    let mut accepted = 0;
    for (index, (away, rssi_ddbm, offset, time_ms)) in (1u64..).zip(heard) {
        let report = Receipt {
            frequency_hz: beacon.report.frequency_hz.checked_add_signed(offset).unwrap(),
            rssi_ddbm,
        };
        let received = Received {
            report,
            signature: report.sign(&key(index), epoch_tag, challenge),
            time_ms,
        };
        let receipt = ReceivedReceipt { index, received };
        let position = Position {
            x: home.position.x + away,
            ..home.position
        };
        let link = Link {
            beacon: beacon.report,
            beaconer: home,
            receipt: report,
            witness: Site {
                position,
                gain_ddbi: 83,
            },
        };
        let verdict = arrivals.check_fresh(&parameters);
        let verdict = verdict.and_then(|()| arrivals.check_lag(&parameters, time_ms));
        let verdict = verdict.and_then(|()| link.check(&parameters));
        accepted += usize::from(verdict.is_ok());
        rows.push(json!({
            "index": index, "frequency_hz": report.frequency_hz, "rssi_ddbm": rssi_ddbm, "time_ms": time_ms,
            "dm": [position.x, position.y, position.z], "gain_ddbi": 83,
            "message": to_decimal(&report.message(epoch_tag, challenge)), "element": to_decimal(&receipt.element()),
            "squared_distance": link.squared_distance().to_string(), "loss": link.loss(),
            "verdict": verdict.map_or_else(|refusal| format!("{refusal:?}"), |()| "Accepted".to_owned()),
        }));
        receipts.push(Some(receipt));
    }
    let digest = digest(14, nonce, &beacon, receipts);
    let mut scores = vec![parameters.beaconer_units[accepted]];
    let unit = parameters.witness_units[accepted];
    scores.extend(
        rows.iter()
            .map(|row| if row["verdict"] == "Accepted" { unit } else { 0 }),
    );
    scores.resize(15, 0);
    let payee = Fr::from(77u64);
    let mut coefficients: Vec<Fr> = Vec::new();
    for (row, score) in (0u64..).zip(&scores) {
        let index = [zone, row][usize::from(row != 0)];
        let is_present = row <= rows.len() as u64;
        let [index, payee] = if is_present {
            [Fr::from(index), payee]
        } else {
            [Fr::from(0u64); 2]
        };
        coefficients.extend([index, payee, Fr::from(*score)]);
    }
    coefficients.push(digest);
    let z = Fr::from(1_234_567_891_011u64);
    let fields: Vec<String> = parameters.fields(&shape).iter().map(to_decimal).collect();
    let table: String = free_space_table()
        .iter()
        .map(|entry| format!("{entry}\n"))
        .collect();
    check_json(
        "coverage.json",
        &json!({
            "parameters": fields, "params_hash": to_decimal(&parameters.hash(&shape)),
            "beaconer_units": parameters.beaconer_units, "witness_units": parameters.witness_units,
            "free_space_keccak": format!("0x{}", hex::encode(keccak256(table.as_bytes()))),
            "epoch_tag": to_decimal(&epoch_tag), "nonce": to_decimal(&nonce), "zone": zone,
            "challenge": to_decimal(&challenge), "payload": format!("0x{}", hex::encode(payload(challenge))),
            "witness_draw": { "device_id": "5", "draw": to_decimal(&draw(epoch_tag, Fr::from(5u64))) },
            "beacon": {
                "frequency_hz": report.frequency_hz, "power_dbm": report.power_dbm, "time_ms": beacon.time_ms,
                "dm": [home.position.x, home.position.y, home.position.z], "gain_ddbi": home.gain_ddbi,
                "message": to_decimal(&report.message(epoch_tag, challenge)),
            },
            "receipts": rows, "digest": to_decimal(&digest), "scores": scores,
            "out_commit": to_decimal(&out_commit(&scores, digest)),
            "payee": to_decimal(&payee), "z": to_decimal(&z), "y": to_decimal(&polynomial(z, &coefficients)),
        }),
    );
}
