// SPDX-License-Identifier: MIT OR Apache-2.0
//! Windows: the extents that the running operation works on.
//!
//! | state | input | next | user writes | effect |
//! |---|---|---|---|---|
//! | Free | opened by a copying operation | Closing | wait | counts the overlapping tickets |
//! | Free | opened by a scrub | Looking | go on | read and compare, no lock |
//! | Looking | copies equal | Landed | go on | |
//! | Looking | copies differ | Closing | wait | the second look is taken under the lock |
//! | Closing | last counted ticket completes | Closing, ready | wait | |
//! | Closing, ready | polled | Active | wait | `Copy` goes out |
//! | Closing | pause or abort | Free | go on | waiters woken |
//! | Active | copied up to a row that no source could give | Active, from the next row on | wait | a bad range is noted |
//! | Active | copied, bad ranges noted on the way | Recording | wait | their record is due |
//! | Recording | the record is durable | Landed | go on | waiters woken |
//! | Active | copied | Landed | go on | waiters woken |
//! | Active | copied, operation is being aborted | Free | go on | waiters woken |
//! | Landed | all lower windows have landed | Free | go on | `done` moves up |
//!
//! A window that is closing is never opened to new writers again, so it becomes active once the
//! finite set of older tickets has drained; and a pass locks a row at most once, so a writer waits
//! for at most one window (`sync.md` I10).

use crate::fence::Fence;
use raid_core::units::{Row, Rows};

/// One window of the running operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowId {
    index: u8,
    use_count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Free,
    Looking,
    Closing {
        tickets: u16,
    },
    Active,
    /// Until the record is durable that holds bad ranges up to this version.
    Recording {
        version: u32,
    },
    Landed,
}

impl State {
    /// Whether user writes are kept out.
    const fn closed(self) -> bool {
        matches!(self, Self::Closing { .. } | Self::Active | Self::Recording { .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Window {
    rows: Rows,
    state: State,
    use_count: u32,
    opened: u64,
    /// Rows done so far, from the start, and rows of the command under way.
    progress: u64,
    part: u64,
    waited: bool,
    wake: bool,
}

impl Window {
    const FREE: Self = Self {
        rows: Rows::new(0, 0),
        state: State::Free,
        use_count: 0,
        opened: 0,
        progress: 0,
        part: 0,
        waited: false,
        wake: false,
    };
}

/// What the windows say about a request that starts at some row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Its first row is in this window.
    Blocked(WindowId),
    /// It may go on up to this row.
    ClearTo(Row),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Windows<const W: usize> {
    windows: [Window; W],
    fence: Fence<W>,
    used: u8,
}

impl<const W: usize> Windows<W> {
    const FITS_THE_MASK: () = assert!(W > 0 && W <= 32, "1 to 32 windows");

    pub(crate) const EMPTY: Self = {
        let () = Self::FITS_THE_MASK;
        Self { windows: [Window::FREE; W], fence: Fence::OPEN, used: 0 }
    };

    /// Forgets all windows.
    pub(crate) fn reset(&mut self) {
        let Self { windows, fence, used } = self;
        windows.fill(Window::FREE);
        *fence = Fence::OPEN;
        *used = 0;
    }

    /// Windows that are not free.
    pub(crate) const fn used(&self) -> u8 {
        self.used
    }

    fn set(&mut self, index: u8, state: State) {
        let Some(window) = self.windows.get_mut(usize::from(index)) else { return };
        let before = window.state;
        let opens = matches!(state, State::Landed | State::Free);
        if opens && window.waited {
            window.wake = true;
            window.waited = false;
        }
        if state == State::Free {
            window.use_count = window.use_count.wrapping_add(u32::from(!window.wake));
            self.used = self.used.saturating_sub(u8::from(before != State::Free));
        }
        window.state = state;
        match (before.closed(), state.closed()) {
            (false, true) => self.fence.close(index, window.rows.start.0, window.rows.end().0),
            (true, false) => self.fence.open(index),
            _ => {}
        }
    }

    /// A window over `rows`, not yet in any state but reserved as `Looking`.
    pub(crate) fn open(&mut self, rows: Rows, now: u64) -> Option<WindowId> {
        let index =
            self.windows.iter().position(|window| window.state == State::Free && !window.wake)?;
        let window = self.windows.get_mut(index)?;
        window.rows = rows;
        window.opened = now;
        window.progress = 0;
        window.part = 0;
        window.state = State::Looking;
        self.used = self.used.saturating_add(1);
        Some(WindowId { index: u8::try_from(index).ok()?, use_count: window.use_count })
    }

    pub(crate) fn get(&self, id: WindowId) -> Option<(Rows, State)> {
        let window = self.windows.get(usize::from(id.index))?;
        (window.use_count == id.use_count && window.state != State::Free)
            .then_some((window.rows, window.state))
    }

    pub(crate) fn put(&mut self, id: WindowId, state: State) {
        if self.get(id).is_some() {
            self.set(id.index, state);
        }
    }

    /// The bit that stands for this window in a ticket's mask.
    pub(crate) fn bit(id: WindowId) -> u32 {
        1u32.wrapping_shl(u32::from(id.index))
    }

    /// A ticket with this mask has completed.
    pub(crate) fn drained(&mut self, mask: u32) {
        let mut left = mask;
        while left != 0 {
            let index = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            let window = usize::try_from(index).ok().and_then(|index| self.windows.get_mut(index));
            if let Some(Window { state: State::Closing { tickets }, .. }) = window {
                *tickets = tickets.saturating_sub(1);
            }
        }
    }

    /// Which window, if any, keeps a request for `rows` out, or up to where it may go.
    #[inline]
    pub(crate) fn edge(&self, rows: Rows) -> Edge {
        match self.fence.edge(rows.start.0, rows.end().0) {
            Ok(end) => Edge::ClearTo(Row(end)),
            Err(index) => {
                let window = self.windows.get(usize::from(index));
                let use_count = window.map_or(0, |window| window.use_count);
                Edge::Blocked(WindowId { index, use_count })
            }
        }
    }

    /// Rows of a window that are still to be done.
    pub(crate) fn rest(&self, id: WindowId) -> Option<Rows> {
        let (rows, _) = self.get(id)?;
        let progress = self.windows.get(usize::from(id.index))?.progress;
        let start = Row(rows.start.0.saturating_add(progress));
        Some(Rows { start, len: rows.len.saturating_sub(progress) })
    }

    /// Rows that are commanded next.
    pub(crate) fn command(&mut self, id: WindowId, rows: u64) {
        if let Some(window) = self.windows.get_mut(usize::from(id.index)) {
            window.part = rows;
        }
    }

    /// Rows of the command under way.
    pub(crate) fn commanded_rows(&self, id: WindowId) -> Option<Rows> {
        let rest = self.rest(id)?;
        let part = self.windows.get(usize::from(id.index))?.part;
        Some(Rows { len: rest.len.min(part), ..rest })
    }

    /// Rows of a window are done, one way or the other.
    pub(crate) fn advance(&mut self, id: WindowId, rows: u64) {
        if self.get(id).is_some()
            && let Some(window) = self.windows.get_mut(usize::from(id.index))
        {
            window.progress = window.progress.saturating_add(rows).min(window.rows.len);
        }
    }

    /// A window whose bad ranges are durable.
    pub(crate) fn recorded(&self, durable: impl Fn(u32) -> bool) -> Option<(WindowId, Rows)> {
        self.find(|window| match window.state {
            State::Recording { version } => durable(version),
            _ => false,
        })
    }

    /// A window that waits for the record of bad ranges.
    pub(crate) fn recording(&self) -> Option<(WindowId, Rows)> {
        self.find(|window| matches!(window.state, State::Recording { .. }))
    }

    /// The first row of the lowest window in use.
    pub(crate) fn lowest(&self) -> Option<Row> {
        let used = self.windows.iter().filter(|window| window.state != State::Free);
        used.map(|window| window.rows.start).min()
    }

    /// Somebody is parked under this window.
    pub(crate) fn wait(&mut self, id: WindowId) {
        if let Some(window) = self.windows.get_mut(usize::from(id.index)) {
            window.waited = true;
        }
    }

    /// The waiters of every window are to be woken now, whatever becomes of its copy.
    pub(crate) fn wake_all(&mut self) {
        for window in &mut self.windows {
            window.wake |= window.waited;
            window.waited = false;
        }
    }

    /// The next window whose waiters are to be woken.
    pub(crate) fn next_wake(&mut self) -> Option<WindowId> {
        let (index, window) = (0u8..).zip(&mut self.windows).find(|(_, window)| window.wake)?;
        let id = WindowId { index, use_count: window.use_count };
        window.wake = false;
        if window.state == State::Free {
            window.use_count = window.use_count.wrapping_add(1);
        }
        Some(id)
    }

    fn find(&self, wanted: impl Fn(&Window) -> bool) -> Option<(WindowId, Rows)> {
        (0u8..)
            .zip(&self.windows)
            .find(|(_, window)| wanted(window))
            .map(|(index, window)| (WindowId { index, use_count: window.use_count }, window.rows))
    }

    /// A closing window whose tickets have drained.
    pub(crate) fn ready(&self) -> Option<(WindowId, Rows)> {
        self.find(|window| window.state == State::Closing { tickets: 0 })
    }

    /// A closing window, drained or not.
    pub(crate) fn closing(&self) -> Option<(WindowId, Rows)> {
        self.find(|window| matches!(window.state, State::Closing { .. }))
    }

    /// The landed window that starts at `row`.
    pub(crate) fn landed_at(&self, row: Row) -> Option<(WindowId, Rows)> {
        self.find(|window| window.state == State::Landed && window.rows.start == row)
    }

    /// Any landed window.
    pub(crate) fn landed(&self) -> Option<(WindowId, Rows)> {
        self.find(|window| window.state == State::Landed)
    }

    /// Whether a command is out for some window.
    pub(crate) fn commanded(&self) -> bool {
        self.windows.iter().any(|w| matches!(w.state, State::Active | State::Looking))
    }

    /// Whether a copy is out that may change some of these rows.
    pub(crate) fn copies(&self, rows: Rows) -> bool {
        self.windows.iter().any(|window| {
            window.state == State::Active
                && window.rows.start < rows.end()
                && rows.start < window.rows.end()
        })
    }

    /// When the oldest window in use was opened.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.windows.iter().filter(|w| w.state != State::Free).map(|w| w.opened).min()
    }
}

/// For the exploration, which tells states apart by what may still happen.
#[cfg(test)]
impl<const W: usize> Windows<W> {
    /// Forgets how often each place was used, and when.
    pub(crate) fn forget_uses(&mut self) {
        for window in &mut self.windows {
            (window.use_count, window.opened) = (0, 0);
            if window.state == State::Free {
                window.rows = Rows::new(0, 0);
            }
        }
    }
}

#[cfg(test)]
impl<const W: usize> Windows<W> {
    /// The state of the window over this row.
    pub(crate) fn state_at(&self, row: Row) -> State {
        let over = |window: &&Window| (window.rows.start..window.rows.end()).contains(&row);
        let mut used = self.windows.iter().filter(|window| window.state != State::Free);
        used.find(over).map_or(State::Free, |window| window.state)
    }

    pub(crate) fn is_closing(&self, id: WindowId) -> bool {
        self.get(id).is_some_and(|(_, state)| matches!(state, State::Closing { .. }))
    }
}

#[cfg(test)]
impl WindowId {
    pub(crate) const fn index(self) -> u8 {
        self.index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(windows: &mut Windows<2>, start: u64, len: u64, state: State) -> WindowId {
        let id = windows.open(Rows::new(start, len), 0).unwrap();
        windows.put(id, state);
        id
    }

    #[test]
    fn writers_are_kept_out_from_closing_until_landed() {
        for (state, kept_out) in [
            (State::Looking, false),
            (State::Closing { tickets: 1 }, true),
            (State::Closing { tickets: 0 }, true),
            (State::Active, true),
            (State::Recording { version: 0 }, true),
            (State::Landed, false),
            (State::Free, false),
        ] {
            let mut windows = Windows::<2>::EMPTY;
            let id = opened(&mut windows, 8, 4, state);
            for row in 8..12 {
                let blocked = windows.edge(Rows::new(row, 1)) == Edge::Blocked(id);
                assert_eq!(blocked, kept_out, "{state:?} row {row}");
            }
            assert_eq!(windows.edge(Rows::new(7, 1)), Edge::ClearTo(Row(8)));
            assert_eq!(windows.edge(Rows::new(12, 9)), Edge::ClearTo(Row(21)));
            let clip = if kept_out { 8 } else { 20 };
            assert_eq!(windows.edge(Rows::new(0, 20)), Edge::ClearTo(Row(clip)));
        }
    }

    #[test]
    fn a_window_is_ready_when_its_last_ticket_drains() {
        let mut windows = Windows::<2>::EMPTY;
        let a = opened(&mut windows, 0, 4, State::Closing { tickets: 2 });
        let b = opened(&mut windows, 4, 4, State::Closing { tickets: 1 });
        windows.drained(Windows::<2>::bit(a));
        assert_eq!(windows.ready(), None);
        windows.drained(Windows::<2>::bit(b) | Windows::<2>::bit(a));
        windows.put(a, State::Active);
        assert_eq!(windows.ready(), Some((b, Rows::new(4, 4))));
    }

    #[test]
    fn a_freed_window_is_not_used_again_before_its_waiters_were_told() {
        let mut windows = Windows::<1>::EMPTY;
        let a = windows.open(Rows::new(0, 4), 0).unwrap();
        windows.put(a, State::Active);
        windows.wait(a);
        windows.put(a, State::Landed);
        windows.put(a, State::Free);
        assert_eq!(windows.open(Rows::new(4, 4), 0), None);
        assert_eq!(windows.next_wake(), Some(a));
        assert_eq!(windows.next_wake(), None);
        let b = windows.open(Rows::new(4, 4), 0).unwrap();
        assert_ne!(a, b);
        assert_eq!(windows.get(a), None, "a report on an old window finds nothing");
        assert!(windows.get(b).is_some());
    }
}
