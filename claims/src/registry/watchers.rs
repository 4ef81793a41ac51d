//! Watchers and their seats. A seat is a full subtree filled cyclically: leaf i is watcher `i mod n` of the
//! seat's n, so that every leaf that the committee can draw is somebody, and each watcher is drawn nearly
//! equally often.
//!
//! A node of a cyclic tree depends on its first leaf modulo n only: a seat costs n hashes a level, not
//! 16^level.

use std::collections::{BTreeMap, BTreeSet};

use super::device::IDENTIFIER_BITS;
use crate::babyjubjub::{Point, is_valid_key};
use crate::field::{Fr, bits, reduce_be_bytes, tag, to_decimal};
use crate::poseidon::hash;
use crate::tree::{ARITY, Path, width};

/// Most seats: the committee has 24 bits of a field element for each.
pub const SEATS_MAX: usize = 10;
/// Most levels of a seat: 24 bits of the draw.
pub const SEAT_LEVELS_MAX: usize = 6;
/// A seat has at least so many distinct owners.
pub const OWNERS_MIN: usize = 4;
/// A seat has at least so many leaves for each watcher, so that rounding favours nobody by more than 1/256.
const LEAVES_PER_WATCHER_MIN: u64 = 256;

/// Why a registry of watchers is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatcherError {
    /// No seat or too many.
    #[error("{got} seats: expected 1 to {SEATS_MAX}")]
    Seats {
        /// Seats given.
        got: usize,
    },
    /// Seats of no level or of too many.
    #[error("seats of {got} levels: expected 1 to {SEAT_LEVELS_MAX}")]
    SeatLevels {
        /// Levels given.
        got: usize,
    },
    /// More watchers than one for 256 leaves.
    #[error("seat {seat}: expected at most {limit} watchers, got {got}")]
    TooManyWatchers {
        /// The seat.
        seat: usize,
        /// Most watchers of a seat with so many levels.
        limit: u64,
        /// Watchers given.
        got: usize,
    },
    /// Fewer than four distinct owners.
    #[error("seat {seat}: expected at least {OWNERS_MIN} distinct owners, got {got}")]
    TooFewOwners {
        /// The seat.
        seat: usize,
        /// Distinct owners given.
        got: usize,
    },
    /// The owner is not below 2^248.
    #[error("seat {seat}, watcher {watcher}: expected an owner below 2^248, got {got}")]
    OwnerTooLarge {
        /// The seat.
        seat: usize,
        /// Position in the list of the seat.
        watcher: usize,
        /// The refused owner, decimal.
        got: String,
    },
    /// The key is not a point of prime order.
    #[error("seat {seat}, watcher {watcher}: the key is not a point of prime order on Baby Jubjub")]
    InvalidKey {
        /// The seat.
        seat: usize,
        /// Position in the list of the seat.
        watcher: usize,
    },
    /// The owner has watchers in another seat, where it could vote a second time.
    #[error("owner {owner} sits in seats {first} and {second}: expected one seat for an owner")]
    OwnerInTwoSeats {
        /// The owner, decimal.
        owner: String,
        /// The seat met first.
        first: usize,
        /// The other seat.
        second: usize,
    },
    /// The key (its x coordinate) is registered twice; drawn twice, it would make its zone unprovable.
    #[error("seat {seat}, watcher {watcher}: the key is already registered in seat {first}")]
    RepeatedKey {
        /// The seat met first.
        first: usize,
        /// The seat.
        seat: usize,
        /// Position in the list of the seat.
        watcher: usize,
    },
    /// No such seat or leaf.
    #[error("seat {seat}, leaf {leaf}: expected a seat below {seats} and a leaf below {leaves}")]
    NoSuchLeaf {
        /// The seat asked for.
        seat: usize,
        /// The leaf asked for.
        leaf: u64,
        /// Seats of the registry.
        seats: usize,
        /// Leaves of a seat.
        leaves: u64,
    },
}

/// A watcher: who answers for it, and the key that signs its attestations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watcher {
    /// Identifier of the owner, below 2^248.
    pub owner: Fr,
    /// Baby Jubjub key.
    pub key: Point,
}

/// `P_5(tag(watcher), owner, Ax, Ay, seat)`.
#[must_use]
pub fn watcher_leaf(owner: Fr, key: &Point, seat: usize) -> Fr {
    hash(&[tag("watcher"), owner, key.x, key.y, Fr::from(seat as u64)])
}

/// `P_16(seat roots, 0..)`. Roots beyond the sixteenth are not read.
#[must_use]
pub fn watcher_root(seat_roots: &[Fr]) -> Fr {
    let mut children = [Fr::from(0u64); ARITY];
    children
        .iter_mut()
        .zip(seat_roots)
        .for_each(|(child, root)| *child = *root);
    hash(&children)
}

/// One seat, its watchers in the order of the epoch.
#[derive(Debug, Clone)]
struct Seat {
    watchers: Vec<Watcher>,
    /// `nodes[l][k]`: the node of level l whose first leaf is watcher k's.
    nodes: Vec<Vec<Fr>>,
}

impl Seat {
    fn new(seat: usize, levels: usize, mut watchers: Vec<Watcher>, order: Fr) -> Self {
        watchers.sort_by_cached_key(|watcher| hash(&[order, watcher.key.x, watcher.key.y]));
        let count = watchers.len();
        let leaves = watchers
            .iter()
            .map(|watcher| watcher_leaf(watcher.owner, &watcher.key, seat))
            .collect();
        let mut nodes: Vec<Vec<Fr>> = vec![leaves];
        // Leaves below a child, modulo the number of watchers.
        let mut stride = 1 % count;
        for level in 0..levels {
            let children = &nodes[level];
            let parents = (0..count)
                .map(|first| {
                    let mut family = [Fr::from(0u64); ARITY];
                    for (number, child) in family.iter_mut().enumerate() {
                        *child = children[(first + number * stride) % count];
                    }
                    hash(&family)
                })
                .collect();
            nodes.push(parents);
            stride = stride * ARITY % count;
        }
        Self { watchers, nodes }
    }

    /// The watcher whose leaf is the first below a node.
    fn first(&self, level: usize, index: u64) -> usize {
        // A remainder modulo a length is below it, so that the conversion cannot fail.
        usize::try_from(index * width(level) % self.watchers.len() as u64).unwrap_or(0)
    }

    fn node(&self, level: usize, index: u64) -> Fr {
        self.nodes[level][self.first(level, index)]
    }
}

/// The watchers of an epoch, seat by seat.
#[derive(Debug, Clone)]
pub struct WatcherRegistry {
    seats: Vec<Seat>,
    levels: usize,
}

impl WatcherRegistry {
    /// Checks the rules of the seats and builds their trees of `16^levels` leaves. `previous_randomness` (R
    /// of the epoch before, reduced modulo r) orders the watchers of a seat.
    ///
    /// # Errors
    /// [`WatcherError`].
    pub fn new(
        levels: usize,
        seats: Vec<Vec<Watcher>>,
        previous_randomness: &[u8; 32],
    ) -> Result<Self, WatcherError> {
        check_rules(levels, &seats)?;
        let order = reduce_be_bytes(previous_randomness);
        let seats = seats
            .into_iter()
            .enumerate()
            .map(|(seat, watchers)| Seat::new(seat, levels, watchers, order))
            .collect();
        Ok(Self { seats, levels })
    }

    /// Number of seats, W.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.seats.len()
    }

    /// Levels of a seat, L.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// The watchers of a seat in the order in which they fill its leaves; none for a seat that does not
    /// exist.
    #[must_use]
    pub fn watchers(&self, seat: usize) -> &[Watcher] {
        self.seats.get(seat).map_or(&[], |seat| &seat.watchers)
    }

    /// Root of each seat's subtree, in the order of the seats.
    #[must_use]
    pub fn seat_roots(&self) -> Vec<Fr> {
        self.seats.iter().map(|seat| seat.node(self.levels, 0)).collect()
    }

    /// Root of the watcher tree.
    #[must_use]
    pub fn root(&self) -> Fr {
        watcher_root(&self.seat_roots())
    }

    /// The watcher at a leaf of a seat.
    ///
    /// # Errors
    /// [`WatcherError::NoSuchLeaf`].
    pub fn watcher(&self, seat: usize, leaf: u64) -> Result<&Watcher, WatcherError> {
        let found = self.seat(seat, leaf)?;
        Ok(&found.watchers[found.first(0, leaf)])
    }

    /// The path from a leaf up to the root of its seat.
    ///
    /// # Errors
    /// [`WatcherError::NoSuchLeaf`].
    pub fn path(&self, seat: usize, leaf: u64) -> Result<Path, WatcherError> {
        let found = self.seat(seat, leaf)?;
        Ok((0..self.levels)
            .map(|level| {
                let first = leaf / width(level + 1) * ARITY as u64;
                let mut children = [Fr::from(0u64); ARITY];
                for (child, index) in children.iter_mut().zip(first..) {
                    *child = found.node(level, index);
                }
                children
            })
            .collect())
    }

    fn seat(&self, seat: usize, leaf: u64) -> Result<&Seat, WatcherError> {
        let leaves = width(self.levels);
        self.seats
            .get(seat)
            .filter(|_| leaf < leaves)
            .ok_or(WatcherError::NoSuchLeaf {
                seat,
                leaf,
                seats: self.seats.len(),
                leaves,
            })
    }
}

fn check_rules(levels: usize, seats: &[Vec<Watcher>]) -> Result<(), WatcherError> {
    if !(1..=SEATS_MAX).contains(&seats.len()) {
        return Err(WatcherError::Seats { got: seats.len() });
    }
    if !(1..=SEAT_LEVELS_MAX).contains(&levels) {
        return Err(WatcherError::SeatLevels { got: levels });
    }
    let limit = width(levels) / LEAVES_PER_WATCHER_MIN;
    let mut seat_of_owner: BTreeMap<Fr, usize> = BTreeMap::new();
    let mut seat_of_key: BTreeMap<Fr, usize> = BTreeMap::new();
    for (seat, watchers) in seats.iter().enumerate() {
        if watchers.len() as u64 > limit {
            return Err(WatcherError::TooManyWatchers {
                seat,
                limit,
                got: watchers.len(),
            });
        }
        let owners: BTreeSet<Fr> = watchers.iter().map(|watcher| watcher.owner).collect();
        if owners.len() < OWNERS_MIN {
            return Err(WatcherError::TooFewOwners {
                seat,
                got: owners.len(),
            });
        }
        for (number, Watcher { owner, key }) in watchers.iter().enumerate() {
            if bits(owner) > IDENTIFIER_BITS {
                return Err(WatcherError::OwnerTooLarge {
                    seat,
                    watcher: number,
                    got: to_decimal(owner),
                });
            }
            if !is_valid_key(key) {
                return Err(WatcherError::InvalidKey {
                    seat,
                    watcher: number,
                });
            }
            let first = *seat_of_owner.entry(*owner).or_insert(seat);
            if first != seat {
                return Err(WatcherError::OwnerInTwoSeats {
                    owner: to_decimal(owner),
                    first,
                    second: seat,
                });
            }
            if let Some(first) = seat_of_key.insert(key.x, seat) {
                return Err(WatcherError::RepeatedKey {
                    first,
                    seat,
                    watcher: number,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::eddsa::SecretKey;
    use crate::field::keccak256;
    use crate::tree::{Tree, verify_path};

    fn watcher(seat: usize, number: u64) -> Watcher {
        let owner = Fr::from(1_000 * (seat as u64 + 1) + number);
        let secret = keccak256(format!("{seat}/{number}").as_bytes());
        Watcher {
            owner,
            key: SecretKey::from_bytes(&secret).public_key(),
        }
    }

    fn seats(counts: &[u64]) -> Vec<Vec<Watcher>> {
        counts
            .iter()
            .enumerate()
            .map(|(seat, &count)| (0..count).map(|number| watcher(seat, number)).collect())
            .collect()
    }

    fn refused(levels: usize, seats: Vec<Vec<Watcher>>) -> WatcherError {
        WatcherRegistry::new(levels, seats, &[1; 32]).unwrap_err()
    }

    #[test]
    fn the_cyclic_tree_is_the_ordinary_tree_of_its_leaves() {
        let registry = WatcherRegistry::new(3, seats(&[4, 7, 16]), &[1; 32]).unwrap();
        let roots: Vec<Fr> = (0..3)
            .map(|seat| {
                let watchers = registry.watchers(seat);
                let leaves = watchers
                    .iter()
                    .map(|w| watcher_leaf(w.owner, &w.key, seat))
                    .cycle();
                let tree = Tree::new(3, (0..4_096).zip(leaves)).unwrap();
                for leaf in [0, 1, 255, 1_234, 4_095] {
                    let path = registry.path(seat, leaf).unwrap();
                    assert_eq!(path, tree.path(0, leaf).unwrap());
                    let found = registry.watcher(seat, leaf).unwrap();
                    let node = watcher_leaf(found.owner, &found.key, seat);
                    assert_eq!(verify_path(node, leaf, &path, tree.root()), Ok(()));
                }
                tree.root()
            })
            .collect();
        assert_eq!(registry.root(), watcher_root(&roots));
        assert_eq!((registry.seats(), registry.levels()), (3, 3));
    }

    #[test]
    fn the_order_follows_the_randomness_and_not_the_list() {
        let listed = seats(&[5]);
        let mut reversed = listed.clone();
        reversed[0].reverse();
        let root = |seats, randomness| WatcherRegistry::new(3, seats, randomness).unwrap().root();
        assert_eq!(root(listed.clone(), &[1; 32]), root(reversed, &[1; 32]));
        let registry = WatcherRegistry::new(3, listed, &[1; 32]).unwrap();
        let order = reduce_be_bytes(&[1; 32]);
        let keys: Vec<Fr> = registry
            .watchers(0)
            .iter()
            .map(|w| hash(&[order, w.key.x, w.key.y]))
            .collect();
        assert!(keys.is_sorted());
    }

    #[test]
    fn rules_of_the_seats() {
        assert_eq!(refused(3, vec![]), WatcherError::Seats { got: 0 });
        assert_eq!(refused(3, seats(&[4; 11])), WatcherError::Seats { got: 11 });
        for got in [0, 7] {
            assert_eq!(refused(got, seats(&[4])), WatcherError::SeatLevels { got });
        }
        let too_many = WatcherError::TooManyWatchers {
            seat: 1,
            limit: 16,
            got: 17,
        };
        assert_eq!(refused(3, seats(&[4, 17])), too_many);
        assert_eq!(
            refused(3, seats(&[4, 3])),
            WatcherError::TooFewOwners { seat: 1, got: 3 }
        );
        let mut same_owner = seats(&[5]);
        same_owner[0][3].owner = same_owner[0][0].owner;
        assert!(WatcherRegistry::new(3, same_owner.clone(), &[1; 32]).is_ok());
        same_owner[0][4].owner = same_owner[0][0].owner;
        assert_eq!(
            refused(3, same_owner),
            WatcherError::TooFewOwners { seat: 0, got: 3 }
        );
    }

    #[test]
    fn one_owner_one_seat_and_one_key_once() {
        let mut two_seats = seats(&[4, 4]);
        two_seats[1][2].owner = two_seats[0][3].owner;
        assert_eq!(
            refused(3, two_seats),
            WatcherError::OwnerInTwoSeats {
                owner: "1003".to_owned(),
                first: 0,
                second: 1
            }
        );
        let mut same_key = seats(&[4, 4]);
        same_key[1][2].key = same_key[0][3].key;
        assert_eq!(
            refused(3, same_key),
            WatcherError::RepeatedKey {
                first: 0,
                seat: 1,
                watcher: 2
            }
        );
        let mut mirrored = seats(&[4]);
        mirrored[0][2].key.y = mirrored[0][3].key.y;
        assert_eq!(
            refused(3, mirrored),
            WatcherError::InvalidKey { seat: 0, watcher: 2 }
        );
    }

    #[test]
    fn owners_and_keys_are_checked() {
        let mut large = seats(&[4]);
        large[0][1].owner = -Fr::from(1u64);
        assert!(matches!(
            refused(3, large),
            WatcherError::OwnerTooLarge {
                seat: 0,
                watcher: 1,
                ..
            }
        ));
        let mut identity = seats(&[4]);
        identity[0][0].key = Point::zero();
        assert_eq!(
            refused(3, identity),
            WatcherError::InvalidKey { seat: 0, watcher: 0 }
        );
    }

    #[test]
    fn leaves_outside_the_registry() {
        let registry = WatcherRegistry::new(3, seats(&[4]), &[1; 32]).unwrap();
        let refused = WatcherError::NoSuchLeaf {
            seat: 1,
            leaf: 0,
            seats: 1,
            leaves: 4_096,
        };
        assert_eq!(registry.watcher(1, 0), Err(refused.clone()));
        assert_eq!(registry.path(1, 0), Err(refused));
        assert!(registry.watcher(0, 4_096).is_err());
        assert!(registry.watchers(1).is_empty());
    }
}
