//! Reading the output of `cargo llvm-cov show-env`: shell assignments, quoted in any way that a shell understands.

use std::{iter::Peekable, str::Chars};

/// The variables that `text` sets, a line each, with or without `export`. Other lines are passed over.
pub fn parse(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(assignment).collect()
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| (name.to_owned(), unquoted(value)))
}

fn unquoted(word: &str) -> String {
    let mut value = String::new();
    let mut rest = word.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' => value.extend(rest.by_ref().take_while(|&inner| inner != '\'')),
            '"' => double_quoted(&mut rest, &mut value),
            '\\' => value.extend(rest.next()),
            ';' | ' ' => break,
            plain => value.push(plain),
        }
    }
    value
}

/// In double quotes a backslash is one, unless it stands before a character that would mean something there.
fn double_quoted(rest: &mut Peekable<Chars<'_>>, value: &mut String) {
    while let Some(character) = rest.next() {
        match character {
            '"' => return,
            '\\' => value.push(rest.next_if(|next| "\"\\$`".contains(*next)).unwrap_or('\\')),
            plain => value.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> String {
        let (name, value) = parse(line).pop().unwrap();
        assert_eq!(name, "NAME");
        value
    }

    #[test]
    fn every_way_of_quoting_is_understood() {
        assert_eq!(value("NAME=plain,value=1"), "plain,value=1");
        assert_eq!(value("export NAME='/a b/%p-%2m.profraw'"), "/a b/%p-%2m.profraw");
        assert_eq!(value("NAME='it'\\''s'"), "it's");
        assert_eq!(value(r#"NAME="a \"b\" \$c \d""#), r#"a "b" $c \d"#);
        assert_eq!(value("NAME='-C\u{1f}instrument'"), "-C\u{1f}instrument");
        assert_eq!(value("export NAME=a\\ b; echo"), "a b");
        assert_eq!(value("NAME="), "");
    }

    #[test]
    fn what_is_not_an_assignment_is_passed_over() {
        assert!(parse("info: x = y\n\n# A=B\n").is_empty());
    }
}
