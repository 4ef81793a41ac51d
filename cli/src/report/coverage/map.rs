//! The map: an equirectangular projection at the mean latitude, north up, in integers. Lines between the same places are one line, lines
//! of one colour and width one path, places one path of points: ten thousand receipts stay below a megabyte.

use super::{COLOURS, CoverageReport, Place, colour, step_above};
use crate::report::bars::tenths;
use crate::report::markup::{Element, element, label, path, svg};
use crate::report::page::{STYLE, key, shortened};
use crate::report::text::{counted, distance, grouped, round_below};
use std::collections::{BTreeMap, BTreeSet};

/// Width of the map in user units. Data are drawn in tenths.
const WIDTH: i64 = 720;
/// Least and largest height.
const HEIGHT_MIN: i64 = 360;
const HEIGHT_MAX: i64 = 640;
/// Room between the outermost places and the frame.
const MARGIN: i64 = 44;
/// Least span of the map: about 220 m.
const SPAN_MIN: i64 = 20_000;
/// Metres of a degree of latitude on the sphere of 6,371,007.18 m.
const DEGREE_METRES: i64 = 111_195;
/// Units of a degree in logs.
const DEGREE: i64 = 10_000_000;
/// Fixed point of the cosine of the mean latitude.
const MILLION: i64 = 1_000_000;
/// Height of a line of the legend.
const LEGEND_ROW: i64 = 24;
/// Longest name in the legend, in characters.
const LEGEND_NAME_MAX: usize = 60;
/// From so many places on, symbols are smaller, and smaller again, so that lines stay visible.
const MANY: usize = 200;
const VERY_MANY: usize = 2_000;
/// Most graticule lines in one direction, about.
const GRATICULE_LINES: u64 = 4;

/// The map alone, with a legend and its own style: a file that stands alone.
pub fn map_svg(report: &CoverageReport) -> String {
    let mut svg = map(report, true).to_string();
    svg.push('\n');
    svg
}

/// Symbols of places, for the page.
pub(super) fn symbols() -> Element {
    key([("beacon", "beacon"), ("witness", "witness")]
        .map(|(class, name)| (class.to_owned(), name.to_owned())))
}

/// The map, with a legend if it stands alone.
pub(super) fn map(report: &CoverageReport, stands_alone: bool) -> Element {
    let reasons = report.reasons();
    let ranks: BTreeMap<_, _> = (reasons.iter().enumerate())
        .map(|(rank, (reason, _))| (*reason, rank.min(COLOURS - 1)))
        .collect();
    let places = report
        .receipts
        .iter()
        .flat_map(|receipt| [receipt.beacon, receipt.witness]);
    let projection = Projection::around(places);
    let height = projection.height;

    // Accepted lines are class 0 and drawn first; so refused ones, which are fewer, stay visible.
    let mut lines = BTreeMap::new();
    let (mut beacons, mut witnesses) = (BTreeSet::new(), BTreeSet::new());
    for receipt in &report.receipts {
        let [from, to] = [receipt.beacon, receipt.witness].map(|place| projection.project(place));
        let class = (receipt.refusal.as_deref()).map_or(0, |reason| 1 + ranks.get(reason).unwrap_or(&0));
        *lines.entry((class, from, to)).or_insert(0u64) += 1;
        beacons.insert(from);
        witnesses.insert(to);
    }
    let mut paths = BTreeMap::<_, String>::new();
    for ((class, from, to), count) in lines {
        let width = count.ilog10().min(2);
        let data = paths.entry((class, width)).or_default();
        data.push_str(&format!(
            "M{} {}l{} {}",
            from.0,
            from.1,
            to.0 - from.0,
            to.1 - from.1
        ));
    }
    let lines = paths.into_iter().map(|((class, width), data)| {
        let class = class.checked_sub(1).map_or("ok".to_owned(), colour);
        path(format_args!("{class} w{width}"), &data)
    });
    let points = |places: &BTreeSet<(i64, i64)>| -> String {
        places.iter().map(|(x, y)| format!("M{x} {y}h0")).collect()
    };
    let symbols = match beacons.len() + witnesses.len() {
        VERY_MANY.. => "points very-many",
        MANY.. => "points many",
        _ => "points",
    };
    let (beacons, witnesses) = (points(&beacons), points(&witnesses));
    let in_tenths = |class, children: Vec<Element>| {
        (element("g").class(class))
            .with("transform", "scale(.1)")
            .children(children)
    };
    let reference = |class, id| element("use").class(class).with("href", format_args!("#{id}"));

    let description = format!(
        "{} on the map, {} of them accepted. North is up.",
        counted(report.receipts.len() as u64, "receipt", "receipts"),
        grouped(report.accepted())
    );
    let legend = if stands_alone {
        legend(report, &reasons, height)
    } else {
        Vec::new()
    };
    let legend_height = match legend.len() as i64 / 2 {
        0 => 0,
        rows => rows * LEGEND_ROW + LEGEND_ROW / 2,
    };
    let title = format!("Beacons and witnesses, {}", report.title);
    let definitions = element("defs")
        .child(element("path").with("id", "beacons").with("d", beacons))
        .child(element("path").with("id", "witnesses").with("d", witnesses));
    svg("map", [WIDTH, height + legend_height], &title, &description)
        .class("map")
        .children(stands_alone.then(|| element("style").style(STYLE)))
        .child(definitions)
        .children(projection.graticule())
        .child(in_tenths("lines", lines.collect()))
        .child(in_tenths(
            symbols,
            vec![
                reference("beacon-rim", "beacons"),
                reference("beacon", "beacons"),
                reference("beacon-core", "beacons"),
                reference("witness-rim", "witnesses"),
                reference("witness", "witnesses"),
            ],
        ))
        .children(projection.graticule_labels())
        .children(projection.scale_bar())
        .child(path("north", "M696 14l7 22l-7 -5l-7 5z"))
        .child(label("halo middle", 696, 52, "N"))
        .child(path(
            "frame",
            &format!("M.5 .5H{}.5V{}.5H.5z", WIDTH - 1, height - 1),
        ))
        .children(legend)
}

/// A line and its name for accepted receipts and for each reason.
fn legend(report: &CoverageReport, reasons: &[(&str, u64)], top: i64) -> Vec<Element> {
    let last = COLOURS - 1;
    let folded = &reasons[reasons.len().min(last)..];
    let mut entries = vec![("ok".to_owned(), "accepted".to_owned(), report.accepted())];
    entries.extend(
        (reasons.iter().take(last).enumerate())
            .map(|(rank, (reason, count))| (colour(rank), (*reason).to_owned(), *count)),
    );
    match folded {
        [] => {}
        [(reason, count)] => entries.push((colour(last), (*reason).to_owned(), *count)),
        others => {
            let name = counted(others.len() as u64, "other reason", "other reasons");
            entries.push((colour(last), name, others.iter().map(|(_, count)| count).sum()));
        }
    }
    (0i64..)
        .zip(entries)
        .flat_map(|(row, (class, name, count))| {
            let y = top + row * LEGEND_ROW + LEGEND_ROW / 2;
            let line = path(format_args!("{class} w1"), &format!("M160 {}h400", (y + 4) * 10));
            let name: String = name.chars().take(LEGEND_NAME_MAX).collect();
            let name = format!("{}  {}", shortened(&name), grouped(count));
            [
                element("g")
                    .class("lines")
                    .with("transform", "scale(.1)")
                    .child(line),
                label("name", 66, y + 8, name),
            ]
        })
        .collect()
}

/// From places to tenths of user units.
pub(super) struct Projection {
    /// West and north borders, and the spans: units of 1e-7 degrees, those of longitude before the projection.
    west: i64,
    north: i64,
    /// What is 1e-7 degrees of longitude in 1e-7 degrees of latitude, times a million.
    cosine: i64,
    /// Units of 1e-7 degrees of latitude in the map's width.
    span: i64,
    /// Height of the map in user units.
    pub(super) height: i64,
    /// Longitudes west of Greenwich are counted from 180 to 360 degrees, as places lie on both sides of the date line.
    crosses_date_line: bool,
}

impl Projection {
    /// The smallest map that shows the places with a margin.
    pub(super) fn around(places: impl Iterator<Item = Place> + Clone) -> Self {
        let range = |of: &dyn Fn(Place) -> i64| {
            let values = places.clone().map(of);
            (values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
        };
        let (west, east) = range(&|place| place.longitude_e7.into());
        let crosses_date_line = east - west > 180 * DEGREE;
        let (west, east) = range(&|place| longitude(place, crosses_date_line));
        let (south, north) = range(&|place| place.latitude_e7.into());
        let cosine = cosine((south + north) / 2);

        let [across, down] = [(east - west) * cosine / MILLION, north - south];
        let inner = WIDTH - 2 * MARGIN;
        let inner_of = |height: i64| height - 2 * MARGIN;
        // The width decides, unless the height would be too large.
        let inner_span = across.max(down * inner / inner_of(HEIGHT_MAX)).max(SPAN_MIN);
        let height = (down * inner / inner_span + 2 * MARGIN).clamp(HEIGHT_MIN, HEIGHT_MAX);
        let span = inner_span * WIDTH / inner;
        let span_down = span * height / WIDTH;
        Self {
            west: west - (span - across) / 2 * MILLION / cosine,
            north: north + (span_down - down) / 2,
            cosine,
            span,
            height,
            crosses_date_line,
        }
    }

    /// Tenths of user units from the left and from the top.
    pub(super) fn project(&self, place: Place) -> (i64, i64) {
        (
            self.x(longitude(place, self.crosses_date_line)),
            self.y(place.latitude_e7.into()),
        )
    }

    fn x(&self, longitude: i64) -> i64 {
        (longitude - self.west) * self.cosine / MILLION * WIDTH * 10 / self.span
    }

    fn y(&self, latitude: i64) -> i64 {
        (self.north - latitude) * WIDTH * 10 / self.span
    }

    /// Meridians and parallels: degrees e7 and where they are, in tenths.
    fn lines(&self) -> [Vec<(i64, i64)>; 2] {
        let span_down = self.span * self.height / WIDTH;
        let span_across = self.span * MILLION / self.cosine;
        let step = |span: i64| {
            let step = step_above(span.unsigned_abs(), GRATICULE_LINES + 1);
            i64::try_from(step).unwrap_or(DEGREE)
        };
        let multiples = |from: i64, span: i64| {
            let step = step(span);
            let first = from.div_euclid(step) + 1;
            let last = (from + span).div_euclid(step);
            (first..=last).map(move |multiple| multiple * step)
        };
        [
            multiples(self.west, span_across)
                .map(|degrees| (degrees, self.x(degrees)))
                .collect(),
            multiples(self.north - span_down, span_down)
                .map(|degrees| (degrees, self.y(degrees)))
                .collect(),
        ]
    }

    fn graticule(&self) -> Option<Element> {
        let [meridians, parallels] = self.lines();
        let height = self.height;
        let meridians = meridians
            .iter()
            .map(|(_, x)| format!("M{} 0V{height}", tenths(*x)));
        let parallels = parallels
            .iter()
            .map(|(_, y)| format!("M0 {}H{WIDTH}", tenths(*y)));
        let data: String = meridians.chain(parallels).collect();
        (!data.is_empty()).then(|| path("graticule", &data))
    }

    fn graticule_labels(&self) -> Vec<Element> {
        let [meridians, parallels] = self.lines();
        let height = self.height;
        let meridians = (meridians.iter())
            .filter(|(_, x)| (400..(WIDTH - 200) * 10).contains(x))
            .map(|(degrees, x)| {
                let degrees = if *degrees > 180 * DEGREE {
                    degrees - 360 * DEGREE
                } else {
                    *degrees
                };
                label(
                    "axis halo middle",
                    x / 10,
                    height - 8,
                    in_degrees(degrees, ["E", "W"]),
                )
            });
        let parallels = (parallels.iter())
            .filter(|(_, y)| (300..(height - 40) * 10).contains(y))
            .map(|(degrees, y)| label("axis halo", 8, y / 10 - 4, in_degrees(*degrees, ["N", "S"])));
        meridians.chain(parallels).collect()
    }

    /// A bar of a round length, at most a quarter of the width.
    fn scale_bar(&self) -> Vec<Element> {
        let quarter = self.span / 4 * DEGREE_METRES / DEGREE;
        let metres = round_below(quarter.unsigned_abs());
        let length = i64::try_from(metres).unwrap_or(0) * DEGREE / DEGREE_METRES * WIDTH / self.span;
        let (right, y) = (WIDTH - 16, self.height - 14);
        vec![
            path("bar", &format!("M{} {}v6h{length}v-6", right - length, y - 6)),
            label("halo end", right, y - 12, distance(metres)),
        ]
    }
}

fn longitude(place: Place, crosses_date_line: bool) -> i64 {
    let longitude = i64::from(place.longitude_e7);
    if crosses_date_line && longitude < 0 {
        longitude + 360 * DEGREE
    } else {
        longitude
    }
}

/// The cosine of a latitude, times a million; rounded so that machines agree, and never 0.
fn cosine(latitude_e7: i64) -> i64 {
    let radians = (latitude_e7 as f64 / DEGREE as f64).to_radians();
    // Between -1 and 1, so that the cast truncates what is already whole.
    #[allow(clippy::cast_possible_truncation)]
    let cosine = (radians.cos() * MILLION as f64).round() as i64;
    cosine.max(MILLION / 100)
}

/// Degrees with as many decimals as they need.
fn in_degrees(degrees_e7: i64, [positive, negative]: [&str; 2]) -> String {
    let magnitude = degrees_e7.unsigned_abs();
    let [whole, fraction] = [
        magnitude / DEGREE.unsigned_abs(),
        magnitude % DEGREE.unsigned_abs(),
    ];
    let fraction = format!("{fraction:07}");
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let side = match degrees_e7 {
        0 => "",
        1.. => positive,
        _ => negative,
    };
    format!("{whole}{point}{fraction}\u{b0} {side}")
        .trim_end()
        .to_owned()
}
