//! The circuits and gadgets whose sizes are pinned in `circuits/counts.csv`, so that any change of a constraint shows in
//! a diff. `cargo xtask counts` compares, `cargo xtask counts --bless` rewrites; `popw circuit counts` prints.

use crate::builder::Size;
use crate::gadgets::{
    bits, device::Device, eddsa, int::Int, montgomery::Edwards, poseidon, seat, table, tree, truncation,
};
use crate::{Builder, Lc, R1cs, coverage, location, uptime, vote};
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;
use popw_claims::coverage::{Shape as CoverageShape, free_space_table};
use popw_claims::location::Shape as LocationShape;
use popw_claims::opening::{OpenedDevice, absent_seat_key, absent_seat_signature};
use popw_claims::registry::GAIN_DDBI_MAX;
use popw_claims::uptime::Shape;
use popw_claims::vote::Shape as VoteShape;

/// A circuit with a pinned size.
pub struct Entry {
    /// Circuit or gadget.
    pub name: &'static str,
    /// Its parameters, as `docs/circuits/` writes them.
    pub parameters: String,
    build: Box<dyn Fn() -> R1cs<Fr>>,
}

impl Entry {
    /// The constraints.
    pub fn build(&self) -> R1cs<Fr> {
        (self.build)()
    }
}

/// The first line of `counts.csv`.
pub const COUNTS_HEADER: &str = "name,parameters,constraints,wires,public_inputs";

/// One line of `counts.csv`.
fn counts_line(name: &str, parameters: &str, size: Size, public_inputs: usize) -> String {
    let Size { constraints, wires } = size;
    format!("{name},{parameters},{constraints},{wires},{public_inputs}")
}

/// The lines of `counts.csv` after the header: every pinned circuit, then the size classes of U1, which are counted only.
pub fn counts_lines() -> impl Iterator<Item = String> {
    let pinned = entries().into_iter().map(|entry| {
        let r1cs = entry.build();
        let size = Size {
            constraints: r1cs.constraints(),
            wires: r1cs.wires(),
        };
        counts_line(entry.name, &entry.parameters, size, r1cs.public_inputs())
    });
    let counted = uptime_classes().into_iter().map(|shape| {
        let size = uptime::size(&shape);
        counts_line("uptime", &shape.to_string(), size, uptime::PUBLIC_INPUTS)
    });
    pinned.chain(counted)
}

/// The size classes of U1 for eight watchers: from a single device to what fills 2^22, and the zone of 256 with a slot a minute, which
/// fills 2^23. Without those of [`uptime_shapes`].
pub fn uptime_classes() -> Vec<Shape> {
    let pinned = uptime_shapes();
    let shapes = [1, 16, 256, 4_096].into_iter().flat_map(|devices| {
        uptime::SLOTS.into_iter().flat_map(move |slots| {
            [false, true].map(|outage_rule| Shape {
                outage_rule,
                ..Shape::new(devices, 8, slots)
            })
        })
    });
    // Of the zones of 4,096 only the one with a slot an hour stays below 2^23.
    let fits = |shape: &Shape| shape.devices < 4_096 || shape.slots == 24;
    shapes
        .filter(|shape| fits(shape) && !pinned.contains(shape))
        .collect()
}

/// Where the constraints go: their number by family of scopes (`device.quorum.slot`), in the order of the circuit.
pub fn breakdown(r1cs: &R1cs<Fr>) -> Vec<(String, usize)> {
    r1cs.count_families((0..r1cs.constraints()).map(|row| r1cs.row_scope(row)))
}

/// Every pinned circuit, gadgets first.
pub fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut gadget = |name, parameters: String, body: fn(&mut Builder<Fr>, usize), size: usize| {
        let build = move || {
            let mut cs = Builder::structure();
            body(&mut cs, size);
            cs.finish().0
        };
        entries.push(Entry {
            name,
            parameters,
            build: Box::new(build),
        });
    };
    for inputs in 1..=16 {
        gadget("poseidon", format!("inputs={inputs}"), poseidon_gadget, inputs);
    }
    gadget("canonical_bits", "bits=254".to_owned(), canonical_gadget, 0);
    for levels in [1, 3] {
        gadget("climb", format!("levels={levels}"), climb_gadget, levels);
    }
    for levels in [1, 5] {
        gadget("open", format!("levels={levels}"), open_gadget, levels);
    }
    gadget("eddsa", String::new(), eddsa_gadget, 0);
    gadget("device", "levels=5".to_owned(), device_gadget, 5);
    gadget("ingestor", "levels=3".to_owned(), ingestor_gadget, 3);
    gadget("table", "entries=1327".to_owned(), table_gadget, 0);
    gadget("truncation", "gain".to_owned(), truncation_gadget, 0);
    entries.extend(coverage_shapes().into_iter().map(|shape| Entry {
        name: "coverage",
        parameters: shape.to_string(),
        build: Box::new(move || coverage::structure(&shape)),
    }));
    entries.extend(location_shapes().into_iter().map(|shape| Entry {
        name: "location",
        parameters: shape.to_string(),
        build: Box::new(move || location::structure(&shape)),
    }));
    entries.extend(uptime_shapes().into_iter().map(|shape| Entry {
        name: "uptime",
        parameters: shape.to_string(),
        build: Box::new(move || uptime::structure(&shape)),
    }));
    entries.extend(vote_shapes().into_iter().map(|shape| Entry {
        name: "vote",
        parameters: shape.to_string(),
        build: Box::new(move || vote::structure(&shape)),
    }));
    entries
}

/// The shapes of C1 that are pinned: as many witnesses as the rule counts, and few.
pub fn coverage_shapes() -> [CoverageShape; 2] {
    [4, 14].map(CoverageShape::new)
}

/// The shapes of L1 that are pinned: a report an hour, and one every five minutes.
pub fn location_shapes() -> [LocationShape; 2] {
    [24, 288].map(LocationShape::new)
}

/// The shapes of U1 that are pinned: the demo's, single devices, and the zone of 256 that fits 2^20.
pub fn uptime_shapes() -> Vec<Shape> {
    let shape = |devices, slots, outage_rule| Shape {
        devices,
        watchers: 8,
        slots,
        device_levels: 5,
        seat_levels: 3,
        outage_rule,
    };
    vec![
        shape(1, 144, false),
        shape(1, 144, true),
        shape(16, 24, false),
        shape(16, 144, false),
        shape(16, 144, true),
        shape(16, 1440, true),
        shape(256, 144, false),
        shape(256, 144, true),
    ]
}

/// The shapes of V1 that are pinned: those of U1's zones of 16 and 256.
pub fn vote_shapes() -> [VoteShape; 2] {
    [16, 256].map(|devices| VoteShape::new(devices, 8, 144))
}

fn inputs(cs: &mut Builder<Fr>, count: usize) -> Vec<Lc<Fr>> {
    (0..count).map(|_| cs.input("input", Fr::ZERO)).collect()
}

fn poseidon_gadget(cs: &mut Builder<Fr>, count: usize) {
    let inputs = inputs(cs, count);
    poseidon::hash(cs, &inputs);
}

fn canonical_gadget(cs: &mut Builder<Fr>, _: usize) {
    let value = cs.input("value", Fr::ZERO);
    bits::canonical_bits(cs, "bit", &value);
}

fn climb_gadget(cs: &mut Builder<Fr>, levels: usize) {
    let leaf = cs.input("leaf", Fr::ZERO);
    let index: Vec<_> = (0..4 * levels)
        .map(|_| bits::Bit::choice(cs, "index", false))
        .collect();
    tree::climb(cs, leaf, &index, &tree::empty_path(levels));
}

fn open_gadget(cs: &mut Builder<Fr>, levels: usize) {
    let leaf = cs.input("leaf", Fr::ZERO);
    let index: Vec<_> = (0..4 * levels)
        .map(|_| bits::Bit::choice(cs, "index", false))
        .collect();
    tree::open(cs, leaf, &index, &tree::empty_path(levels));
}

fn device_gadget(cs: &mut Builder<Fr>, levels: usize) {
    let index = cs.input("index", Fr::ZERO);
    Device::open(cs, &index, &OpenedDevice::stand_in(Fr::ZERO, levels));
}

fn ingestor_gadget(cs: &mut Builder<Fr>, levels: usize) {
    let [epoch_tag, zone, digest] = ["epoch_tag", "zone", "digest"].map(|name| cs.input(name, Fr::ZERO));
    seat::ingestor(cs, &seat::blank_ingestor(levels), &epoch_tag, &zone, &digest);
}

fn eddsa_gadget(cs: &mut Builder<Fr>, _: usize) {
    let key = absent_seat_key();
    let key = Edwards {
        x: cs.input("key_x", key.x),
        y: cs.input("key_y", key.y),
    };
    let message = cs.input("message", Fr::ZERO);
    eddsa::assert_signature(cs, &key, &message, &absent_seat_signature());
}

fn table_gadget(cs: &mut Builder<Fr>, _: usize) {
    let index = cs.input("index", Fr::ZERO);
    table::Table::new(&free_space_table().map(Fr::from)).lookup(cs, &index);
}

fn truncation_gadget(cs: &mut Builder<Fr>, _: usize) {
    let gain = i128::from(GAIN_DDBI_MAX);
    let value = Int::known(cs.input("value", Fr::ZERO), -gain, gain);
    truncation::truncated(cs, &value, 10);
}
