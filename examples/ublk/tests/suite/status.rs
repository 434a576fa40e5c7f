// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `status --json` prints is what docs/schema says.

use crate::served::{Folder, errors};
use raid_testdata::{schema, schema_faults as faults};
use serde_json::json;

#[test]
fn status_prints_what_its_schema_says() {
    let schema = schema("raid-status-1");
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
