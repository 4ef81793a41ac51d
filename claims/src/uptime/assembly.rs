//! From registries and attestations to the witness of a zone.
//!
//! Next: [`super::statement`], which evaluates it.

use rayon::prelude::*;

use super::{ClaimError, DeviceWitness, Parameters, SeatWitness, Shape, Witness, absent_seat_signature};
use crate::attestation::{Attestation, Bitmap};
use crate::babyjubjub::Point;
use crate::committee::draw;
use crate::eddsa::EddsaError;
use crate::field::Fr;
use crate::registry::{DeviceRegistry, RegistryError, WatcherError, WatcherRegistry};
use crate::tree::Path;

/// What a seat published: a bitmap and the attestation of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// What the watcher saw.
    pub bitmap: Bitmap,
    /// What it signed.
    pub attestation: Attestation,
}

/// Why registries and votes do not make a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// The shape or parameters are outside their limits, or the zone outside the tree.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The registries have other depths or another number of seats than the shape, or there is not one vote
    /// (or none) a seat.
    #[error("{what}: expected {expected} by the shape, got {got}")]
    Shape {
        /// What differs.
        what: &'static str,
        /// Number by the shape.
        expected: usize,
        /// Number found.
        got: usize,
    },
    /// The device registry has no such zone.
    #[error(transparent)]
    Devices(#[from] RegistryError),
    /// The watcher registry has no such leaf.
    #[error(transparent)]
    Watchers(#[from] WatcherError),
    /// An attestation names another zone or seat than the one it is used for.
    #[error("seat {seat}: the attestation is for zone {zone}, seat {named}")]
    WrongSeat {
        /// The seat.
        seat: usize,
        /// Zone in the attestation.
        zone: u64,
        /// Seat in the attestation.
        named: usize,
    },
    /// The attested digest is not the digest of the bitmap.
    #[error("seat {seat}: the attested digest is not the digest of the bitmap")]
    Digest {
        /// The seat.
        seat: usize,
    },
    /// The drawn watcher did not sign the attestation.
    #[error("seat {seat}: the drawn watcher's attestation: {error}")]
    Signature {
        /// The seat.
        seat: usize,
        /// What the check found.
        error: EddsaError,
    },
}

/// An epoch of a network: what all zones share.
#[derive(Debug, Clone, Copy)]
pub struct Network<'a> {
    /// The shape.
    pub shape: Shape,
    /// The parameters.
    pub parameters: Parameters,
    /// The epoch tag.
    pub epoch_tag: Fr,
    /// The devices.
    pub devices: &'a DeviceRegistry,
    /// The watchers of this epoch.
    pub watchers: &'a WatcherRegistry,
}

impl Network<'_> {
    /// The witness of a zone from the vote of each seat, `None` where a seat is absent or void. Votes are
    /// verified.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn witness(&self, zone: u64, votes: &[Option<Vote>]) -> Result<Witness, AssemblyError> {
        self.check_sizes(votes.len())?;
        let shape = &self.shape;
        let device_path = self.check_zone(zone)?;
        let first = zone * shape.devices as u64;
        let devices = (0..shape.devices)
            .into_par_iter()
            .map(|place| self.device(first + place as u64))
            .collect();
        let leaves = draw(self.epoch_tag, zone, shape.watchers, shape.seat_levels);
        let seats: Vec<Result<SeatWitness, AssemblyError>> = (leaves.into_par_iter().zip(votes).enumerate())
            .map(|(seat, (leaf, vote))| self.seat(zone, seat, leaf, vote.as_ref()))
            .collect();
        // The first error in order, whichever thread was first.
        let seats = seats.into_iter().collect::<Result<_, _>>()?;
        let Self {
            parameters,
            epoch_tag,
            ..
        } = *self;
        Ok(Witness {
            parameters,
            epoch_tag,
            zone,
            devices,
            device_path,
            seats,
        })
    }

    /// Whether shape, parameters, registries and so many votes fit each other.
    pub(crate) fn check_sizes(&self, votes: usize) -> Result<(), AssemblyError> {
        let shape = &self.shape;
        shape.validate().map_err(ClaimError::from)?;
        self.parameters.validate(shape).map_err(ClaimError::from)?;
        for (what, expected, got) in [
            (
                "levels of the device tree",
                shape.device_levels,
                self.devices.levels(),
            ),
            ("seats", shape.watchers, self.watchers.seats()),
            ("levels of a seat", shape.seat_levels, self.watchers.levels()),
            ("votes", shape.watchers, votes),
        ] {
            if expected != got {
                return Err(AssemblyError::Shape { what, expected, got });
            }
        }
        Ok(())
    }

    /// Whether the device tree has the zone; returns the path from the zone's root up.
    pub(crate) fn check_zone(&self, zone: u64) -> Result<Path, AssemblyError> {
        Ok(self.devices.zone_path(self.shape.zone_levels(), zone)?)
    }

    fn device(&self, index: u64) -> DeviceWitness {
        self.devices
            .device(index)
            .map_or_else(DeviceWitness::absent, |device| DeviceWitness {
                present: true,
                payee: device.payee_element(),
                inner: device.inner(),
            })
    }

    fn seat(
        &self,
        zone: u64,
        seat: usize,
        leaf: u64,
        vote: Option<&Vote>,
    ) -> Result<SeatWitness, AssemblyError> {
        let watcher = self.watchers.watcher(seat, leaf)?;
        let path = self.watchers.path(seat, leaf)?;
        let (bitmap, signature) = match vote {
            Some(vote @ Vote { bitmap, attestation }) => {
                self.check(zone, seat, &watcher.key, vote)?;
                (bitmap.clone(), attestation.signature)
            }
            None => (
                Bitmap::new(self.shape.devices, self.shape.slots),
                absent_seat_signature(),
            ),
        };
        let (owner, key) = (watcher.owner, watcher.key);
        Ok(SeatWitness {
            present: vote.is_some(),
            bitmap,
            owner,
            key,
            path,
            signature,
        })
    }

    /// Whether a vote may take a seat of a zone: what [`Self::witness`] asks of every vote.
    ///
    /// # Errors
    /// [`AssemblyError`] of the vote; [`AssemblyError::Watchers`] for a seat that does not exist.
    pub fn check_vote(&self, zone: u64, seat: usize, vote: &Vote) -> Result<(), AssemblyError> {
        let leaves = draw(self.epoch_tag, zone, self.shape.watchers, self.shape.seat_levels);
        // A seat that was not drawn has no leaf: the registry refuses any leaf of it.
        let leaf = leaves.get(seat).copied().unwrap_or(u64::MAX);
        let watcher = self.watchers.watcher(seat, leaf)?;
        self.check(zone, seat, &watcher.key, vote)
    }

    fn check(&self, zone: u64, seat: usize, key: &Point, vote: &Vote) -> Result<(), AssemblyError> {
        let Vote { bitmap, attestation } = vote;
        if (attestation.zone, attestation.seat) != (zone, seat) {
            let Attestation {
                zone, seat: named, ..
            } = *attestation;
            return Err(AssemblyError::WrongSeat { seat, zone, named });
        }
        for (what, expected, got) in [
            ("devices of a bitmap", self.shape.devices, bitmap.devices()),
            ("slots of a bitmap", self.shape.slots, bitmap.slots()),
        ] {
            if expected != got {
                return Err(AssemblyError::Shape { what, expected, got });
            }
        }
        if attestation.digest != bitmap.digest() {
            return Err(AssemblyError::Digest { seat });
        }
        attestation
            .verify(self.epoch_tag, key)
            .map_err(|error| AssemblyError::Signature { seat, error })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::uptime::statement::tests::Fixture;

    fn refused(change: impl FnOnce(&mut Fixture)) -> AssemblyError {
        let mut fixture = Fixture::new();
        change(&mut fixture);
        fixture
            .network()
            .witness(fixture.zone, &fixture.votes)
            .unwrap_err()
    }

    #[test]
    fn an_honest_zone_leads_to_the_registries_roots() {
        let fixture = Fixture::new();
        let outcome = fixture.witness().evaluate(&fixture.shape).unwrap();
        let expected = crate::registry::registry_root(fixture.devices.root(), fixture.watchers.root());
        assert_eq!(outcome.registry_root, expected);
    }

    #[test]
    fn what_does_not_fit_the_shape_is_refused() {
        let shape = |error| match error {
            AssemblyError::Shape { what, .. } => what,
            error => panic!("{error}"),
        };
        assert_eq!(
            shape(refused(|f| f.shape.device_levels = 3)),
            "levels of the device tree"
        );
        assert_eq!(shape(refused(|f| f.shape.watchers = 5)), "seats");
        assert_eq!(shape(refused(|f| f.shape.seat_levels = 2)), "levels of a seat");
        assert_eq!(shape(refused(|f| f.votes.truncate(3))), "votes");
        assert_eq!(
            shape(refused(
                |f| f.votes[0].as_mut().unwrap().bitmap = Bitmap::new(1, 24)
            )),
            "devices of a bitmap"
        );
        assert_eq!(
            shape(refused(
                |f| f.votes[0].as_mut().unwrap().bitmap = Bitmap::new(16, 25)
            )),
            "slots of a bitmap"
        );
        assert!(matches!(
            refused(|f| f.shape.devices = 2),
            AssemblyError::Claim(ClaimError::Shape(_))
        ));
        assert!(matches!(
            refused(|f| f.parameters.quorum = 0),
            AssemblyError::Claim(ClaimError::Parameters(_))
        ));
        assert!(matches!(
            refused(|f| f.zone = 16),
            AssemblyError::Devices(RegistryError::Tree(_))
        ));
    }

    #[test]
    fn votes_are_verified() {
        let vote = |f: &mut Fixture| f.votes[1].clone().unwrap();
        let moved = refused(|f| f.votes[2] = Some(vote(f)));
        assert!(matches!(
            moved,
            AssemblyError::WrongSeat {
                seat: 2,
                named: 1,
                ..
            }
        ));
        let flipped = refused(|f| f.votes[1].as_mut().unwrap().bitmap.set(9, 23, true));
        assert_eq!(flipped, AssemblyError::Digest { seat: 1 });
        let replayed = refused(|f| f.epoch_tag += Fr::from(1u64));
        assert!(matches!(replayed, AssemblyError::Signature { seat: 0, .. }));
    }

    #[test]
    fn a_vote_is_checked_alone_as_in_the_witness() {
        let fixture = Fixture::new();
        let check = |seat, vote: &Vote| fixture.network().check_vote(fixture.zone, seat, vote);
        let vote = fixture.votes[1].as_ref().unwrap();
        assert_eq!(check(1, vote), Ok(()));
        assert!(matches!(
            check(2, vote),
            Err(AssemblyError::WrongSeat {
                seat: 2,
                named: 1,
                ..
            })
        ));
        assert!(matches!(
            check(4, vote),
            Err(AssemblyError::Watchers(WatcherError::NoSuchLeaf { seat: 4, .. }))
        ));
        let mut flipped = vote.clone();
        flipped.bitmap.set(9, 23, true);
        assert_eq!(check(1, &flipped), Err(AssemblyError::Digest { seat: 1 }));
        flipped.attestation.digest = flipped.bitmap.digest();
        assert!(matches!(
            check(1, &flipped),
            Err(AssemblyError::Signature { seat: 1, .. })
        ));
    }

    #[test]
    fn a_zone_without_devices_or_votes() {
        let mut fixture = Fixture::new();
        fixture.zone = 7;
        let witness = fixture.network().witness(7, &[None, None, None, None]).unwrap();
        let outcome = witness.evaluate(&fixture.shape).unwrap();
        assert_eq!(outcome.scores, [0; 16]);
        assert_eq!(outcome.digests, [Fr::from(0u64); 4]);
    }
}
