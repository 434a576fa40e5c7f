// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `status --json` prints is what docs/schema says.

use crate::served::{Folder, errors};
use serde_json::{Value, json};
use std::fs;

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/raid-status-1.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Where a value is not what the schema says; the words of it that are used here. A field that the schema does not
/// name is one too: it would not be documented.
fn faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut fault = |what: String| out.push(format!("{at}: {what}: {value}"));
    let is_of = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    match &schema["type"] {
        Value::Null => {}
        Value::String(kind) if is_of(kind) => {}
        Value::Array(kinds) if kinds.iter().any(|kind| is_of(kind.as_str().unwrap())) => {}
        kinds => fault(format!("no {kinds}")),
    }
    if schema.get("const").is_some_and(|only| only != value) {
        fault(format!("not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        fault(format!("none of {}", schema["enum"]));
    }
    let required = schema["required"].as_array().filter(|_| !value.is_null());
    for field in required.into_iter().flatten() {
        if value.get(field.as_str().unwrap()).is_none() {
            fault(format!("{field} is missing"));
        }
    }
    for (field, value) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(field) {
            Some(schema) => out.extend(faults(schema, value, &format!("{at}.{field}"))),
            None => out.push(format!("{at}: {field} is not documented")),
        }
    }
    for value in value.as_array().into_iter().flatten() {
        out.extend(faults(&schema["items"], value, &format!("{at}[]")));
    }
    out
}

#[test]
fn status_prints_what_its_schema_says() {
    let schema = schema();
    let folder = Folder::new("status", 4);
    let spare = folder.path("d3");
    let made = folder.create(&["--level", "raid5", "--spare", &spare], 3);
    assert!(made.status.success(), "{}", errors(&made));
    let nothing: [String; 0] = [];
    let served = folder.serve(&[0, 1, 2, 3]);
    assert_eq!(faults(&schema, &served.status(), "status"), nothing);
    served.until("initialised", |set| set["operation"].is_null() && set["clean"] == true);
    let words = folder.ask(&["scrub", "status"]);
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.starts_with("set 0: ") && words.contains("no scrub has run"), "{words}");
    assert!(folder.ask(&["scrub", "start"]).status.success());
    served.until("scrubbed", |set| set["operation"].is_null());
    assert_eq!(faults(&schema, &served.status(), "status"), nothing);
    assert!(folder.ask(&["fail", "--slot", "0"]).status.success());
    assert_eq!(faults(&schema, &served.status(), "status"), nothing);
    let mut wrong = served.status();
    served.stop();
    let served = folder.serve_with(&["--readonly"], &[0, 1, 2, 3]);
    assert_eq!(faults(&schema, &served.status(), "status"), nothing);
    served.stop();
    // That a difference is seen.
    for (field, value) in
        [("format", json!("raid-status/2")), ("sets", json!([{}])), ("x", json!(1))]
    {
        let right = wrong[field].take();
        wrong[field] = value;
        assert!(!faults(&schema, &wrong, "status").is_empty(), "{field}");
        wrong[field] = right;
        wrong.as_object_mut().unwrap().remove("x");
    }
}
