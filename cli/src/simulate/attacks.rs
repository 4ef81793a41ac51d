//! The attacks: what they do to messages between device and watcher, and to what watchers publish.
//!
//! Everything here happens before anything is verified. The pipeline (`popw_claims`) knows nothing of it, and gets bytes and types
//! as it gets them from anybody.
//!
//! Next: [`super::zone`], which carries the messages into the pipeline.

use super::roles::{DeviceRole, WatcherRole};
use super::traffic::{Message, Sender, slots};
use super::world::World;
use popw_claims::attestation::{Attestation, Bitmap, Observation};
use popw_claims::eddsa::SecretKey;
use popw_claims::field::Fr;
use popw_claims::record::SignedRecord;
use popw_claims::uptime::Vote;

/// A late log is sent so many seconds after the end of the epoch.
const LATE_SECONDS: u64 = 3_600;

/// What comes out of a device in the slots in which it is on, and what its owner makes of it. `earlier_tag` is that of the epoch
/// before, `partner` the station that helps, and when it is on.
pub fn messages(
    role: DeviceRole,
    sender: &Sender<'_>,
    on: &[bool],
    earlier_tag: Fr,
    partner: Option<(&SecretKey, &[bool])>,
) -> Vec<Message> {
    let mut messages = sender.honest(on);
    let honest = messages.clone();
    // Something else in place of the record that is missing in a slot.
    let mut instead = |make: &dyn Fn(usize) -> Option<SignedRecord>| {
        messages.extend(slots(on, false).filter_map(|slot| {
            let signed = make(slot)?;
            let sent_at = sender.time(slot);
            Some(Message { sent_at, signed })
        }));
    };
    let other = |slot: usize| honest.get(slot.checked_rem(honest.len())?);
    match role {
        DeviceRole::Honest | DeviceRole::Colluder | DeviceRole::WatchersOwn => {}
        DeviceRole::ReplayedLog => instead(&|slot| Some(sender.record(slot, earlier_tag))),
        DeviceRole::ForgedSignatures => instead(&|slot| {
            let record = sender.record(slot, sender.epoch_tag).record;
            let signature = other(slot)?.signed.signature;
            Some(SignedRecord { record, signature })
        }),
        DeviceRole::BorrowedIdentity => instead(&|slot| {
            let (session, _) = partner.filter(|(_, on)| on[slot])?;
            Some(Sender { session, ..*sender }.record(slot, sender.epoch_tag))
        }),
        DeviceRole::EchoedRecords => instead(&|slot| other(slot).map(|message| message.signed)),
        // The station is on in the end: everything that it says of the past is sent in one slot, with its last honest message.
        DeviceRole::BackDatedLog => {
            let now = honest.last().map(|message| message.sent_at);
            messages.extend(slots(on, false).filter_map(|slot| {
                let signed = sender.record(slot, sender.epoch_tag);
                now.map(|sent_at| Message { sent_at, signed })
            }));
        }
        DeviceRole::LateLog => {
            let sent_at = sender.epoch.range().end + LATE_SECONDS;
            messages.extend(slots(on, false).map(|slot| Message {
                sent_at,
                signed: sender.record(slot, sender.epoch_tag),
            }));
        }
        // Signed in advance or by a copy of the key: what is on the wire is the same.
        DeviceRole::StockpiledRecords | DeviceRole::ClonedKey => {
            instead(&|slot| Some(sender.record(slot, sender.epoch_tag)));
        }
        // One station signs under two indices, whether the second was registered or not.
        DeviceRole::RegisteredTwice => {
            if let Some((_, on)) = partner {
                messages.extend(sender.honest(on));
            }
        }
    }
    messages.sort_by_key(|message| message.sent_at);
    messages
}

/// What is published in the name of a seat: by the watcher, and by whoever interferes.
pub fn publications(world: &World, watcher: usize, zone: u64, observation: Observation<'_>) -> Vec<Vote> {
    let key = world.watcher_keys.secret(watcher);
    let seat = world.watcher_keys.seat(watcher);
    let heard = observation.bitmap().clone();
    let signed_for = |epoch_tag, bitmap: Bitmap| {
        let attestation = Attestation::sign(key, epoch_tag, zone, seat, &bitmap);
        Vote { bitmap, attestation }
    };
    let sign = |bitmap| signed_for(world.epoch_tag, bitmap);
    let (bitmap, attestation) = observation.attest(key);
    let honest = Vote { bitmap, attestation };
    let (devices, slots) = (heard.devices(), heard.slots());
    match world.watcher_roles[watcher] {
        WatcherRole::Honest | WatcherRole::SkewedClock | WatcherRole::Outsider => vec![honest],
        WatcherRole::Silent => vec![],
        WatcherRole::Slanderer => vec![sign(Bitmap::new(devices, slots))],
        WatcherRole::Colluder | WatcherRole::SelfServing => {
            vec![sign(with_favours(world, watcher, zone, heard))]
        }
        WatcherRole::DoubleDealer => vec![sign(all_of_zone(world, zone, heard)), honest],
        WatcherRole::Malformed => vec![sign(Bitmap::new(devices, slots + 1))],
        WatcherRole::Altered => {
            let altered = Vote {
                bitmap: all_of_zone(world, zone, heard),
                ..honest.clone()
            };
            vec![altered, honest]
        }
        WatcherRole::Replayed => {
            let earlier = all_of_zone(world, zone, heard);
            vec![signed_for(world.earlier_tag, earlier), honest]
        }
    }
}

/// What watchers publish for a zone for which they were not drawn, with the seat that they claim.
pub fn outsiders(world: &World, zone: u64, committee: &[usize]) -> Vec<Vote> {
    let is_outsider =
        |number: &usize| world.watcher_roles[*number] == WatcherRole::Outsider && !committee.contains(number);
    (0..world.watcher_roles.len())
        .filter(is_outsider)
        .map(|watcher| {
            let seat = world.watcher_keys.seat(watcher);
            let empty = Bitmap::new(world.shape.devices, world.shape.slots);
            let bitmap = with_favours(world, watcher, zone, empty);
            let key = world.watcher_keys.secret(watcher);
            let attestation = Attestation::sign(key, world.epoch_tag, zone, seat, &bitmap);
            Vote { bitmap, attestation }
        })
        .collect()
}

/// A bitmap with every slot of the devices that a watcher favours.
fn with_favours(world: &World, watcher: usize, zone: u64, bitmap: Bitmap) -> Bitmap {
    with_all_slots(world, zone, bitmap, |device| world.favours(watcher, device))
}

/// A bitmap with every slot of every device of the zone.
fn all_of_zone(world: &World, zone: u64, bitmap: Bitmap) -> Bitmap {
    with_all_slots(world, zone, bitmap, |_| true)
}

fn with_all_slots(world: &World, zone: u64, mut bitmap: Bitmap, wanted: impl Fn(usize) -> bool) -> Bitmap {
    for (place, device) in world.devices_of(zone).enumerate() {
        if wanted(device) {
            (0..bitmap.slots()).for_each(|slot| bitmap.set(place, slot, true));
        }
    }
    bitmap
}
