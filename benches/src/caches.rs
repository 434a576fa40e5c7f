// SPDX-License-Identifier: MIT OR Apache-2.0
//! How large the caches of this machine are, as Linux says.

use std::fs;

/// Bytes of the caches that one core can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caches {
    /// First level, data.
    pub l1: usize,
    /// Second level.
    pub l2: usize,
    /// Last level.
    pub llc: usize,
}

impl Caches {
    /// Those of the first CPU. What cannot be learnt is taken to be of a usual size.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let mut found = Self { l1: 32 << 10, l2: 1 << 20, llc: 32 << 20 };
        for index in 0..8 {
            let read = |file: &str| {
                let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}");
                fs::read_to_string(path).map(|text| text.trim().to_owned()).ok()
            };
            let (Some(level), Some(kind)) = (read("level"), read("type")) else { break };
            let Some(size) = read("size").as_deref().and_then(bytes) else { continue };
            match (level.as_str(), kind.as_str()) {
                ("1", "Data" | "Unified") => found.l1 = size,
                ("2", "Data" | "Unified") => found.l2 = size,
                ("3" | "4", "Data" | "Unified") => found.llc = size,
                _ => {}
            }
        }
        found
    }
}

/// `32K`, `1M` or a plain number.
fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = match text.strip_suffix('K') {
        Some(number) => (number, 1 << 10),
        None => match text.strip_suffix('M') {
            Some(number) => (number, 1 << 20),
            None => (text, 1),
        },
    };
    number.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(bytes("48K"), Some(48 << 10));
        assert_eq!(bytes("2M"), Some(2 << 20));
        assert_eq!(bytes("64"), Some(64));
        assert_eq!(bytes("many"), None);
    }
}
