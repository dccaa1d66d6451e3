//! A plain text table, and texts made safe to show on a terminal.
//! Absent: colours, and fitting to the terminal's width.

use std::fmt;

/// Between two columns.
const GAP: &str = "  ";

/// Which side of its column a cell keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// Rows under a head.
#[derive(Debug)]
pub(crate) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(head: [(&str, Side); N]) -> Self {
        let (names, sides) = head.into_iter().map(|(name, side)| (name.to_owned(), side)).unzip();
        Self { sides, rows: vec![names] }
    }

    /// Adds a row; it has as many cells as the head.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.sides.len(), "a cell for each column");
        self.rows.push(cells.into());
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = (0..self.sides.len()).map(|column| self.width(column)).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&self.sides).zip(&widths).map(|((cell, side), &width)| match side {
                Side::Left => format!("{cell:<width$}"),
                Side::Right => format!("{cell:>width$}"),
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join(GAP).trim_end())?;
        }
        Ok(())
    }
}

/// One line that a terminal shows as it is: a message from anybody may hold line breaks and control sequences.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// The text, or its beginning and `…`.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_on_their_side() {
        let mut table = Table::new([("name", Side::Left), ("n", Side::Right)]);
        table.row(["é".to_owned(), "10".to_owned()]);
        assert_eq!(table.to_string(), "name   n\né     10\n");
    }

    #[test]
    fn hostile_texts_stay_on_their_line() {
        assert_eq!(one_line("a\n\u{1b}[2J"), "a\\n\\u{1b}[2J");
        assert_eq!((shortened("жук", 2), shortened("жук", 3)), ("жу…".to_owned(), "жук".to_owned()));
    }
}
