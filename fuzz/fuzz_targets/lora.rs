//! Receptions of LoRaWAN frames: a file is refused, or every reception in it is within the limits of a claim, counted once, and the
//! same when its integers are written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use popw_claims::coverage::Report;
use popw_claims::log::lora::{Reception, read_lora};
use popw_claims::registry::Position;

/// A line with one reception. Only the identifier, which needs no reader, is another.
fn line(reception: &Reception) -> String {
    let degrees = |e7: i32| f64::from(e7) / 1e7;
    let [sender, hotspot] = [reception.sender_e7, reception.hotspot_e7].map(|at| at.map(degrees));
    let receipt = &reception.receipt;
    format!(
        r#"{{"hotspots":[{{"id":"a","frequency":{},"rssi":{},"lat":{},"long":{}}}],"_devLocation":{{"latitude":{},"longitude":{}}}}}"#,
        f64::from(receipt.frequency_hz) / 1e6,
        f64::from(receipt.rssi_ddbm) / 10.0,
        hotspot[0],
        hotspot[1],
        sender[0],
        sender[1],
    )
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(log) = read_lora("fuzz", bytes) else {
        return;
    };
    let (report, receptions) = (log.report(), log.receptions());
    assert_eq!(report.usable(), receptions.len());
    assert!(receptions.is_sorted_by_key(|reception| reception.line));
    let lines: Vec<String> = receptions.iter().map(line).collect();
    let Ok(again) = read_lora("fuzz", lines.join("\n").as_bytes()) else {
        assert!(receptions.is_empty());
        return;
    };
    assert_eq!(again.receptions().len(), receptions.len());
    for ((reception, again), number) in receptions.iter().zip(again.receptions()).zip(1..) {
        assert!((1..=report.frames as u64).contains(&reception.line));
        assert_eq!(reception.receipt.validate(), Ok(()));
        assert_ne!(reception.sender_e7, reception.hotspot_e7);
        let [latitude, longitude] = reception.hotspot_e7;
        let position = Position::from_degrees_e7(latitude, longitude);
        assert_eq!(position, Ok(reception.hotspot_position));
        let expected = Reception {
            line: number,
            hotspot: "a".to_owned(),
            ..reception.clone()
        };
        assert_eq!(*again, expected);
    }
});
