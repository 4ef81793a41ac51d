//! The registry: who may be paid and who may watch (`docs/protocol.md` section 2).
//!
//! [`DeviceRegistry`] and [`WatcherRegistry`] hold checked entries only: what they contain has passed
//! [`Device::validate`], [`repeated_keys`] and the rules of the seats. [`registry_root`] binds both trees.
//!
//! Depends on [`crate::tree`], [`crate::delegation`]. Next: [`crate::epoch`], which binds the root to an
//! epoch, and [`crate::committee`], which draws from the seats.

mod device;
mod keys;
mod position;
mod watchers;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::field::{Fr, tag};
use crate::poseidon::hash;
use crate::tree::{Path, Tree, TreeError};

#[cfg(test)]
pub(crate) use device::example as example_device;
pub use device::{
    Device, DeviceError, DeviceFields, GAIN_DDBI_MAX, SIGNED_OFFSET, device_inner, device_leaf,
};
pub use keys::{RepeatedKey, repeated_keys};
pub use position::{Position, PositionError};
pub use watchers::{
    OWNERS_MIN, SEAT_LEVELS_MAX, SEATS_MAX, Watcher, WatcherError, WatcherRegistry, watcher_leaf,
    watcher_root,
};

/// Why a registry of devices is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A device breaks a limit.
    #[error("device {index}: {error}")]
    Device {
        /// Registry index.
        index: u64,
        /// The limit.
        error: DeviceError,
    },
    /// A station stands at two indices.
    #[error(transparent)]
    RepeatedKey(#[from] RepeatedKey),
    /// An index outside the tree, one used twice, or too many levels.
    #[error("device tree: {0}")]
    Tree(#[from] TreeError),
}

/// `REG = P_3(tag(registry), device_root, watcher_root)`.
#[must_use]
pub fn registry_root(device_root: Fr, watcher_root: Fr) -> Fr {
    hash(&[tag("registry"), device_root, watcher_root])
}

/// The devices of a network, by registry index. Indices are append-only; one that is not in use is absent.
#[derive(Debug, Clone)]
pub struct DeviceRegistry {
    devices: BTreeMap<u64, Device>,
    tree: Tree,
}

impl DeviceRegistry {
    /// Checks the devices and builds their tree of `16^levels` leaves, with the threads of the current pool.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn new(
        levels: usize,
        devices: impl IntoIterator<Item = (u64, Device)>,
    ) -> Result<Self, RegistryError> {
        let mut checked = BTreeMap::new();
        let devices: Vec<(u64, Device)> = devices.into_iter().collect();
        let leaves = devices
            .par_iter()
            .map(|(index, device)| match device.validate() {
                Ok(()) => Ok((*index, device.leaf())),
                Err(error) => Err(RegistryError::Device { index: *index, error }),
            })
            .collect::<Vec<_>>();
        // The first error in order, whichever thread was first.
        let leaves = leaves.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (index, device) in devices {
            if checked.insert(index, device).is_some() {
                return Err(TreeError::RepeatedIndex { index }.into());
            }
        }
        let by_index = checked.iter().map(|(&index, device)| (index, device));
        if let Some(&repeated) = repeated_keys(by_index).first() {
            return Err(repeated.into());
        }
        let tree = Tree::new(levels, leaves)?;
        Ok(Self {
            devices: checked,
            tree,
        })
    }

    /// The device with an index, if there is one.
    #[must_use]
    pub fn device(&self, index: u64) -> Option<&Device> {
        self.devices.get(&index)
    }

    /// All devices in index order.
    pub fn devices(&self) -> impl Iterator<Item = (u64, &Device)> {
        self.devices.iter().map(|(&index, device)| (index, device))
    }

    /// Levels of the tree.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.tree.levels()
    }

    /// Root of the device tree.
    #[must_use]
    pub fn root(&self) -> Fr {
        self.tree.root()
    }

    /// Root of the zone's subtree of `16^zone_levels` devices.
    #[must_use]
    pub fn zone_root(&self, zone_levels: usize, zone: u64) -> Fr {
        self.tree.node(zone_levels, zone)
    }

    /// The path from the root of a zone's subtree up to the device root.
    ///
    /// # Errors
    /// [`RegistryError::Tree`] for a zone outside the tree.
    pub fn zone_path(&self, zone_levels: usize, zone: u64) -> Result<Path, RegistryError> {
        Ok(self.tree.path(zone_levels, zone)?)
    }

    /// The path from a device's leaf up to the device root.
    ///
    /// # Errors
    /// [`RegistryError::Tree`] for an index outside the tree.
    pub fn device_path(&self, index: u64) -> Result<Path, RegistryError> {
        self.zone_path(0, index)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::tree::{empty_subtree, verify_path};

    #[test]
    fn zones_and_devices_have_paths_to_the_root() {
        let devices = [0, 1, 20, 300].map(|index| (index, device::example(index)));
        let registry = DeviceRegistry::new(5, devices.clone()).unwrap();
        assert_eq!(registry.levels(), 5);
        assert_eq!(registry.devices().count(), 4);
        for (index, device) in devices {
            let path = registry.device_path(index).unwrap();
            assert_eq!(verify_path(device.leaf(), index, &path, registry.root()), Ok(()));
            assert_eq!(registry.device(index), Some(&device));
        }
        for (zone_levels, zone) in [(0, 20), (1, 1), (2, 1), (3, 0)] {
            let path = registry.zone_path(zone_levels, zone).unwrap();
            assert_eq!(path.len(), 5 - zone_levels);
            let zone_root = registry.zone_root(zone_levels, zone);
            assert_eq!(verify_path(zone_root, zone, &path, registry.root()), Ok(()));
        }
        assert_eq!(registry.zone_root(2, 9), empty_subtree(2));
        assert_eq!(registry.device(2), None);
    }

    #[test]
    fn refusals() {
        let mut bad = device::example(1);
        bad.gain_ddbi = 1001;
        let refused = DeviceRegistry::new(5, [(7, bad)]).unwrap_err();
        assert!(
            matches!(refused, RegistryError::Device { index: 7, .. }),
            "{refused}"
        );
        let twice = [(7, device::example(1)), (7, device::example(2))];
        let refused = DeviceRegistry::new(5, twice).unwrap_err();
        assert_eq!(
            refused,
            RegistryError::Tree(TreeError::RepeatedIndex { index: 7 })
        );
        let station_twice = [(7, device::example(1)), (3, device::example(1))];
        let refused = DeviceRegistry::new(5, station_twice).unwrap_err();
        assert_eq!(
            refused,
            RegistryError::RepeatedKey(RepeatedKey {
                field: "session_key",
                first: 3,
                index: 7
            })
        );
        let refused = DeviceRegistry::new(1, [(16, device::example(1))]).unwrap_err();
        assert_eq!(
            refused,
            RegistryError::Tree(TreeError::IndexOutOfRange { index: 16, size: 16 })
        );
        let registry = DeviceRegistry::new(1, []).unwrap();
        assert!(registry.zone_path(1, 1).is_err());
    }

    #[test]
    fn the_root_binds_both_trees() {
        let [a, b] = [1u64, 2].map(Fr::from);
        assert_eq!(registry_root(a, b), hash(&[tag("registry"), a, b]));
        assert_ne!(registry_root(a, b), registry_root(b, a));
    }
}
