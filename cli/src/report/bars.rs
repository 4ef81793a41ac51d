//! Horizontal bars with their counts: histograms, counts by reason, parts of a whole. Lengths are integers, in tenths of a user unit where
//! they depend on data.

use super::markup::{Element, element, label, path, scaled, svg};

/// Width of a chart. It is shown at about this many pixels on every screen, so that its text keeps its size.
const WIDTH: i64 = 400;
/// Height of a row, and of its bar.
const ROW: i64 = 18;
const BAR: i64 = 12;
/// Average width of a character, rounded up.
const CHARACTER: i64 = 7;
/// Longest label, in characters; longer ones are cut.
const LABEL_MAX: usize = 34;

/// A row of a chart.
pub(super) struct Bar {
    /// What is counted.
    pub(super) label: String,
    /// Counts, one of each class of the chart.
    pub(super) parts: Vec<u64>,
    /// The counts as they are written beside the bar.
    pub(super) note: String,
}

/// A chart of bars. `classes` are the colours of the parts, `axis` names the rows.
pub(super) fn bars(
    id: &str,
    title: &str,
    description: &str,
    axis: &str,
    classes: &[&str],
    bars: &[Bar],
) -> Element {
    let labels: Vec<_> = bars.iter().map(|bar| shortened(&bar.label)).collect();
    let longest = |texts: &mut dyn Iterator<Item = &str>| {
        let longest = texts.map(|text| text.chars().count()).max().unwrap_or(0);
        i64::try_from(longest).unwrap_or(WIDTH) * CHARACTER
    };
    let left = longest(&mut labels.iter().map(String::as_str).chain([axis])) + 8;
    let right = longest(&mut bars.iter().map(|bar| bar.note.as_str())) + 8;
    let length = (WIDTH - left - right).max(WIDTH / 5);
    let top = if axis.is_empty() { 0 } else { ROW };
    let rows = i64::try_from(bars.len()).unwrap_or(i64::MAX / ROW / 2);
    let height = top + rows * ROW;

    let sum = |bar: &Bar| bar.parts.iter().fold(0u64, |sum, part| sum.saturating_add(*part));
    let whole = bars.iter().map(sum).max().unwrap_or(0);
    let mut paths = vec![String::new(); classes.len()];
    let mut texts = Vec::new();
    for ((row, bar), name) in (0i64..).zip(bars).zip(labels) {
        let y = top + row * ROW + (ROW - BAR) / 2;
        let mut start = 0;
        let mut before = 0u64;
        for (part, path) in bar.parts.iter().zip(&mut paths) {
            before = before.saturating_add(*part);
            // What is there is seen: at least a unit and a half.
            let end = scaled(length * 10, before, whole).max(if *part > 0 { start + 15 } else { start });
            if *part > 0 {
                let (x, width) = (tenths(left * 10 + start), tenths(end - start));
                path.push_str(&format!("M{x} {y}h{width}v{BAR}h-{width}z"));
            }
            start = end;
        }
        let baseline = y + BAR - 2;
        texts.push(label("name end", left - 8, baseline, name));
        texts.push(label(
            if whole > 0 && sum(bar) == 0 {
                "note none"
            } else {
                "note"
            },
            left + start / 10 + 6,
            baseline,
            &bar.note,
        ));
    }
    let axis_label = (!axis.is_empty()).then(|| label("axis end", left - 8, ROW - 6, axis));
    let baseline = path("rule", &format!("M{left} {top}V{height}"));
    let filled = classes
        .iter()
        .zip(paths)
        .filter(|(_, data)| !data.is_empty())
        .map(|(class, data)| path(format_args!("fill {class}"), &data));
    svg(id, [left + length + right, height], title, description)
        .class("chart bars")
        .children(axis_label)
        .children(filled)
        .child(baseline)
        .child(element("g").children(texts))
}

/// A length in tenths as a decimal.
pub(super) fn tenths(length: i64) -> String {
    match length % 10 {
        0 => (length / 10).to_string(),
        tenth => format!("{}.{tenth}", length / 10),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LABEL_MAX {
        return text.to_owned();
    }
    text.chars().take(LABEL_MAX - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::xml;

    fn bar(label: &str, parts: &[u64]) -> Bar {
        Bar {
            label: label.to_owned(),
            parts: parts.to_vec(),
            note: parts.iter().sum::<u64>().to_string(),
        }
    }

    #[test]
    fn lengths_follow_counts() {
        let rows = [
            bar("all", &[100]),
            bar("half", &[50]),
            bar("few", &[1]),
            bar("none", &[0]),
        ];
        let chart = bars("c", "t", "d", "", &["s0"], &rows).to_string();
        // 400 less 4 and 3 characters of 7 and twice 8.
        let data: Vec<_> = chart.split("M36 ").skip(1).take(3).collect();
        assert_eq!(
            data.iter().map(|row| &row[..7]).collect::<Vec<_>>(),
            ["3h335v1", "21h167.", "39h3.3v"]
        );
        assert_eq!(
            chart.matches("v12").count(),
            3,
            "the row without a count has no bar"
        );
        assert!(xml::check(&chart).is_ok());
    }

    #[test]
    fn parts_stand_beside_each_other() {
        let chart = bars("c", "t", "d", "seat", &["s0", "s1"], &[bar("0", &[3, 1])]).to_string();
        assert!(chart.contains("fill s0") && chart.contains("fill s1"), "{chart}");
        assert!(xml::check(&chart).is_ok());
    }

    #[test]
    fn no_rows_long_labels_and_large_counts() {
        assert!(xml::check(&bars("c", "t", "d", "", &["s0"], &[]).to_string()).is_ok());
        let rows = [bar(&"w<".repeat(500), &[u64::MAX])];
        let chart = bars("c", "t", "d", "", &["s0"], &rows).to_string();
        assert!(xml::check(&chart).is_ok() && chart.len() < 2_000);
        let full = [Bar {
            label: String::new(),
            parts: vec![u64::MAX, u64::MAX],
            note: String::new(),
        }];
        assert!(xml::check(&bars("c", "t", "d", "", &["s0", "s1"], &full).to_string()).is_ok());
    }
}
