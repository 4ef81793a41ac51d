//! What the ingestor makes of the reports it received: the receipt set of a beacon, and its digest
//! (`docs/protocol.md` section 9).
//!
//! The ingestor notes its own time of every report and checks what the circuit cannot afford to judge: only
//! what is registered, signed and of an owner of its own enters the set. Everything that is left out is counted
//! by reason. It then attests the digest; from there on the set is fixed, and whoever proves it must process
//! all of it.
//!
//! Depends on [`super::radio`], [`crate::registry`]. Next: [`super::statement`], which proves what the set
//! leads to.

use std::collections::BTreeSet;

use ark_ff::PrimeField;

use super::radio::{
    Beacon, PACKED_INDEX_BITS, Receipt, Report, ReportError, TIME_BITS, challenge, check_time,
};
use crate::attestation::Attestation;
use crate::eddsa::{EddsaError, SecretKey, Signature};
use crate::field::{Fr, tag};
use crate::opening::INGESTOR_SEAT;
use crate::poseidon::{hash, sponge};
use crate::registry::{Device, DeviceRegistry};

/// A report as the ingestor received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received<R> {
    /// The report.
    pub report: R,
    /// The signature of the device's session key.
    pub signature: Signature,
    /// When it arrived: the ingestor's clock, ms since the start of the epoch.
    pub time_ms: u32,
}

impl<R: Report> Received<R> {
    /// Checks the limits of the report and of the time.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn validate(&self) -> Result<(), ReportError> {
        check_time("time_ms", self.time_ms)?;
        self.report.validate()
    }

    /// `time + 2^27 packed`.
    fn packed(&self) -> Fr {
        Fr::from(self.time_ms) + Fr::from(1u64 << TIME_BITS) * self.report.packed()
    }
}

/// A receipt with the registry index of the witness that it says it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedReceipt {
    /// Registry index of the witness.
    pub index: u64,
    /// The receipt.
    pub received: Received<Receipt>,
}

impl ReceivedReceipt {
    /// `1 + 2 (index + 2^32 (time + 2^27 packed))`: odd, so that no receipt looks like an absent one.
    #[must_use]
    pub fn element(&self) -> Fr {
        let weight = Fr::from(1u64 << PACKED_INDEX_BITS);
        let two = Fr::from(2u64);
        (Fr::from(self.index) + weight * self.received.packed()) * two + Fr::from(1u64)
    }
}

/// `digest = sponge("receipts", M, nonce, e_b, e_1 .. e_M)`: `e_b` is the beacon with its time, `e_i` a receipt,
/// 0 where there is none.
#[must_use]
pub fn digest(
    witnesses: usize,
    nonce: Fr,
    beacon: &Received<Beacon>,
    receipts: impl IntoIterator<Item = Option<ReceivedReceipt>>,
) -> Fr {
    let mut elements = vec![Fr::from(witnesses as u64), nonce, beacon.packed()];
    let element = |receipt: Option<ReceivedReceipt>| receipt.map_or_else(Fr::default, |r| r.element());
    elements.extend(receipts.into_iter().map(element));
    elements.resize(3 + witnesses, Fr::from(0u64));
    sponge("receipts", &elements)
}

/// Why there is no receipt set: the beacon itself is no good, and the window is void.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// No device has the beaconer's index.
    #[error("no device has the beaconer's index {index}")]
    UnknownBeaconer {
        /// The index.
        index: u64,
    },
    /// The beacon is outside its limits.
    #[error("beacon, {0}")]
    Report(#[from] ReportError),
    /// The beacon is not signed by the beaconer for this challenge and epoch.
    #[error("beacon: {0}")]
    Signature(#[from] EddsaError),
}

/// Why a receipt is not in the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discard {
    /// The receipt or its time is outside its limits.
    #[error("a number of the receipt is outside its limits")]
    Malformed,
    /// No device has this index.
    #[error("the witness is not registered")]
    UnknownWitness,
    /// The witness belongs to the owner of the beaconer, or is the beaconer.
    #[error("the witness belongs to the beaconer's owner")]
    SelfWitness,
    /// The signature is not the witness's for this challenge and epoch.
    #[error("the signature is not the witness's for this challenge")]
    BadSignature,
    /// An earlier receipt of the same owner is in the set.
    #[error("an earlier receipt of the same owner counts")]
    SecondOfOwner,
    /// There were more than M, and others were drawn.
    #[error("more receipts than the circuit holds, and others were drawn")]
    BeyondLimit,
}

/// How many receipts were discarded, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Discards {
    /// [`Discard::Malformed`].
    pub malformed: u64,
    /// [`Discard::UnknownWitness`].
    pub unknown_witness: u64,
    /// [`Discard::SelfWitness`].
    pub self_witness: u64,
    /// [`Discard::BadSignature`].
    pub bad_signature: u64,
    /// [`Discard::SecondOfOwner`].
    pub second_of_owner: u64,
    /// [`Discard::BeyondLimit`].
    pub beyond_limit: u64,
}

impl Discards {
    /// All discarded receipts.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.malformed
            + self.unknown_witness
            + self.self_witness
            + self.bad_signature
            + self.second_of_owner
            + self.beyond_limit
    }

    fn count(&mut self, discard: Discard) {
        *match discard {
            Discard::Malformed => &mut self.malformed,
            Discard::UnknownWitness => &mut self.unknown_witness,
            Discard::SelfWitness => &mut self.self_witness,
            Discard::BadSignature => &mut self.bad_signature,
            Discard::SecondOfOwner => &mut self.second_of_owner,
            Discard::BeyondLimit => &mut self.beyond_limit,
        } += 1;
    }
}

/// The beacon of a window and its receipts: verified, of different owners, at most M, by ascending owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptSet {
    epoch_tag: Fr,
    beaconer: u64,
    nonce: Fr,
    beacon: Received<Beacon>,
    receipts: Vec<ReceivedReceipt>,
    witnesses: usize,
    discards: Discards,
}

impl ReceiptSet {
    /// Selects what counts: valid receipts of registered witnesses, one for an owner (the earliest, then the one with the
    /// lowest index), none of the beaconer's owner; of more than `witnesses` those with the smallest
    /// `P_3(tag(witness-draw), epoch_tag, device_id)`.
    ///
    /// # Errors
    /// [`BeaconError`] if there is no valid beacon.
    pub fn select(
        devices: &DeviceRegistry,
        epoch_tag: Fr,
        beaconer: u64,
        nonce: Fr,
        beacon: Received<Beacon>,
        receipts: &[ReceivedReceipt],
        witnesses: usize,
    ) -> Result<Self, BeaconError> {
        let sender = devices
            .device(beaconer)
            .ok_or(BeaconError::UnknownBeaconer { index: beaconer })?;
        beacon.validate()?;
        let challenge = challenge(epoch_tag, nonce, beaconer);
        beacon
            .report
            .verify(&sender.session_key, epoch_tag, challenge, &beacon.signature)?;

        let mut discards = Discards::default();
        let mut valid: Vec<(&Device, ReceivedReceipt)> = Vec::new();
        for receipt in receipts {
            match check(devices, sender, epoch_tag, challenge, receipt) {
                Ok(device) => valid.push((device, *receipt)),
                Err(discard) => discards.count(discard),
            }
        }
        valid.sort_by_key(|(_, receipt)| (receipt.received.time_ms, receipt.index));
        let mut owners = BTreeSet::new();
        valid.retain(|(device, _)| {
            let is_first = owners.insert(device.owner_id.into_bigint());
            if !is_first {
                discards.count(Discard::SecondOfOwner);
            }
            is_first
        });
        if valid.len() > witnesses {
            valid.sort_by_cached_key(|(device, _)| draw(epoch_tag, device.device_id).into_bigint());
            for _ in valid.drain(witnesses..) {
                discards.count(Discard::BeyondLimit);
            }
        }
        valid.sort_by_key(|(device, _)| device.owner_id.into_bigint());
        Ok(Self {
            epoch_tag,
            beaconer,
            nonce,
            beacon,
            receipts: valid.into_iter().map(|(_, receipt)| receipt).collect(),
            witnesses,
            discards,
        })
    }

    /// The epoch tag.
    #[must_use]
    pub fn epoch_tag(&self) -> Fr {
        self.epoch_tag
    }

    /// Registry index of the beaconer.
    #[must_use]
    pub fn beaconer(&self) -> u64 {
        self.beaconer
    }

    /// The nonce of the challenge.
    #[must_use]
    pub fn nonce(&self) -> Fr {
        self.nonce
    }

    /// The beacon.
    #[must_use]
    pub fn beacon(&self) -> &Received<Beacon> {
        &self.beacon
    }

    /// The receipts, by ascending owner.
    #[must_use]
    pub fn receipts(&self) -> &[ReceivedReceipt] {
        &self.receipts
    }

    /// What was left out.
    #[must_use]
    pub fn discards(&self) -> Discards {
        self.discards
    }

    /// [`digest`].
    #[must_use]
    pub fn digest(&self) -> Fr {
        let receipts = self.receipts.iter().copied().map(Some);
        digest(self.witnesses, self.nonce, &self.beacon, receipts)
    }

    /// The ingestor's signature over the digest.
    #[must_use]
    pub fn attest(&self, ingestor_key: &SecretKey) -> Attestation {
        Attestation::of_digest(
            ingestor_key,
            self.epoch_tag,
            self.beaconer,
            INGESTOR_SEAT,
            self.digest(),
        )
    }
}

/// The witness of a receipt, if the receipt may count on its own.
fn check<'a>(
    devices: &'a DeviceRegistry,
    sender: &Device,
    epoch_tag: Fr,
    challenge: Fr,
    ReceivedReceipt { index, received }: &ReceivedReceipt,
) -> Result<&'a Device, Discard> {
    received.validate().map_err(|_| Discard::Malformed)?;
    let device = devices.device(*index).ok_or(Discard::UnknownWitness)?;
    if device.owner_id == sender.owner_id {
        return Err(Discard::SelfWitness);
    }
    received
        .report
        .verify(&device.session_key, epoch_tag, challenge, &received.signature)
        .map_err(|_| Discard::BadSignature)?;
    Ok(device)
}

/// Where a witness stands in the draw among too many: `P_3(tag(witness-draw), epoch_tag, device_id)`.
#[must_use]
pub fn draw(epoch_tag: Fr, device_id: Fr) -> Fr {
    hash(&[tag("witness-draw"), epoch_tag, device_id])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::coverage::statement::tests::Fixture;

    fn select(fixture: &Fixture) -> ReceiptSet {
        fixture.select().unwrap()
    }

    fn indices(set: &ReceiptSet) -> Vec<u64> {
        set.receipts().iter().map(|receipt| receipt.index).collect()
    }

    #[test]
    fn everything_valid_is_selected_by_ascending_owner() {
        let set = select(&Fixture::new());
        assert_eq!(indices(&set), [30, 20, 10]);
        assert_eq!(set.discards(), Discards::default());
    }

    #[test]
    fn each_reason_is_counted_once() {
        let mut fixture = Fixture::new();
        // A frequency beyond its limit, signed all the same.
        fixture.hear(40, 10_050, |receipt| receipt.frequency_hz = 1 << 30);
        fixture.hear(99, 10_050, |_| {});
        // The beaconer itself, and another device of its owner.
        fixture.hear(7, 10_050, |_| {});
        fixture.hear(8, 10_050, |_| {});
        fixture.hear(40, 10_050, |_| {});
        fixture.receipts.last_mut().unwrap().received.report.rssi_ddbm += 1;
        // An owner's second device, later than the first; and the first one again.
        fixture.hear(11, 10_500, |_| {});
        fixture.hear(10, 10_400, |_| {});
        let set = select(&fixture);
        assert_eq!(indices(&set), [30, 20, 10]);
        let discards = set.discards();
        let expected = Discards {
            malformed: 1,
            unknown_witness: 1,
            self_witness: 2,
            bad_signature: 1,
            second_of_owner: 2,
            beyond_limit: 0,
        };
        assert_eq!(discards, expected);
        assert_eq!(discards.total(), 7);
    }

    #[test]
    fn the_earliest_receipt_of_an_owner_counts_then_the_lowest_index() {
        let mut fixture = Fixture::new();
        fixture.receipts.clear();
        fixture.hear(11, 10_200, |_| {});
        fixture.hear(10, 10_300, |_| {});
        assert_eq!(indices(&select(&fixture)), [11]);
        fixture.receipts.clear();
        fixture.hear(11, 10_200, |_| {});
        fixture.hear(10, 10_200, |_| {});
        assert_eq!(indices(&select(&fixture)), [10]);
    }

    #[test]
    fn of_too_many_the_smallest_of_the_draw_count() {
        let mut fixture = Fixture::new();
        fixture.hear(40, 10_001, |_| {});
        fixture.hear(50, 10_002, |_| {});
        let set = select(&fixture);
        let place = |index: &u64| {
            let device_id = fixture.devices.device(*index).unwrap().device_id;
            draw(fixture.epoch_tag, device_id).into_bigint()
        };
        let mut drawn = vec![10, 20, 30, 40, 50];
        drawn.sort_by_key(place);
        drawn.truncate(3);
        let mut selected = indices(&set);
        selected.sort_by_key(place);
        assert_eq!(selected, drawn);
        assert_eq!(set.discards().beyond_limit, 2);
    }

    #[test]
    fn the_order_of_arrival_in_the_list_does_not_matter() {
        let mut fixture = Fixture::new();
        fixture.hear(11, 10_500, |_| {});
        let first = select(&fixture);
        fixture.receipts.reverse();
        assert_eq!(select(&fixture), first);
    }

    #[test]
    fn a_bad_beacon_voids_the_window() {
        let refused = |change: fn(&mut Fixture)| {
            let mut fixture = Fixture::new();
            change(&mut fixture);
            fixture.select().unwrap_err()
        };
        let mismatch = BeaconError::Signature(EddsaError::Mismatch);
        assert_eq!(refused(|f| f.beacon.report.power_dbm += 1), mismatch);
        assert_eq!(refused(|f| f.nonce += Fr::from(1u64)), mismatch);
        assert_eq!(refused(|f| f.epoch_tag += Fr::from(1u64)), mismatch);
        assert_eq!(
            refused(|f| f.beaconer = 99),
            BeaconError::UnknownBeaconer { index: 99 }
        );
        assert!(matches!(
            refused(|f| f.beacon.time_ms = 1 << 27),
            BeaconError::Report(_)
        ));
    }

    #[test]
    fn the_digest_binds_everything() {
        let fixture = Fixture::new();
        let set = select(&fixture);
        let receipts: Vec<_> = set.receipts().iter().copied().map(Some).collect();
        let base = digest(3, set.nonce(), set.beacon(), receipts.clone());
        assert_eq!(set.digest(), base);
        type Rows = Vec<Option<ReceivedReceipt>>;
        let with = |change: &dyn Fn(&mut Fr, &mut Received<Beacon>, &mut Rows)| {
            let (mut nonce, mut beacon, mut receipts) = (set.nonce(), *set.beacon(), receipts.clone());
            change(&mut nonce, &mut beacon, &mut receipts);
            digest(3, nonce, &beacon, receipts)
        };
        let changed = [
            with(&|nonce, _, _| *nonce += Fr::from(1u64)),
            with(&|_, beacon, _| beacon.time_ms += 1),
            with(&|_, beacon, _| beacon.report.power_dbm += 1),
            with(&|_, beacon, _| beacon.report.frequency_hz += 1),
            with(&|_, _, receipts| receipts[1].as_mut().unwrap().index += 1),
            with(&|_, _, receipts| receipts[1].as_mut().unwrap().received.time_ms += 1),
            with(&|_, _, receipts| receipts[1].as_mut().unwrap().received.report.rssi_ddbm += 1),
            with(&|_, _, receipts| receipts[1].as_mut().unwrap().received.report.frequency_hz += 1),
            with(&|_, _, receipts| receipts.swap(0, 1)),
            with(&|_, _, receipts| receipts[2] = None),
            with(&|_, _, receipts| {
                receipts.remove(0);
            }),
        ];
        assert!(changed.iter().all(|other| *other != base));
        assert_ne!(digest(4, set.nonce(), set.beacon(), receipts), base);
    }

    #[test]
    fn no_receipt_looks_like_an_absent_one() {
        let fixture = Fixture::new();
        let mut receipt = fixture.receipts[0];
        receipt.index = 0;
        receipt.received.time_ms = 0;
        receipt.received.report = Receipt {
            frequency_hz: 0,
            rssi_ddbm: -4_096,
        };
        assert_eq!(receipt.element(), Fr::from(1u64));
    }
}
