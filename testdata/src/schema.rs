// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether what programs print is what `docs/schema` says.

use serde_json::Value;

/// A schema of `docs/schema`, by its name without `.json`.
///
/// # Panics
/// There is no such schema.
#[must_use]
pub fn schema(name: &str) -> Value {
    let path = format!("{}/../docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a schema")).expect("JSON")
}

/// Where a value is not what the schema says; the words of it that are used here. A field that the schema does not
/// name is one too: it would not be documented.
///
/// # Panics
/// The schema has a type that is not known here.
#[must_use]
pub fn schema_faults(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut fault = |what: String| out.push(format!("{at}: {what}: {value}"));
    let is_of = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    match &schema["type"] {
        Value::Null => {}
        Value::String(kind) if is_of(kind) => {}
        Value::Array(kinds) if kinds.iter().filter_map(Value::as_str).any(is_of) => {}
        kinds => fault(format!("no {kinds}")),
    }
    if schema.get("const").is_some_and(|only| only != value) {
        fault(format!("not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
        fault(format!("none of {}", schema["enum"]));
    }
    let required = schema["required"].as_array().filter(|_| !value.is_null());
    for field in required.into_iter().flatten().filter_map(Value::as_str) {
        if value.get(field).is_none() {
            fault(format!("{field} is missing"));
        }
    }
    for (field, value) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(field) {
            Some(schema) => out.extend(schema_faults(schema, value, &format!("{at}.{field}"))),
            None => out.push(format!("{at}: {field} is not documented")),
        }
    }
    for value in value.as_array().into_iter().flatten() {
        out.extend(schema_faults(&schema["items"], value, &format!("{at}[]")));
    }
    out
}
