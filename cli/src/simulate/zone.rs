//! One zone in one epoch: messages are sent, watchers verify and attest, votes are collected, the claim is evaluated.
//!
//! Attackers speak in [`super::attacks`] alone; from [`Observation`] on, this is the ordinary pipeline.

use super::attacks;
use super::collector::{self, Collected};
use super::roles::{Role, WatcherRole};
use super::traffic::{Message, Sender, arrival};
use super::world::World;
use crate::failure::Failure;
use popw_claims::attestation::{Observation, Refusals};
use popw_claims::record::{SignedRecord, VerifiedRecord};
use popw_claims::uptime::Vote;
use rayon::prelude::*;

/// What the simulation knows of a device after the epoch.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Registry index.
    pub index: usize,
    /// The slots in which it was really on.
    pub on: Vec<bool>,
    /// The score for those.
    pub deserved: u32,
    /// The score that the claim says.
    pub scored: u32,
}

impl Verdict {
    /// By how much the claim pays too much.
    pub fn gained(&self) -> u32 {
        self.scored.saturating_sub(self.deserved)
    }

    /// By how much the claim pays too little.
    pub fn lost(&self) -> u32 {
        self.deserved.saturating_sub(self.scored)
    }
}

/// A zone after the epoch.
pub struct Played {
    /// The zone.
    pub zone: u64,
    /// Its watchers, seat by seat.
    pub committee: Vec<usize>,
    /// Records that reached watchers, and those that they refused.
    pub received: u64,
    /// By reason.
    pub refusals: Refusals,
    /// Votes that count and those that do not.
    pub collected: Collected,
    /// Its devices.
    pub verdicts: Vec<Verdict>,
}

impl Played {
    /// The votes that count.
    pub fn votes(&self) -> impl Iterator<Item = &Vote> {
        self.collected.votes.iter().flatten()
    }

    /// How many of the committee collude.
    pub fn colluders(&self, world: &World) -> usize {
        let colludes = |watcher: &&usize| world.watcher_roles[**watcher] == WatcherRole::Colluder;
        self.committee.iter().filter(colludes).count()
    }
}

/// A record that has been verified once for everybody, or is left to each watcher to refuse.
enum Checked {
    Verified(VerifiedRecord),
    Unverified(SignedRecord),
}

/// A message with the second at which each seat receives it.
struct Arrival {
    checked: Checked,
    received_at: Vec<Option<u64>>,
}

/// A watcher at work.
struct Post<'a> {
    watcher: usize,
    observation: Observation<'a>,
    received: u64,
}

/// Plays a zone.
///
/// # Errors
/// If the zone is none of the fleet's.
pub fn play(world: &World, zone: u64) -> Result<Played, Failure> {
    let committee = world
        .watcher_keys
        .committee(&world.watchers, world.epoch_tag, zone)?;
    let clock_errors: Vec<i64> = committee
        .iter()
        .map(|watcher| world.clock_error(*watcher))
        .collect();
    let (on, arrivals): (Vec<_>, Vec<_>) = world
        .devices_of(zone)
        .into_par_iter()
        .map(|index| {
            let on = world.on_slots(index);
            let arrivals = travel(world, index, messages(world, index, &on), &clock_errors);
            (on, arrivals)
        })
        .unzip();

    let posts: Vec<Post<'_>> = (committee.par_iter().enumerate())
        .map(|(seat, watcher)| watch(world, zone, seat, *watcher, &arrivals))
        .collect::<Result<_, _>>()?;
    drop(arrivals);
    let (mut received, mut refusals) = (0, Refusals::default());
    let mut published = attacks::outsiders(world, zone, &committee);
    for post in posts {
        received += post.received;
        add(&mut refusals, &post.observation.refusals());
        published.extend(attacks::publications(world, post.watcher, zone, post.observation));
    }

    let network = world.network();
    let collected = collector::collect(&network, zone, published);
    let witness = network
        .witness(zone, &collected.votes)
        .map_err(Failure::internal)?;
    let outcome = witness.evaluate(&world.shape).map_err(Failure::internal)?;
    let verdicts = (world.devices_of(zone).zip(on).zip(&outcome.scores))
        .map(|((index, on), scored)| Verdict {
            index,
            deserved: world.deserved(&on),
            on,
            scored: *scored,
        })
        .collect();
    Ok(Played {
        zone,
        committee,
        received,
        refusals,
        collected,
        verdicts,
    })
}

/// What is sent in the name of a device.
fn messages(world: &World, index: usize, on: &[bool]) -> Vec<Message> {
    let device = &world.devices[index];
    let sender = Sender {
        index: index as u64,
        session: &device.session,
        epoch: &world.epoch,
        epoch_tag: world.epoch_tag,
        phase: Sender::draw_phase(&world.epoch, &mut world.seed.rng("phase", index)),
    };
    let partner = device
        .partner
        .map(|partner| (&world.devices[partner].session, world.on_slots(partner)));
    let partner = partner.as_ref().map(|(session, on)| (*session, on.as_slice()));
    attacks::messages(device.role, &sender, on, world.earlier_tag, partner)
}

/// Carries the messages of a device to the seats. What verifies is verified once; what does not is left to each watcher.
fn travel(world: &World, index: usize, messages: Vec<Message>, clock_errors: &[i64]) -> Vec<Arrival> {
    let mut rng = world.seed.rng("travel", index);
    messages
        .into_iter()
        .map(|Message { sent_at, signed }| {
            let checked = match signed.verify(world.epoch_tag, &world.registry) {
                Ok(verified) => Checked::Verified(verified),
                Err(_) => Checked::Unverified(signed),
            };
            let loss = world.settings.loss_percent;
            let received_at = clock_errors
                .iter()
                .map(|error| arrival(sent_at, *error, loss, &mut rng))
                .collect();
            Arrival { checked, received_at }
        })
        .collect()
}

/// A seat receives what arrives.
fn watch<'a>(
    world: &'a World,
    zone: u64,
    seat: usize,
    watcher: usize,
    arrivals: &[Vec<Arrival>],
) -> Result<Post<'a>, Failure> {
    let mut observation = Observation::new(
        &world.registry,
        world.epoch,
        world.epoch_tag,
        zone,
        world.shape.devices,
        seat,
    )
    .map_err(Failure::internal)?;
    let mut received = 0;
    for arrival in arrivals.iter().flatten() {
        let Some(at) = arrival.received_at[seat] else {
            continue;
        };
        received += 1;
        // Refusals are counted by the observation.
        let _ = match &arrival.checked {
            Checked::Verified(verified) => observation.receive_verified(at, verified),
            Checked::Unverified(signed) => observation.receive(at, signed).map(|_| ()),
        };
    }
    Ok(Post {
        watcher,
        observation,
        received,
    })
}

/// Adds up refusals.
pub fn add(total: &mut Refusals, more: &Refusals) {
    total.outside_epoch += more.outside_epoch;
    total.unknown_device += more.unknown_device;
    total.bad_signature += more.bad_signature;
    total.duplicate += more.duplicate;
}

/// Whether a device is honest.
pub fn is_honest(world: &World, index: usize) -> bool {
    world.devices[index].role == Role::HONEST
}
