//! The workspace as cargo describes it: folders, packages, their targets and dependencies.
//!
//! Depends on: `process`. Where to go next: `arrows` and `test`, which work on it.

use crate::error::Error;
use crate::process;
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Features that are off by default and on in tests: the GPU, and the places where tests have a process killed.
const FEATURES: [&str; 3] = ["gpu", "failpoints", "otel"];

/// The workspace, or one package of it.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    /// The repository's folder.
    pub(crate) root: PathBuf,
    /// The folder of what is worked on: the root, or the one package's folder.
    pub(crate) scope: PathBuf,
    /// The folder for build products and stamps.
    pub(crate) target: PathBuf,
    /// The members that are worked on.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) targets: Vec<Target>,
    /// Those of [`FEATURES`] that it has.
    pub(crate) features: Vec<&'static str>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a package builds.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As cargo names it: `lib`, `bin`, `test`, `bench` and so on.
    pub(crate) kind: String,
    /// The file at its root.
    pub(crate) source: PathBuf,
    /// Whether it has doc-tests.
    pub(crate) has_doctests: bool,
}

/// A line of a package's dependencies.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Is it for tests and benches only?
    pub(crate) is_dev: bool,
    /// Does it lie in a folder, as our own crates do?
    pub(crate) is_path: bool,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Error> {
        let mut cargo = Command::new(cargo());
        Self::parse(&process::output(cargo.args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
        ]))?)
    }

    /// Reads what `cargo metadata` printed.
    pub(crate) fn parse(json: &str) -> Result<Self, Error> {
        let data: Value = serde_json::from_str(json).map_err(|error| Error::Metadata(error.to_string()))?;
        let root = PathBuf::from(text(&data, "workspace_root")?);
        let packages = list(&data, "packages")?
            .iter()
            .map(Package::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            scope: root.clone(),
            root,
            target: text(&data, "target_directory")?.into(),
            packages,
        })
    }

    /// The workspace, or the package that a command line names.
    pub(crate) fn narrow(&self, package: Option<&str>) -> Result<Self, Error> {
        let Some(name) = package else {
            return Ok(self.clone());
        };
        let found = self.packages.iter().find(|package| package.name == name);
        let found = found.ok_or_else(|| Error::Usage(format!("no package `{name}` in the workspace")))?;
        Ok(Self {
            scope: found.folder.clone(),
            packages: vec![found.clone()],
            ..self.clone()
        })
    }

    /// A cargo command in the root.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(words).current_dir(&self.root);
        command
    }

    /// Cargo's words for what is worked on.
    pub(crate) fn selection(&self) -> Vec<&str> {
        match self.packages.as_slice() {
            [package] if self.scope != self.root => vec!["--package", &package.name],
            _ => vec!["--workspace"],
        }
    }

    /// Cargo's words for the same with everything that is off by default and needs no more than the tests' setup.
    pub(crate) fn selection_with_features(&self) -> Vec<String> {
        let mut words: Vec<String> = self.selection().into_iter().map(Into::into).collect();
        for package in &self.packages {
            let named = |feature| ["--features".into(), format!("{}/{feature}", package.name)];
            words.extend(package.features.iter().flat_map(named));
        }
        words
    }

    /// A path as seen from the root.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Package {
    fn parse(data: &Value) -> Result<Self, Error> {
        let manifest = PathBuf::from(text(data, "manifest_path")?);
        Ok(Self {
            name: text(data, "name")?.into(),
            folder: manifest.parent().unwrap_or(Path::new("")).into(),
            targets: list(data, "targets")?
                .iter()
                .map(Target::parse)
                .collect::<Result<_, _>>()?,
            features: FEATURES
                .into_iter()
                .filter(|feature| data["features"][feature].is_array())
                .collect(),
            dependencies: list(data, "dependencies")?
                .iter()
                .map(|dependency| {
                    Ok(Dependency {
                        name: text(dependency, "name")?.into(),
                        is_dev: dependency["kind"] == "dev",
                        is_path: dependency["path"].is_string(),
                    })
                })
                .collect::<Result<_, Error>>()?,
        })
    }
}

impl Target {
    fn parse(data: &Value) -> Result<Self, Error> {
        let kind = list(data, "kind")?
            .first()
            .and_then(Value::as_str)
            .unwrap_or_default();
        let has_doctests = data["doctest"] == true;
        Ok(Self {
            kind: kind.into(),
            source: text(data, "src_path")?.into(),
            has_doctests,
        })
    }
}

/// The cargo that started us, or the one on the path.
fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn text<'a>(data: &'a Value, key: &str) -> Result<&'a str, Error> {
    data[key]
        .as_str()
        .ok_or_else(|| Error::Metadata(format!("no text under `{key}`")))
}

fn list<'a>(data: &'a Value, key: &str) -> Result<&'a Vec<Value>, Error> {
    data[key]
        .as_array()
        .ok_or_else(|| Error::Metadata(format!("no list under `{key}`")))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Workspace;

    const METADATA: &str = r#"{
        "workspace_root": "/repo", "target_directory": "/repo/target",
        "packages": [
            {"name": "popw-keys", "manifest_path": "/repo/keys/Cargo.toml",
             "targets": [{"kind": ["lib"], "src_path": "/repo/keys/src/lib.rs", "doctest": true},
                         {"kind": ["test"], "src_path": "/repo/keys/tests/formats.rs", "doctest": false}],
             "dependencies": [{"name": "popw-verifier", "kind": null, "path": "/repo/verifier"},
                              {"name": "proptest", "kind": "dev"}]},
            {"name": "popw-verifier", "manifest_path": "/repo/verifier/Cargo.toml", "targets": [], "dependencies": []}
        ]}"#;

    #[test]
    fn metadata_is_read() -> Result<(), super::Error> {
        let workspace = Workspace::parse(METADATA)?;
        let [keys, verifier] = workspace.packages.as_slice() else {
            unreachable!("two packages")
        };
        assert_eq!(
            (keys.name.as_str(), keys.folder.to_str()),
            ("popw-keys", Some("/repo/keys"))
        );
        assert_eq!(
            keys.targets
                .iter()
                .map(|target| target.kind.as_str())
                .collect::<Vec<_>>(),
            ["lib", "test"]
        );
        assert_eq!(
            keys.targets
                .iter()
                .map(|target| target.has_doctests)
                .collect::<Vec<_>>(),
            [true, false]
        );
        assert!(keys.dependencies[0].is_path && !keys.dependencies[0].is_dev);
        assert!(!keys.dependencies[1].is_path && keys.dependencies[1].is_dev);
        assert!(verifier.dependencies.is_empty());
        Ok(())
    }

    #[test]
    fn one_package_is_chosen() -> Result<(), super::Error> {
        let workspace = Workspace::parse(METADATA)?;
        assert_eq!(workspace.selection(), ["--workspace"]);
        assert_eq!(workspace.narrow(None)?.selection(), ["--workspace"]);
        let one = workspace.narrow(Some("popw-keys"))?;
        assert_eq!(one.selection(), ["--package", "popw-keys"]);
        assert_eq!(one.relative(&one.scope).to_str(), Some("keys"));
        assert!(workspace.narrow(Some("popw-kyes")).is_err());
        Ok(())
    }

    #[test]
    fn other_output_is_refused() {
        assert!(Workspace::parse("not json").is_err());
        assert!(Workspace::parse("{}").is_err());
    }
}
