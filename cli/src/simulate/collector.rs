//! Whoever collects the votes of an epoch and posts their root: at most one vote for each seat, and none that does not verify.
//!
//! It knows what everybody knows: registry, epoch tag, the rules of `popw_claims`.

use popw_claims::uptime::{AssemblyError, Network, Vote};

/// Why votes were not taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejections {
    /// The bitmap is not one of the zone, or the vote names another zone or seat.
    pub shape: u64,
    /// The attested digest is not the bitmap's.
    pub digest: u64,
    /// The drawn watcher did not sign it for this epoch.
    pub signature: u64,
    /// Seats that are void, because their watcher signed two different votes.
    pub contradictions: u64,
}

impl Rejections {
    /// Adds up.
    pub fn add(&mut self, more: &Self) {
        self.shape += more.shape;
        self.digest += more.digest;
        self.signature += more.signature;
        self.contradictions += more.contradictions;
    }
}

/// The votes of a zone.
pub struct Collected {
    /// One for each seat, or none where it is absent or void.
    pub votes: Vec<Option<Vote>>,
    /// What was not taken.
    pub rejections: Rejections,
}

/// Takes what was published for a zone, each vote with the seat that it claims.
pub fn collect(network: &Network<'_>, zone: u64, published: Vec<(usize, Vote)>) -> Collected {
    let mut votes: Vec<Option<Vote>> = vec![None; network.shape.watchers];
    let mut is_void = vec![false; votes.len()];
    let mut rejections = Rejections::default();
    for (seat, vote) in published {
        match network.check_vote(zone, seat, &vote) {
            Err(AssemblyError::Digest { .. }) => rejections.digest += 1,
            Err(AssemblyError::Signature { .. }) => rejections.signature += 1,
            Err(_) => rejections.shape += 1,
            Ok(()) => match &votes[seat] {
                None => votes[seat] = Some(vote),
                Some(first) if first.attestation.digest == vote.attestation.digest => {}
                Some(_) => is_void[seat] = true,
            },
        }
    }
    for (vote, _) in votes.iter_mut().zip(&is_void).filter(|(_, is_void)| **is_void) {
        *vote = None;
        rejections.contradictions += 1;
    }
    Collected { votes, rejections }
}
