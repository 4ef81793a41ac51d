//! Who may depend on whom.
//!
//! [`HOUSE`] holds the arrows of the architecture; whoever may be reached along them may also be named
//! directly. Dependencies of tests are freer, since a test may check a crate against one that stands above
//! it, with two limits: the crates at the bottom ([`HOUSE`] gives them no arrow) test themselves without any
//! other of ours, so that they can be taken out and audited alone; and nothing, not even a test, uses what
//! stands in [`TOP`].
//!
//! Depends on: `workspace`. Where to go next: `sources`, the rules inside the files.

use crate::workspace::{Dependency, Package, Workspace};

/// Each crate and the crates right below it.
const HOUSE: &[(&str, &[&str])] = &[
    ("popw-claims", &[]),
    ("popw-kernels", &[]),
    ("popw-verifier", &[]),
    ("popw-circuits", &["popw-claims"]),
    ("popw-gpu", &["popw-kernels"]),
    ("popw-keys", &["popw-verifier", "popw-kernels"]),
    ("popw-prover", &["popw-circuits", "popw-keys", "popw-gpu"]),
    ("popw-service", &["popw-prover"]),
    ("popw-ffi", &["popw-prover"]),
    ("popw", &["popw-service"]),
];

/// May use everything in [`HOUSE`] but the binary.
const FREE: &[&str] = &["popw-benches", "xtask"];

/// Used by nothing.
const TOP: &[&str] = &["popw", "popw-benches", "xtask"];

/// Every breach, one line each.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    workspace.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<String> {
    let from = package.name.as_str();
    if below(from).is_none() && !FREE.contains(&from) {
        return vec![format!(
            "{from} has no place in the house: give it one in xtask's table of arrows"
        )];
    }
    let ours = |to: &&Dependency| to.is_path || below(&to.name).is_some() || TOP.contains(&to.name.as_str());
    let refused = package
        .dependencies
        .iter()
        .filter(ours)
        .filter(|to| !may_use(from, &to.name, to.is_dev));
    refused
        .map(|to| {
            let purpose = if to.is_dev { " for its tests" } else { "" };
            format!("{from} must not depend on {}{purpose}", to.name)
        })
        .collect()
}

fn may_use(from: &str, to: &str, is_dev: bool) -> bool {
    if TOP.contains(&to) {
        return false;
    }
    if FREE.contains(&from) {
        return below(to).is_some();
    }
    match below(from) {
        None | Some([]) => false,
        Some(_) if is_dev => below(to).is_some(),
        Some(_) => reaches(from, to),
    }
}

/// The crates right below one, if it is in the house.
fn below(name: &str) -> Option<&'static [&'static str]> {
    HOUSE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, below)| *below)
}

/// Whether arrows lead from one crate to another.
fn reaches(from: &str, to: &str) -> bool {
    below(from)
        .unwrap_or_default()
        .iter()
        .any(|next| *next == to || reaches(next, to))
}

#[cfg(test)]
mod tests {
    use super::{Dependency, HOUSE, Package, check_package, may_use, reaches};

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |(name, is_dev): &(&str, bool)| Dependency {
            name: (*name).into(),
            is_dev: *is_dev,
            is_path: true,
        };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package {
            name: name.into(),
            folder: "/".into(),
            features: Vec::new(),
            targets: vec![],
            dependencies,
        }
    }

    #[test]
    fn the_drawn_arrows_are_allowed() {
        for (from, below) in HOUSE {
            for to in *below {
                assert!(may_use(from, to, false), "{from} -> {to}");
            }
        }
        for (from, to) in [
            ("popw-prover", "popw-claims"),
            ("popw-prover", "popw-verifier"),
            ("popw-prover", "popw-kernels"),
            ("popw-service", "popw-keys"),
            ("popw", "popw-claims"),
            ("popw-ffi", "popw-verifier"),
            ("popw-benches", "popw-service"),
            ("xtask", "popw-circuits"),
        ] {
            assert!(may_use(from, to, false), "{from} -> {to}");
        }
    }

    #[test]
    fn planted_edges_are_refused() {
        for (from, to) in [
            ("popw-verifier", "popw-circuits"),
            ("popw-verifier", "popw-keys"),
            ("popw-claims", "popw-circuits"),
            ("popw-circuits", "popw-keys"),
            ("popw-circuits", "popw-prover"),
            ("popw-keys", "popw-circuits"),
            ("popw-kernels", "popw-claims"),
            ("popw-prover", "popw-service"),
            ("popw-prover", "popw"),
            ("popw-service", "popw-ffi"),
            ("popw", "popw-ffi"),
            ("popw", "xtask"),
            ("xtask", "popw"),
            ("popw-benches", "xtask"),
        ] {
            let breaches = check_package(&package(from, &[(to, false)]));
            assert_eq!(breaches, [format!("{from} must not depend on {to}")]);
        }
    }

    #[test]
    fn tests_are_freer_but_not_at_the_bottom() {
        assert!(check_package(&package("popw-circuits", &[("popw-prover", true)])).is_empty());
        for (from, to) in [
            ("popw-verifier", "popw-prover"),
            ("popw-claims", "popw-circuits"),
            ("popw-prover", "popw"),
        ] {
            let breaches = check_package(&package(from, &[(to, true)]));
            assert_eq!(
                breaches,
                [format!("{from} must not depend on {to} for its tests")]
            );
        }
    }

    #[test]
    fn strangers_are_refused() {
        assert_eq!(check_package(&package("popw-attic", &[])).len(), 1);
        assert_eq!(
            check_package(&package("popw-prover", &[("popw-attic", false)])).len(),
            1
        );
        let mut other = package("popw-verifier", &[("ark-ff", false)]);
        other.dependencies[0].is_path = false;
        assert!(check_package(&other).is_empty());
    }

    #[test]
    fn the_house_has_no_circles() {
        assert!(HOUSE.iter().all(|(name, _)| !reaches(name, name)));
    }
}
