//! Dead messages for an operator's eyes. Absent: printing; these are texts.

use super::{Message, Outcome, What};
use crate::table::{Side, Table, one_line, shortened};
use serde_json::Value;
use std::fmt::Write;

/// Characters of an error in the list; `show` prints all of it.
const ERROR_WIDTH: usize = 80;
/// Bytes on a line of a hex dump.
const HEX_WIDTH: usize = 32;

/// All messages, a line each.
pub fn list(messages: &[Message]) -> String {
    let left = ["id", "where", "queue", "state"].map(|name| (name, Side::Left));
    let [id, place, queue, state] = left;
    let head = [id, place, queue, state, ("attempts", Side::Right), ("since", Side::Left), ("error", Side::Left)];
    let mut table = Table::new(head);
    for message in messages {
        table.row([
            one_line(&message.id),
            message.place.to_owned(),
            one_line(&message.queue),
            message.state.to_owned(),
            or_dash(message.attempts),
            or_dash(message.since),
            shortened(&one_line(&message.error), ERROR_WIDTH),
        ]);
    }
    format!("{table}{} messages\n", messages.len())
}

/// All messages as JSON, without their bodies.
pub fn list_json(messages: &[Message]) -> String {
    serde_json::to_string_pretty(messages).expect("texts and whole numbers always serialise") + "\n"
}

/// One message and all that is known of it.
pub fn show(message: &Message) -> String {
    let mut table = Table::new([("id", Side::Left), (&one_line(&message.id), Side::Left)]);
    for (name, value) in [
        ("where", message.place.to_owned()),
        ("queue", one_line(&message.queue)),
        ("message id", or_dash(message.message_id.as_deref().map(one_line))),
        ("state", message.state.to_owned()),
        ("attempts", or_dash(message.attempts)),
        ("since", or_dash(message.since)),
        ("error", one_line(&message.error)),
        ("bytes", message.body.len().to_string()),
    ] {
        table.row([name.to_owned(), value]);
    }
    format!("{table}\n{}\n", body(&message.body))
}

/// JSON laid out, other text with its control characters made visible, anything else in hex.
fn body(body: &[u8]) -> String {
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        return format!("{json:#}");
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.lines().map(one_line).collect::<Vec<_>>().join("\n"),
        Err(_) => body.chunks(HEX_WIDTH).map(hex).collect::<Vec<_>>().join("\n"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut line, byte| {
        let separator = if line.is_empty() { "" } else { " " };
        write!(line, "{separator}{byte:02x}").expect("writing to a String cannot fail");
        line
    })
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// What was done, a line each.
pub fn outcome(outcome: &Outcome) -> String {
    let mut text = String::new();
    for done in &outcome.done {
        let what = match done.what {
            What::Replayed => "replayed",
            What::Discarded => "discarded",
            What::LeftAlone => "left alone, it is being retried by itself:",
        };
        text.push_str(&format!("{what} {} ({})\n", one_line(&done.id), done.place));
    }
    for id in &outcome.unknown {
        text.push_str(&format!("there is no message {}\n", one_line(id)));
    }
    if text.is_empty() { "nothing to do\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_or_text_or_hex() {
        assert_eq!(body(br#"{"a":[1]}"#), "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(body(b"not json\x1b[2J\nline 2"), "not json\\u{1b}[2J\nline 2");
        assert_eq!(body(b"\xff\xfe\x00"), "ff fe 00");
        assert_eq!(body(b""), "");
    }
}
