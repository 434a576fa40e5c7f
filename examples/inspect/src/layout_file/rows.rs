// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block maps as a table of rows: a cell for each member, and the layout of raid-core that a table is one turn of.
//!
//! ```text
//! 0 1 2 P        after these four rows the same follows with the next twelve chunks: RAID-5 of four disks,
//! 4 5 P 3        left-symmetric
//! 8 P 6 7
//! P 9 10 11
//! ```

use super::LayoutFile;
use raid_core::array::{Geometry, Level, Placement, QNumbering, Secondary};
use raid_core::layout::{Layout, Role};
use raid_core::units::{Blocks, Slot};

/// Rows of the longest table.
const LONGEST: usize = 4096;
/// Rows that are written of a map without rotation, and at most.
const WRITTEN: u64 = 256;
/// The longest rest of parity that is looked for: 2^6 rows.
const LONGEST_REST: u8 = 6;

/// What a member holds in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// This chunk of the array.
    Chunk(u64),
    Parity(u8),
    Spare,
    Nothing,
}

impl Cell {
    fn text(self) -> String {
        match self {
            Self::Chunk(chunk) => chunk.to_string(),
            Self::Parity(0) => "P".to_owned(),
            Self::Parity(_) => "Q".to_owned(),
            Self::Spare => "S".to_owned(),
            Self::Nothing => "-".to_owned(),
        }
    }

    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "P" => Self::Parity(0),
            "Q" => Self::Parity(1),
            "S" => Self::Spare,
            "-" => Self::Nothing,
            number => Self::Chunk(number.parse().ok()?),
        })
    }
}

/// A geometry with chunks of one block, as long as is needed.
fn in_chunks(shape: &Geometry, rows: u64) -> Geometry {
    Geometry { strip: Blocks(1), member_blocks: Blocks(rows), ..*shape }
}

/// What the places of a geometry hold in row `row`.
fn row_of(layout: &Layout<'_>, row: u64) -> Vec<Cell> {
    let geometry = layout.geometry();
    let places =
        (0..geometry.sets).flat_map(|set| (0..geometry.slots).map(move |slot| (set, slot)));
    let cell = |(set, slot)| match layout.role(Slot(u8::try_from(slot).unwrap_or(u8::MAX)), row) {
        Role::Data(block) | Role::Copy { of: block } => {
            layout.array_block(set, block).map_or(Cell::Nothing, Cell::Chunk)
        }
        Role::Parity(index) => Cell::Parity(index),
        Role::HotSpace => Cell::Spare,
        Role::Interleaved { .. } | Role::Unused => Cell::Nothing,
    };
    places.map(cell).collect()
}

/// Rows after which the map of a shape repeats; `None` where it does not, or where there are no rows of chunks.
fn turn(shape: &Geometry) -> Option<u64> {
    let slots = u64::from(shape.slots);
    let joined = shape.sets == 1 || shape.secondary == Secondary::Striped;
    Some(match shape.level {
        _ if !joined => return None,
        Level::Raid0 | Level::Raid4 => 1,
        Level::Raid1 if shape.strip.0 > 0 => 1,
        Level::Raid5R => slots.checked_shl(u32::from(shape.rotate_shift))?,
        Level::Raid5 | Level::Raid5EE | Level::Raid6 => slots,
        Level::Raid1E if matches!(shape.placement, Placement::Adjacent | Placement::Offset) => {
            2 * slots
        }
        _ => return None,
    })
}

impl LayoutFile {
    /// The table of a shape, where it has one that repeats after not too many rows.
    pub(super) fn rows_of(shape: &Geometry) -> Option<Vec<String>> {
        let turn = turn(shape).filter(|turn| *turn <= WRITTEN)?;
        let layout = Layout::new(&in_chunks(shape, 2 * turn)).ok()?;
        let line = |row| {
            let cells: Vec<String> = row_of(&layout, row).into_iter().map(Cell::text).collect();
            cells.join(" ")
        };
        Some((0..turn).map(line).collect())
    }

    /// The shape, and which member of the file is in which place.
    ///
    /// # Errors
    /// Names or rows that mean nothing, that contradict each other, or rows that no layout of raid-core has.
    pub(super) fn shape_and_places(&self) -> Result<(Geometry, Vec<usize>), String> {
        let in_order = (0..self.members.len()).collect();
        match (self.named_shape()?, &self.rows) {
            (Some(shape), None) => Ok((shape, in_order)),
            (Some(shape), Some(rows)) => {
                let table = self.table(rows)?;
                match differs(&shape, &table, &in_order) {
                    None => Ok((shape, in_order)),
                    Some(row) => Err(format!(
                        "rows[{row}] is not what level and layout say; take either of them out"
                    )),
                }
            }
            (None, rows) => {
                let table = self.table(rows.as_deref().unwrap_or_default())?;
                self.recognise(&table)
            }
        }
    }

    fn table(&self, rows: &[String]) -> Result<Vec<Vec<Cell>>, String> {
        if rows.is_empty() || rows.len() > LONGEST {
            return Err(format!("{} rows, expected 1 to {LONGEST}", rows.len()));
        }
        let mut table = Vec::new();
        for (index, line) in rows.iter().enumerate() {
            let cell = |text: &str| {
                Cell::of(text).ok_or_else(|| format!("rows[{index}]: {text:?} is no cell"))
            };
            let cells = line.split_whitespace().map(cell).collect::<Result<Vec<Cell>, String>>()?;
            let (found, expected) = (cells.len(), self.members.len());
            if found != expected {
                return Err(format!("rows[{index}] has {found} cells for {expected} members"));
            }
            table.push(cells);
        }
        Ok(table)
    }

    /// The layout of raid-core that a table is one turn of.
    fn recognise(&self, table: &[Vec<Cell>]) -> Result<(Geometry, Vec<usize>), String> {
        let mut found: Vec<(Geometry, Vec<usize>)> = Vec::new();
        for (shape, rest) in self.shapes() {
            let shape = Geometry { rotate_shift: rest, ..shape };
            let Some(places) = places_of(&shape, table) else { continue };
            if differs(&shape, table, &places).is_none() {
                found.push((shape, places));
            }
        }
        let numbering = |shape: &Geometry| shape.q_numbering;
        match found.as_slice() {
            [] => Err("no layout that is known has these rows".into()),
            [first, others @ ..]
                if others.iter().any(|other| numbering(&other.0) != numbering(&first.0)) =>
            {
                Err("q_numbering is not given, and the rows do not say it".into())
            }
            // The same map under several names.
            [first, ..] => Ok(first.clone()),
        }
    }

    /// All shapes that a table can be of, the simplest first.
    fn shapes(&self) -> Vec<(Geometry, u8)> {
        let count = self.members.len();
        let rotating = [
            Placement::NContinue,
            Placement::NRestart,
            Placement::ZeroContinue,
            Placement::ZeroRestart,
        ];
        let base = Self { sets: 1, parity_stays_rows: None, ..self.clone() };
        let shape = |level, placement| base.shape(level, placement).ok();
        let mut shapes: Vec<(Geometry, u8)> = Vec::new();
        shapes.extend(shape(Level::Raid0, Placement::Fixed).map(|shape| (shape, 0)));
        shapes.extend(shape(Level::Raid4, Placement::ParityLast).map(|shape| (shape, 0)));
        for placement in rotating {
            for level in [Level::Raid5, Level::Raid5EE] {
                shapes.extend(shape(level, placement).map(|shape| (shape, 0)));
            }
            for numbering in [QNumbering::ByData, QNumbering::BySlot] {
                let fits = match self.q_numbering.as_deref() {
                    None => true,
                    Some(name) => (name == "by_data") == (numbering == QNumbering::ByData),
                };
                let with = shape(Level::Raid6, placement).filter(|_| fits);
                shapes.extend(with.map(|s| (Geometry { q_numbering: numbering, ..s }, 0)));
            }
        }
        for copies in (2..=count).filter(|copies| count.is_multiple_of(*copies)) {
            let sets = u16::try_from(count / copies).unwrap_or(u16::MAX);
            let pairs = Self { sets, ..base.clone() };
            let pairs = pairs.shape(Level::Raid1, Placement::Fixed).ok();
            shapes.extend(pairs.map(|shape| (shape, 0)));
        }
        for placement in [Placement::Adjacent, Placement::Offset] {
            shapes.extend(shape(Level::Raid1E, placement).map(|shape| (shape, 0)));
        }
        for rest in 1..=LONGEST_REST {
            for placement in rotating {
                shapes.extend(shape(Level::Raid5R, placement).map(|shape| (shape, rest)));
            }
        }
        shapes
    }
}

/// Which column of the table is in which place of the shape: the one that holds the same all the way down.
fn places_of(shape: &Geometry, table: &[Vec<Cell>]) -> Option<Vec<usize>> {
    let rows = table.len() as u64;
    let layout = Layout::new(&in_chunks(shape, rows * 2)).ok()?;
    let expected: Vec<Vec<Cell>> = (0..rows).map(|row| row_of(&layout, row)).collect();
    let columns = table.first()?.len();
    let mut free: Vec<usize> = (0..columns).collect();
    let mut places = Vec::new();
    for place in 0..columns {
        let same = |column: &usize| {
            table.iter().zip(&expected).all(|(own, row)| own[*column] == row[place])
        };
        let at = free.iter().position(same)?;
        places.push(free.remove(at));
    }
    Some(places)
}

/// The first row in which a table that repeats, its columns put into places, is not what the shape has.
fn differs(shape: &Geometry, table: &[Vec<Cell>], places: &[usize]) -> Option<usize> {
    // Two turns of both: what repeats alike for so long does so for ever.
    let rows = table.len() as u64;
    let own = turn(shape).unwrap_or(1);
    let checked = (2 * own).max(2 * rows).next_multiple_of(rows.max(1));
    let chunks = |cells: &Vec<Cell>| {
        let mut chunks: Vec<u64> = cells
            .iter()
            .filter_map(|cell| if let Cell::Chunk(chunk) = cell { Some(*chunk) } else { None })
            .collect();
        chunks.sort_unstable();
        chunks.dedup();
        chunks
    };
    let mut all: Vec<u64> = table.iter().flat_map(chunks).collect();
    all.sort_unstable();
    all.dedup();
    let per_turn = all.len() as u64;
    let Ok(layout) = Layout::new(&in_chunks(shape, checked + own)) else { return Some(0) };
    for row in 0..checked {
        let turn = row / rows * per_turn;
        let cells = &table[(row % rows) as usize];
        let expected = row_of(&layout, row);
        let same = expected.iter().zip(places).all(|(cell, column)| match cells[*column] {
            Cell::Chunk(chunk) => chunk.checked_add(turn).map(Cell::Chunk) == Some(*cell),
            other => other == *cell,
        });
        if !same {
            return usize::try_from(row % rows).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::LayoutMember;
    use super::*;

    fn file(rows: &[&str]) -> LayoutFile {
        let empty = r#"{"format": "raid-layout/1", "chunk_bytes": 4096, "members": []}"#;
        let members = rows[0].split_whitespace().map(|_| LayoutMember::default()).collect();
        let rows = Some(rows.iter().map(|row| (*row).to_owned()).collect());
        LayoutFile { rows, members, ..serde_json::from_str(empty).unwrap() }
    }

    #[test]
    fn tables_are_the_layouts_that_they_are_one_turn_of() {
        let cases: [(&[&str], &str, &[usize]); 6] = [
            (
                &["0 1 2 P", "4 5 P 3", "8 P 6 7", "P 9 10 11"],
                "raid5 parity-n-continuation",
                &[0, 1, 2, 3],
            ),
            // The same with its disks in another order.
            (
                &["P 0 1 2", "3 4 5 P", "7 8 P 6", "11 P 9 10"],
                "raid5 parity-n-continuation",
                &[1, 2, 3, 0],
            ),
            (&["1 0"], "raid0 fixed", &[1, 0]),
            (&["0 P 1"], "raid4 parity-last", &[0, 2, 1]),
            (
                &["0 1 P", "2 3 P", "4 P 5", "6 P 7", "P 8 9", "P 10 11"],
                "raid5r parity-n-restart",
                &[0, 1, 2],
            ),
            (&["0 1 0 1"], "raid10 fixed", &[0, 2, 1, 3]),
        ];
        for (rows, name, places) in cases {
            let (shape, found) = file(rows).shape_and_places().unwrap();
            let own = format!("{} {}", shape.level_name(), shape.placement.name());
            assert_eq!((own.as_str(), found.as_slice()), (name, places), "{rows:?}");
        }
    }

    #[test]
    fn what_is_no_layout_is_refused_with_the_reason() {
        let refused = |rows: &[&str]| file(rows).shape_and_places().unwrap_err();
        assert!(refused(&["0 1 P", "2 P 4"]).contains("no layout"));
        assert!(refused(&["0 1 P", "2 P"]).contains("rows[1] has 2 cells for 3 members"));
        assert!(refused(&["0 1 X"]).contains("\"X\" is no cell"));
        assert!(refused(&["18446744073709551615 0 P"]).contains("no layout"));
        let two = |numbering: Option<&str>| {
            let rows = ["0 1 P Q", "3 P Q 2", "P Q 4 5", "Q 6 7 P"];
            let file = file(&rows);
            LayoutFile { q_numbering: numbering.map(str::to_owned), ..file }.shape_and_places()
        };
        assert!(two(Some("by_data")).is_ok(), "{:?}", two(Some("by_data")));
        // Names that say something else than the rows.
        let both = LayoutFile { level: Some("raid5".into()), ..file(&["0 1 P", "2 P 3", "P 4 5"]) };
        let both = LayoutFile { layout: Some("parity-n-continuation".into()), ..both };
        assert!(both.shape_and_places().unwrap_err().contains("rows[1]"));
        let both = LayoutFile { layout: Some("parity-n-restart".into()), ..both };
        assert!(both.shape_and_places().is_ok());
    }

    #[test]
    fn every_table_that_is_written_is_read_as_what_it_was_written_of() {
        let base = file(&["0 1 2 3 4 5"]);
        for (shape, rest) in base.shapes() {
            let shape = Geometry { rotate_shift: rest, ..shape };
            let Some(rows) = LayoutFile::rows_of(&shape) else { continue };
            let numbering = match shape.q_numbering {
                QNumbering::ByData => "by_data",
                QNumbering::BySlot => "by_slot",
            };
            let numbering = (shape.parity_strips() > 1).then(|| numbering.to_owned());
            let file = LayoutFile { rows: Some(rows), q_numbering: numbering, ..base.clone() };
            let (found, places) =
                file.shape_and_places().unwrap_or_else(|why| panic!("{why}: {file:?}"));
            let (own, other) = (turn(&shape).unwrap(), turn(&found).unwrap());
            let layout = |shape| Layout::new(&in_chunks(shape, 4 * own * other)).unwrap();
            for row in 0..2 * own * other {
                let (own, other) = (row_of(&layout(&shape), row), row_of(&layout(&found), row));
                let sorted: Vec<Cell> = places.iter().map(|place| own[*place]).collect();
                assert_eq!(sorted, other, "{shape:?} {found:?}");
            }
        }
    }
}
