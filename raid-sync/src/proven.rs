// SPDX-License-Identifier: MIT OR Apache-2.0
//! The proven invariant, as `proof/rust.py` prints it from the text that is proven: do not edit.
//!
//! A conjunct is a `fn(&Abstract) -> bool`. [`broken`] names the first that does not hold.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RegionState {
    #[default]
    Clean,
    Wanted,
    Writing,
    Dirty,
    CleanWanted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WindowState {
    #[default]
    Free,
    Closing,
    Active,
    Copying,
    Landed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StreamState {
    #[default]
    Idle,
    Flushing,
    Lowering,
    Raising,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Operation {
    #[default]
    Nothing,
    Rebuild,
    Resync,
    Scrub,
}

/// Room for rows.
pub(crate) const ROWS: usize = 6;

/// A state of the model, of a few members, rows and records.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Abstract {
    pub(crate) members: usize,
    pub(crate) rows: usize,
    pub(crate) regions: usize,
    pub(crate) flushes: usize,
    pub(crate) records: usize,
    pub(crate) region_of: [usize; 6],
    pub(crate) volatile: [bool; 4],
    pub(crate) failed: [bool; 4],
    pub(crate) filling: [bool; 4],
    pub(crate) waiting: [bool; 4],
    pub(crate) speaker: usize,
    pub(crate) set_failed: bool,
    pub(crate) strayed: [bool; 4],
    pub(crate) bad: [[bool; 6]; 4],
    pub(crate) bad_named: [[bool; 6]; 4],
    pub(crate) disk: [i16; 4],
    pub(crate) region: [RegionState; 6],
    pub(crate) owed: [bool; 6],
    pub(crate) owed_on_disk: [bool; 6],
    pub(crate) owed_prepared: [bool; 6],
    pub(crate) issued: [[bool; 6]; 4],
    pub(crate) held: [[bool; 6]; 4],
    pub(crate) flushed: [[bool; 6]; 4],
    pub(crate) durable: [[bool; 6]; 4],
    pub(crate) prepared: [[bool; 6]; 4],
    pub(crate) operation: Operation,
    pub(crate) preparing: bool,
    pub(crate) window: [WindowState; 6],
    pub(crate) buffer: [i16; 6],
    pub(crate) copying: [[bool; 6]; 4],
    pub(crate) source: [[bool; 6]; 4],
    pub(crate) in_flight: [bool; 6],
    pub(crate) fua: [bool; 6],
    pub(crate) leg: [[bool; 6]; 4],
    pub(crate) admitted: [i16; 6],
    pub(crate) completed: [i16; 6],
    pub(crate) completed_fua: [bool; 6],
    pub(crate) unanswered: [bool; 6],
    pub(crate) acked: [i16; 6],
    pub(crate) promised: [i16; 6],
    pub(crate) cached: [[i16; 6]; 4],
    pub(crate) medium: [[i16; 6]; 4],
    pub(crate) agreed: [i16; 6],
    pub(crate) stream: StreamState,
    pub(crate) finish: bool,
    pub(crate) finishing: bool,
    pub(crate) flush_leg: [bool; 4],
    pub(crate) addressed: [bool; 4],
    pub(crate) lowered: bool,
    pub(crate) named: [bool; 4],
    pub(crate) record: [i16; 4],
    pub(crate) last: i16,
    pub(crate) confirmed: i16,
    pub(crate) rec_failed: [[bool; 4]; 12],
    pub(crate) rec_untrusted: [[bool; 4]; 12],
    pub(crate) rec_dirty: [[bool; 6]; 12],
    pub(crate) rec_owed: [[bool; 6]; 12],
    pub(crate) rec_held: [[[bool; 6]; 4]; 12],
    pub(crate) rec_disk: [[i16; 4]; 12],
    pub(crate) rec_bad: [[[bool; 6]; 4]; 12],
    pub(crate) flush_open: [bool; 2],
    pub(crate) flush_due: [[bool; 4]; 2],
    pub(crate) flush_upto: [[i16; 6]; 2],
}

impl Abstract {
    /// What is not as in an empty state.
    pub(crate) fn told(&self) -> std::vec::Vec<std::string::String> {
        let (none, mut told) = (Self::default(), std::vec::Vec::new());
        if self.region_of != none.region_of { told.push(std::format!("region_of: {:?}", self.region_of)); }
        if self.volatile != none.volatile { told.push(std::format!("volatile: {:?}", self.volatile)); }
        if self.failed != none.failed { told.push(std::format!("failed: {:?}", self.failed)); }
        if self.filling != none.filling { told.push(std::format!("filling: {:?}", self.filling)); }
        if self.waiting != none.waiting { told.push(std::format!("waiting: {:?}", self.waiting)); }
        if self.speaker != none.speaker { told.push(std::format!("speaker: {:?}", self.speaker)); }
        if self.set_failed != none.set_failed { told.push(std::format!("set_failed: {:?}", self.set_failed)); }
        if self.strayed != none.strayed { told.push(std::format!("strayed: {:?}", self.strayed)); }
        if self.bad != none.bad { told.push(std::format!("bad: {:?}", self.bad)); }
        if self.bad_named != none.bad_named { told.push(std::format!("bad_named: {:?}", self.bad_named)); }
        if self.disk != none.disk { told.push(std::format!("disk: {:?}", self.disk)); }
        if self.region != none.region { told.push(std::format!("region: {:?}", self.region)); }
        if self.owed != none.owed { told.push(std::format!("owed: {:?}", self.owed)); }
        if self.owed_on_disk != none.owed_on_disk { told.push(std::format!("owed_on_disk: {:?}", self.owed_on_disk)); }
        if self.owed_prepared != none.owed_prepared { told.push(std::format!("owed_prepared: {:?}", self.owed_prepared)); }
        if self.issued != none.issued { told.push(std::format!("issued: {:?}", self.issued)); }
        if self.held != none.held { told.push(std::format!("held: {:?}", self.held)); }
        if self.flushed != none.flushed { told.push(std::format!("flushed: {:?}", self.flushed)); }
        if self.durable != none.durable { told.push(std::format!("durable: {:?}", self.durable)); }
        if self.prepared != none.prepared { told.push(std::format!("prepared: {:?}", self.prepared)); }
        if self.operation != none.operation { told.push(std::format!("operation: {:?}", self.operation)); }
        if self.preparing != none.preparing { told.push(std::format!("preparing: {:?}", self.preparing)); }
        if self.window != none.window { told.push(std::format!("window: {:?}", self.window)); }
        if self.buffer != none.buffer { told.push(std::format!("buffer: {:?}", self.buffer)); }
        if self.copying != none.copying { told.push(std::format!("copying: {:?}", self.copying)); }
        if self.source != none.source { told.push(std::format!("source: {:?}", self.source)); }
        if self.in_flight != none.in_flight { told.push(std::format!("in_flight: {:?}", self.in_flight)); }
        if self.fua != none.fua { told.push(std::format!("fua: {:?}", self.fua)); }
        if self.leg != none.leg { told.push(std::format!("leg: {:?}", self.leg)); }
        if self.admitted != none.admitted { told.push(std::format!("admitted: {:?}", self.admitted)); }
        if self.completed != none.completed { told.push(std::format!("completed: {:?}", self.completed)); }
        if self.completed_fua != none.completed_fua { told.push(std::format!("completed_fua: {:?}", self.completed_fua)); }
        if self.unanswered != none.unanswered { told.push(std::format!("unanswered: {:?}", self.unanswered)); }
        if self.acked != none.acked { told.push(std::format!("acked: {:?}", self.acked)); }
        if self.promised != none.promised { told.push(std::format!("promised: {:?}", self.promised)); }
        if self.cached != none.cached { told.push(std::format!("cached: {:?}", self.cached)); }
        if self.medium != none.medium { told.push(std::format!("medium: {:?}", self.medium)); }
        if self.agreed != none.agreed { told.push(std::format!("agreed: {:?}", self.agreed)); }
        if self.stream != none.stream { told.push(std::format!("stream: {:?}", self.stream)); }
        if self.finish != none.finish { told.push(std::format!("finish: {:?}", self.finish)); }
        if self.finishing != none.finishing { told.push(std::format!("finishing: {:?}", self.finishing)); }
        if self.flush_leg != none.flush_leg { told.push(std::format!("flush_leg: {:?}", self.flush_leg)); }
        if self.addressed != none.addressed { told.push(std::format!("addressed: {:?}", self.addressed)); }
        if self.lowered != none.lowered { told.push(std::format!("lowered: {:?}", self.lowered)); }
        if self.named != none.named { told.push(std::format!("named: {:?}", self.named)); }
        if self.record != none.record { told.push(std::format!("record: {:?}", self.record)); }
        if self.last != none.last { told.push(std::format!("last: {:?}", self.last)); }
        if self.confirmed != none.confirmed { told.push(std::format!("confirmed: {:?}", self.confirmed)); }
        if self.rec_failed != none.rec_failed { told.push(std::format!("rec_failed: {:?}", self.rec_failed)); }
        if self.rec_untrusted != none.rec_untrusted { told.push(std::format!("rec_untrusted: {:?}", self.rec_untrusted)); }
        if self.rec_dirty != none.rec_dirty { told.push(std::format!("rec_dirty: {:?}", self.rec_dirty)); }
        if self.rec_owed != none.rec_owed { told.push(std::format!("rec_owed: {:?}", self.rec_owed)); }
        if self.rec_held != none.rec_held { told.push(std::format!("rec_held: {:?}", self.rec_held)); }
        if self.rec_disk != none.rec_disk { told.push(std::format!("rec_disk: {:?}", self.rec_disk)); }
        if self.rec_bad != none.rec_bad { told.push(std::format!("rec_bad: {:?}", self.rec_bad)); }
        if self.flush_open != none.flush_open { told.push(std::format!("flush_open: {:?}", self.flush_open)); }
        if self.flush_due != none.flush_due { told.push(std::format!("flush_due: {:?}", self.flush_due)); }
        if self.flush_upto != none.flush_upto { told.push(std::format!("flush_upto: {:?}", self.flush_upto)); }
        told.iter().map(|text| text.replace("false", "-").replace("true", "x")).collect()
    }

    /// Which parts are not as in an empty state.
    pub(crate) fn seen(&self) -> [bool; PARTS.len()] {
        let none = Self::default();
        [
            self.region_of != none.region_of,
            self.volatile != none.volatile,
            self.failed != none.failed,
            self.filling != none.filling,
            self.waiting != none.waiting,
            self.speaker != none.speaker,
            self.set_failed != none.set_failed,
            self.strayed != none.strayed,
            self.bad != none.bad,
            self.bad_named != none.bad_named,
            self.disk != none.disk,
            self.region != none.region,
            self.owed != none.owed,
            self.owed_on_disk != none.owed_on_disk,
            self.owed_prepared != none.owed_prepared,
            self.issued != none.issued,
            self.held != none.held,
            self.flushed != none.flushed,
            self.durable != none.durable,
            self.prepared != none.prepared,
            self.operation != none.operation,
            self.preparing != none.preparing,
            self.window != none.window,
            self.buffer != none.buffer,
            self.copying != none.copying,
            self.source != none.source,
            self.in_flight != none.in_flight,
            self.fua != none.fua,
            self.leg != none.leg,
            self.admitted != none.admitted,
            self.completed != none.completed,
            self.completed_fua != none.completed_fua,
            self.unanswered != none.unanswered,
            self.acked != none.acked,
            self.promised != none.promised,
            self.cached != none.cached,
            self.medium != none.medium,
            self.agreed != none.agreed,
            self.stream != none.stream,
            self.finish != none.finish,
            self.finishing != none.finishing,
            self.flush_leg != none.flush_leg,
            self.addressed != none.addressed,
            self.lowered != none.lowered,
            self.named != none.named,
            self.record != none.record,
            self.last != none.last,
            self.confirmed != none.confirmed,
            self.rec_failed != none.rec_failed,
            self.rec_untrusted != none.rec_untrusted,
            self.rec_dirty != none.rec_dirty,
            self.rec_owed != none.rec_owed,
            self.rec_held != none.rec_held,
            self.rec_disk != none.rec_disk,
            self.rec_bad != none.rec_bad,
            self.flush_open != none.flush_open,
            self.flush_due != none.flush_due,
            self.flush_upto != none.flush_upto,
        ]
    }

    /// Takes a part back to an empty state.
    pub(crate) fn forget(&mut self, part: usize) {
        let none = Self::default();
        match part {
            0 => self.region_of = none.region_of,
            1 => self.volatile = none.volatile,
            2 => self.failed = none.failed,
            3 => self.filling = none.filling,
            4 => self.waiting = none.waiting,
            5 => self.speaker = none.speaker,
            6 => self.set_failed = none.set_failed,
            7 => self.strayed = none.strayed,
            8 => self.bad = none.bad,
            9 => self.bad_named = none.bad_named,
            10 => self.disk = none.disk,
            11 => self.region = none.region,
            12 => self.owed = none.owed,
            13 => self.owed_on_disk = none.owed_on_disk,
            14 => self.owed_prepared = none.owed_prepared,
            15 => self.issued = none.issued,
            16 => self.held = none.held,
            17 => self.flushed = none.flushed,
            18 => self.durable = none.durable,
            19 => self.prepared = none.prepared,
            20 => self.operation = none.operation,
            21 => self.preparing = none.preparing,
            22 => self.window = none.window,
            23 => self.buffer = none.buffer,
            24 => self.copying = none.copying,
            25 => self.source = none.source,
            26 => self.in_flight = none.in_flight,
            27 => self.fua = none.fua,
            28 => self.leg = none.leg,
            29 => self.admitted = none.admitted,
            30 => self.completed = none.completed,
            31 => self.completed_fua = none.completed_fua,
            32 => self.unanswered = none.unanswered,
            33 => self.acked = none.acked,
            34 => self.promised = none.promised,
            35 => self.cached = none.cached,
            36 => self.medium = none.medium,
            37 => self.agreed = none.agreed,
            38 => self.stream = none.stream,
            39 => self.finish = none.finish,
            40 => self.finishing = none.finishing,
            41 => self.flush_leg = none.flush_leg,
            42 => self.addressed = none.addressed,
            43 => self.lowered = none.lowered,
            44 => self.named = none.named,
            45 => self.record = none.record,
            46 => self.last = none.last,
            47 => self.confirmed = none.confirmed,
            48 => self.rec_failed = none.rec_failed,
            49 => self.rec_untrusted = none.rec_untrusted,
            50 => self.rec_dirty = none.rec_dirty,
            51 => self.rec_owed = none.rec_owed,
            52 => self.rec_held = none.rec_held,
            53 => self.rec_disk = none.rec_disk,
            54 => self.rec_bad = none.rec_bad,
            55 => self.flush_open = none.flush_open,
            56 => self.flush_due = none.flush_due,
            57 => self.flush_upto = none.flush_upto,
            _ => {}
        }
    }
}

/// The parts of a state.
pub(crate) const PARTS: &[&str] = &[
    "region_of",
    "volatile",
    "failed",
    "filling",
    "waiting",
    "speaker",
    "set_failed",
    "strayed",
    "bad",
    "bad_named",
    "disk",
    "region",
    "owed",
    "owed_on_disk",
    "owed_prepared",
    "issued",
    "held",
    "flushed",
    "durable",
    "prepared",
    "operation",
    "preparing",
    "window",
    "buffer",
    "copying",
    "source",
    "in_flight",
    "fua",
    "leg",
    "admitted",
    "completed",
    "completed_fua",
    "unanswered",
    "acked",
    "promised",
    "cached",
    "medium",
    "agreed",
    "stream",
    "finish",
    "finishing",
    "flush_leg",
    "addressed",
    "lowered",
    "named",
    "record",
    "last",
    "confirmed",
    "rec_failed",
    "rec_untrusted",
    "rec_dirty",
    "rec_owed",
    "rec_held",
    "rec_disk",
    "rec_bad",
    "flush_open",
    "flush_due",
    "flush_upto",
];

type Conjunct = (&'static str, fn(&Abstract) -> bool);

/// Every conjunct.
pub(crate) const ALL: &[Conjunct] = &[
    ("p0_somebody_is_trusted", p0_somebody_is_trusted),
    ("p1_no_acknowledged_write_is_lost", p1_no_acknowledged_write_is_lost),
    ("p1_copies_that_are_read_agree", p1_copies_that_are_read_agree),
    ("p2_no_mark_is_ahead_of_flushed_data", p2_no_mark_is_ahead_of_flushed_data),
    ("p3_copies_agree_or_are_owed", p3_copies_agree_or_are_owed),
    ("p4_no_copy_beside_a_write", p4_no_copy_beside_a_write),
    ("a1_one_state_of_a_member", a1_one_state_of_a_member),
    ("a2_legs_of_a_write", a2_legs_of_a_write),
    ("a3_legs_of_a_copy", a3_legs_of_a_copy),
    ("a4_windows_of_an_operation", a4_windows_of_an_operation),
    ("a5_cleaning_in_a_raise", a5_cleaning_in_a_raise),
    ("a6_dirty_record_under_way", a6_dirty_record_under_way),
    ("a7_flush_under_way", a7_flush_under_way),
    ("a8_finish_in_a_raise", a8_finish_in_a_raise),
    ("a9_strayed_is_away", a9_strayed_is_away),
    ("b1_positions_are_in_order", b1_positions_are_in_order),
    ("b2_held_is_issued", b2_held_is_issued),
    ("b3_owed_is_not_held", b3_owed_is_not_held),
    ("b4_rebuild_of_copies_that_agree", b4_rebuild_of_copies_that_agree),
    ("b5_open_is_issued", b5_open_is_issued),
    ("b6_owed_for_longer_on_disk", b6_owed_for_longer_on_disk),
    ("c1_versions_are_in_order", c1_versions_are_in_order),
    ("c2_agreed_is_not_older", c2_agreed_is_not_older),
    ("c3_agreed_where_a_record_says_equal", c3_agreed_where_a_record_says_equal),
    ("d1_quiet_copies_agree", d1_quiet_copies_agree),
    ("d2_not_reached_yet", d2_not_reached_yet),
    ("d3_reached", d3_reached),
    ("d4_trusted_is_not_older", d4_trusted_is_not_older),
    ("d5_no_cache", d5_no_cache),
    ("d6_a_write_is_in_a_dirty_region", d6_a_write_is_in_a_dirty_region),
    ("e1_sources", e1_sources),
    ("e2_buffer", e2_buffer),
    ("e3_copied", e3_copied),
    ("e4_copies_of_equal_rows", e4_copies_of_equal_rows),
    ("f1_numbers_of_records", f1_numbers_of_records),
    ("f2_dirty_in_all_records", f2_dirty_in_all_records),
    ("f3_dirty_in_the_record_under_way", f3_dirty_in_the_record_under_way),
    ("f4_cleaning_is_dirty_before", f4_cleaning_is_dirty_before),
    ("f5_nothing_lowered", f5_nothing_lowered),
    ("f6_once_named_never_trusted", f6_once_named_never_trusted),
    ("f7_trusted_is_not_named", f7_trusted_is_not_named),
    ("f8_failed_is_untrusted", f8_failed_is_untrusted),
    ("f9_trusted_is_addressed", f9_trusted_is_addressed),
    ("f10_disks_of_records", f10_disks_of_records),
    ("f11_bad_ranges_only_grow", f11_bad_ranges_only_grow),
    ("f12_bad_ranges_of_all_records", f12_bad_ranges_of_all_records),
    ("f13_bad_ranges_recorded", f13_bad_ranges_recorded),
    ("g1_promised_is_on_the_media", g1_promised_is_on_the_media),
    ("g2_trusted_has_what_is_promised", g2_trusted_has_what_is_promised),
    ("g3_durable_write_reached", g3_durable_write_reached),
    ("g4_user_flush_reached", g4_user_flush_reached),
    ("g5_clean_is_on_the_media", g5_clean_is_on_the_media),
    ("g6_clean_for_all_records", g6_clean_for_all_records),
    ("g7_cleaning_is_on_the_media", g7_cleaning_is_on_the_media),
    ("g8_cleaning_for_all_records", g8_cleaning_for_all_records),
    ("g9_accounts_hold", g9_accounts_hold),
    ("g10_called_equal_is_still", g10_called_equal_is_still),
    ("g11_called_equal_by_another", g11_called_equal_by_another),
    ("h1_all_is_held", h1_all_is_held),
    ("h2_no_window_is_open", h2_no_window_is_open),
    ("h3_the_last_record_names_the_target", h3_the_last_record_names_the_target),
    ("h4_the_target_has_what_is_promised", h4_the_target_has_what_is_promised),
    ("h5_the_target_has_what_is_flushed", h5_the_target_has_what_is_flushed),
    ("h6_the_target_is_clean", h6_the_target_is_clean),
    ("h7_the_target_for_other_records", h7_the_target_for_other_records),
    ("h8_the_image_under_way", h8_the_image_under_way),
];

/// Those that speak of what is on a medium.
pub(crate) const OF_MEDIA: &[Conjunct] = &[
    ("p2_no_mark_is_ahead_of_flushed_data", p2_no_mark_is_ahead_of_flushed_data),
    ("p3_copies_agree_or_are_owed", p3_copies_agree_or_are_owed),
    ("d5_no_cache", d5_no_cache),
    ("g1_promised_is_on_the_media", g1_promised_is_on_the_media),
    ("g2_trusted_has_what_is_promised", g2_trusted_has_what_is_promised),
    ("g3_durable_write_reached", g3_durable_write_reached),
    ("g4_user_flush_reached", g4_user_flush_reached),
    ("g5_clean_is_on_the_media", g5_clean_is_on_the_media),
    ("g6_clean_for_all_records", g6_clean_for_all_records),
    ("g7_cleaning_is_on_the_media", g7_cleaning_is_on_the_media),
    ("g8_cleaning_for_all_records", g8_cleaning_for_all_records),
    ("g9_accounts_hold", g9_accounts_hold),
    ("g10_called_equal_is_still", g10_called_equal_is_still),
    ("g11_called_equal_by_another", g11_called_equal_by_another),
    ("h4_the_target_has_what_is_promised", h4_the_target_has_what_is_promised),
    ("h5_the_target_has_what_is_flushed", h5_the_target_has_what_is_flushed),
    ("h6_the_target_is_clean", h6_the_target_is_clean),
    ("h7_the_target_for_other_records", h7_the_target_for_other_records),
];

/// A set that has not failed has a member that holds the data.
fn p0_somebody_is_trusted(s: &Abstract) -> bool {
    (s.set_failed || (!s.failed[s.speaker] && !s.filling[s.speaker] && !s.waiting[s.speaker]))
}

/// What a read gives is what was acknowledged, or newer; after a restart: what was promised.
fn p1_no_acknowledged_write_is_lost(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0] && (!s.owed[r1] || (m0 == s.speaker))) || (s.filling[m0] && s.held[m0][r1] && !s.owed[r1]))) || s.bad[m0][r1] || ((s.acked[r1] <= s.cached[m0][r1]) && (s.cached[m0][r1] <= s.admitted[r1]))))
}

/// Two reads of a row that nobody writes give the same, whoever answers.
fn p1_copies_that_are_read_agree(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.members).all(|m1| (0..s.rows).all(|r2| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0] && (!s.owed[r2] || (m0 == s.speaker))) || (s.filling[m0] && s.held[m0][r2] && !s.owed[r2]))) || s.bad[m0][r2] || !(((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && (!s.owed[r2] || (m1 == s.speaker))) || (s.filling[m1] && s.held[m1][r2] && !s.owed[r2]))) || s.bad[m1][r2] || s.in_flight[r2] || (s.cached[m0][r2] == s.cached[m1][r2]))))
}

/// What a record claims of a member that it does not trust is on the medium.
fn p2_no_mark_is_ahead_of_flushed_data(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| !((s.rec_disk[i0][m1] == s.disk[m1])) || s.strayed[m1] || (0..s.rows).all(|r2| !s.rec_held[i0][m1][r2] || s.rec_bad[i0][m1][r2] || s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || (s.medium[m1][r2] == s.agreed[r2]))))
}

/// On the media of all whom a record trusts is the same, unless the record owes the row a resync.
fn p3_copies_agree_or_are_owed(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| s.rec_bad[i0][m1][r2] || s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || (s.medium[m1][r2] == s.agreed[r2]))))
}

/// While a copy of a row is commanded, no write of the row is in flight.
fn p4_no_copy_beside_a_write(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !(((s.window[r0] == WindowState::Active) || (s.window[r0] == WindowState::Copying))) || !s.in_flight[r0])
}

/// Nobody is two of failed, filling, waiting.
fn a1_one_state_of_a_member(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (!((s.failed[m0] && s.filling[m0])) && !((s.failed[m0] && s.waiting[m0])) && !((s.filling[m0] && s.waiting[m0]))))
}

/// Only a write in flight has legs.
fn a2_legs_of_a_write(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (0..s.rows).all(|r1| !s.leg[m0][r1] || s.in_flight[r1]))
}

/// Only a copy under way has targets.
fn a3_legs_of_a_copy(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (0..s.rows).all(|r1| !s.copying[m0][r1] || (s.window[r1] == WindowState::Copying)))
}

/// Windows belong to an operation that runs.
fn a4_windows_of_an_operation(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| (s.window[r0] == WindowState::Free) || (!((s.operation == Operation::Nothing)) && !s.preparing))
}

/// A region becomes clean only with a record that raises.
fn a5_cleaning_in_a_raise(s: &Abstract) -> bool {
    (0..s.regions).all(|r0| !((s.region[r0] == RegionState::CleanWanted)) || (s.stream == StreamState::Flushing) || (s.stream == StreamState::Raising))
}

/// A region's dirty record is under way only while one that lowers is.
fn a6_dirty_record_under_way(s: &Abstract) -> bool {
    (0..s.regions).all(|r0| !((s.region[r0] == RegionState::Writing)) || (s.stream == StreamState::Lowering))
}

/// Flushes of a raise are under way only while it waits for them.
fn a7_flush_under_way(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.flush_leg[m0] || (s.stream == StreamState::Flushing))
}

/// A rebuild ends with a record that raises.
fn a8_finish_in_a_raise(s: &Abstract) -> bool {
    ((!s.finish || (s.stream == StreamState::Flushing) || (s.stream == StreamState::Raising)) && (!s.finishing || s.finish) && (!((s.finish && (s.stream == StreamState::Flushing) && !s.lowered)) || s.finishing))
}

/// A disk that went on alone is away, and trusted by no record that may be found.
fn a9_strayed_is_away(s: &Abstract) -> bool {
    ((0..s.members).all(|m0| !s.strayed[m0] || s.failed[m0] || s.set_failed) && (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || (0..s.members).all(|m2| !s.strayed[m2] || s.rec_untrusted[i1][m2])))
}

/// durable, flushed and prepared are within held.
fn b1_positions_are_in_order(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (0..s.rows).all(|r1| ((!s.flushed[m0][r1] || s.held[m0][r1]) && (!s.durable[m0][r1] || s.flushed[m0][r1]) && (!s.prepared[m0][r1] || s.held[m0][r1]))))
}

/// What a member being filled holds is written there.
fn b2_held_is_issued(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.filling[m0] || (0..s.rows).all(|r1| !s.held[m0][r1] || s.issued[m0][r1]))
}

/// Nobody who is not trusted holds a row whose copies differ.
fn b3_owed_is_not_held(s: &Abstract) -> bool {
    (0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (0..s.rows).all(|r1| !s.owed[r1] || !s.held[m0][r1]))
}

/// A rebuild finds copies that agree.
fn b4_rebuild_of_copies_that_agree(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !((s.operation == Operation::Rebuild)) || !s.owed[r0])
}

/// From the opening of its window on, a row is written on the targets.
fn b5_open_is_issued(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !((s.operation == Operation::Rebuild)) || !s.filling[m0] || (0..s.rows).all(|r1| (s.window[r1] == WindowState::Free) || s.issued[m0][r1]))
}

/// What is owed is owed by every record, until a flush and a record after it.
fn b6_owed_for_longer_on_disk(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| ((!s.owed[r0] || s.owed_on_disk[r0]) && (!(((s.stream == StreamState::Flushing) || (s.stream == StreamState::Raising))) || ((!s.owed[r0] || s.owed_prepared[r0]) && (!s.owed_prepared[r0] || s.owed_on_disk[r0])))))
}

/// promised ≤ acknowledged ≤ completed ≤ admitted.
fn c1_versions_are_in_order(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| ((s.promised[r0] <= s.acked[r0]) && (s.acked[r0] <= s.admitted[r0]) && (s.completed[r0] <= s.admitted[r0]) && (0 <= s.promised[r0]) && (!s.unanswered[r0] || (s.acked[r0] <= s.completed[r0])) && (!s.in_flight[r0] || ((s.acked[r0] < s.admitted[r0]) && (s.completed[r0] < s.admitted[r0])))))
}

/// The version that copies agree on is the one that users wait for, or know.
fn c2_agreed_is_not_older(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| ((s.agreed[r0] <= s.admitted[r0]) && (!((!s.owed[r0] && !s.set_failed)) || ((s.acked[r0] <= s.agreed[r0]) && (!s.unanswered[r0] || (s.completed[r0] <= s.agreed[r0]))))))
}

/// So it is in every row that some record calls equal, whatever is owed now.
fn c3_agreed_where_a_record_says_equal(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.rows).all(|r1| s.rec_dirty[i0][s.region_of[r1]] || s.rec_owed[i0][r1] || ((s.acked[r1] <= s.agreed[r1]) && (!s.unanswered[r1] || (s.completed[r1] <= s.agreed[r1])))))
}

/// Who is counted on holds the agreed version of a row that nobody writes.
fn d1_quiet_copies_agree(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.filling[m0] || s.waiting[m0]) && s.held[m0][r1]) || ((s.window[r1] == WindowState::Landed) && (s.operation == Operation::Rebuild) && s.filling[m0] && s.issued[m0][r1]))) || s.bad[m0][r1] || s.owed[r1] || s.in_flight[r1] || (s.cached[m0][r1] == s.agreed[r1])))
}

/// Whom a write has not reached holds what it held.
fn d2_not_reached_yet(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.filling[m0] || s.waiting[m0]) && s.held[m0][r1]) || ((s.window[r1] == WindowState::Landed) && (s.operation == Operation::Rebuild) && s.filling[m0] && s.issued[m0][r1]))) || s.bad[m0][r1] || s.owed[r1] || !s.in_flight[r1] || !s.leg[m0][r1] || (s.cached[m0][r1] == s.agreed[r1])))
}

/// Whom a write has reached holds it.
fn d3_reached(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.filling[m0] || s.waiting[m0]) && s.held[m0][r1]) || ((s.window[r1] == WindowState::Landed) && (s.operation == Operation::Rebuild) && s.filling[m0] && s.issued[m0][r1]))) || s.bad[m0][r1] || !s.in_flight[r1] || s.leg[m0][r1] || (s.cached[m0][r1] == s.admitted[r1])))
}

/// A trusted member holds what was acknowledged, also where copies differ.
fn d4_trusted_is_not_older(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (0..s.rows).all(|r1| s.bad[m0][r1] || ((s.acked[r1] <= s.cached[m0][r1]) && (s.cached[m0][r1] <= s.admitted[r1]) && (!s.unanswered[r1] || (s.completed[r1] <= s.cached[m0][r1])))))
}

/// Without a cache, what is read is on the medium.
fn d5_no_cache(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.volatile[m0] || (0..s.rows).all(|r1| (s.cached[m0][r1] == s.medium[m0][r1])))
}

/// A region with a write in flight is dirty.
fn d6_a_write_is_in_a_dirty_region(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !s.in_flight[r0] || (s.region[s.region_of[r0]] == RegionState::Dirty))
}

/// A source that a commanded copy may read holds the data, also if it has failed since.
fn e1_sources(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.strayed[m0] || (0..s.rows).all(|r1| !((s.window[r1] == WindowState::Active)) || !s.source[m0][r1] || ((s.acked[r1] <= s.cached[m0][r1]) && (s.cached[m0][r1] <= s.admitted[r1]) && (!s.unanswered[r1] || (s.completed[r1] <= s.cached[m0][r1])) && (!((!s.owed[r1] && !s.set_failed)) || (s.cached[m0][r1] == s.agreed[r1])))))
}

/// So does what was read from it.
fn e2_buffer(s: &Abstract) -> bool {
    (0..s.rows).all(|r0| !((s.window[r0] == WindowState::Copying)) || ((s.acked[r0] <= s.buffer[r0]) && (s.buffer[r0] <= s.admitted[r0]) && (!s.unanswered[r0] || (s.completed[r0] <= s.buffer[r0])) && (!((!s.owed[r0] && !s.set_failed)) || (s.buffer[r0] == s.agreed[r0]))))
}

/// A target that the copy has reached, or needed not to, holds the same.
fn e3_copied(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || ((s.operation == Operation::Rebuild) && s.filling[m0]))) || s.set_failed || (0..s.rows).all(|r1| !((s.window[r1] == WindowState::Copying)) || s.copying[m0][r1] || s.bad[m0][r1] || (s.cached[m0][r1] == s.buffer[r1])))
}

/// A copy of a row that some record calls equal changes nothing there.
fn e4_copies_of_equal_rows(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| (0..s.rows).all(|r2| s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || ((!((s.window[r2] == WindowState::Copying)) || (s.buffer[r2] == s.agreed[r2])) && (!(((s.window[r2] == WindowState::Active) && s.source[m1][r2] && !s.strayed[m1])) || (s.cached[m1][r2] == s.agreed[r2]))))))
}

/// Whom the confirmed record trusts holds it, or a newer one.
fn f1_numbers_of_records(s: &Abstract) -> bool {
    ((0 <= s.confirmed) && (s.confirmed <= s.last) && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (s.confirmed < s.last)) && (0..s.members).all(|m0| ((s.record[m0] <= s.last) && (s.rec_untrusted[s.confirmed as usize][m0] || (s.confirmed <= s.record[m0])))))
}

/// A dirty region is dirty in every record that may be found.
fn f2_dirty_in_all_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.regions).all(|r1| !((s.region[r1] == RegionState::Dirty)) || s.rec_dirty[i0][r1]))
}

/// A region whose dirty record is under way is dirty in it.
fn f3_dirty_in_the_record_under_way(s: &Abstract) -> bool {
    (0..s.regions).all(|r0| !((s.region[r0] == RegionState::Writing)) || s.rec_dirty[s.last as usize][r0])
}

/// A region being cleaned is dirty in all records but the one that cleans it.
fn f4_cleaning_is_dirty_before(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || !((!((s.stream == StreamState::Raising)) || ((i0 as i16) < s.last))) || (0..s.regions).all(|r1| !((s.region[r1] == RegionState::CleanWanted)) || s.rec_dirty[i0][r1]))
}

/// Where nothing was lowered, the last record is on all, and says who is trusted.
fn f5_nothing_lowered(s: &Abstract) -> bool {
    (!((!s.lowered && !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))))) || ((s.confirmed == s.last) && (0..s.members).all(|m0| (s.rec_untrusted[s.last as usize][m0] == !((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]))))))
}

/// Once the recorded image names all who are not trusted, no record that may be found trusts one of them: this is why acknowledgements are held.
fn f6_once_named_never_trusted(s: &Abstract) -> bool {
    (!(0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || s.named[m0]) || (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || !((!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || ((i1 as i16) < s.last))) || (0..s.members).all(|m2| s.rec_untrusted[i1][m2] || (!s.failed[m2] && !s.filling[m2] && !s.waiting[m2]))))
}

/// Nobody who is trusted is named, and the record under way goes to all of them.
fn f7_trusted_is_not_named(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (!s.named[m0] && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || (!s.rec_untrusted[s.last as usize][m0] && s.addressed[m0]))))
}

/// A record that calls a member failed does not trust it.
fn f8_failed_is_untrusted(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| !s.rec_failed[i0][m1] || s.rec_untrusted[i0][m1]))
}

/// The record under way goes to all whom it trusts.
fn f9_trusted_is_addressed(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || s.rec_untrusted[s.last as usize][m0] || s.addressed[m0])
}

/// No record names a disk that is to come.
fn f10_disks_of_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| (s.rec_disk[i0][m1] <= s.disk[m1])))
}

/// No record names a bad range of a trusted member that is none.
fn f11_bad_ranges_only_grow(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (0..s.rows).all(|r1| s.bad[m0][r1] || (!s.bad_named[m0][r1] && (!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || !s.rec_bad[s.last as usize][m0][r1]))))
}

/// Once the recorded image names a bad range, no record that may be found takes it for good on a member that it trusts.
fn f12_bad_ranges_of_all_records(s: &Abstract) -> bool {
    (!(0..s.members).all(|m0| (!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || s.named[m0]) || (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || !((!(((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising))) || ((i1 as i16) < s.last))) || (0..s.members).all(|m2| s.rec_untrusted[i1][m2] || (0..s.rows).all(|r3| s.rec_bad[i1][m2][r3] || !s.bad[m2][r3] || !s.bad_named[m2][r3]))))
}

/// Where nothing was lowered, the last record has the list; so has the one under way.
fn f13_bad_ranges_recorded(s: &Abstract) -> bool {
    (s.lowered || (0..s.members).all(|m0| (0..s.rows).all(|r1| !s.bad[m0][r1] || s.rec_bad[s.last as usize][m0][r1])))
}

/// Whom a record that may be found trusts has what was promised on its medium.
fn g1_promised_is_on_the_media(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| s.rec_bad[i0][m1][r2] || ((s.promised[r2] <= s.medium[m1][r2]) && (s.medium[m1][r2] <= s.admitted[r2]) && (s.promised[r2] <= s.cached[m1][r2]) && (s.cached[m1][r2] <= s.admitted[r2])))))
}

/// So has who is trusted, and a durable write that is still to be acknowledged as well.
fn g2_trusted_has_what_is_promised(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.failed[m0] || s.filling[m0] || s.waiting[m0] || (0..s.rows).all(|r1| s.bad[m0][r1] || ((s.promised[r1] <= s.medium[m0][r1]) && (s.medium[m0][r1] <= s.admitted[r1]) && (!((s.unanswered[r1] && s.completed_fua[r1])) || (s.completed[r1] <= s.medium[m0][r1])))))
}

/// A durable write is on the media that it has reached.
fn g3_durable_write_reached(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.finish && s.filling[m0] && !s.set_failed && (((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))))) || s.set_failed || (0..s.rows).all(|r1| !s.in_flight[r1] || !s.fua[r1] || s.leg[m0][r1] || s.bad[m0][r1] || (s.medium[m0][r1] == s.admitted[r1])))
}

/// What a user's flush has reached is on the medium.
fn g4_user_flush_reached(s: &Abstract) -> bool {
    (0..s.flushes).all(|u0| !s.flush_open[u0] || (0..s.members).all(|m1| (0..s.rows).all(|r2| ((s.flush_upto[u0][r2] <= s.acked[r2]) && (!((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && !s.bad[m1][r2] && !s.flush_due[u0][m1])) || (s.flush_upto[u0][r2] <= s.medium[m1][r2]))))))
}

/// A clean region that nothing is owed in is on the media of all who are counted on.
fn g5_clean_is_on_the_media(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || (0..s.rows).all(|r1| !((s.region[s.region_of[r1]] == RegionState::Clean)) || s.owed_on_disk[r1] || !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && s.flushed[m0][r1]) || (s.waiting[m0] && s.held[m0][r1]))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.agreed[r1])))
}

/// … and of all whom a record that may be found trusts.
fn g6_clean_for_all_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| s.set_failed || !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| !((s.region[s.region_of[r2]] == RegionState::Clean)) || s.owed_on_disk[r2] || s.rec_bad[i0][m1][r2] || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2])))))
}

/// A region being cleaned is on the media that the flush has reached.
fn g7_cleaning_is_on_the_media(s: &Abstract) -> bool {
    (0..s.members).all(|m0| s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || (s.stream == StreamState::Raising))) || (0..s.rows).all(|r1| !(((s.region[s.region_of[r1]] == RegionState::CleanWanted) || (s.region[s.region_of[r1]] == RegionState::Clean))) || s.owed_prepared[r1] || !(((!s.failed[m0] && !s.filling[m0] && !s.waiting[m0]) || (s.filling[m0] && (s.prepared[m0][r1] || s.flushed[m0][r1])) || (s.waiting[m0] && s.held[m0][r1]))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.agreed[r1])))
}

/// … and on those of all whom a record that may be found trusts.
fn g8_cleaning_for_all_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.stream == StreamState::Raising)) || s.set_failed || !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| s.rec_untrusted[i0][m1] || (0..s.rows).all(|r2| !(((s.region[s.region_of[r2]] == RegionState::CleanWanted) || (s.region[s.region_of[r2]] == RegionState::Clean))) || s.owed_prepared[r2] || s.rec_bad[i0][m1][r2] || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2])))))
}

/// A failed member has what its account says, on its medium.
fn g9_accounts_hold(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.failed[m0] || s.set_failed || s.strayed[m0] || (0..s.rows).all(|r1| !s.held[m0][r1] || s.bad[m0][r1] || ((s.medium[m0][r1] == s.agreed[r1]) && (s.cached[m0][r1] == s.agreed[r1]) && !s.in_flight[r1])))
}

/// A row that a record calls equal has not changed since, on nobody whom it trusts or vouches for.
fn g10_called_equal_is_still(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| (0..s.rows).all(|r2| s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || !(((!s.failed[m1] && !s.filling[m1] && !s.waiting[m1] && !s.bad[m1][r2]) || (!s.rec_untrusted[i0][m1] && !s.rec_bad[i0][m1][r2]) || (s.rec_held[i0][m1][r2] && !s.rec_bad[i0][m1][r2] && (s.rec_disk[i0][m1] == s.disk[m1]) && !s.strayed[m1]))) || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2]) && !s.in_flight[r2]))))
}

/// … nor on anybody whom another record trusts that may be found instead.
fn g11_called_equal_by_another(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.records).all(|i1| !((s.confirmed <= (i1 as i16))) || !(((i1 as i16) <= s.last)) || (0..s.members).all(|m2| s.rec_untrusted[i1][m2] || (0..s.rows).all(|r3| s.rec_dirty[i0][s.region_of[r3]] || s.rec_owed[i0][r3] || s.rec_bad[i1][m2][r3] || ((s.cached[m2][r3] == s.agreed[r3]) && (s.medium[m2][r3] == s.agreed[r3]))))))
}

/// A rebuild that is ending has filled its targets.
fn h1_all_is_held(s: &Abstract) -> bool {
    (!s.finishing || (0..s.members).all(|m0| (0..s.rows).all(|r1| ((!s.filling[m0] || s.held[m0][r1]) && !s.owed[r1]))))
}

/// … runs, and opens no window.
fn h2_no_window_is_open(s: &Abstract) -> bool {
    (!s.finishing || ((s.operation == Operation::Rebuild) && !s.preparing && (0..s.rows).all(|r0| (s.window[r0] == WindowState::Free))))
}

/// Its record calls the targets trusted, with the bad ranges that they have, and goes to them.
fn h3_the_last_record_names_the_target(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !((s.stream == StreamState::Raising)) || !s.finishing || !s.filling[m0] || (!s.rec_untrusted[s.last as usize][m0] && s.addressed[m0] && (0..s.rows).all(|r1| s.bad[m0][r1] || !s.rec_bad[s.last as usize][m0][r1])))
}

/// A target that was flushed has all promises on its medium.
fn h4_the_target_has_what_is_promised(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.finish || !s.filling[m0] || s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r1| s.bad[m0][r1] || ((s.promised[r1] <= s.medium[m0][r1]) && (s.medium[m0][r1] <= s.admitted[r1]) && (!((s.unanswered[r1] && s.completed_fua[r1])) || (s.completed[r1] <= s.medium[m0][r1])))))
}

/// … and what users' flushes have reached.
fn h5_the_target_has_what_is_flushed(s: &Abstract) -> bool {
    (0..s.flushes).all(|u0| !s.finish || s.set_failed || !s.flush_open[u0] || (0..s.members).all(|m1| !s.filling[m1] || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m1] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || s.flush_due[u0][m1] || (0..s.rows).all(|r2| s.bad[m1][r2] || (s.flush_upto[u0][r2] <= s.medium[m1][r2]))))
}

/// … and what is being cleaned.
fn h6_the_target_is_clean(s: &Abstract) -> bool {
    (0..s.members).all(|m0| !s.finish || !s.filling[m0] || s.set_failed || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m0] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r1| s.owed_prepared[r1] || !(((s.region[s.region_of[r1]] == RegionState::CleanWanted) || (s.region[s.region_of[r1]] == RegionState::Clean))) || s.bad[m0][r1] || (s.medium[m0][r1] == s.agreed[r1])))
}

/// … and what any record calls equal.
fn h7_the_target_for_other_records(s: &Abstract) -> bool {
    (0..s.records).all(|i0| !s.finish || s.set_failed || !((s.confirmed <= (i0 as i16))) || !(((i0 as i16) <= s.last)) || (0..s.members).all(|m1| !s.filling[m1] || !((((s.stream == StreamState::Flushing) && !s.flush_leg[m1] && !s.lowered) || ((s.stream == StreamState::Raising) && s.finishing))) || (0..s.rows).all(|r2| s.rec_dirty[i0][s.region_of[r2]] || s.rec_owed[i0][r2] || s.bad[m1][r2] || ((s.cached[m1][r2] == s.agreed[r2]) && (s.medium[m1][r2] == s.agreed[r2])))))
}

/// The record under way says who is trusted, unless something was lowered since.
fn h8_the_image_under_way(s: &Abstract) -> bool {
    (!((((s.stream == StreamState::Lowering) || (s.stream == StreamState::Raising)) && !s.lowered)) || (0..s.members).all(|m0| (s.rec_untrusted[s.last as usize][m0] == (s.failed[m0] || s.waiting[m0] || (s.filling[m0] && !s.finish)))))
}

/// Whether a read of row `r` may be answered by member `m`.
pub(crate) fn readable(s: &Abstract, m: usize, r: usize) -> bool {
    (((!s.failed[m] && !s.filling[m] && !s.waiting[m] && (!s.owed[r] || (m == s.speaker))) || (s.filling[m] && s.held[m][r] && !s.owed[r])) && !s.bad[m][r])
}

/// The first of these that does not hold.
pub(crate) fn broken(conjuncts: &[Conjunct], s: &Abstract) -> Option<&'static str> {
    conjuncts.iter().find(|(_, holds)| !holds(s)).map(|(name, _)| *name)
}
