// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pins the place of every field of a record while compiling.

/// `pinned!(Record { field: offset, length; … })`: every field in order, none left out. A record
/// with a list names it first: `pinned!(Record, list entries: offset, each length { … })`.
macro_rules! pinned {
    ($record:ident $(, list $list:ident: $from:literal, each $each:literal)?
     { $($field:ident: $at:literal, $len:literal;)* }) => {
        const _: () = {
            #[allow(dead_code)]
            const fn len<R: ?Sized, F>(_: fn(&R) -> &F) -> usize {
                size_of::<F>()
            }
            let end = 0;
            $(
                assert!(end == $at, concat!("a field is missing before ", stringify!($field)));
                assert!(core::mem::offset_of!($record, $field) == $at, stringify!($field));
                assert!(len::<$record, _>(|record| &record.$field) == $len, stringify!($field));
                let end = $at + $len;
            )*
            pinned!(@end $record, end $(, $list, $from, $each)?);
        };
    };
    (@end $record:ident, $end:ident) => {
        assert!(size_of::<$record>() == $end, "a field is missing at the end");
    };
    // Records are packed (alignment 1), so a list starts where the last field ends.
    (@end $record:ident, $end:ident, $list:ident, $from:literal, $each:literal) => {
        const fn each<R: ?Sized, E>(_: fn(&R) -> &[E]) -> usize {
            size_of::<E>()
        }
        assert!($end == $from, concat!("a field is missing before ", stringify!($list)));
        assert!(each::<$record, _>(|record| &record.$list) == $each, stringify!($list));
    };
}
