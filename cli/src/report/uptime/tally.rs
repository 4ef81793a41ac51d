//! What an epoch's devices add up to: counts of bounded size, whatever the size of the fleet. Only the list of zones grows.

use popw_claims::uptime::SCORE_ONE;

/// Most rows of a [`SlotGrid`].
const GRID_ROWS_MAX: u64 = 64;
/// Most columns of a [`SlotGrid`].
const GRID_COLUMNS_MAX: usize = 144;
/// Outages that are kept.
pub(super) const OUTAGES_MAX: usize = 10;
/// Bins of scores between none and full.
const SCORE_BINS: usize = 20;

/// A registered device in an epoch.
#[derive(Debug, Clone, Copy)]
pub struct DeviceUptime<'a> {
    /// Registry index.
    pub index: u64,
    /// For each slot, whether a quorum of the watchers heard it (`popw_claims::uptime::agreed_slots`).
    pub slots: &'a [bool],
    /// The proven score in parts per million, 0 to 10^6.
    pub score: u32,
}

/// A zone in an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZoneRow {
    /// The zone, in units of N devices.
    pub(super) zone: u64,
    /// Registered devices.
    pub(super) devices: u64,
    /// Slots with quorum, summed over the devices.
    pub(super) slots_up: u64,
    /// Scores in parts per million, summed over the devices.
    pub(super) score: u64,
    /// The file with the settlement data; `None` if the zone was not settled.
    pub(super) settled_file: Option<String>,
}

/// A run of slots without quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outage {
    /// Registry index of the device.
    pub(super) device: u64,
    /// The zone of the device.
    pub(super) zone: u64,
    /// First slot without quorum.
    pub(super) first_slot: u64,
    /// Slots without quorum.
    pub(super) slots: u64,
}

/// The sums of an epoch. Zones are added once each, in any order; devices that no registry knows are not added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Slots of an epoch, S.
    slots: usize,
    /// `uptime[T]`: devices with T slots.
    pub(super) uptime: Vec<u64>,
    /// Devices with no score, with a score in each of 20 equal bins between none and full, with the full score.
    pub(super) scores: [u64; SCORE_BINS + 2],
    /// Slots over zones.
    pub(super) grid: SlotGrid,
    /// The zones, in the order in which they were added.
    pub(super) zones: Vec<ZoneRow>,
    /// The longest outages, longest first, then by device and slot.
    pub(super) outages: Vec<Outage>,
}

impl Tally {
    /// Nothing yet, for so many zones (numbered from 0) and slots.
    pub fn new(zones: u64, slots: usize) -> Self {
        Self {
            slots,
            uptime: vec![0; slots + 1],
            scores: [0; SCORE_BINS + 2],
            grid: SlotGrid::new(zones, slots),
            zones: Vec::new(),
            outages: Vec::new(),
        }
    }

    /// Adds a zone with its registered devices and the file that settles it. Slots beyond S do not count, missing ones are without quorum.
    pub fn add_zone<'a>(
        &mut self,
        zone: u64,
        settled_file: Option<String>,
        devices: impl IntoIterator<Item = DeviceUptime<'a>>,
    ) {
        let mut row = ZoneRow {
            zone,
            devices: 0,
            slots_up: 0,
            score: 0,
            settled_file,
        };
        let mut heard = vec![0u64; self.slots];
        for device in devices {
            let mut up = 0;
            for (slot, heard) in heard.iter_mut().enumerate() {
                let is_up = device.slots.get(slot).copied().unwrap_or(false);
                *heard += u64::from(is_up);
                up += usize::from(is_up);
            }
            self.add_outages(zone, &device);
            self.uptime[up] += 1;
            self.scores[score_bin(device.score)] += 1;
            row.devices += 1;
            row.slots_up += up as u64;
            row.score += u64::from(device.score);
        }
        self.grid.add(zone, row.devices, &heard);
        self.zones.push(row);
    }

    fn add_outages(&mut self, zone: u64, device: &DeviceUptime<'_>) {
        let slots: Vec<_> = (0..self.slots)
            .map(|slot| device.slots.get(slot) == Some(&true))
            .collect();
        let mut first_slot = 0;
        for run in slots.chunk_by(|left, right| left == right) {
            let outage = Outage {
                device: device.index,
                zone,
                first_slot,
                slots: run.len() as u64,
            };
            first_slot += outage.slots;
            let order = |outage: &Outage| (std::cmp::Reverse(outage.slots), outage.device, outage.first_slot);
            let at = self.outages.partition_point(|kept| order(kept) < order(&outage));
            if run[0] || at == OUTAGES_MAX {
                continue;
            }
            self.outages.insert(at, outage);
            self.outages.truncate(OUTAGES_MAX);
        }
    }
}

/// Where a score is counted in [`Tally::scores`].
fn score_bin(score: u32) -> usize {
    match score {
        0 => 0,
        SCORE_ONE.. => SCORE_BINS + 1,
        _ => 1 + score as usize * SCORE_BINS / SCORE_ONE as usize,
    }
}

/// Slots over zones, in at most 64 groups of zones and 144 groups of slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotGrid {
    /// Zones of the epoch.
    zones: u64,
    /// Zones of a row.
    pub(super) zones_of_row: u64,
    /// Slots of a column; the last may have fewer.
    pub(super) slots_of_column: usize,
    /// For each row, for each column: slots with quorum and slots, summed over registered devices.
    pub(super) shares: Vec<Vec<(u64, u64)>>,
}

impl SlotGrid {
    fn new(zones: u64, slots: usize) -> Self {
        let zones_of_row = zones.div_ceil(GRID_ROWS_MAX).max(1);
        let slots_of_column = slots.div_ceil(GRID_COLUMNS_MAX).max(1);
        let columns = vec![(0, 0); slots.div_ceil(slots_of_column)];
        let shares = (0..zones.div_ceil(zones_of_row))
            .map(|_| columns.clone())
            .collect();
        Self {
            zones,
            zones_of_row,
            slots_of_column,
            shares,
        }
    }

    fn add(&mut self, zone: u64, devices: u64, heard: &[u64]) {
        let row = usize::try_from(zone / self.zones_of_row).unwrap_or(usize::MAX);
        let Some(row) = self.shares.get_mut(row) else {
            return;
        };
        for (column, heard) in row.iter_mut().zip(heard.chunks(self.slots_of_column)) {
            column.0 += heard.iter().sum::<u64>();
            column.1 += devices * heard.len() as u64;
        }
    }

    /// The zones of each row: `7`, or `64–127`.
    pub(super) fn row_names(&self) -> Vec<String> {
        let first = (0..self.zones).step_by(usize::try_from(self.zones_of_row).unwrap_or(usize::MAX));
        first
            .map(|first| {
                let last = (first + self.zones_of_row - 1).min(self.zones - 1);
                if first == last {
                    first.to_string()
                } else {
                    format!("{first}\u{2013}{last}")
                }
            })
            .collect()
    }
}
