// SPDX-License-Identifier: MIT OR Apache-2.0
//! Asks a running array, and waits for its answer no longer than was agreed.

use crate::failure::Failure;
use raid_array::nbd::listener_of;
use raid_inspect::ExitCode;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde_json::Value;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether a server is there.
const AGAIN: Duration = Duration::from_millis(20);
/// How long a server may take to answer, and where it answers only once a disk is in or out.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);
pub(crate) const WORK: Duration = Duration::from_secs(120);
/// The least that a server has that answers.
const LEAST: Duration = Duration::from_secs(1);
/// After which whoever waits for a stop is told so.
const STOPS: Duration = Duration::from_secs(5);
/// What a server of NBD says first.
const NBD: &[u8] = b"NBDMAGIC";

/// How long an answer is waited for.
#[derive(Clone, Copy)]
enum Until {
    /// Until then.
    Then(Instant),
    /// As long as the server is there.
    Ever,
}

/// Asks a running array; its answer, which takes so long at most.
pub(crate) fn ask(control: &Path, asked: &Value, patience: Duration) -> Result<Value, Failure> {
    let until = Instant::now() + patience;
    let stream = reach(control, until).map_err(|error| nobody(control, &error))?;
    converse(control, stream, asked, Until::Then(until))
}

/// The same of what takes as long as it takes, which is said.
pub(crate) fn ask_and_stay(control: &Path, asked: &Value) -> Result<Value, Failure> {
    let stream = reach(control, Instant::now() + ANSWER);
    converse(control, stream.map_err(|error| nobody(control, &error))?, asked, Until::Ever)
}

/// The same of one that is being started: it is waited for so long, and so is its answer.
pub(crate) fn ask_and_wait(
    control: &Path,
    asked: &Value,
    patience: Duration,
) -> Result<Value, Failure> {
    let until = Instant::now() + patience;
    loop {
        let answered = until.max(Instant::now() + LEAST);
        match reach(control, answered) {
            Ok(stream) => return converse(control, stream, asked, Until::Then(answered)),
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

/// Connects. Where too many wait for the server already, it takes no more, and is not waited for longer than this.
fn reach(control: &Path, until: Instant) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(left(until)))?;
    connect(&socket, &SocketAddrUnix::new(control)?)?;
    Ok(socket.into())
}

/// A socket takes no time of nothing.
fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn nobody(control: &Path, error: &io::Error) -> Failure {
    let control = control.display();
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("{control}: the server there takes nobody any more: it is held up or stuck")
                .into()
        }
        _ => format!("{control}: {error}; is it served?").into(),
    }
}

fn converse(
    control: &Path,
    mut stream: UnixStream,
    asked: &Value,
    until: Until,
) -> Result<Value, Failure> {
    let failed = |error: io::Error| nobody(control, &error);
    let server = listener_of(&stream);
    // A server of something else may have gone already: what it said shows what it is.
    let written = writeln!(stream, "{asked}");
    let mut line = Vec::new();
    let mut said = false;
    let read = loop {
        if line.starts_with(NBD) {
            return Err(format!(
                "{}: this is the socket of the array's NBD clients; --control takes the one that `serve` was given \
                 with --control",
                control.display()
            )
            .into());
        }
        if line.contains(&b'\n') {
            break Ok(());
        }
        let most = match until {
            Until::Then(until) if Instant::now() >= until => {
                return Err(format!(
                    "{}: {server} listens there, and does not answer: it is starting, held up or stuck; what \
                     was asked may still be done when it goes on",
                    control.display()
                )
                .into());
            }
            Until::Then(until) => left(until),
            Until::Ever => STOPS,
        };
        stream.set_read_timeout(Some(most)).map_err(failed)?;
        let mut more = [0; 4096];
        match stream.read(&mut more) {
            Ok(0) => break Ok(()),
            Ok(len) => line.extend_from_slice(&more[..len]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if matches!(until, Until::Ever) && !said {
                    said = true;
                    eprintln!(
                        "raid-ublk: {}: {server} has not stopped yet; it is waited for",
                        control.display()
                    );
                }
            }
            Err(error) => break Err(error),
        }
    };
    written.and(read).map_err(failed)?;
    if line.is_empty() {
        return Err(format!(
            "{}: the server ended without an answer; its log says why",
            control.display()
        )
        .into());
    }
    let answer: Value = serde_json::from_slice(&line)
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

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{bind, listen};

    #[test]
    fn a_server_that_takes_nobody_any_more_is_not_waited_for() {
        let name = format!("raid-ublk-full-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let flags = SocketFlags::CLOEXEC;
        let server = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        bind(&server, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        listen(&server, 0).unwrap();
        let soon = || Instant::now() + Duration::from_millis(50);
        let mut first = Vec::new();
        let refused = loop {
            match reach(&path, soon()) {
                Ok(stream) => first.push(stream),
                Err(error) => break nobody(&path, &error),
            }
            assert!(first.len() < 16);
        };
        std::fs::remove_file(&path).unwrap();
        assert!(refused.why.contains("takes nobody any more"), "{}", refused.why);
    }
}
