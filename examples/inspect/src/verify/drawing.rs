// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map of damage as a drawing: SVG 1.1.
//!
//! ```text
//!          0                                  end of the member
//! set 0 slot 0  d0.img   ████░░████████████████
//!       slot 1  d1.img   ████░░███▌████████████     ▌ wrong, here
//! ```

use super::Checked;
use super::damage::What;
use super::report::Report;
use crate::size::human;
use raid_core::units::{Rows, Slot};
use std::fmt::Write as _;

/// Units of the drawing: of the map, of a member's line, of what stands before it.
const WIDTH: u64 = 1000;
const HEIGHT: u64 = 20;
const NAMES: u64 = 260;
/// Lines above the first member.
const TOP: u64 = 70;

/// What a part of a member is, and how it is drawn: the later ones over the earlier ones.
const KINDS: [(&str, &str, &str); 5] = [
    ("unread", "#d0d0d0", "not compared"),
    ("agrees", "#6ab04c", "agrees"),
    ("differs", "#f0932b", "does not agree; which is wrong cannot be told"),
    ("wrong", "#eb4d4b", "is wrong"),
    ("unreadable", "#000000", "cannot be read"),
];

/// The drawing.
pub(super) fn of(report: &Report<'_, '_>) -> String {
    let checked: &Checked = report.checked;
    let descriptor = report.reader.descriptor();
    let (sets, rows) = (descriptor.geometry.sets, checked.all_rows.max(1));
    let slots = u64::from(descriptor.geometry.slots);
    let height = TOP + (u64::from(sets) * slots + 1) * HEIGHT;
    let width = NAMES + WIDTH + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<style>\n"
    );
    for (class, colour, _) in KINDS {
        let _ = writeln!(svg, ".{class} {{ fill: {colour} }}");
    }
    svg += "</style>\n";
    let bytes = rows.saturating_mul(u64::from(descriptor.geometry.block_size));
    let title = format!("array {}: {} of each member", descriptor.name, human(bytes));
    let _ = writeln!(svg, "<title>{0}</title>\n<text x=\"4\" y=\"18\">{0}</text>", escaped(&title));
    for ((class, _, text), index) in KINDS.into_iter().zip(0u64..) {
        let x = 4 + index * 180 + if index > 2 { 140 } else { 0 };
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"30\" width=\"12\" height=\"12\"/>"
        );
        let _ = writeln!(svg, "<text x=\"{}\" y=\"41\">{text}</text>", x + 18);
    }
    for set in 0..sets {
        for slot in 0..slots {
            let line = u64::from(set) * slots + slot;
            let slot = Slot(u8::try_from(slot).unwrap_or(u8::MAX));
            let y = TOP + line * HEIGHT;
            let name = format!("set {set} slot {slot}  {}", report.disk(set, slot));
            // The end of a path says more than its beginning.
            let from = name.char_indices().rev().nth(39).map_or(0, |(at, _)| at);
            let short = if from == 0 { name.clone() } else { format!("…{}", &name[from..]) };
            let _ = writeln!(svg, "<g><title>{}</title>", escaped(&name));
            let _ = writeln!(svg, "<text x=\"4\" y=\"{}\">{}</text>", y + 13, escaped(&short));
            let mut rect = |class: &str, at: Rows| {
                let (x, w) = place(at, rows);
                let h = HEIGHT - 4;
                let _ = writeln!(
                    svg,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/>"
                );
            };
            rect("unread", Rows::new(0, rows));
            let read = report.is_read(set, slot);
            for (_, at) in checked.compared.iter().filter(|(of, _)| read && *of == set) {
                rect("agrees", *at);
            }
            // Columns, not runs: there may be very many of those.
            for (class, _, _) in &KINDS[2..] {
                let mut last = None;
                for run in checked.damage.runs.iter().filter(|run| run.set == set) {
                    let is = match run.what {
                        What::Differs(wrong) if wrong.is_empty() => read && *class == "differs",
                        What::Differs(wrong) => wrong.contains(slot) && *class == "wrong",
                        What::Unreadable(of) => of == slot && *class == "unreadable",
                    };
                    let at = place(run.rows, rows);
                    if is && last != Some(at) {
                        rect(class, run.rows);
                        last = Some(at);
                    }
                }
            }
            svg += "</g>\n";
        }
    }
    svg + "</svg>\n"
}

/// Where rows are drawn, and how wide: one unit at least.
fn place(at: Rows, rows: u64) -> (u64, u64) {
    let scaled = |row: u64| {
        let scaled = u128::from(row) * u128::from(WIDTH) / u128::from(rows.max(1));
        u64::try_from(scaled).unwrap_or(WIDTH).min(WIDTH)
    };
    let (from, to) = (scaled(at.start.0), scaled(at.end().0));
    let from = from.min(WIDTH - 1);
    (NAMES + from, to.saturating_sub(from).max(1))
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            // XML has no other control characters at all.
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_damage_is_seen_and_nothing_leaves_the_drawing() {
        assert_eq!(place(Rows::new(0, 1 << 40), 1 << 40), (NAMES, WIDTH));
        assert_eq!(place(Rows::new(1 << 39, 1), 1 << 40), (NAMES + 500, 1));
        assert_eq!(place(Rows::new((1 << 40) - 1, 1), 1 << 40), (NAMES + 999, 1));
        assert_eq!(place(Rows::new(u64::MAX - 1, 1), 7), (NAMES + 999, 1));
        assert_eq!(escaped("a<b>&c\u{1}"), "a&lt;b&gt;&amp;c\u{FFFD}");
    }
}
