// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fifty scenarios of `sync.md` 5.5, one named test each, over the real core.
//!
//! None of them needs a kernel: what a kernel would add is its own disks, and those are in the
//! examples. Each scenario can also be run with a planted defect; see `mutation`.

mod bad_ranges;
mod cases;
pub(crate) mod fairness;
mod guards;
pub(crate) mod interlock;
pub(crate) mod media;
pub(crate) mod members;
pub(crate) mod parity;
pub(crate) mod power;
pub(crate) mod records;
pub(crate) mod reshaping;
pub(crate) mod rig;
pub(crate) mod steering;

/// Declares scenarios: a test each, and a list to run them from.
macro_rules! scenarios {
    ($($(#[$doc:meta])* fn $name:ident() $body:block)*) => {
        /// By name, for runs with a planted defect.
        pub(crate) const ALL: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
        $($(#[$doc])*
        #[test]
        #[cfg_attr(miri, ignore = "whole lives of safe code: minutes, for nothing that Miri looks for")]
        fn $name() $body)*
    };
}
pub(crate) use scenarios;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, fn())> {
    [
        interlock::ALL,
        fairness::ALL,
        power::ALL,
        members::ALL,
        records::ALL,
        media::ALL,
        steering::ALL,
        parity::ALL,
        reshaping::ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}

#[test]
fn there_are_fifty_and_each_number_comes_once() {
    let mut numbers: std::vec::Vec<u32> = all()
        .map(|(name, _)| name.split('_').nth(1).and_then(|text| text.parse().ok()).unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=50).collect::<std::vec::Vec<_>>());
}
