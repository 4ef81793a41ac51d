//! Rules inside the files: where `unsafe` may stand, what a module opens with, which names no file may hold.
//!
//! Depends on: `workspace`, [`code`]. Where to go next: [`code`], which tells code from comments and text.

use super::code;

use crate::error::Error;
use crate::workspace::{Package, Workspace};
use std::fs;
use std::path::{Path, PathBuf};

/// Packages whose work needs `unsafe`.
const UNSAFE: &[&str] = &["popw-kernels", "popw-gpu", "popw-ffi"];
/// The package with one `unsafe`, which maps a file.
const UNSAFE_ONCE: &str = "popw-keys";
/// Kinds of targets that are not shipped, and whose roots need no attribute: the keyword is looked for in
/// them too.
const UNSHIPPED: &[&str] = &["test", "bench", "example", "custom-build"];
/// Folders without sources of ours.
const SKIPPED_FOLDERS: &[&str] = &[".git", "target", "node_modules", "out"];
/// Files that a package manager writes.
const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json"];
/// Hosts of package registries, in two parts so that this file holds none of them.
const HOSTS: &[(&str, &str)] = &[
    ("crates", ".io"),
    ("npmjs", ".org"),
    ("npmjs", ".com"),
    ("yarnpkg", ".com"),
    ("pypi", ".org"),
    ("python", "hosted.org"),
    ("proxy.go", "lang.org"),
    ("deb.deb", "ian.org"),
    ("archive.ubuntu", ".com"),
    ("docker", ".io"),
    ("ghcr", ".io"),
];

/// Every breach, one line each.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut breaches = Vec::new();
    for package in workspace
        .packages
        .iter()
        .filter(|package| unsafe_limit(Some(package)) == Some(0))
    {
        for target in package
            .targets
            .iter()
            .filter(|target| !UNSHIPPED.contains(&target.kind.as_str()))
        {
            let text = fs::read_to_string(&target.source).map_err(Error::file("read", &target.source))?;
            if !forbids_unsafe(&text) {
                let path = workspace.relative(&target.source).display();
                breaches.push(format!(
                    "{path}: no `#![forbid(unsafe_code)]` at the root of a crate"
                ));
            }
        }
    }
    let mut once = 0;
    for path in files(&workspace.scope, &workspace.target)? {
        let bytes = fs::read(&path).map_err(Error::file("read", &path))?;
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        let shown = workspace.relative(&path);
        if !LOCK_FILES.iter().any(|name| shown.ends_with(name)) {
            breaches.extend(hosts(&text).into_iter().map(|(line, host)| {
                format!(
                    "{}:{line}: the name of a registry's host, {host}: name packages, not hosts",
                    shown.display()
                )
            }));
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        if shown.iter().any(|folder| folder == "src") && !text.starts_with("//!") {
            breaches.push(format!("{}: does not open with a `//!` header", shown.display()));
        }
        let owner = workspace
            .packages
            .iter()
            .find(|package| path.starts_with(&package.folder));
        let Some(limit) = unsafe_limit(owner) else {
            continue;
        };
        for line in code::lines_with_word(&text, "unsafe") {
            once += usize::from(limit > 0);
            if limit == 0 || once > limit {
                breaches.push(format!(
                    "{}:{line}: `unsafe` outside the places for it",
                    shown.display()
                ));
            }
        }
    }
    Ok(breaches)
}

/// How often a package may say `unsafe`; as often as it likes if there is no number.
fn unsafe_limit(package: Option<&Package>) -> Option<usize> {
    match package {
        Some(package) if UNSAFE.contains(&package.name.as_str()) => None,
        Some(package) if package.name == UNSAFE_ONCE => Some(1),
        _ => Some(0),
    }
}

fn forbids_unsafe(text: &str) -> bool {
    let code = code::only(text);
    code.lines()
        .any(|line| line.split_whitespace().collect::<String>() == "#![forbid(unsafe_code)]")
}

/// Line and name of every registry host in a text.
fn hosts(text: &str) -> Vec<(usize, String)> {
    let needles = HOSTS.iter().map(|(first, second)| format!("{first}{second}"));
    let mut found: Vec<(usize, String)> = needles
        .flat_map(|needle| {
            let lines = text.lines().zip(1..).filter(|(line, _)| line.contains(&needle));
            lines
                .map(|(_, number)| (number, needle.clone()))
                .collect::<Vec<_>>()
        })
        .collect();
    found.sort();
    found
}

/// Every file below a folder, in order, without the folders that hold none of ours.
fn files(scope: &Path, target: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![scope.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::file("list", &folder))? {
            let entry = entry.map_err(Error::file("list", &folder))?;
            let (path, kind) = (
                entry.path(),
                entry.file_type().map_err(Error::file("look at", &folder))?,
            );
            let skipped = SKIPPED_FOLDERS.iter().any(|name| path.ends_with(name)) || path == target;
            if kind.is_file() {
                found.push(path);
            } else if kind.is_dir() && !skipped {
                folders.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{forbids_unsafe, hosts, unsafe_limit};
    use crate::workspace::Package;

    #[test]
    fn the_attribute_counts_only_as_code() {
        assert!(forbids_unsafe("//! Header.\n\n#![forbid(unsafe_code)]\n"));
        assert!(!forbids_unsafe("//! #![forbid(unsafe_code)]\n"));
        assert!(!forbids_unsafe("#![deny(unsafe_code)]\n"));
    }

    #[test]
    fn hosts_are_found_by_line() {
        let host = ["pypi", ".org"].concat();
        assert_eq!(hosts(&format!("a\nhttps://{host}/simple\n")), [(2, host)]);
        assert_eq!(hosts("a crate of the registry"), []);
        assert_eq!(hosts(include_str!("sources.rs")), []);
    }

    #[test]
    fn rooms_for_unsafe() {
        let package = |name: &str| Package {
            name: name.into(),
            folder: "/".into(),
            features: Vec::new(),
            targets: vec![],
            dependencies: vec![],
        };
        assert_eq!(unsafe_limit(Some(&package("popw-kernels"))), None);
        assert_eq!(unsafe_limit(Some(&package("popw-keys"))), Some(1));
        assert_eq!(unsafe_limit(Some(&package("popw-verifier"))), Some(0));
        assert_eq!(unsafe_limit(None), Some(0));
    }
}
