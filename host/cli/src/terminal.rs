//! Printing, for people and their terminals.
//!
//! Much of what a command prints was chosen by somebody else: patterns and imports of guests, names
//! of files, texts of errors. Everything goes through a [`Terminal`], which lets no control
//! character pass that could move the cursor. A text that is to be one line is also escaped where
//! it is put into the line, by [`escape_control`](snow_core::escape_control), since only there a
//! line break of its own can be told from one of the command's.
//!
//! A pipe that nobody reads takes some text and then no more. Commands that serve print on threads
//! that nobody waits for, so that they go on hearing signals.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::panic;
use std::sync::{Arc, mpsc};
use std::thread;

use crate::LOG_PATIENCE;
use snow_core::{EscapeStyle, Escaped, cut, error_chain, escape_lines};

/// Bytes of an error's text that are printed.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// A writer of text that escapes control characters, but for line breaks and tabs.
pub(crate) struct Terminal<W>(W);

/// Returns standard output as a terminal.
pub(crate) fn out() -> Terminal<io::Stdout> {
    Terminal(io::stdout())
}

/// Returns standard error as a terminal.
pub(crate) fn err() -> Terminal<io::Stderr> {
    Terminal(io::stderr())
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut escaped = String::with_capacity(text.len());
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                escaped.push('\n');
            }
            // Writing to a String can't fail.
            let _ =
                fmt::Write::write_str(&mut Escaped::new(&mut escaped, EscapeStyle::Lines), line);
        }
        self.0.write_all(escaped.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Prints why a command failed, on standard error. If nobody reads it, the process ends all the
/// same.
pub(crate) fn complain(error: &anyhow::Error) {
    let text = error_chain(error.as_ref());
    print(format!("error: {}\n", escape_lines(&cut(&text, ERROR_BYTES_MAX))));
}

/// Has panics printed in the same way: a thread that panics ends, and whoever waits for it learns of
/// it.
pub(crate) fn print_panics() {
    panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let name = thread.name().unwrap_or("<unnamed>");
        let backtrace = Backtrace::capture();
        let shown = match backtrace.status() {
            BacktraceStatus::Captured => format!("{info}\n{backtrace}"),
            _ => info.to_string(),
        };
        print(format!("thread '{name}' {}\n", escape_lines(&shown)));
    }));
}

/// Prints a text on standard error, and waits until it is printed, but not for long.
fn print(text: String) {
    // If it can't be written, there is no place left to report that.
    let print = |text: &str| drop(err().write_all(text.as_bytes()));
    let (text, (done, printed)) = (Arc::<str>::from(text), mpsc::channel());
    let of_thread = text.clone();
    let printing = thread::Builder::new().name("snow-print".into()).spawn(move || {
        print(&of_thread);
        let _ = done.send(());
    });
    match printing {
        Ok(_) => drop(printed.recv_timeout(LOG_PATIENCE)),
        Err(_) => print(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_breaks_and_tabs_pass() {
        let mut terminal = Terminal(Vec::new());
        terminal.write_all("a\x1b[2J\u{9b}\r\n\tb é\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(terminal.0).unwrap(), "a\\u{1b}[2J\\u{9b}\\r\n\tb é\n");
    }
}
