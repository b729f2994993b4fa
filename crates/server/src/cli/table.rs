//! Tables for people: columns as wide as they need to be, numbers at the right.

use serde_json::Value as Json;

/// Rows under a head.
pub struct TextTable {
    rows: Vec<Vec<String>>,
    numbers: Vec<bool>,
}

impl TextTable {
    /// With these columns.
    pub fn new(head: &[&str]) -> TextTable {
        TextTable {
            rows: vec![head.iter().map(|&title| title.to_owned()).collect()],
            numbers: vec![true; head.len()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> =
            cells.into_iter().map(|cell| cell.replace(['\n', '\r', '\t'], " ")).collect();
        for (numbers, cell) in self.numbers.iter_mut().zip(&cells) {
            *numbers &= cell.starts_with(|first: char| first.is_ascii_digit() || first == '-');
        }
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// As text; nothing of a table without rows.
    pub fn text(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.numbers.len()).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = widths.get(column).copied().unwrap_or(0);
                let padded = match self.numbers.get(column) {
                    Some(true) => format!("{cell:>width$}"),
                    _ => format!("{cell:<width$}"),
                };
                line.push_str(&padded);
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A JSON value in a cell.
pub fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(real) => format!("{real:.3}"),
            None => grouped(number.as_i64().unwrap_or(i64::MAX)),
        },
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Json::Object(_) => value.to_string(),
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = TextTable::new(&["figure", "now"]);
        table.row(["hits".into(), "12".into()]);
        table.row(["hit_rate".into(), "1,200".into()]);
        assert_eq!(table.text(), "figure      now\nhits         12\nhit_rate  1,200\n");
        assert_eq!(TextTable::new(&["a"]).text(), "");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, -1_234_567].map(grouped), ["0", "999", "1,000", "-1,234,567"]);
    }
}
