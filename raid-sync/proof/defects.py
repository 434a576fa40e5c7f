# SPDX-License-Identifier: MIT OR Apache-2.0
"""The planted defects: those of `src/defect.rs` that the model has, those that it has not, with the reason,
and those of the model alone."""

# Of src/defect.rs, in its order: each breaks the proof.
OF_THE_CODE = (
    "SkipWindowCheck", "OpenWithoutDraining", "DrainAnyWindow", "WindowEndsEarly", "RouteByDone",
    "SkipStraddlingWrite", "ReadByIssued", "MarkAtIssue", "RaiseWithoutFlush", "FlushTargetOnly",
    "SkipRecheck", "DirtyAfterWrite", "DirtyUntilCleanCompletes", "ForgetDebtWhenClean", "AcknowledgeEarly",
    "FlushNotGated", "SameSequence", "TwoRecords", "AnyIdentity", "TrustMarkAfterUnclean",
    "PauseKeepsWindows", "AbortAdvancesDone", "CountFillingLegs", "NewestByPlace", "EndAtCursor",
    "AllowOverlap", "TrustBeforeRecord", "ForgetLog", "RepairAtFirstLook", "CheckWrites",
    "MergeSplitBrain", "StartDegradedDirty", "SyncWritesUncharged",
)

# Of src/defect.rs: not in the model, and why.
OUTSIDE = {
    "RecordToFailed": "in the model, and breaks nothing there: a record that also reaches a failed member names it, so nobody believes that member",
    "KeepVersion": "reads that rest on an answer from before: in the model everybody asks in the state in which they read",
    "ForgetWaiters": "progress: who waits for a window is not in the model",
    "LetIntoClosing": "progress: the window waits for the intruder, and copies after it",
    "UnsignedThrottle": "time: the throttle is not in the model",
    "NoMinimumRate": "time: the throttle is not in the model",
    "BadRangeAfterDone": "in the model, and breaks nothing there: every record has the whole list, so none has the position without it",
    "OverwriteSources": "a change of shape is not in the model: no format records its positions",
}

# Of these, the model has two: they break nothing.
HARMLESS = ("RecordToFailed", "BadRangeAfterDone")

# Of the model alone: guards that no defect of the code takes away.
OF_THE_MODEL = {
    "WritesUncharged": "a write that is not sent to a member is not charged to it",
    "DirtyBeforeDurable": "writes start before all hold the dirty record whom it trusts",
    "CleanUnderWrites": "a region is cleaned under a write",
    "ForgetDebtOfLeaver": "a member that leaves is owed nothing for regions that are not clean",
    "SeatUnnamed": "a disk is seated before a record says that the one before it has failed",
    "CopyFromAnybody": "a copy reads members that are not trusted",
    "ReadAnyTrusted": "where copies may differ, anybody answers",
    "KeepMarkOfOthers": "a member that is put off keeps the position of the pass",
    "RebuildFirst": "a rebuild starts while copies differ",
    "DirtyNotConfirmed": "after a start a dirty record that was found counts without being written again",
    "FoundIsConfirmed": "after a start whoever the found record names counts as named on all",
    "TakeWhoStrayed": "a disk comes back with its account although it was written without the others",
    "BadRangeUnnamed": "a write is acknowledged before a record has the bad range that it left",
    "BadRangeForgotten": "a record that lowers leaves out the list of bad ranges",
    "CopyFromBadRange": "a copy reads a bad range",
    "ReadBadRange": "a read is answered from a bad range",
    "HighestNumber": "at a start the highest number speaks, whatever the records say of each other",
    "BelieveWhoIsFilled": "at a start the record of a member that others are filling is not overruled",
    "TrustBeforeNamed": "a record trusts who was filled before one has named all who are being filled",
    "HideWriteHole": "a column that goes missing while parity disagrees is not announced as lost",
    "ForgetOwed": "a record does not say which rows are owed a resync",
}

# A few for every run of CI, of different kinds: routing, flush, order of records, names, start.
FEW = ("RouteByDone", "RaiseWithoutFlush", "AcknowledgeEarly", "ForgetLog", "MergeSplitBrain", "BadRangeUnnamed",
       "StartDegradedDirty")

ALL = (*OF_THE_CODE, *OF_THE_MODEL)
