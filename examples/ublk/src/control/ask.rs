// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asks a running array.

use crate::failure::Failure;
use raid_inspect::ExitCode;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether a server is there.
const AGAIN: Duration = Duration::from_millis(20);

/// Asks a running array; its answer.
pub(crate) fn ask(control: &Path, asked: &Value) -> Result<Value, Failure> {
    let stream = UnixStream::connect(control).map_err(|error| nobody(control, &error))?;
    converse(control, stream, asked)
}

/// The same of one that is being started: it is waited for so long.
pub(crate) fn ask_and_wait(
    control: &Path,
    asked: &Value,
    patience: Duration,
) -> Result<Value, Failure> {
    let until = Instant::now() + patience;
    loop {
        match UnixStream::connect(control) {
            Ok(stream) => return converse(control, stream, asked),
            // Nobody has made it yet, or a server that was killed has left it.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
                    && Instant::now() < until =>
            {
                thread::sleep(AGAIN);
            }
            Err(error) => return Err(nobody(control, &error)),
        }
    }
}

fn nobody(control: &Path, error: &io::Error) -> Failure {
    format!("{}: {error}; is it served?", control.display()).into()
}

fn converse(control: &Path, mut stream: UnixStream, asked: &Value) -> Result<Value, Failure> {
    let failed = |error: io::Error| nobody(control, &error);
    writeln!(stream, "{asked}").map_err(failed)?;
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line).map_err(failed)? == 0 {
        return Err(format!("{}: the server ended without an answer", control.display()).into());
    }
    let answer: Value = serde_json::from_str(&line)
        .map_err(|error| format!("{}: an answer that is no JSON: {error}", control.display()))?;
    match (answer.get("ok"), answer.get("error").and_then(Value::as_str)) {
        (Some(ok), _) => Ok(ok.clone()),
        (None, Some(why)) => {
            let code = match answer.get("exit_code").and_then(Value::as_u64) {
                Some(4) => ExitCode::Usage,
                _ => ExitCode::NotReadable,
            };
            Err(Failure { code, why: why.into() })
        }
        (None, None) => {
            Err(format!("{}: neither ok nor error: {answer}", control.display()).into())
        }
    }
}
