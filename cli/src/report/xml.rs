//! For tests: a checker of well-formed XML, as strict as the reports need. No comments, no CDATA, no instructions: reports have none.
#![allow(clippy::unwrap_used)]

/// A page is well-formed, stands alone, and is below 2 MB.
#[track_caller]
pub(super) fn check_page(page: &str) {
    let markup = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let elements = check(markup.trim_end()).unwrap();
    let foreign = ["script", "img", "link", "iframe"];
    assert!(!elements.iter().any(|name| foreign.contains(&name.as_str())));
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

/// The names of the elements in the order of their start tags.
///
/// # Errors
/// What is malformed, and the text around it.
pub(super) fn check(markup: &str) -> Result<Vec<String>, String> {
    let (mut names, mut open) = (Vec::new(), Vec::new());
    let mut rest = markup;
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start])?;
        if open.is_empty() && !names.is_empty() {
            return Err(format!("a second root: {}", head(rest)));
        }
        let tag = &rest[start + 1..];
        let end = tag
            .find('>')
            .ok_or_else(|| format!("tag without end: {}", head(tag)))?;
        let inside = &tag[..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            if open.pop().as_deref() != Some(name) {
                return Err(format!("</{name}> closes nothing: {}", head(rest)));
            }
            continue;
        }
        let (inside, is_closed) = match inside.strip_suffix('/') {
            Some(inside) => (inside, true),
            None => (inside, false),
        };
        let name_length = inside.find(' ').unwrap_or(inside.len());
        let (name, attributes) = inside.split_at(name_length);
        check_name(name)?;
        check_attributes(attributes)?;
        names.push(name.to_owned());
        if !is_closed {
            open.push(name.to_owned());
        }
    }
    check_text(rest)?;
    match open.pop() {
        None if names.is_empty() => Err("no element".to_owned()),
        None if !rest.trim().is_empty() => Err(format!("text after the root: {}", head(rest))),
        None => Ok(names),
        Some(name) => Err(format!("<{name}> is not closed")),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "-:".contains(character));
    is_name
        .then_some(())
        .ok_or_else(|| format!("`{name}` is no name"))
}

fn check_attributes(mut attributes: &str) -> Result<(), String> {
    let mut seen = Vec::new();
    while !attributes.is_empty() {
        let malformed = || format!("attributes: {}", head(attributes));
        let (name, value) = attributes
            .strip_prefix(' ')
            .and_then(|attributes| attributes.split_once("=\""))
            .ok_or_else(malformed)?;
        let (value, rest) = value.split_once('"').ok_or_else(malformed)?;
        check_name(name)?;
        check_text(value)?;
        if seen.contains(&name) {
            return Err(format!("attribute {name} twice"));
        }
        seen.push(name);
        attributes = rest;
    }
    Ok(())
}

/// Text and values: every `&` begins an entity that XML knows, and no character is one that XML excludes.
fn check_text(text: &str) -> Result<(), String> {
    if let Some(character) = text.chars().find(|character| {
        (character.is_control() && !"\t\n".contains(*character))
            || matches!(character, '\u{fffe}' | '\u{ffff}')
    }) {
        return Err(format!("character {character:?}"));
    }
    for entity in text.split('&').skip(1) {
        if !["amp;", "lt;", "gt;", "quot;", "#39;"]
            .iter()
            .any(|known| entity.starts_with(known))
        {
            return Err(format!("entity: &{}", head(entity)));
        }
    }
    Ok(())
}

fn head(text: &str) -> String {
    text.chars().take(60).collect()
}

#[test]
fn the_checker_refuses_what_is_malformed() {
    assert!(check("<a b=\"1\" c=\"&lt;\"><d/>x &amp; y<e></e></a>").is_ok());
    for malformed in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "</a>",
        "<a></a><b></b>",
        "<a></a>text",
        "<a>&nbsp;</a>",
        "<a>x & y</a>",
        "<a b=1></a>",
        "<a b=\"1></a>",
        "<a b=\"1\" b=\"2\"></a>",
        "<a b></a>",
        "<1></1>",
        "<a",
        "<a>\u{1}</a>",
        "<a><b></a></b>",
    ] {
        assert!(check(malformed).is_err(), "{malformed}");
    }
}
