//! Honest traffic: when a device is on, what it sends, and how messages travel.
//!
//! Next: [`super::attacks`], which changes messages before anybody verifies them.

use popw_claims::eddsa::SecretKey;
use popw_claims::epoch::Epoch;
use popw_claims::field::Fr;
use popw_claims::record::{Record, SignedRecord, payload_of};
use rand::Rng;
use rand::rngs::StdRng;

/// One device in so many runs on sunlight.
const SOLAR_ONE_IN: u32 = 12;
/// Most outages of a device in an epoch.
const OUTAGES_MAX: u32 = 3;
/// A message travels at most so many seconds.
const DELAY_SECONDS_MAX: u64 = 2;

/// A record on its way.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// When it is sent, Unix seconds, by a clock that is right.
    pub sent_at: u64,
    /// What is sent.
    pub signed: SignedRecord,
}

/// The slots in which an honest device is on. Most are on all day but for outages, which are mostly none or short; one in twelve
/// runs from sunrise to sunset.
pub fn on_slots(slots: usize, rng: &mut StdRng) -> Vec<bool> {
    let mut on = vec![true; slots];
    if rng.gen_ratio(1, SOLAR_ONE_IN) {
        let (sunrise, sunset) = (
            rng.gen_range(slots / 5..=slots / 3),
            rng.gen_range(slots * 2 / 3..=slots * 4 / 5),
        );
        on[..sunrise].fill(false);
        on[sunset..].fill(false);
    }
    // Three in four have no outage, and a long one is rarer than a short one.
    let outages = if rng.gen_ratio(3, 4) {
        0
    } else {
        rng.gen_range(1..=OUTAGES_MAX)
    };
    for _ in 0..outages {
        let longest = rng.gen_range(1..=(slots / 4).max(1));
        let start = rng.gen_range(0..slots);
        let end = (start + rng.gen_range(1..=longest)).min(slots);
        on[start..end].fill(false);
    }
    on
}

/// Whoever signs with a device's session key.
pub struct Sender<'a> {
    /// Registry index.
    pub index: u64,
    /// The key.
    pub session: &'a SecretKey,
    /// The epoch.
    pub epoch: &'a Epoch,
    /// Its tag.
    pub epoch_tag: Fr,
    /// Seconds from a slot's start until the device sends.
    pub phase: u64,
}

impl Sender<'_> {
    /// Draws the second of a slot at which the device sends: in the middle half, so that clocks that are a little wrong agree on
    /// the slot.
    pub fn draw_phase(epoch: &Epoch, rng: &mut StdRng) -> u64 {
        let seconds = u64::from(epoch.seconds() / epoch.slots());
        rng.gen_range(seconds / 4..=seconds * 3 / 4)
    }

    /// When the device sends in a slot, Unix seconds.
    pub fn time(&self, slot: usize) -> u64 {
        let seconds = u64::from(self.epoch.seconds() / self.epoch.slots());
        self.epoch.start() + slot as u64 * seconds + self.phase
    }

    /// The record of a slot, signed for an epoch tag.
    pub fn record(&self, slot: usize, epoch_tag: Fr) -> SignedRecord {
        let time = self.time(slot);
        let record = Record {
            device_index: self.index,
            time,
            payload: payload_of(format!("{time},{}", self.index).as_bytes()),
        };
        // The keys are drawn from a public seed: there is no secret to protect.
        record.sign_vartime(epoch_tag, self.session)
    }

    /// The record of a slot, sent in time.
    pub fn message(&self, slot: usize) -> Message {
        Message {
            sent_at: self.time(slot),
            signed: self.record(slot, self.epoch_tag),
        }
    }

    /// What an honest device sends: a record in every slot in which it is on.
    pub fn honest(&self, on: &[bool]) -> Vec<Message> {
        slots(on, true).map(|slot| self.message(slot)).collect()
    }
}

/// The slots in which a device is on, or off.
pub fn slots(on: &[bool], state: bool) -> impl Iterator<Item = usize> {
    (0..)
        .zip(on)
        .filter(move |(_, on)| **on == state)
        .map(|(slot, _)| slot)
}

/// The second at which a message arrives by a watcher's clock; nothing if it is lost on the way.
pub fn arrival(sent_at: u64, clock_error: i64, loss_percent: u8, rng: &mut StdRng) -> Option<u64> {
    let is_lost = rng.gen_range(0..100) < loss_percent;
    let delay = rng.gen_range(0..=DELAY_SECONDS_MAX);
    let received_at = (sent_at + delay).checked_add_signed(clock_error);
    received_at.filter(|_| !is_lost)
}
