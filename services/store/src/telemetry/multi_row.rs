//! Statements over many rows, in a few fixed sizes, so that each text is prepared once a
//! connection and a batch needs few of them.

/// Rows per statement, largest first; ends with 1.
const SIZES: [usize; 5] = [500, 100, 20, 4, 1];

/// One statement in all sizes.
#[derive(Debug)]
pub(super) struct MultiRow {
    texts: [String; SIZES.len()],
}

impl MultiRow {
    /// `head`, then `row` once a row with commas between, then `tail`.
    pub(super) fn new(head: &str, row: &str, tail: &str) -> Self {
        let text = |size: usize| format!("{head} {} {tail}", vec![row; size].join(","));
        Self { texts: SIZES.map(text) }
    }

    /// Splits `rows` into pieces that there is a text for.
    pub(super) fn pieces<'a, T>(
        &'static self,
        rows: &'a [T],
    ) -> impl Iterator<Item = (&'static str, &'a [T])> {
        let mut rest = rows;
        std::iter::from_fn(move || {
            let index = SIZES.iter().position(|size| *size <= rest.len())?;
            let (piece, after) = rest.split_at(SIZES[index]);
            rest = after;
            Some((self.texts[index].as_str(), piece))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static STATEMENT: LazyLock<MultiRow> =
        LazyLock::new(|| MultiRow::new("VALUES", "(?)", "ORDER BY 1"));

    #[test]
    fn every_row_is_in_one_piece_with_its_text() {
        let rows: Vec<usize> = (0..1_247).collect();
        let mut seen = Vec::new();
        for (text, piece) in STATEMENT.pieces(&rows) {
            assert_eq!(text.matches("(?)").count(), piece.len());
            seen.extend_from_slice(piece);
        }
        assert_eq!(seen, rows);
        assert_eq!(STATEMENT.pieces::<usize>(&[]).count(), 0);
    }
}
