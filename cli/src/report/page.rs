//! The skeleton of a page and its blocks: head, lead, key figures, evidence, facts, figures, tables. The style is `report.css`.

use super::markup::{Element, element};
use super::text::grouped;

/// The style of every report, charts included.
pub(super) const STYLE: &str = include_str!("report.css");

/// Nothing is loaded and nothing runs, whatever a page says.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page. `kind` says what is reported, `title` about whom, `lead` about when.
pub(super) fn page(kind: &str, title: &str, lead: &str, blocks: impl IntoIterator<Item = Element>) -> String {
    let head = element("head")
        .child(element("meta").with("charset", "utf-8"))
        .child(
            element("meta")
                .with("http-equiv", "Content-Security-Policy")
                .with("content", POLICY),
        )
        .child(
            element("meta")
                .with("name", "viewport")
                .with("content", "width=device-width, initial-scale=1"),
        )
        .child(
            element("meta")
                .with("name", "color-scheme")
                .with("content", "light dark"),
        )
        .child(element("title").text(format_args!("{title} \u{2013} {kind}")))
        .child(element("style").style(STYLE));
    let header = element("header")
        .child(element("p").class("kind").text(kind))
        .child(element("h1").text(title))
        .child(element("p").class("lead").text(lead));
    let footer = element("footer").text("Written by popw. The same data give the same bytes.");
    let main = element("main").child(header).children(blocks).child(footer);
    let html = element("html")
        .with("lang", "en")
        .child(head)
        .child(element("body").child(main));
    format!("<!DOCTYPE html>\n{html}\n")
}

/// A section with a heading and, unless it is empty, a line of introduction.
pub(super) fn section(title: &str, introduction: &str, blocks: impl IntoIterator<Item = Element>) -> Element {
    let paragraph = (!introduction.is_empty()).then(|| element("p").class("introduction").text(introduction));
    element("section")
        .child(element("h2").text(title))
        .children(paragraph)
        .children(blocks)
}

/// The few numbers that matter most: name, number, remark.
pub(super) fn key_figures(figures: impl IntoIterator<Item = (&'static str, String, String)>) -> Element {
    let figures = figures.into_iter().map(|(name, number, remark)| {
        element("div")
            .child(element("dt").text(name))
            .child(element("dd").class("number").text(number))
            .child(element("dd").class("remark").text(remark))
    });
    element("dl").class("key-figures").children(figures)
}

/// What the report is evidence of, and what it does not prove.
pub(super) fn evidence(class: &str, does_not_prove: &str) -> Element {
    let line = |name: &str, text: &str| {
        element("p")
            .child(element("strong").text(name))
            .text(" ")
            .text(text)
    };
    element("aside")
        .class("evidence")
        .child(line("Evidence class", class))
        .child(line("Does not prove", does_not_prove))
}

/// Names with their values.
pub(super) fn facts<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> Element {
    definitions("facts", facts)
}

/// The same for hashes and other long numbers.
pub(super) fn identifiers<'a>(facts: impl IntoIterator<Item = (&'a str, String)>) -> Element {
    definitions("facts identifiers", facts)
}

fn definitions<'a>(class: &str, facts: impl IntoIterator<Item = (&'a str, String)>) -> Element {
    let facts = facts.into_iter().map(|(name, value)| {
        element("div")
            .child(element("dt").text(name))
            .child(element("dd").text(value))
    });
    element("dl").class(class).children(facts)
}

/// Blocks beside each other where there is room.
pub(super) fn columns(blocks: impl IntoIterator<Item = Element>) -> Element {
    element("div").class("columns").children(blocks)
}

/// A chart with its heading and a remark under it.
pub(super) fn figure(title: &str, remark: &str, chart: Element) -> Element {
    let caption = element("figcaption")
        .child(element("h3").text(title))
        .child(element("p").text(remark));
    element("figure").child(caption).child(chart)
}

/// What scrolls sideways where the screen is narrower.
pub(super) fn scroll(content: Element) -> Element {
    scroll_in("scroll", content)
}

fn scroll_in(class: &str, content: Element) -> Element {
    element("div").class(class).with("tabindex", 0).child(content)
}

/// Colours with their names. A class is one of those of the style that have a colour.
pub(super) fn key(entries: impl IntoIterator<Item = (String, String)>) -> Element {
    entries_of("key", entries)
}

/// The same for the steps of a scale, which stand side by side.
pub(super) fn scale(entries: impl IntoIterator<Item = (String, String)>) -> Element {
    entries_of("key scale", entries)
}

fn entries_of(class: &str, entries: impl IntoIterator<Item = (String, String)>) -> Element {
    let entries = (entries.into_iter()).map(|(class, name)| {
        element("li")
            .child(swatch(&class))
            .child(element("span").text(name))
    });
    element("ul").class(class).children(entries)
}

/// A sample of a colour.
pub(super) fn swatch(class: &str) -> Element {
    element("i").class(format_args!("swatch {class}"))
}

/// A cell of text.
pub(super) fn cell(text: &str) -> Element {
    element("td").text(text)
}

/// A cell of a number, already written.
pub(super) fn number(text: &str) -> Element {
    element("td").class("n").text(text)
}

/// A cell of a count.
pub(super) fn count(count: u64) -> Element {
    number(&grouped(count))
}

/// A table. A column whose name ends in `#` holds numbers; the mark is not shown.
pub(super) fn table(names: &[&str], rows: impl IntoIterator<Item = Vec<Element>>) -> Element {
    table_in("scroll", names, rows)
}

/// The same, for tables longer than a screen: its rows scroll under its head.
pub(super) fn long_table(names: &[&str], rows: impl IntoIterator<Item = Vec<Element>>) -> Element {
    table_in("scroll long", names, rows)
}

fn table_in(class: &str, names: &[&str], rows: impl IntoIterator<Item = Vec<Element>>) -> Element {
    let heads = names.iter().map(|name| {
        let head = element("th").with("scope", "col");
        match name.strip_suffix('#') {
            Some(name) => head.class("n").text(name),
            None => head.text(name),
        }
    });
    let rows = rows.into_iter().map(|cells| element("tr").children(cells));
    let table = element("table")
        .child(element("thead").child(element("tr").children(heads)))
        .child(element("tbody").children(rows));
    scroll_in(class, table)
}

/// Names of files and reasons are the caller's; no single one fills the page.
pub(super) fn shortened(text: &str) -> String {
    const MAX: usize = 200;
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    text.chars().take(MAX - 1).chain(['\u{2026}']).collect()
}
