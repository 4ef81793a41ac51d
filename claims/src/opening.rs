//! What a claim opens of the registry: a device's leaf, and the watcher drawn for a seat with its attestation.
//!
//! [`OpenedDevice`] is a device with the fields that claims compute with. [`SeatOpening`] is a drawn watcher
//! and the signature that makes its digest count; [`Ingestor`] is the watcher of seat 0 for claims that need
//! one watcher only: the one that received the reports (`docs/protocol.md` section 7).
//!
//! All three are plain data for witnesses: the methods say what follows from them, and the circuit does the
//! same.
//!
//! Depends on [`crate::registry`], [`crate::committee`], [`crate::attestation`]. Next: the claims,
//! [`crate::uptime`] and [`crate::location`]; the circuits are `popw_circuits::gadgets::device` and
//! `popw_circuits::gadgets::seat`.

use std::sync::LazyLock;

use crate::attestation::{Attestation, attestation_message};
use crate::babyjubjub::Point;
use crate::committee::draw;
use crate::eddsa::{EddsaError, SecretKey, Signature, verify};
use crate::field::{Fr, keccak256, tag};
use crate::poseidon::hash;
use crate::registry::{
    DeviceFields, DeviceRegistry, Position, RegistryError, WatcherError, WatcherRegistry, device_inner,
    device_leaf, watcher_leaf,
};
use crate::tree::{ARITY, Path, TreeError, climb, open_path};

/// A device's leaf, opened: what claims compute with, and the path up to the device root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedDevice {
    /// Registry index.
    pub index: u64,
    /// Its payee, an Ethereum address as an integer.
    pub payee: Fr,
    /// [`crate::registry::Device::private_part`].
    pub private: Fr,
    /// The opened fields.
    pub fields: DeviceFields,
    /// From the leaf up to the device root.
    pub path: Path,
}

impl OpenedDevice {
    /// Opens a device of a registry; `None` if there is none with this index.
    ///
    /// # Errors
    /// [`RegistryError::Tree`] for an index outside the tree.
    pub fn open(devices: &DeviceRegistry, index: u64) -> Result<Option<Self>, RegistryError> {
        let path = devices.device_path(index)?;
        Ok(devices.device(index).map(|device| Self {
            index,
            payee: device.payee_element(),
            private: device.private_part(),
            fields: device.fields(),
            path,
        }))
    }

    /// The device of a row that is absent: index 0 and payee 0 under a root of its own. The circuit opens it
    /// too, so its path must hold; `owner_id` is free, for claims in which owners differ.
    #[must_use]
    pub fn stand_in(owner_id: Fr, levels: usize) -> Self {
        let zero = Fr::from(0u64);
        let mut device = Self {
            index: 0,
            payee: zero,
            private: zero,
            fields: DeviceFields {
                session_key: absent_seat_key(),
                owner_id,
                position: Position::default(),
                gain_ddbi: 0,
                region: 0,
            },
            path: Vec::with_capacity(levels),
        };
        let mut node = device.leaf();
        for _ in 0..levels {
            let mut children = [zero; ARITY];
            children[0] = node;
            node = hash(&children);
            device.path.push(children);
        }
        device
    }

    /// The leaf of the device tree.
    #[must_use]
    pub fn leaf(&self) -> Fr {
        device_leaf(self.payee, device_inner(self.private, &self.fields))
    }

    /// The device root that the leaf and its path lead to.
    ///
    /// # Errors
    /// [`TreeError`] if the path does not show the leaf where the index says, or has too few levels for it.
    pub fn root(&self) -> Result<Fr, TreeError> {
        open_path(self.leaf(), self.index, &self.path)
    }
}

/// The watcher drawn for a seat, and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatOpening {
    /// Whether there is an attestation that counts; the digest of an absent or void seat is 0.
    pub present: bool,
    /// Owner of the drawn watcher.
    pub owner: Fr,
    /// Key of the drawn watcher.
    pub key: Point,
    /// From the drawn leaf up to the root of the seat.
    pub path: Path,
    /// The attestation's signature; [`absent_seat_signature`] when absent.
    pub signature: Signature,
}

impl SeatOpening {
    /// The watcher that was drawn for a seat, with its attestation if there is one that counts. The
    /// attestation is not verified here.
    ///
    /// # Errors
    /// [`WatcherError`] if the registry has no such seat or leaf.
    pub fn open(
        watchers: &WatcherRegistry,
        seat: usize,
        leaf: u64,
        attestation: Option<&Attestation>,
    ) -> Result<Self, WatcherError> {
        let watcher = watchers.watcher(seat, leaf)?;
        Ok(Self {
            present: attestation.is_some(),
            owner: watcher.owner,
            key: watcher.key,
            path: watchers.path(seat, leaf)?,
            signature: attestation.map_or_else(absent_seat_signature, |attestation| attestation.signature),
        })
    }

    /// Checks the signature over the digest, for an absent seat the constant one; returns the digest that
    /// counts: 0 when absent.
    ///
    /// # Errors
    /// [`EddsaError`].
    pub fn attested(&self, epoch_tag: Fr, zone: u64, seat: usize, digest: Fr) -> Result<Fr, EddsaError> {
        if self.present {
            let message = attestation_message(epoch_tag, zone, seat, digest);
            verify(&self.key, message, &self.signature).map(|()| digest)
        } else {
            verify(&absent_seat_key(), absent_seat_message(), &self.signature).map(|()| Fr::from(0u64))
        }
    }

    /// The root of the seat's subtree that the watcher leads to from the drawn leaf.
    #[must_use]
    pub fn root(&self, seat: usize, leaf: u64) -> Fr {
        climb(watcher_leaf(self.owner, &self.key, seat), leaf, &self.path)
    }
}

/// The seat whose watcher is the ingestor.
pub const INGESTOR_SEAT: usize = 0;
/// Seats of the watcher tree beside the ingestor's.
pub const OTHER_SEATS: usize = ARITY - 1;

/// The ingestor: the watcher drawn for seat 0 of a zone, the only one whose attestation a claim reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingestor {
    /// The seat.
    pub seat: SeatOpening,
    /// Roots of the other seats, 0 where there is none.
    pub other_roots: [Fr; OTHER_SEATS],
}

impl Ingestor {
    /// The ingestor of a zone, with its attestation if there is one that counts. The attestation is not
    /// verified here.
    ///
    /// # Errors
    /// [`WatcherError`] if the registry has no seat.
    pub fn open(
        watchers: &WatcherRegistry,
        epoch_tag: Fr,
        zone: u64,
        attestation: Option<&Attestation>,
    ) -> Result<Self, WatcherError> {
        let leaf = ingestor_leaf(epoch_tag, zone, watchers.levels());
        let seat = SeatOpening::open(watchers, INGESTOR_SEAT, leaf, attestation)?;
        let mut other_roots = [Fr::from(0u64); OTHER_SEATS];
        for (other, root) in other_roots
            .iter_mut()
            .zip(watchers.seat_roots().iter().skip(INGESTOR_SEAT + 1))
        {
            *other = *root;
        }
        Ok(Self { seat, other_roots })
    }

    /// As [`SeatOpening::attested`].
    ///
    /// # Errors
    /// [`EddsaError`].
    pub fn attested(&self, epoch_tag: Fr, zone: u64, digest: Fr) -> Result<Fr, EddsaError> {
        self.seat.attested(epoch_tag, zone, INGESTOR_SEAT, digest)
    }

    /// The watcher root that the ingestor drawn for the zone and the other seats lead to.
    #[must_use]
    pub fn watcher_root(&self, epoch_tag: Fr, zone: u64) -> Fr {
        let leaf = ingestor_leaf(epoch_tag, zone, self.seat.path.len());
        let mut roots = [Fr::from(0u64); ARITY];
        roots[0] = self.seat.root(INGESTOR_SEAT, leaf);
        roots[1..].copy_from_slice(&self.other_roots);
        hash(&roots)
    }
}

/// The leaf drawn for the ingestor's seat; levels above [`crate::registry::SEAT_LEVELS_MAX`] add no bits.
#[must_use]
pub fn ingestor_leaf(epoch_tag: Fr, zone: u64, seat_levels: usize) -> u64 {
    draw(epoch_tag, zone, INGESTOR_SEAT + 1, seat_levels)
        .pop()
        .unwrap_or_default()
}

/// The key pair behind absent seats. It is public: the secret bytes are `keccak256("popw/v1/absent-seat")`.
static ABSENT_SEAT: LazyLock<(Point, Signature)> = LazyLock::new(|| {
    let secret = SecretKey::from_bytes(&keccak256(b"popw/v1/absent-seat"));
    (secret.public_key(), secret.sign(absent_seat_message()))
});

/// The key that an absent seat's signature is checked with.
pub fn absent_seat_key() -> Point {
    ABSENT_SEAT.0
}

/// The message of an absent seat's signature: `tag(absent-seat)`.
#[must_use]
pub fn absent_seat_message() -> Fr {
    tag("absent-seat")
}

/// The constant, valid signature that fills an absent seat.
#[must_use]
pub fn absent_seat_signature() -> Signature {
    ABSENT_SEAT.1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::registry::{Watcher, example_device};

    fn devices() -> DeviceRegistry {
        DeviceRegistry::new(2, [3, 77].map(|index| (index, example_device(index)))).unwrap()
    }

    #[test]
    fn an_opened_device_leads_to_the_root() {
        let devices = devices();
        let opened = OpenedDevice::open(&devices, 77).unwrap().unwrap();
        assert_eq!(opened.leaf(), example_device(77).leaf());
        assert_eq!(opened.root(), Ok(devices.root()));
        assert_eq!(OpenedDevice::open(&devices, 4), Ok(None));
        assert!(OpenedDevice::open(&devices, 256).is_err());
    }

    #[test]
    fn every_field_of_an_opened_device_is_bound() {
        let good = OpenedDevice::open(&devices(), 77).unwrap().unwrap();
        let changes: [fn(&mut OpenedDevice); 10] = [
            |d| d.index = 76,
            |d| d.payee += Fr::from(1u64),
            |d| d.private += Fr::from(1u64),
            |d| d.fields.session_key = -d.fields.session_key,
            |d| d.fields.owner_id += Fr::from(1u64),
            |d| d.fields.position.y += 1,
            |d| d.fields.gain_ddbi += 1,
            |d| d.fields.region += 1,
            |d| d.path[1][4] += Fr::from(1u64),
            |d| d.index = 77 + 256,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut device = good.clone();
            change(&mut device);
            assert!(device.root().is_err(), "change {number}");
        }
        // A sibling of the last level is not compared with anything below: it leads to another root.
        let mut device = good.clone();
        device.path[1][5] += Fr::from(1u64);
        assert_ne!(device.root(), good.root());
    }

    #[test]
    fn stand_ins_open_and_differ_by_owner() {
        let [one, two] = [1u64, 2].map(|owner| OpenedDevice::stand_in(Fr::from(owner), 3));
        assert_eq!((one.path.len(), one.payee), (3, Fr::from(0u64)));
        assert_ne!(one.root().unwrap(), two.root().unwrap());
    }

    fn secret(seat: usize, number: u64) -> SecretKey {
        SecretKey::from_bytes(&keccak256(format!("watcher {seat} {number}").as_bytes()))
    }

    fn watchers(seats: usize) -> WatcherRegistry {
        let watcher = |seat: usize, number: u64| Watcher {
            owner: Fr::from(100 * seat as u64 + number),
            key: secret(seat, number).public_key(),
        };
        let seats = (0..seats)
            .map(|seat| (0..4).map(|number| watcher(seat, number)).collect())
            .collect();
        WatcherRegistry::new(3, seats, &[5; 32]).unwrap()
    }

    #[test]
    fn an_ingestor_leads_to_the_watcher_root_and_signs_for_its_zone() {
        let (epoch_tag, zone, digest) = (Fr::from(99u64), 7, Fr::from(5u64));
        for seats in [1, 3, 10] {
            let watchers = watchers(seats);
            let absent = Ingestor::open(&watchers, epoch_tag, zone, None).unwrap();
            assert_eq!(absent.watcher_root(epoch_tag, zone), watchers.root());
            assert_eq!(absent.attested(epoch_tag, zone, digest), Ok(Fr::from(0u64)));

            let signer = (0..4)
                .map(|number| secret(0, number))
                .find(|secret| secret.public_key() == absent.seat.key)
                .unwrap();
            let attestation = Attestation::of_digest(&signer, epoch_tag, zone, INGESTOR_SEAT, digest);
            let present = Ingestor::open(&watchers, epoch_tag, zone, Some(&attestation)).unwrap();
            assert_eq!(present.watcher_root(epoch_tag, zone), watchers.root());
            assert_eq!(present.attested(epoch_tag, zone, digest), Ok(digest));
            let one = Fr::from(1u64);
            let mismatch = Err(EddsaError::Mismatch);
            assert_eq!(present.attested(epoch_tag + one, zone, digest), mismatch);
            assert_eq!(present.attested(epoch_tag, zone + 1, digest), mismatch);
            assert_eq!(present.attested(epoch_tag, zone, digest + one), mismatch);
            assert_eq!(present.seat.attested(epoch_tag, zone, 1, digest), mismatch);
            let mut silenced = present;
            silenced.seat.present = false;
            assert_eq!(silenced.attested(epoch_tag, zone, digest), mismatch);
        }
    }

    #[test]
    fn the_constants_of_absent_seats_verify() {
        let (key, message) = (absent_seat_key(), absent_seat_message());
        assert_eq!(verify(&key, message, &absent_seat_signature()), Ok(()));
    }
}
