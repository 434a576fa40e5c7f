// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is said to people of a running array.

use raid_inspect::ExitCode;
use serde_json::Value;

/// How an array is, as an exit code: that of its worst set.
pub(crate) fn health(status: &Value) -> ExitCode {
    let sets = status["sets"].as_array().into_iter().flatten();
    let states: Vec<_> = sets.filter_map(|set| set["state"].as_str()).collect();
    match () {
        () if states.contains(&"failed") => ExitCode::NotReadable,
        () if states.iter().any(|state| *state != "optimal") => ExitCode::Degraded,
        () => ExitCode::Consistent,
    }
}

/// What `status` says to people.
pub(crate) fn words(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let (name, id) = (text(&status["name"]), text(&status["array"]));
    let mut out = format!("array {name}, {id}, {}", text(&status["level"]));
    if status["read_only"] == true {
        out += ", read only";
    }
    if let Some(device) = status["device"].as_str() {
        out += &format!(", {device}");
    }
    if status["member_io"] == "threads" {
        out += "\nio_uring is not used: a thread for each disk";
    }
    for set in status["sets"].as_array().into_iter().flatten() {
        out += &format!("\nset {}: {}", set["set"], text(&set["state"]));
        out += match (set["state"].as_str(), set["clean"].as_bool()) {
            // What its disks say is of before.
            (Some("failed"), _) => ", too few members are left",
            (_, Some(true)) => ", clean",
            _ => ", writes under way or owed",
        };
        if let (Some(what), Some(row)) = (set["operation"].as_str(), set["row"].as_u64()) {
            let rows = set["rows"].as_u64().unwrap_or(1).max(1);
            let paused = if set["paused"] == true { ", paused" } else { "" };
            out += &format!(", {what} {} %{paused}", row.saturating_mul(100) / rows);
        }
        for member in set["members"].as_array().into_iter().flatten() {
            let path = text(&member["path"]);
            out += &format!("\n  slot {}: {}  {path}", member["slot"], text(&member["state"]));
        }
    }
    for spare in status["spares"].as_array().into_iter().flatten() {
        out += &format!("\nspare: {}", text(&spare["path"]));
    }
    for unused in status["unused"].as_array().into_iter().flatten() {
        out += &format!("\nnot used: {}", text(&unused["path"]));
        if let (Some(set), Some(slot)) =
            (unused["failed_in_set"].as_u64(), unused["failed_in_slot"].as_u64())
        {
            let then = match unused["replaced"].as_bool() {
                Some(true) => "a spare took its place",
                _ => "the array went on without it",
            };
            out += &format!(", failed in set {set}, slot {slot}, and {then}");
        }
    }
    out
}

/// What `scrub status` says to people: how far each set is, and what was found.
pub(crate) fn scrub_words(status: &Value) -> String {
    let sets = status["sets"].as_array().into_iter().flatten();
    let words = sets.map(|set| {
        let found = found_words(&set["scrub"]);
        let number = &set["set"];
        let (Some(what), Some(row)) = (set["operation"].as_str(), set["row"].as_u64()) else {
            return format!("set {number}: nothing runs; {found}");
        };
        let rows = set["rows"].as_u64().unwrap_or(1).max(1);
        let percent = row.saturating_mul(100) / rows;
        let pace = match set["rows_per_second"].as_u64() {
            _ if set["paused"] == true => String::from("paused"),
            None | Some(0) => String::from("speed not known yet"),
            Some(pace) => {
                let left = rows.saturating_sub(row).div_ceil(pace);
                format!("{pace} rows/s, {} min {} s left", left / 60, left % 60)
            }
        };
        format!("set {number}: {what} {percent} %, row {row} of {rows}, {pace}; {found}")
    });
    words.collect::<Vec<_>>().join("\n")
}

/// What a scrub found, in words.
fn found_words(scrub: &Value) -> String {
    let number = |field: &str| scrub[field].as_u64().unwrap_or(0);
    let (differ, repaired, unreadable) =
        (number("mismatches"), number("repaired"), number("unreadable"));
    let what = if scrub["repairs"] == true { "repair" } else { "check" };
    let when = match &scrub["complete"] {
        _ if scrub.is_null() => return String::from("no scrub has run since it is served"),
        Value::Bool(true) => format!("the last {what} found"),
        Value::Bool(false) => format!("the last {what}, which did not reach the end, found"),
        _ => format!("the {what} has found"),
    };
    let mut out = match (differ, repaired) {
        (0, _) => format!("{when} no row that differs"),
        (1.., 0) => format!("{when} {differ} rows that differ"),
        (1.., _) if differ == repaired => {
            format!("{when} {differ} rows that differed, all repaired")
        }
        (1.., _) => format!("{when} {differ} rows that differed, {repaired} of them repaired"),
    };
    if unreadable > 0 {
        out += &format!(", and {unreadable} rows that no member gives");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_scrub_found_is_said_of_scrubs_that_ran() {
        let scrub = |repairs: bool, complete: Option<bool>, found: [u64; 3]| {
            json!({
                "repairs": repairs, "complete": complete, "mismatches": found[0],
                "repaired": found[1], "unreadable": found[2],
            })
        };
        for (scrub, expected) in [
            (Value::Null, "no scrub has run since it is served"),
            (scrub(false, Some(true), [0; 3]), "the last check found no row that differs"),
            (
                scrub(true, Some(true), [32, 32, 0]),
                "the last repair found 32 rows that differed, all repaired",
            ),
            (
                scrub(true, Some(false), [3, 2, 1]),
                "the last repair, which did not reach the end, found 3 rows that differed, 2 of them \
                 repaired, and 1 rows that no member gives",
            ),
            (scrub(false, None, [3, 0, 0]), "the check has found 3 rows that differ"),
        ] {
            assert_eq!(found_words(&scrub), expected);
        }
    }
}
