// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which areas of a file are done, in the format of GNU ddrescue's map files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Areas of a map that is read.
const MOST: usize = 1 << 22;

/// What an area is; the letters are ddrescue's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    NotTried,
    NotTrimmed,
    NotScraped,
    Bad,
    Finished,
}

impl Status {
    const ALL: [(Self, char); 5] = [
        (Self::NotTried, '?'),
        (Self::NotTrimmed, '*'),
        (Self::NotScraped, '/'),
        (Self::Bad, '-'),
        (Self::Finished, '+'),
    ];

    fn letter(self) -> char {
        Self::ALL.into_iter().find(|(status, _)| *status == self).map_or('?', |(_, letter)| letter)
    }

    fn of(word: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|(_, letter)| word == letter.to_string());
        found.map(|(status, _)| status)
    }
}

/// Areas in ascending order that follow one another without a gap from 0 to the size; neighbours differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    /// Where each begins, and what it is.
    areas: Vec<(u64, Status)>,
    size: u64,
    finished: u64,
}

impl Map {
    /// Nothing is done.
    pub(crate) fn new(size: u64) -> Self {
        Self { areas: vec![(0, Status::NotTried)], size, finished: 0 }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are done.
    pub(crate) fn finished(&self) -> u64 {
        self.finished
    }

    fn end(&self, index: usize) -> u64 {
        self.areas.get(index + 1).map_or(self.size, |next| next.0)
    }

    /// Areas of one kind: first byte and length.
    pub(crate) fn areas_of(&self, status: Status) -> Vec<(u64, u64)> {
        let all = self.areas.iter().enumerate().filter(|(_, area)| area.1 == status);
        let areas = all.map(|(index, area)| (area.0, self.end(index) - area.0));
        areas.filter(|(_, len)| *len > 0).collect()
    }

    /// Makes `len` bytes from `start` on, cut to the size, a part of this kind.
    pub(crate) fn set(&mut self, start: u64, len: u64, status: Status) {
        let (start, end) = (start.min(self.size), start.saturating_add(len).min(self.size));
        if start >= end {
            return;
        }
        let first = self.areas.partition_point(|area| area.0 <= start).saturating_sub(1);
        let last = self.areas.partition_point(|area| area.0 < end);
        let done = |map: &Self, from: usize, to: usize| -> u64 {
            let all = (from..to).filter(|index| map.areas[*index].1 == Status::Finished);
            all.map(|index| map.end(index).min(end) - map.areas[index].0.max(start)).sum()
        };
        self.finished -= done(self, first, last);
        self.finished += if status == Status::Finished { end - start } else { 0 };
        let (head, tail) = (self.areas[first], self.areas[last - 1].1);
        let mut parts = vec![(start, status)];
        if head.0 < start {
            parts.insert(0, head);
        }
        if end < self.end(last - 1) {
            parts.push((end, tail));
        }
        self.areas.splice(first..last, parts);
        // Only at the seams can neighbours be alike now.
        let from = first.saturating_sub(1);
        let mut index = from;
        while index + 1 < self.areas.len() && index < from + 4 {
            if self.areas[index].1 == self.areas[index + 1].1 {
                self.areas.remove(index + 1);
            } else {
                index += 1;
            }
        }
    }

    /// Makes all areas of one kind areas of another.
    pub(crate) fn replace(&mut self, from: Status, to: Status) {
        for (start, len) in self.areas_of(from) {
            self.set(start, len, to);
        }
    }

    /// Reads a map of a file of so many bytes.
    ///
    /// # Errors
    /// The line that is wrong, or that the areas do not cover the file.
    pub(crate) fn parse(text: &str, size: u64) -> Result<Self, String> {
        let mut map = Self { areas: Vec::new(), size, finished: 0 };
        let mut end = 0;
        // The first line that is no comment says where ddrescue stood; nothing here depends on it.
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with('#') && !line.trim().is_empty());
        for (number, line) in lines.skip(1) {
            let wrong = || format!("line {}: {line:?} is no area", number + 1);
            let mut words = line.split_whitespace();
            let mut value = || number_of(words.next()?);
            let (start, len) = value().zip(value()).ok_or_else(wrong)?;
            let status = words.next().and_then(Status::of).ok_or_else(wrong)?;
            if start != end || map.areas.len() >= MOST {
                return Err(format!("line {}: an area begins at {start}, not {end}", number + 1));
            }
            end = start.checked_add(len).ok_or_else(wrong)?;
            if status == Status::Finished {
                map.finished += len;
            }
            if len > 0 && map.areas.last().is_none_or(|last| last.1 != status) {
                map.areas.push((start, status));
            }
        }
        if end != size {
            return Err(format!("its areas end at byte {end}, the array at {size}"));
        }
        if map.areas.is_empty() {
            map = Self::new(size);
        }
        Ok(map)
    }

    fn text(&self) -> String {
        let next = self.areas.iter().find(|area| area.1 != Status::Finished);
        let (at, status) = next.copied().unwrap_or((self.size, Status::Finished));
        let mut text = String::from("# Mapfile. Created by raid-inspect\n");
        text += "# current_pos  current_status  current_pass\n";
        text += &format!("0x{at:08X}     {}               1\n", status.letter());
        text += "#      pos        size  status\n";
        for (index, (start, status)) in self.areas.iter().enumerate() {
            let len = self.end(index) - start;
            text += &format!("0x{start:08X}  0x{len:08X}  {}\n", status.letter());
        }
        text
    }

    /// Writes the map in place of the one that is there, which stays whole until then.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let mut file = File::create(&name)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_data()?;
        fs::rename(&name, path)
    }
}

fn number_of(word: &str) -> Option<u64> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_map_is_what_was_set_last_and_survives_being_written(
            size in 1u64..200,
            sets in prop::collection::vec((0u64..220, 0u64..80, 0usize..5), 0..40),
        ) {
            let mut map = Map::new(size);
            let mut plain = vec![Status::NotTried; size as usize];
            for (start, len, status) in sets {
                let status = Status::ALL[status].0;
                map.set(start, len, status);
                let bytes = plain.iter_mut().skip(start as usize).take(len as usize);
                bytes.for_each(|byte| *byte = status);
            }
            for (status, _) in Status::ALL {
                for (start, len) in map.areas_of(status) {
                    let area = &plain[start as usize..(start + len) as usize];
                    prop_assert!(area.iter().all(|byte| *byte == status));
                }
                let bytes: u64 = map.areas_of(status).iter().map(|area| area.1).sum();
                prop_assert_eq!(bytes, plain.iter().filter(|byte| **byte == status).count() as u64);
            }
            let finished = plain.iter().filter(|byte| **byte == Status::Finished).count() as u64;
            prop_assert_eq!(map.finished(), finished);
            prop_assert!(map.areas.windows(2).all(|pair| pair[0].1 != pair[1].1));
            prop_assert_eq!(Map::parse(&map.text(), size), Ok(map));
        }

        #[test]
        fn any_text_is_a_map_or_refused(text in "[0-9a-fx?*/+# \n-]{0,200}", size in 0u64..300) {
            if let Ok(map) = Map::parse(&text, size) {
                prop_assert_eq!(map.areas_of(Status::Finished).iter().map(|a| a.1).sum::<u64>(), map.finished());
            }
        }
    }

    #[test]
    fn gaps_and_other_sizes_are_refused_with_the_line() {
        let head = "# a comment\n0x00000000     ?               1\n";
        let parse = |areas: &str| Map::parse(&format!("{head}{areas}"), 0x30);
        assert!(parse("0x0  0x10  +\n0x10  0x20  ?\n").is_ok());
        assert_eq!(
            parse("0x0 0x10 +\n0x11 0x1F ?\n").unwrap_err(),
            "line 4: an area begins at 17, not 16"
        );
        assert!(parse("0x0 0x10 +\n").unwrap_err().contains("end at byte 16, the array at 48"));
        assert!(parse("0x0 0x30 x\n").unwrap_err().starts_with("line 3"));
        assert!(parse("0x0 0xFFFFFFFFFFFFFFFF +\n0xFFFFFFFFFFFFFFFF 0x2 +\n").is_err());
    }
}
