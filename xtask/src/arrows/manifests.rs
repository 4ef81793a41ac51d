//! Versions stand once: a member names a dependency and features, the workspace's manifest gives it a
//! version.
//!
//! Depends on: `workspace`. The manifests are read line by line, which is enough for the forms in use; a form
//! that is not understood counts as a breach. Where to go next: `edges`, the rule about the names themselves.

use crate::error::Error;
use crate::workspace::Workspace;
use std::fs;

/// Every breach, one line each.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut breaches = Vec::new();
    for package in &workspace.packages {
        let path = package.folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let path = workspace.relative(&path).display();
        let named = own_versions(&text).into_iter();
        breaches.extend(named.map(|(line, name)| {
            format!(
                "{path}:{line}: `{name}` must say `workspace = true`: versions stand in the root's manifest"
            )
        }));
    }
    Ok(breaches)
}

/// Line and name of each dependency that does not take its version from the workspace.
fn own_versions(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut table = Table::Other;
    for (number, line) in (1..).zip(manifest.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(header) = line.strip_prefix('[') {
            found.extend(table.leave());
            table = Table::enter(number, header.trim_end_matches(']'));
        } else if let Some((key, value)) = line.split_once('=') {
            match &mut table {
                Table::Dependencies => {
                    let key = key.trim();
                    let name = key.strip_suffix(".workspace");
                    let shared = if name.is_some() {
                        value.trim() == "true"
                    } else {
                        says_workspace(value)
                    };
                    // The second line of a list of features starts with a quote and is no key.
                    if !shared && !key.starts_with(['"', '{', ']']) {
                        found.push((number, name.unwrap_or(key).into()));
                    }
                }
                Table::Dependency { shared, .. } => {
                    *shared |= key.trim() == "workspace" && value.trim() == "true";
                }
                Table::Other => {}
            }
        }
    }
    found.extend(table.leave());
    found
}

/// `{ workspace = true, .. }`
fn says_workspace(value: &str) -> bool {
    let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    [
        "{workspace=true,",
        "{workspace=true}",
        ",workspace=true,",
        ",workspace=true}",
    ]
    .iter()
    .any(|form| value.contains(form))
}

/// Where a line of a manifest stands.
enum Table {
    /// `[dependencies]` and its kin: one line for each.
    Dependencies,
    /// `[dependencies.NAME]`: one line for each property.
    Dependency { line: usize, name: String, shared: bool },
    /// Anywhere else.
    Other,
}

impl Table {
    fn enter(line: usize, header: &str) -> Self {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        // `[target.'cfg(..)'.dependencies]` ends like the plain table.
        let is_table = |header: &str| kinds.contains(&header.rsplit('.').next().unwrap_or_default());
        match header.rsplit_once('.') {
            _ if is_table(header) => Self::Dependencies,
            Some((table, name)) if is_table(table) => Self::Dependency {
                line,
                name: name.into(),
                shared: false,
            },
            _ => Self::Other,
        }
    }

    fn leave(&self) -> Option<(usize, String)> {
        match self {
            Self::Dependency {
                line,
                name,
                shared: false,
            } => Some((*line, name.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::own_versions;

    #[test]
    fn shared_versions_pass() {
        let manifest = r#"
            [package]
            name = "popw-keys"
            version.workspace = true
            edition = "2024"
            [features]
            std = ["hex/std"]
            [dependencies]
            hex.workspace = true # a comment with version = "1"
            serde = { workspace = true, features = ["std"] }
            sha2 = { features = ["std"], workspace = true }
            ark-ff = { workspace = true, features = [
                "std",
            ] }
            [target.'cfg(unix)'.dependencies]
            rand = { workspace = true }
            [dev-dependencies.proptest]
            workspace = true
            [lints]
            workspace = true
        "#;
        assert_eq!(own_versions(manifest), []);
    }

    #[test]
    fn own_versions_are_found() {
        let manifest = r#"[dependencies]
            hex = "0.4"
            serde = { version = "1", features = ["std"] }
            popw-claims = { path = "../claims" }
            [target.'cfg(unix)'.dev-dependencies]
            rand = "*"
            [build-dependencies.cc]
            version = "1"
        "#;
        let expected = [
            (2, "hex"),
            (3, "serde"),
            (4, "popw-claims"),
            (6, "rand"),
            (7, "cc"),
        ];
        assert_eq!(
            own_versions(manifest),
            expected.map(|(line, name)| (line, name.into()))
        );
    }
}
