// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs the commands of one step: output to a log file, progress to the terminal.

use super::{Stop, strict};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Of one command, unless the step says otherwise: one that hangs must not take the rest of the run with it.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// How often a log without a terminal hears that something is still running.
const HEARTBEAT: Duration = Duration::from_secs(30);

pub(crate) struct Shell {
    log: File,
    path: PathBuf,
    began: Instant,
    limit: Duration,
}

impl Shell {
    pub(crate) fn new(step: &str) -> io::Result<Self> {
        fs::create_dir_all(target().join("ci"))?;
        let path = Self::log_path(step);
        let log = File::options().create(true).write(true).read(true).truncate(true).open(&path)?;
        Ok(Self { log, path, began: Instant::now(), limit: LIMIT })
    }

    /// Lets each command of this step run so long.
    pub(crate) fn wait_up_to(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Where a step's log is.
    pub(crate) fn log_path(step: &str) -> PathBuf {
        target().join("ci").join(step).with_extension("log")
    }

    /// Runs a command to its end and returns what it printed.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<String, Stop> {
        let line = describe(command);
        let (status, output) = self
            .try_run(command)
            .map_err(|error| Stop::Failed(format!("`{line}` could not be run: {error}")))?;
        match status {
            Some(status) if status.success() => Ok(output),
            Some(status) => Err(Stop::Failed(format!("`{line}`: {status}"))),
            None => Err(Stop::Failed(format!("`{line}`: still running after {:?}", self.limit))),
        }
    }

    /// Whether the command can be run and succeeds; its output goes to the log.
    pub(crate) fn succeeds(&mut self, command: &mut Command) -> bool {
        matches!(self.try_run(command), Ok((Some(status), _)) if status.success())
    }

    /// Runs `cargo` with arguments separated by blanks.
    pub(crate) fn cargo(&mut self, arguments: &str) -> Result<String, Stop> {
        self.run(&mut cargo(arguments))
    }

    /// Writes a line of the step's own to the log.
    pub(crate) fn note(&mut self, line: &str) {
        // A line that is missing in the log fails no step; nor does one of its end, below.
        let _ = self.log.seek(SeekFrom::End(0)).and_then(|_| writeln!(self.log, "{line}"));
    }

    /// Shows the end of the log after a failure.
    pub(crate) fn print_tail(&mut self) {
        let _ = self.log.flush();
        let text = fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines[lines.len().saturating_sub(80)..] {
            println!("    {line}");
        }
        println!("    (whole log: {})", self.path.display());
    }

    /// Runs a command to its end: how it ended, unless it had to be stopped, and what it printed.
    pub(crate) fn try_run(
        &mut self,
        command: &mut Command,
    ) -> io::Result<(Option<ExitStatus>, String)> {
        writeln!(self.log, "$ {}", describe(command))?;
        let from = self.log.seek(SeekFrom::End(0))?;
        command
            .current_dir(root())
            .env("CARGO_TERM_COLOR", "never")
            .stdin(Stdio::null())
            .stdout(self.log.try_clone()?)
            .stderr(self.log.try_clone()?);
        let status = self.wait(&mut command.spawn()?)?;
        // The child shares the file offset; reading happens through a handle of its own.
        let mut log = File::open(&self.path)?;
        log.seek(SeekFrom::Start(from))?;
        let mut output = Vec::new();
        log.read_to_end(&mut output)?;
        Ok((status, String::from_utf8_lossy(&output).into_owned()))
    }

    fn wait(&self, child: &mut Child) -> io::Result<Option<ExitStatus>> {
        let started = Instant::now();
        let mut told = Instant::now();
        let live = io::stdout().is_terminal();
        let step = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if started.elapsed() > self.limit {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(50));
            if live && told.elapsed() > Duration::from_millis(500) {
                let took = self.began.elapsed().as_secs();
                print!("\r\x1b[K    {step}: {took:>4} s  {}", self.last_line());
                io::stdout().flush()?;
                told = Instant::now();
            } else if !live && told.elapsed() > HEARTBEAT {
                let took = self.began.elapsed().as_secs();
                println!("    {step}: {took:>4} s  {}", self.last_line());
                told = Instant::now();
            }
        };
        if live {
            print!("\r\x1b[K");
            io::stdout().flush()?;
        }
        Ok(status)
    }

    fn last_line(&self) -> String {
        let mut tail = Vec::new();
        if let Ok(mut log) = File::open(&self.path) {
            let len = log.metadata().map_or(0, |data| data.len());
            let _ = log.seek(SeekFrom::Start(len.saturating_sub(400)));
            let _ = log.read_to_end(&mut tail);
        }
        let text = String::from_utf8_lossy(&tail);
        text.trim_end().lines().last().unwrap_or_default().trim().chars().take(80).collect()
    }
}

/// `cargo` with arguments separated by blanks. A leading `+toolchain` works as on the command line.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments.split_whitespace());
    if strict() {
        // Nobody builds again after it: what an incremental build keeps is 3 of 8 GB.
        command.env("CARGO_INCREMENTAL", "0");
    }
    // What the cargo that runs this program has set for it is not meant for the cargo that it runs.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder for everything that is built.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

fn describe(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
