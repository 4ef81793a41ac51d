//! The rule of a receipt: native twins `popw_claims::coverage::{Parameters, Arrivals, Link}`.
//!
//! **Relation.** Every verdict is a bit that is computed, never asserted: a receipt that the rule refuses earns nothing and the proof
//! goes on.
//!
//! **Cost.** [`Rule::new`] 1,227 rows for 14 witnesses; [`Site::new`] 49; [`Rule::accepts_link`] 374; the clock 87 once and 59 a receipt.
//!
//! **Why it is sound.** Every comparison is the top bit of an integer with proven bounds. Distances beyond the largest are replaced by 0
//! before they are multiplied, which keeps the product of free space below 2^100; such a receipt is refused already.
//! The table is read at an index that is 0 whenever the loss is outside of it, and the entry is then not used.

use crate::gadgets::bits::{Bit, decompose, one_hot_16};
use crate::gadgets::int::Int;
use crate::gadgets::poseidon::sponge;
use crate::gadgets::table::Table;
use crate::gadgets::truncation::truncated;
use crate::{Builder, Lc};
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use popw_claims::coverage::free_space::{LOSS_MAX, free_space_table};
use popw_claims::coverage::params::{DISTANCE_BITS, UNIT_BITS};
use popw_claims::coverage::radio::{FREQUENCY_BITS, POWER_BITS, RSSI_BITS, TIME_BITS};
use popw_claims::coverage::{Beacon, Parameters, Receipt, Shape};
use popw_claims::registry::GAIN_DDBI_MAX;
use std::sync::LazyLock;

/// Gains count in whole dBi.
const DDBI: i128 = 10;
/// An entry of the free-space table is below 2^100.
const FREE_SPACE_MAX: i128 = (1 << 100) - 1;

/// The free-space table as a polynomial.
static FREE_SPACE: LazyLock<Table<Fr>> = LazyLock::new(|| Table::new(&free_space_table().map(Fr::from)));

/// A number of `bits` bits that is not negative, asserted.
pub fn unsigned(cs: &mut Builder<Fr>, name: &'static str, value: impl Into<i128>, bits: u32) -> Int<Fr> {
    Int::input_between(cs, name, value.into(), 0, (1 << bits) - 1)
}

/// A number of `bits` bits with its sign, asserted.
fn signed(cs: &mut Builder<Fr>, name: &'static str, value: i32, bits: u32) -> Int<Fr> {
    let limit = 1 << (bits - 1);
    Int::input_between(cs, name, value.into(), -limit, limit - 1)
}

/// What a radio reports: a frequency in Hz, and a power or strength.
pub struct Report {
    /// Hz.
    pub frequency: Int<Fr>,
    /// dBm of a beacon, tenths of dBm of a receipt.
    pub level: Int<Fr>,
    /// `frequency + 2^32 (level + offset)`, what is signed.
    pub packed: Lc<Fr>,
}

impl Report {
    /// A beacon: 38 rows.
    pub fn beacon(cs: &mut Builder<Fr>, beacon: &Beacon) -> Self {
        Self::new(cs, beacon.frequency_hz, beacon.power_dbm, POWER_BITS)
    }

    /// A receipt: 43 rows.
    pub fn receipt(cs: &mut Builder<Fr>, receipt: &Receipt) -> Self {
        Self::new(cs, receipt.frequency_hz, receipt.rssi_ddbm, RSSI_BITS)
    }

    fn new(cs: &mut Builder<Fr>, frequency_hz: u32, level: i32, bits: u32) -> Self {
        let frequency = unsigned(cs, "frequency", frequency_hz, FREQUENCY_BITS);
        let level = signed(cs, "level", level, bits);
        let offset = level.lc().clone() + Fr::from(1u64 << (bits - 1));
        let packed = frequency.lc() + &(offset * Fr::from(1u64 << 32));
        Self {
            frequency,
            level,
            packed,
        }
    }
}

/// One end of a link.
pub struct Site {
    position: [Int<Fr>; 3],
    /// Whole dBi, cut toward zero.
    gain_dbi: Int<Fr>,
}

impl Site {
    /// A site at a position, with any gain in tenths of dBi, whose limits are asserted: 49 rows.
    pub fn new(cs: &mut Builder<Fr>, position: [Int<Fr>; 3], gain_ddbi: &Lc<Fr>) -> Self {
        let limit = i128::from(GAIN_DDBI_MAX);
        let gain = Int::asserted_between(cs, "gain", gain_ddbi.clone(), -limit, limit);
        let gain_dbi = cs.scope("gain", None, |cs| truncated(cs, &gain, DDBI));
        Self { position, gain_dbi }
    }

    /// The squared chord in square decimetres: 3 rows.
    fn squared_distance(&self, cs: &mut Builder<Fr>, other: &Self) -> Int<Fr> {
        let squares: Vec<Int<Fr>> = self
            .position
            .iter()
            .zip(&other.position)
            .map(|(one, other)| one.minus(other).square(cs, "square"))
            .collect();
        Int::sum(&squares)
    }
}

/// The parameters with their ranges.
pub struct Rule {
    start: Int<Fr>,
    fresh: Int<Fr>,
    lag_beacon: Int<Fr>,
    lag_witness: Int<Fr>,
    /// The tolerance squared.
    frequency_tolerance: Int<Fr>,
    distance_max: Int<Fr>,
    distance_min: Int<Fr>,
    /// For 1 .. M accepted witnesses.
    beaconer_units: Vec<Lc<Fr>>,
    witness_units: Vec<Lc<Fr>>,
    /// `params_hash`.
    pub hash: Lc<Fr>,
}

impl Rule {
    /// Allocates the parameters, asserts their ranges and hashes them.
    ///
    /// # Panics
    /// If the tables of units do not have the shape's numbers of entries.
    pub fn new(cs: &mut Builder<Fr>, shape: &Shape, parameters: &Parameters) -> Self {
        let start = unsigned(cs, "start", parameters.start_ms, TIME_BITS);
        let fresh = unsigned(cs, "fresh", parameters.fresh_ms, TIME_BITS);
        let lag_beacon = unsigned(cs, "lag_beacon", parameters.lag_beacon_ms, TIME_BITS);
        let lag_witness = unsigned(cs, "lag_witness", parameters.lag_witness_ms, TIME_BITS);
        let tolerance = unsigned(cs, "tolerance", parameters.frequency_tolerance_hz, FREQUENCY_BITS);
        let distance_max = unsigned(cs, "distance_max", parameters.distance_max, DISTANCE_BITS);
        let distance_min = unsigned(cs, "distance_min", parameters.distance_min, DISTANCE_BITS);
        let mut units = |name, units: &[u32]| -> Vec<Lc<Fr>> {
            assert_eq!(
                units.len(),
                shape.witnesses + 1,
                "one unit for each number of witnesses"
            );
            // The unit of no witness is 0, and no wire.
            let entries = units[1..].iter();
            entries
                .map(|unit| unsigned(cs, name, *unit, UNIT_BITS).lc().clone())
                .collect()
        };
        let beaconer_units = units("beaconer_unit", &parameters.beaconer_units);
        let witness_units = units("witness_unit", &parameters.witness_units);
        let fields = [
            Lc::constant(Fr::from(shape.witnesses as u64)),
            start.lc().clone(),
            fresh.lc().clone(),
            lag_beacon.lc().clone(),
            lag_witness.lc().clone(),
            tolerance.lc().clone(),
            distance_max.lc().clone(),
            distance_min.lc().clone(),
            pack_units(&beaconer_units),
            pack_units(&witness_units),
        ];
        let hash = sponge(cs, "coverage-parameters", &fields);
        Self {
            start,
            fresh,
            lag_beacon,
            lag_witness,
            frequency_tolerance: tolerance.square(cs, "square"),
            distance_max,
            distance_min,
            beaconer_units,
            witness_units,
            hash,
        }
    }

    /// Is the beacon in time? 58 rows.
    pub fn is_fresh(&self, cs: &mut Builder<Fr>, beacon_time: &Int<Fr>) -> Bit<Fr> {
        let waited = beacon_time.minus(&self.start);
        let started = waited.is_nonnegative(cs, "started");
        let in_time = self.fresh.minus(&waited).is_nonnegative(cs, "in_time");
        started.and(cs, &in_time)
    }

    /// What the lags of receipts count from, and their limit: 30 rows a receipt and 29.
    pub fn clock<'a>(
        &self,
        cs: &mut Builder<Fr>,
        beacon_time: &Int<Fr>,
        receipts: impl IntoIterator<Item = (&'a Bit<Fr>, &'a Int<Fr>)>,
    ) -> Clock {
        let mut base = beacon_time.clone();
        for (present, time) in receipts {
            // Absent rows have a time too, which must not count.
            let ahead = base.minus(time);
            let is_earlier = ahead
                .minus(&Int::constant(1))
                .is_nonnegative(cs, "earlier")
                .and(cs, present);
            let step = cs.mul("step", is_earlier.lc(), ahead.lc());
            base = Int::known(base.lc() - &step, 0, beacon_time.max());
        }
        // The base is the least of all times, hence at most the beacon's.
        let beacon_first = base.minus(beacon_time).is_nonnegative(cs, "beacon_first");
        let limit = beacon_first.select(cs, self.lag_beacon.lc(), self.lag_witness.lc());
        let limit = Int::known(limit, 0, self.lag_beacon.max().max(self.lag_witness.max()));
        Clock { base, limit }
    }

    /// Frequency, distances and free space: 374 rows.
    pub fn accepts_link(
        &self,
        cs: &mut Builder<Fr>,
        beacon: (&Report, &Site),
        receipt: (&Report, &Site),
    ) -> Bit<Fr> {
        let ((beacon, beaconer), (receipt, witness)) = (beacon, receipt);
        let offset = receipt.frequency.minus(&beacon.frequency);
        let in_tune = self
            .frequency_tolerance
            .minus(&offset.square(cs, "offset"))
            .is_nonnegative(cs, "in_tune");

        let distance = beaconer.squared_distance(cs, witness);
        let near = self.distance_max.minus(&distance).is_nonnegative(cs, "near");
        // 0 unless the distance is at most distance_max.
        let distance = cs.mul("near_distance", near.lc(), distance.lc());
        let distance = Int::known(distance, 0, self.distance_max.max());
        let apart = distance.minus(&self.distance_min).is_nonnegative(cs, "apart");

        let sent = beacon.level.plus(&beaconer.gain_dbi).plus(&witness.gain_dbi);
        let loss = sent.times(DDBI).minus(&receipt.level);
        let weak = cs.scope("free_space", None, |cs| {
            within_free_space(cs, &loss, &distance, &receipt.frequency)
        });

        let in_range = near.and(cs, &apart);
        in_tune.and(cs, &in_range).and(cs, &weak)
    }

    /// What the beaconer and each accepted witness earn when n witnesses are accepted: `15 + 2 M` rows.
    pub fn units(&self, cs: &mut Builder<Fr>, accepted: &Int<Fr>) -> [Lc<Fr>; 2] {
        let bits = decompose(cs, "accepted", accepted.lc(), 4);
        let mut digits = bits.as_chunks().0.iter();
        let hot = digits.next().map(|digit| one_hot_16(cs, digit));
        let mut earned = |name, units: &[Lc<Fr>]| {
            let mut sum = Lc::zero();
            for (indicator, unit) in hot.iter().flatten().skip(1).zip(units) {
                sum += &cs.mul(name, indicator, unit);
            }
            sum
        };
        [
            earned("beaconer_unit", &self.beaconer_units),
            earned("witness_unit", &self.witness_units),
        ]
    }
}

/// What the lags of receipts count from, and their limit.
pub struct Clock {
    base: Int<Fr>,
    limit: Int<Fr>,
}

impl Clock {
    /// Did a receipt arrive in time? 29 rows.
    pub fn is_prompt(&self, cs: &mut Builder<Fr>, time: &Int<Fr>) -> Bit<Fr> {
        let lag = time.minus(&self.base);
        self.limit.minus(&lag).is_nonnegative(cs, "prompt")
    }
}

/// Is the loss, in tenths of dB, at least that of free space? 205 rows.
fn within_free_space(
    cs: &mut Builder<Fr>,
    loss: &Int<Fr>,
    squared_distance: &Int<Fr>,
    frequency: &Int<Fr>,
) -> Bit<Fr> {
    let positive = loss.is_nonnegative(cs, "positive");
    let first_beyond = Int::constant(i128::from(LOSS_MAX) + 1);
    let beyond = loss.minus(&first_beyond).is_nonnegative(cs, "beyond");
    // Beyond implies positive.
    let in_table = Bit::known_boolean(positive.lc() - beyond.lc());
    let index = cs.mul("index", in_table.lc(), loss.lc());
    let bound = cs.scope("table", None, |cs| FREE_SPACE.lookup(cs, &index));
    let bound = Int::known(bound, 0, FREE_SPACE_MAX);
    let square = frequency.square(cs, "frequency2");
    let needed = squared_distance.mul(cs, "needed", &square);
    let fits = bound.minus(&needed).is_nonnegative(cs, "fits");
    let fits_in_table = fits.and(cs, &in_table);
    // One of the two at most.
    Bit::known_boolean(beyond.lc() + fits_in_table.lc())
}

/// The units of a table in one element, 15 bits each, with 0 for no witness lowest.
fn pack_units(units: &[Lc<Fr>]) -> Lc<Fr> {
    let weight = Fr::from(1u64 << UNIT_BITS);
    let mut power = Fr::ONE;
    let mut sum = Lc::constant(Fr::ZERO);
    for unit in units {
        power *= weight;
        sum.add_scaled(unit, power);
    }
    sum
}
