//! Tells Rust code from comments and literals, as far as looking for a keyword needs it.
//!
//! Depends on: nothing. Where to go next: `sources`, which looks for the keyword.

/// The text with comments and literals blanked, character by character; lines stay where they are.
pub(super) fn only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let blanked = literal(rest, after_word);
        let (head, tail) = rest.split_at(blanked.unwrap_or(first.len_utf8()));
        if blanked.is_some() {
            code.extend(head.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            code.push(first);
        }
        rest = tail;
    }
    code
}

/// The numbers of the lines whose code has a word.
pub(super) fn lines_with_word(text: &str, word: &str) -> Vec<usize> {
    let code = only(text);
    let has_word = |line: &str| line.split(|c| !is_word(c)).any(|found| found == word);
    (1..)
        .zip(code.lines())
        .filter(|(_, line)| has_word(line))
        .map(|(number, _)| number)
        .collect()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many bytes of a comment or literal stand at the front; none if it is code.
fn literal(rest: &str, after_word: bool) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if let Some(after) = rest.strip_prefix('"') {
        return Some(1 + quoted(after, '"'));
    }
    if let Some(after) = rest.strip_prefix('\'') {
        let mut next = after.chars();
        // A quote after one character, or a backslash, makes a character; anything else is a lifetime.
        return match (next.next(), next.next()) {
            (Some('\\'), _) => Some(1 + quoted(after, '\'')),
            (Some(c), Some('\'')) => Some(2 + c.len_utf8()),
            _ => None,
        };
    }
    if after_word {
        return None;
    }
    let raw = ["r", "br", "cr"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    let body = raw.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(raw.len() - body.len()));
    let body = body.strip_prefix('"')?;
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + length)
}

/// Bytes up to and with the closing quote, the first that is not escaped.
fn quoted(after: &str, quote: char) -> usize {
    let mut escaped = false;
    let closing = after.char_indices().find(|(_, c)| {
        let found = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        found
    });
    closing.map_or(after.len(), |(at, _)| at + quote.len_utf8())
}

/// Bytes of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{lines_with_word, only};

    #[test]
    fn comments_and_literals_are_blanked() {
        let cases = [
            ("a // unsafe", "a"),
            ("/* /* unsafe */ */b /* é */c", "b c"),
            (r#"f("unsafe \" unsafe")g"#, "f( )g"),
            (r##"f(r#"unsafe " unsafe"#);"##, "f( );"),
            (r#"f(b"unsafe", r"unsafe\", cr"")"#, "f(b , , )"),
            (r"f('\'', unsafe, '\\', 'é')", "f( , unsafe, , )"),
            ("&'a str, 'x', 'static", "&'a str, , 'static"),
            ("f(\"two\nlines\")", "f( )"),
            ("r#unsafe", "r#unsafe"),
            ("// ends here\ncode", "code"),
            ("a \"never closed", "a"),
            ("a r#\"never closed", "a"),
            ("a /* never closed", "a"),
            ("a '\\", "a"),
        ];
        for (text, code) in cases {
            let found = only(text);
            assert_eq!(found.chars().count(), text.chars().count(), "{text}");
            assert_eq!(found.lines().count(), text.lines().count(), "{text}");
            let packed = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(packed(&found), packed(code), "{text}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert_eq!(
            lines_with_word("#![forbid(unsafe_code)]\nunsafe fn f() {}\nnot_unsafe", "unsafe"),
            [2]
        );
        assert_eq!(
            lines_with_word("#[unsafe(no_mangle)]\n\"'\" unsafe", "unsafe"),
            [1, 2]
        );
        assert_eq!(lines_with_word("let c = '\"'; unsafe { f(\"\") }", "unsafe"), [1]);
    }
}
