//! The gas of the contracts, pinned in `verifier/contracts/gas.csv`.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "tests")]

use std::{env, fs, path::Path};

/// Compares a figure with its line in `verifier/contracts/gas.csv`; with `POPW_BLESS` set, writes it there.
pub fn pin(what: &str, size: usize, gas: u64) {
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _guard = WRITING.lock().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier/contracts/gas.csv");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(ToString::to_string).collect();
    let (start, line) = (format!("{what},{size},"), format!("{what},{size},{gas}"));
    let place = lines.iter().position(|line| line.starts_with(&start));
    if env::var_os("POPW_BLESS").is_none() {
        let expected = place.map(|place| lines[place].as_str());
        assert_eq!(
            expected,
            Some(line.as_str()),
            "gas.csv; set POPW_BLESS=1 to write it anew"
        );
        return;
    }
    match place {
        Some(place) => lines[place] = line,
        None => lines.push(line),
    }
    let header = "what,size,gas".to_string();
    lines.retain(|line| *line != header);
    lines.sort_by_key(|line| {
        let mut fields = line.split(',');
        (
            fields.next().unwrap().to_string(),
            fields.next().unwrap().parse::<usize>().unwrap(),
        )
    });
    lines.insert(0, header);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
}
