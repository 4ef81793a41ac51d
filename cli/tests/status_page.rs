//! The status page of `popw serve` in a real browser, its metrics, what Grafana's board asks for, and who may see them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
#[path = "../../verifier/tests/common/tools.rs"]
mod tools;

use common::browser::Page;
use common::{Service, done, popw, port, prove, temporary, text, witness};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Proofs before the page is looked at.
const PROOFS: usize = 3;

/// A file of the project.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Status and body of an answer.
fn get(url: &str, authorization: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.get(url);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    let mut response = request.call().unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), body)
}

#[test]
fn the_status_page_shows_what_the_service_does() {
    let (folder, port, http) = (temporary("status"), port(), port());
    let (data, url) = (folder.join("data"), format!("http://127.0.0.1:{port}"));
    let page = format!("http://127.0.0.1:{http}");
    let witness = witness(&folder, 1);
    let service = Service::with(&data, port, &["--http", &page["http://".len()..]]);
    assert_eq!(get(&format!("{page}/healthz"), ""), (200, "serving\n".to_owned()));
    assert_eq!(get(&format!("{page}/readyz"), ""), (200, "ready\n".to_owned()));
    assert_eq!(get(&format!("{page}/nowhere"), "").0, 404);
    for number in 0..PROOFS {
        let request = format!("request-{number}");
        let output = prove(&url, &witness, &folder, &request, "60").output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    // A job that waits.
    done(&["jobs", "pause", "--service", &url]);
    let mut waiting = prove(&url, &witness, &folder, "waiting", "60").spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while !done(&["jobs", "stats", "--service", &url]).starts_with("1 queued") {
        assert!(Instant::now() < end, "it was never submitted");
    }
    metrics(&page);
    let mut shown = tools::chromium().map(|chromium| Page::open(&chromium, &folder, &page));
    if let Some(shown) = &mut shown {
        shown.wait("state", "paused");
        for (id, text) in [
            ("queued", "1"),
            ("leased", "0"),
            ("succeeded", "3"),
            ("running", "nothing at the moment"),
        ] {
            assert_eq!(shown.text(id), text, "{id}");
        }
        for (id, part) in [
            ("workers", "local"),
            ("proofs", "the last 3 proofs"),
            ("latency", "submission to proof"),
            ("phase-names", "self verification"),
            ("keys", "whoever made it can forge proofs"),
            ("about", "SQLite"),
        ] {
            let text = shown.text(id);
            assert!(text.to_lowercase().contains(&part.to_lowercase()), "{id}: {text}");
        }
        assert_eq!(shown.value("document.querySelectorAll('#phases rect').length"), 4);
    }
    done(&["jobs", "resume", "--service", &url]);
    if let Some(shown) = &mut shown {
        // It is live: nobody loads it again.
        shown.wait("succeeded", "4");
        shown.wait("state", "live");
        let loaded =
            "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).host).join()";
        let hosts = shown.value(loaded);
        let own = &page["http://".len()..];
        assert!(
            hosts.as_str().unwrap().split(',').all(|host| host == own),
            "{hosts}"
        );
        let picture = shown.picture();
        assert!(
            picture.starts_with(b"\x89PNG") && picture.len() > 20_000,
            "{} bytes",
            picture.len()
        );
        if std::env::var_os("POPW_BLESS").is_some() {
            fs::write(project("docs/status-page.png"), picture).unwrap();
        }
    }
    assert!(waiting.wait().unwrap().success());
    service.kill();
    if let Some(shown) = &mut shown {
        shown.wait("state", "the service does not answer");
    }
}

/// The metrics are well formed and true, their labels come from closed sets, and Grafana's board asks for none that there is not.
fn metrics(page: &str) {
    let (status, metrics) = get(&format!("{page}/metrics"), "");
    assert_eq!(status, 200);
    assert!(metrics.ends_with("# EOF\n"));
    let value = |name: &str| {
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {metrics}"))
            .parse::<f64>()
            .unwrap()
    };
    let proofs = PROOFS as f64;
    assert_eq!(value("popw_jobs{state=\"queued\"}"), 1.0);
    assert_eq!(value("popw_jobs{state=\"succeeded\"}"), proofs);
    assert_eq!(value("popw_jobs_submitted_total"), proofs + 1.0);
    assert_eq!(value("popw_jobs_ended_total{state=\"succeeded\"}"), proofs);
    assert_eq!(value("popw_jobs_ended_total{state=\"failed\"}"), 0.0);
    assert_eq!(value("popw_job_seconds_count"), proofs);
    assert_eq!(value("popw_phase_seconds_count{phase=\"quotient\"}"), proofs);
    assert_eq!(value("popw_queue_paused"), 1.0);
    assert_eq!(value("popw_workers{state=\"working\"}"), 1.0);
    assert!(value("popw_calls_total{method=\"Prover/SubmitJob\",code=\"Ok\"}") >= proofs + 1.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(
        !metrics.contains("waiting\"") && !metrics.contains("default"),
        "{metrics}"
    );
    let names: BTreeSet<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .collect();
    let board = fs::read_to_string(project("packaging/grafana/popw.json")).unwrap();
    let board: serde_json::Value = serde_json::from_str(&board).unwrap();
    let mut asked = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let found: Vec<&str> = words
                .filter(|word| word.starts_with("popw_") || word.starts_with("process_"))
                .collect();
            assert!(!found.is_empty(), "{query}");
            for name in found {
                assert!(names.contains(name), "{name} of {query}");
                asked.insert(name.to_owned());
            }
        }
    }
    // And it shows all that there is.
    let family = |name: &str| {
        let name = name.trim_end_matches("_total");
        ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name)
            .to_owned()
    };
    let asked: BTreeSet<String> = asked.iter().map(|name| family(name)).collect();
    let there: BTreeSet<String> = names.iter().map(|name| family(name)).collect();
    let missing: Vec<&String> = there
        .difference(&asked)
        .filter(|name| *name != "popw_build")
        .collect();
    assert!(missing.is_empty(), "not on the board: {missing:?}");
}

#[test]
fn only_administrators_see_it_where_callers_say_who_they_are() {
    let (folder, port, http) = (temporary("status-callers"), port(), port());
    let page = format!("http://127.0.0.1:{http}");
    let mut callers = String::new();
    let mut key = |scope: &str| {
        let made = popw(&[
            "callers", "new", "--name", scope, "--tenant", "acme", "--scope", scope,
        ]);
        let made = { made }.output().unwrap();
        callers += &text(&made.stderr);
        text(&made.stdout).trim().to_owned()
    };
    let (admin, tenant) = (key("admin"), key("submit"));
    let file = folder.join("callers.toml");
    fs::write(&file, callers).unwrap();
    let options = [
        "--http",
        &page["http://".len()..],
        "--callers",
        file.to_str().unwrap(),
    ];
    let service = Service::with(&folder.join("data"), port, &options);
    for path in ["/", "/metrics", "/status.js"] {
        let url = format!("{page}{path}");
        assert_eq!(get(&url, "").0, 401, "{path}");
        assert_eq!(get(&url, &format!("Bearer {tenant}")).0, 401, "{path}");
        assert_eq!(get(&url, &format!("Bearer {admin}")).0, 200, "{path}");
    }
    assert_eq!(get(&format!("{page}/healthz"), "").0, 200);
    if let Some(chromium) = tools::chromium() {
        let page = format!("http://me:{admin}@127.0.0.1:{http}");
        Page::open(&chromium, &folder, &page).wait("state", "live");
    }
    service.kill();
}
