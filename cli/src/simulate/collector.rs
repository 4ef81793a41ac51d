//! Whoever collects the votes of an epoch and posts their root: the first vote of a seat that verifies stands, as in
//! `popw_claims::fleet::Attestations`, which does the same with a file.
//!
//! It knows what everybody knows: registry, epoch tag, the rules of `popw_claims`.

use popw_claims::fleet::{Reason, judge};
use popw_claims::uptime::{Network, Vote};
use std::collections::BTreeMap;

/// Votes that were not taken, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections(BTreeMap<Reason, u64>);

impl Rejections {
    /// How many for a reason.
    pub fn of(&self, reason: Reason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// All reasons that occur.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Adds up.
    pub fn add(&mut self, more: &Self) {
        for (reason, count) in more.counts() {
            *self.0.entry(reason).or_default() += count;
        }
    }
}

/// The votes of a zone.
pub struct Collected {
    /// Everything that was published, in its order.
    pub published: Vec<Vote>,
    /// One for each seat, or none where it is absent.
    pub votes: Vec<Option<Vote>>,
    /// What was not taken.
    pub rejections: Rejections,
}

/// Takes what was published for a zone.
pub fn collect(network: &Network<'_>, zone: u64, published: Vec<Vote>) -> Collected {
    let mut votes: Vec<Option<Vote>> = vec![None; network.shape.watchers];
    let mut rejections = Rejections::default();
    // A vote for another zone is that zone's matter.
    for vote in published.iter().filter(|vote| vote.attestation.zone == zone) {
        let digest = &vote.attestation.digest;
        let refused = match judge(network, vote) {
            Err(flaw) => flaw.reason,
            // A seat that was judged exists.
            Ok(()) => match &mut votes[vote.attestation.seat] {
                Some(first) => Reason::of_second(&first.attestation.digest, digest),
                free => {
                    *free = Some(vote.clone());
                    continue;
                }
            },
        };
        *rejections.0.entry(refused).or_default() += 1;
    }
    Collected {
        published,
        votes,
        rejections,
    }
}
