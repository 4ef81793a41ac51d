//! From registries and votes to the witness of a seat.
//!
//! Next: [`super::statement`], which evaluates it.

use super::{ClaimError, Outcome, Shape, Witness};
use crate::committee::draw;
use crate::opening::SeatOpening;
use crate::statement::Statement;
use crate::uptime::{self, Network, Vote};

/// A vote that is ready to be proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the circuit is given.
    pub witness: Witness,
    /// What it leads to.
    pub outcome: Outcome,
    /// What the verifier sees.
    pub statement: Statement,
    /// What the contract is given: the published words.
    pub settlement_data: Vec<u8>,
}

/// Why registries and votes do not make a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// The zone has no such seat.
    #[error("expected a seat below {seats}, got {seat}")]
    NoSuchSeat {
        /// The refused seat.
        seat: usize,
        /// Seats of the shape.
        seats: usize,
    },
    /// Nobody voted for the seat: there is nothing to open.
    #[error("seat {seat} is absent: it has no vote that could be opened")]
    AbsentSeat {
        /// The seat.
        seat: usize,
    },
    /// U1 would not take the vote, or shape, registries and zone do not fit each other.
    #[error(transparent)]
    Uptime(#[from] uptime::AssemblyError),
    /// The witness breaks a rule.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

impl Witness {
    /// The witness of a seat of a zone from the vote of each seat, `None` where a seat is absent. The seat's vote
    /// is verified, the others are not looked at.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn open(
        network: &Network<'_>,
        zone: u64,
        seat: usize,
        votes: &[Option<Vote>],
    ) -> Result<Self, AssemblyError> {
        network.check_sizes(votes.len())?;
        network.check_zone(zone)?;
        let &Network {
            shape,
            parameters,
            epoch_tag,
            devices,
            watchers,
        } = network;
        let seats = shape.watchers;
        let drawn = draw(epoch_tag, zone, seats, shape.seat_levels);
        let (leaf, vote) =
            (drawn.get(seat).zip(votes.get(seat))).ok_or(AssemblyError::NoSuchSeat { seat, seats })?;
        let vote = vote.as_ref().ok_or(AssemblyError::AbsentSeat { seat })?;
        network.check_vote(zone, seat, vote)?;
        let opening = SeatOpening::open(watchers, seat, *leaf, Some(&vote.attestation))
            .map_err(uptime::AssemblyError::from)?;
        let SeatOpening {
            owner,
            key,
            path,
            signature,
            ..
        } = opening;
        Ok(Self {
            parameters,
            epoch_tag,
            zone,
            seat,
            bitmap: vote.bitmap.clone(),
            owner,
            key,
            path,
            signature,
            seat_roots: watchers.seat_roots(),
            device_root: devices.root(),
        })
    }
}

impl Claim {
    /// Verifies the vote of a seat of a zone and evaluates it, for the selector of V1's verifier.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn open(
        network: &Network<'_>,
        zone: u64,
        seat: usize,
        votes: &[Option<Vote>],
        selector: [u8; 4],
    ) -> Result<Self, AssemblyError> {
        let witness = Witness::open(network, zone, seat, votes)?;
        let outcome = witness.evaluate(&Shape::of(&network.shape))?;
        Ok(Self {
            statement: outcome.statement(selector),
            settlement_data: outcome.settlement_data(),
            witness,
            outcome,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::field::Fr;
    use crate::uptime::statement::tests::Fixture;
    use crate::vote::read;

    fn refused(seat: usize, change: impl FnOnce(&mut Fixture)) -> AssemblyError {
        let mut fixture = Fixture::new();
        change(&mut fixture);
        Witness::open(&fixture.network(), fixture.zone, seat, &fixture.votes).unwrap_err()
    }

    #[test]
    fn seats_that_cannot_be_opened() {
        assert_eq!(
            refused(4, |_| ()),
            AssemblyError::NoSuchSeat { seat: 4, seats: 4 }
        );
        assert_eq!(
            refused(usize::MAX, |_| ()),
            AssemblyError::NoSuchSeat {
                seat: usize::MAX,
                seats: 4
            }
        );
        assert_eq!(
            refused(2, |f| f.votes[2] = None),
            AssemblyError::AbsentSeat { seat: 2 }
        );
        // An absent neighbour does not matter.
        let mut fixture = Fixture::new();
        fixture.votes[1] = None;
        assert!(Witness::open(&fixture.network(), fixture.zone, 2, &fixture.votes).is_ok());
    }

    #[test]
    fn the_vote_is_verified_as_for_u1() {
        let uptime = |error| match error {
            AssemblyError::Uptime(error) => error,
            error => panic!("{error}"),
        };
        let flipped = refused(1, |f| f.votes[1].as_mut().unwrap().bitmap.set(9, 23, true));
        assert_eq!(uptime(flipped), uptime::AssemblyError::Digest { seat: 1 });
        let replayed = refused(1, |f| f.epoch_tag += Fr::from(1u64));
        assert!(matches!(
            uptime(replayed),
            uptime::AssemblyError::Signature { seat: 1, .. }
        ));
        let moved = refused(1, |f| f.votes.swap(1, 2));
        assert!(matches!(
            uptime(moved),
            uptime::AssemblyError::WrongSeat {
                seat: 1,
                named: 2,
                ..
            }
        ));
        let outside = refused(1, |f| f.zone = 16);
        assert!(matches!(uptime(outside), uptime::AssemblyError::Devices(_)));
        let deeper = refused(1, |f| f.shape.seat_levels = 2);
        assert!(matches!(uptime(deeper), uptime::AssemblyError::Shape { .. }));
    }

    /// Every vote goes through its published words, and U1 claims the same.
    #[test]
    fn a_zone_is_proven_from_published_votes() {
        let fixture = Fixture::new();
        let network = fixture.network();
        let published: Vec<Option<Vote>> = (0..4)
            .map(|seat| {
                let claim = Claim::open(&network, fixture.zone, seat, &fixture.votes, [1, 2, 3, 4]).unwrap();
                let shape = Shape::of(&fixture.shape);
                Some(read(&claim.settlement_data, &shape, fixture.zone).unwrap())
            })
            .collect();
        assert_eq!(published, fixture.votes);
        let witness = network.witness(fixture.zone, &published).unwrap();
        assert_eq!(witness, fixture.witness());
    }
}
