//! What the packages start is what the grammar knows; completions and manual pages name every command.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use clap::{CommandFactory, Parser};
use popw::Cli;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn packaging(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The command line is one of ours. The files of options that it names are not here.
fn is_known(line: &[&str]) {
    Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
}

#[test]
fn units_and_containers_start_commands_that_there_are() {
    for (unit, needed) in [
        ("systemd/popw.service", &[][..]),
        // What its file of options says.
        (
            "systemd/popw-worker.service",
            &["--service", "http://coordinator:7420"],
        ),
    ] {
        let text = packaging(unit);
        let start = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="))
            .unwrap();
        let line: Vec<&str> = start.split_whitespace().chain(needed.iter().copied()).collect();
        is_known(&line);
        assert!(
            text.contains("TimeoutStopSec=90"),
            "longer than the default of --grace"
        );
    }
    let container = packaging("docker/Dockerfile");
    let json = |name: &str| -> Vec<String> {
        let line = container
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        serde_json::from_str(line.trim()).unwrap()
    };
    let words = [json("ENTRYPOINT"), json("CMD")].concat();
    is_known(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let compose = packaging("docker/compose.yaml");
    let mut commands = 0;
    for service in compose.split("    command:\n").skip(1) {
        let words = service.lines().map_while(|line| line.strip_prefix("      - "));
        let line: Vec<&str> = ["popw"].into_iter().chain(words).collect();
        assert!(line.len() > 3, "{service}");
        is_known(&line);
        commands += 1;
    }
    assert_eq!(commands, 2);
}

#[test]
fn every_command_has_a_page_and_completions() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("man");
    let popw = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_popw"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    popw(&["man", folder.to_str().unwrap()]);
    let page = fs::read_to_string(folder.join("popw-serve.1")).unwrap();
    for part in ["popw\\-serve", "\\-\\-data\\-dir", "\\-\\-http"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let grammar = Cli::command();
    for shell in ["bash", "zsh", "fish"] {
        let script = popw(&["completions", shell]);
        for command in grammar.get_subcommands() {
            let name = command.get_name();
            assert!(script.contains(name), "{shell} does not know {name}");
            assert!(
                folder.join(format!("popw-{name}.1")).is_file(),
                "{name} has no page"
            );
        }
    }
    // Bash takes it.
    let script = folder.join("popw.bash");
    fs::write(&script, popw(&["completions", "bash"])).unwrap();
    let check = Command::new("bash").arg("-n").arg(&script).status().unwrap();
    assert!(check.success());
}

#[test]
fn the_doctor_says_what_is_missing() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("doctor");
    let _ = fs::remove_dir_all(&folder);
    let data = folder.join("data");
    let ask = |data: &Path, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_popw"))
            .args(["doctor", "--json", "--data-dir", data.to_str().unwrap()])
            .args(more)
            .env("POPW_CACHE", folder.join("cache"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let findings: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let grade = move |what: &str| {
            let finding = findings.iter().find(|finding| finding["what"] == what);
            finding.map(|finding| finding["grade"].as_str().unwrap().to_owned())
        };
        (output.status.code(), grade)
    };
    let (code, grade) = ask(&data, &[]);
    assert_eq!(code, Some(0));
    for what in ["compute", "clock", "cache"] {
        assert_eq!(grade(what).as_deref(), Some("good"), "{what}");
    }
    for what in ["memory", "descriptors", "folder", "disk"] {
        let grade = grade(what);
        assert!(
            matches!(grade.as_deref(), Some("good" | "warning")),
            "{what}: {grade:?}"
        );
    }
    assert_eq!(grade("keys").as_deref(), Some("warning"), "there is none");
    assert_eq!(
        (grade("database"), grade("service")),
        (None, None),
        "nobody asked"
    );
    // Nobody is there, and a file is no folder.
    let nowhere = [
        "--database",
        "postgres://popw@127.0.0.1:1/popw",
        "--ask",
        "--service",
        "http://127.0.0.1:1",
        "--patience",
        "0",
    ];
    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    let (code, grade) = ask(&file, &nowhere);
    assert_eq!(code, Some(1));
    for what in ["database", "service", "folder"] {
        assert_eq!(grade(what).as_deref(), Some("bad"), "{what}");
    }
}
