// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of device-mapper, read as Linux reads them: `dm-linear.c`, `dm-stripe.c`, `raid5_compute_sector` of `raid5.c`,
//! and `__raid10_find_phys` of `raid10.c`, written down anew.

use raid_testdata::SparseImage;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Devices by name, and the disks below.
pub(crate) struct Mapper<'i> {
    tables: BTreeMap<String, Vec<String>>,
    disks: BTreeMap<String, &'i Arc<SparseImage>>,
    array: String,
}

impl<'i> Mapper<'i> {
    pub(crate) fn new(script: &Value, paths: &[PathBuf], images: &'i [Arc<SparseImage>]) -> Self {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let mut disks = BTreeMap::new();
        for disk in script["disks"].as_array().unwrap() {
            let index = paths.iter().position(|p| disk["path"] == p.to_str().unwrap()).unwrap();
            disks.insert(format!("${}", word(&disk["name"])), &images[index]);
        }
        let mut tables = BTreeMap::new();
        let mut array = String::new();
        for device in script["devices"].as_array().unwrap() {
            array = format!("/dev/mapper/{}", word(&device["name"]));
            let lines = device["table"].as_array().unwrap().iter().map(word).collect();
            assert!(tables.insert(array.clone(), lines).is_none(), "{array} is made twice");
        }
        Self { tables, disks, array }
    }

    /// Sectors of the array.
    pub(crate) fn sectors(&self) -> u64 {
        self.tables[&self.array].iter().map(|line| number(line.split(' ').nth(1).unwrap())).sum()
    }

    /// A sector of the array; `None` where Q would be needed.
    pub(crate) fn read(&self, sector: u64) -> Option<Vec<u8>> {
        self.device(&self.array, sector)
    }

    fn device(&self, name: &str, sector: u64) -> Option<Vec<u8>> {
        if let Some(image) = self.disks.get(name) {
            let mut bytes = vec![0; 512];
            image.read_at(sector * 512, &mut bytes);
            return Some(bytes);
        }
        let within = |line: &&String| {
            let (start, len) =
                (number(line.split(' ').next().unwrap()), number(line.split(' ').nth(1).unwrap()));
            (start..start + len).contains(&sector)
        };
        let line = self.tables[name]
            .iter()
            .find(within)
            .unwrap_or_else(|| panic!("{name} ends before {sector}"));
        let words: Vec<&str> = line.split(' ').collect();
        let sector = sector - number(words[0]);
        match words[2] {
            "linear" => self.device(words[3], number(words[4]) + sector),
            "striped" => {
                let (stripes, chunk) = (number(words[3]), number(words[4]));
                let (number_of, within) = (sector / chunk, sector % chunk);
                let place = 5 + 2 * (number_of % stripes) as usize;
                let start = number(words[place + 1]);
                self.device(words[place], start + number_of / stripes * chunk + within)
            }
            "raid" => {
                let further = number(words[4]) as usize;
                let parameters = &words[5..5 + further];
                let disks = number(words[5 + further]) as usize;
                let pairs = &words[6 + further..];
                assert_eq!(pairs.len(), 2 * disks, "{line}");
                assert!(pairs.iter().step_by(2).all(|metadata| *metadata == "-"), "{line}");
                let members: Vec<&str> = pairs.iter().skip(1).step_by(2).copied().collect();
                assert!(parameters.contains(&"nosync"), "it would be written: {line}");
                self.raid(words[3], parameters, &members, (sector, number(words[1])))
            }
            other => panic!("target {other}"),
        }
    }

    fn raid(
        &self,
        kind: &str,
        parameters: &[&str],
        members: &[&str],
        (sector, len): (u64, u64),
    ) -> Option<Vec<u8>> {
        let present = |index: usize| members[index] != "-";
        let chunk = number(parameters[0]);
        if kind == "raid1" {
            return self.device(members[(0..members.len()).find(|m| present(*m))?], sector);
        }
        let disks = members.len() as u64;
        let (number_of, within) = (sector / chunk, sector % chunk);
        if kind == "raid10" {
            let value = |name| {
                let at = parameters.iter().position(|word| *word == name).unwrap();
                parameters[at + 1]
            };
            let copies = number(value("raid10_copies"));
            let of_copy = |copy: u64| match value("raid10_format") {
                "near" => {
                    let at = number_of * copies + copy;
                    (at % disks, at / disks * chunk)
                }
                "far" => {
                    let stride = len * copies / disks / copies;
                    ((number_of + copy) % disks, number_of / disks * chunk + copy * stride)
                }
                other => panic!("{other} is not in the test data"),
            };
            let mut all = (0..copies).map(of_copy);
            let (disk, at) = all.find(|(disk, _)| present(*disk as usize))?;
            return self.device(members[disk as usize], at + within);
        }
        let parities = if kind.starts_with("raid6") { 2 } else { 1 };
        let data = disks - parities;
        let (row, index) = (number_of / data, number_of % data);
        let skip = |first: u64, count: u64| if index >= first { index + count } else { index };
        // Where P, Q and the data are.
        let (p, q, d) = match kind {
            "raid5_la" => (data - row % disks, None, skip(data - row % disks, 1)),
            "raid5_ra" => (row % disks, None, skip(row % disks, 1)),
            "raid5_ls" => {
                let p = data - row % disks;
                (p, None, (p + 1 + index) % disks)
            }
            "raid5_rs" => (row % disks, None, (row % disks + 1 + index) % disks),
            "raid5_n" => (data, None, index),
            "raid6_n_6" => (data, Some(data + 1), index),
            "raid6_zr" | "raid6_nr" => {
                let p = match kind {
                    "raid6_zr" => row % disks,
                    _ => disks - 1 - (row + 1) % disks,
                };
                match p == disks - 1 {
                    true => (p, Some(0), index + 1),
                    false => (p, Some(p + 1), skip(p, 2)),
                }
            }
            "raid6_nc" => {
                let p = disks - 1 - row % disks;
                (p, Some((p + disks - 1) % disks), (p + 1 + index) % disks)
            }
            other => panic!("type {other}"),
        };
        assert!(d != p && Some(d) != q, "{kind}: row {row}");
        let at = row * chunk + within;
        if present(d as usize) {
            return self.device(members[d as usize], at);
        }
        let others = (0..disks).filter(|disk| *disk != d && Some(*disk) != q);
        let mut sum = vec![0; 512];
        for other in others {
            if !present(other as usize) {
                return None;
            }
            let bytes = self.device(members[other as usize], at)?;
            sum.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum ^= byte);
        }
        Some(sum)
    }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}
