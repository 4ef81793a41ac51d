//! Builds all tests and finds their executables in what cargo prints.
//!
//! Depends on: `process`, `workspace`. Where to go next: `libtest`, which runs them.

use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// An executable with tests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Executable {
    /// The package it tests.
    pub(super) package: String,
    /// The folder of the package: where cargo would run it.
    pub(super) folder: PathBuf,
    /// The target's name, with its kind if that is not a library.
    pub(super) name: String,
    /// The file.
    pub(super) path: PathBuf,
}

/// Builds the tests of all that is worked on.
pub(super) fn executables(workspace: &Workspace) -> Result<Vec<Executable>, Error> {
    let mut command = workspace.cargo(&["test", "--release", "--no-run"]);
    command
        .args(workspace.selection_with_features())
        .arg("--message-format=json-render-diagnostics");
    println!("$ {}", process::line(&command));
    let mut found: Vec<_> = process::output(&mut command)?
        .lines()
        .filter_map(|line| executable(workspace, line))
        .collect();
    found.sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    Ok(found)
}

/// The test executable that one line of cargo's output tells of, if it does.
fn executable(workspace: &Workspace, line: &str) -> Option<Executable> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let path = message["executable"].as_str()?.into();
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = workspace
        .packages
        .iter()
        .find(|package| package.folder == folder)?
        .name
        .clone();
    let target = message["target"]["name"].as_str()?;
    let name = match message["target"]["kind"][0].as_str()? {
        "lib" => target.to_owned(),
        kind => format!("{kind} {target}"),
    };
    Some(Executable {
        package,
        folder: folder.into(),
        name,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::{Executable, executable};
    use crate::workspace::{Package, Workspace};

    #[test]
    fn only_test_executables_count() {
        let package = Package {
            name: "popw-keys".into(),
            folder: "/repo/keys".into(),
            targets: vec![],
            features: Vec::new(),
            dependencies: vec![],
        };
        let workspace = Workspace {
            root: "/repo".into(),
            scope: "/repo".into(),
            target: "/repo/target".into(),
            packages: vec![package],
        };
        let line = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/repo/keys/Cargo.toml",
                "target":{{"kind":["test"],"name":"formats"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let found = executable(&workspace, &line(true, "\"/t/formats-1\""));
        let expected = Executable {
            package: "popw-keys".into(),
            folder: "/repo/keys".into(),
            name: "test formats".into(),
            path: "/t/formats-1".into(),
        };
        assert_eq!(found, Some(expected));
        assert_eq!(executable(&workspace, &line(false, "\"/t/formats-1\"")), None);
        assert_eq!(executable(&workspace, &line(true, "null")), None);
        assert_eq!(
            executable(&workspace, r#"{"reason":"build-finished","success":true}"#),
            None
        );
        assert_eq!(executable(&workspace, "   Compiling popw-keys"), None);
    }
}
