//! Markup by construction: an [`Element`] is closed, its attributes quoted, its text escaped. Names of elements and attributes are
//! written in this crate; everything else goes through [`escape`]. So no name or file name of a log can become markup, and
//! every page is well-formed XML after its first line.

use std::fmt::{self, Display};

/// Elements of HTML that have no end tag.
const VOID: [&str; 2] = ["br", "meta"];

/// An element with its attributes and content.
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

/// An empty element.
pub(super) fn element(name: &'static str) -> Element {
    Element {
        name,
        attributes: String::new(),
        content: String::new(),
    }
}

impl Element {
    /// Sets an attribute; a name is to be set once.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes
            .push_str(&format!(" {name}=\"{}\"", escape(&value.to_string())));
        self
    }

    /// Sets the class.
    pub(super) fn class(self, class: impl Display) -> Self {
        self.with("class", class)
    }

    /// Appends text.
    pub(super) fn text(mut self, text: impl Display) -> Self {
        self.content.push_str(&escape(&text.to_string()));
        self
    }

    /// Appends a style sheet of this crate as it is: HTML knows no escapes in it, so it has neither `<` nor `&`.
    pub(super) fn style(mut self, sheet: &'static str) -> Self {
        self.content.push_str(sheet);
        self
    }

    /// Appends an element.
    pub(super) fn child(mut self, child: Element) -> Self {
        self.content.push_str(&child.to_string());
        self
    }

    /// Appends elements.
    pub(super) fn children(self, children: impl IntoIterator<Item = Element>) -> Self {
        children.into_iter().fold(self, Element::child)
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            attributes,
            content,
        } = self;
        if VOID.contains(name) {
            write!(f, "<{name}{attributes}/>")
        } else {
            write!(f, "<{name}{attributes}>{content}</{name}>")
        }
    }
}

/// Text as it may stand in content and in quoted attributes. What XML cannot carry, and the marks that reverse the direction of
/// text (a file name could look like another one), become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\t' | '\n' => escaped.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            control if control.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An inline SVG with a title and a description for those who do not see it. `id` is unique on its page; lengths are in user units.
pub(super) fn svg(id: &str, [width, height]: [i64; 2], title: &str, description: &str) -> Element {
    let [title_id, description_id] = [format!("{id}-title"), format!("{id}-description")];
    element("svg")
        .with("xmlns", "http://www.w3.org/2000/svg")
        .with("id", id)
        .with("viewBox", format_args!("0 0 {width} {height}"))
        .with("role", "img")
        .with("aria-labelledby", format_args!("{title_id} {description_id}"))
        .child(element("title").with("id", title_id).text(title))
        .child(element("desc").with("id", description_id).text(description))
}

/// Text at a point of an SVG.
pub(super) fn label(class: &'static str, x: i64, y: i64, text: impl Display) -> Element {
    element("text").class(class).with("x", x).with("y", y).text(text)
}

/// A path.
pub(super) fn path(class: impl Display, data: &str) -> Element {
    element("path").class(class).with("d", data)
}

/// `length * part / whole`, rounded down; 0 if the whole is 0. At most `length` for a part of the whole.
pub(super) fn scaled(length: i64, part: u64, whole: u64) -> i64 {
    let scaled = (i128::from(length) * i128::from(part))
        .checked_div(i128::from(whole))
        .unwrap_or(0);
    i64::try_from(scaled).unwrap_or(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::xml;

    #[test]
    fn text_and_attributes_cannot_become_markup() {
        let hostile = "<script>alert('x')</script>\" onload=\"y\" & ]]> \u{0} \u{202e}gpj.exe \u{ffff}";
        let markup = element("p").with("title", hostile).text(hostile).to_string();
        assert_eq!(
            markup.matches('<').count(),
            2,
            "no element but p itself: {markup}"
        );
        assert_eq!(
            markup.matches('"').count(),
            2,
            "no quote but those of the attribute: {markup}"
        );
        for refused in ['\u{0}', '\u{202e}', '\u{ffff}'] {
            assert!(!markup.contains(refused));
        }
        assert_eq!(xml::check(&markup), Ok(vec!["p".to_owned()]));
    }

    #[test]
    fn elements_nest_and_end() {
        let list = element("ul").children(["a", "b"].map(|item| element("li").text(item)));
        assert_eq!(list.to_string(), "<ul><li>a</li><li>b</li></ul>");
        assert_eq!(
            element("meta").with("charset", "utf-8").to_string(),
            "<meta charset=\"utf-8\"/>"
        );
        assert_eq!(element("td").to_string(), "<td></td>");
    }

    #[test]
    fn scaling() {
        assert_eq!(scaled(1_000, 1, 3), 333);
        assert_eq!(scaled(1_000, 0, 0), 0);
        assert_eq!(scaled(1_000, u64::MAX, u64::MAX), 1_000);
        assert_eq!(
            scaled(i64::MAX, u64::MAX, 1),
            i64::MAX,
            "more than a whole does not overflow"
        );
    }
}
