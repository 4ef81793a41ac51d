//! A heat map of shares: rows over time. Cells of one colour are one path, and neighbours one run, so that ten thousand cells stay small.

use super::markup::{Element, element, label, path, scaled, svg};
use super::text::{grouped, time_marks};

/// Width of the map, and of the labels left of it.
const WIDTH: i64 = 960;
const LEFT: i64 = 112;
/// Room above for the name of the rows, below for the times, right for the last time.
const TOP: i64 = 26;
const BOTTOM: i64 = 38;
const RIGHT: i64 = 20;
/// Height of all rows, unless there are few.
const ROWS_HEIGHT: i64 = 400;
/// Largest and smallest height of a row.
const ROW_MAX: i64 = 20;
const ROW_MIN: i64 = 4;
/// Smallest distance of two labels.
const LABEL_DISTANCE: i64 = 18;

/// The colours, from none to all: the least share in percent of each, and its name. They are finer where networks live.
pub(super) const CLASSES: [(u64, &str); 8] = [
    (0, "none"),
    (0, "below 50 %"),
    (50, "50 to 75 %"),
    (75, "75 to 90 %"),
    (90, "90 to 95 %"),
    (95, "95 to 99 %"),
    (99, "99 % to all"),
    (100, "all"),
];

/// Shares over time, in rows of the same length.
pub(super) struct HeatMap<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    /// For those who do not see it.
    pub(super) title: &'a str,
    /// For those who do not see it.
    pub(super) description: &'a str,
    /// What a row is.
    pub(super) axis: &'a str,
    /// Names of the rows.
    pub(super) names: Vec<String>,
    /// For each row, for each column: part and whole.
    pub(super) shares: Vec<Vec<(u64, u64)>>,
    /// The first column's time, Unix seconds.
    pub(super) start: u64,
    /// Seconds of the whole axis.
    pub(super) seconds: u64,
    /// Ends of the columns, as parts of `ends_at`: the last may be narrower.
    pub(super) column_width: u64,
    /// All columns together, in the unit of `column_width`.
    pub(super) columns_width: u64,
}

/// The colour of a share; `None` if the whole is 0.
fn class_of(part: u64, whole: u64) -> Option<usize> {
    let (part, whole) = (u128::from(part) * 100, u128::from(whole));
    match part {
        _ if whole == 0 => None,
        0 => Some(0),
        _ => CLASSES
            .iter()
            .rposition(|(least, _)| part >= u128::from(*least) * whole),
    }
}

impl HeatMap<'_> {
    /// Draws it.
    pub(super) fn draw(&self) -> Element {
        let rows = i64::try_from(self.shares.len()).unwrap_or(i64::MAX);
        let row_height = (ROWS_HEIGHT / rows.max(1)).clamp(ROW_MIN, ROW_MAX);
        let bottom = TOP + row_height.saturating_mul(rows);
        let right = WIDTH - RIGHT;
        let x = |at: u64| LEFT + scaled(right - LEFT, at.min(self.columns_width), self.columns_width);

        let mut paths = vec![(String::new(), 0u64); CLASSES.len()];
        for (row, shares) in (0i64..).zip(&self.shares) {
            let y = TOP + row * row_height;
            let classes: Vec<_> = (shares.iter())
                .map(|(part, whole)| class_of(*part, *whole))
                .collect();
            let mut first = 0u64;
            for run in classes.chunk_by(|left, right| left == right) {
                let end = first + run.len() as u64;
                let [from, to] = [first, end].map(|column| x(column.saturating_mul(self.column_width)));
                if let Some((data, cells)) = run[0].and_then(|class| paths.get_mut(class)) {
                    let width = to - from;
                    data.push_str(&format!("M{from} {y}h{width}v{row_height}h-{width}z"));
                    *cells += run.len() as u64;
                }
                first = end;
            }
        }
        let cells = paths.into_iter().enumerate().filter(|(_, (_, cells))| *cells > 0);
        let cells = cells.map(|(class, (data, cells))| {
            let title = element("title").text(format_args!("{}: {} cells", CLASSES[class].1, grouped(cells)));
            path(format_args!("fill h{class}"), &data).child(title)
        });

        let each = usize::try_from((LABEL_DISTANCE + row_height - 1) / row_height).unwrap_or(1);
        let names = (0i64..).zip(&self.names).step_by(each.max(1)).map(|(row, name)| {
            label(
                "name end",
                LEFT - 8,
                TOP + row * row_height + row_height / 2 + 4,
                name,
            )
        });
        let marks = time_marks(self.start, self.seconds);
        let mark_x = |at: u64| LEFT + scaled(right - LEFT, at, self.seconds);
        let times = (marks.iter()).map(|(at, name)| label("name middle", mark_x(*at), bottom + 18, name));
        let ticks: String = (marks.iter())
            .map(|(at, _)| format!("M{} {bottom}v5", mark_x(*at)))
            .collect();
        svg(self.id, [WIDTH, bottom + BOTTOM], self.title, self.description)
            .class("chart heat")
            .child(label("axis end", LEFT - 8, TOP - 11, self.axis))
            .child(path("empty", &format!("M{LEFT} {TOP}H{right}V{bottom}H{LEFT}z")))
            .child(element("g").class("cells").children(cells))
            .child(path("rule", &ticks))
            .children(names)
            .children(times)
            .child(label("axis end", right, bottom + 34, "time, UTC"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::xml;

    fn map(shares: Vec<Vec<(u64, u64)>>) -> String {
        let columns = shares.first().map_or(0, Vec::len) as u64;
        let map = HeatMap {
            id: "h",
            title: "t",
            description: "d",
            axis: "zone",
            names: (0..shares.len()).map(|row| row.to_string()).collect(),
            shares,
            start: 0,
            seconds: 86_400,
            column_width: 1,
            columns_width: columns,
        };
        let drawn = map.draw().to_string();
        assert!(xml::check(&drawn).is_ok(), "{drawn}");
        drawn
    }

    #[test]
    fn classes_at_their_borders() {
        let expected = [
            (0, 0),
            (1, 1),
            (499, 1),
            (500, 2),
            (749, 2),
            (750, 3),
            (899, 3),
            (900, 4),
            (949, 4),
            (950, 5),
            (989, 5),
            (990, 6),
            (999, 6),
            (1_000, 7),
        ];
        for (permille, class) in expected {
            assert_eq!(class_of(permille, 1_000), Some(class), "{permille}");
        }
        assert_eq!(class_of(0, 0), None);
        assert_eq!(class_of(u64::MAX, u64::MAX), Some(7));
    }

    #[test]
    fn neighbours_of_one_colour_are_one_run() {
        let drawn = map(vec![
            vec![(4, 4), (4, 4), (0, 4), (4, 4)],
            vec![(0, 0), (0, 0), (0, 0), (3, 4)],
        ]);
        // 828 units wide: columns of 207.
        assert!(
            drawn.contains("M112 26h414v20h-414z") && drawn.contains("M733 46h207v20h-207z"),
            "{drawn}"
        );
        assert!(drawn.contains("none: 1 cells") && drawn.contains("all: 3 cells"));
        assert_eq!(
            drawn.matches("class=\"fill h").count(),
            3,
            "no path without cells, and none for an empty zone"
        );
    }

    #[test]
    fn nothing_to_draw() {
        map(vec![]);
        map(vec![vec![]]);
    }
}
