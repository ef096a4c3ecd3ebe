use serde_json::json;

use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).unwrap()
    }
}

/// A writer that writes nothing before `gate` is dropped.
struct Gated {
    gate: mpsc::Receiver<()>,
    sink: Sink,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.gate.recv();
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts a log that writes nothing before the sender is dropped.
fn gated(limits: &Limits) -> (Log, mpsc::Sender<()>, Sink) {
    let ((go, gate), sink) = (mpsc::channel(), Sink::default());
    let to = Gated { gate, sink: sink.clone() };
    (Log::start(LogFormat::Text, limits, to).unwrap(), go, sink)
}

fn access(request: &str, guest: &str) -> Access {
    Access {
        request_id: RequestId::Given("r1".into()),
        client: "127.0.0.1:9".parse().unwrap(),
        request: request.into(),
        status: 200,
        guest: Some(guest.into()),
        took_ms: 3,
    }
}

fn logged(format: LogFormat, say: impl FnOnce(&Log)) -> String {
    let sink = Sink::default();
    let log = Log::start(format, &Limits::default(), sink.clone()).unwrap();
    say(&log);
    log.flush(Duration::from_secs(10));
    sink.text()
}

#[test]
fn nothing_a_guest_says_can_forge_a_line() {
    let text = logged(LogFormat::Text, |log| {
        log.guest(Level::Info, &"g".into(), &RequestId::made(1), "a\nerror forged\x1b[31m".into());
        log.host(Level::Error, "trap\nerror forged\r");
    });
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].ends_with(r"a\nerror forged\u{1b}[31m"), "{text}");
    assert!(lines[2].starts_with("    error forged"), "{text}");
}

#[test]
fn what_a_guest_says_is_written_as_it_is() {
    let said = r#"Error: can't read "a\b" (ä)"#;
    let text = logged(LogFormat::Text, |log| {
        log.guest(Level::Error, &"g".into(), &RequestId::made(1), said.into());
    });
    assert!(text.ends_with(&format!(" {said}\n")), "{text}");
}

#[test]
fn json_lines_are_json() {
    let text = logged(LogFormat::Json, |log| {
        log.access(access("GET /\"x", "hello"));
    });
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!((&line["status"], &line["request"]), (&json!(200), &json!("GET /\"x")));
}

/// Whatever a guest, a client or a file's name holds: a log has one line for each message, and
/// the further lines of a message are indented.
#[test]
fn no_text_gets_past_the_escapes() {
    const NASTY: &str = "a\nerror forged\r\x1b[2J\u{9b}\u{202e}\u{2028}\u{7f}\tb";
    for format in LogFormat::ALL {
        let text = logged(format, |log| {
            let name: Arc<str> = NASTY.into();
            log.access(access(NASTY, NASTY));
            log.guest(Level::Info, &name, &RequestId::Given(NASTY.into()), NASTY.into());
            log.host(Level::Error, NASTY);
        });
        let allowed = |c: char| c == '\n' || (c == '\t' && format == LogFormat::Text);
        assert!(!text.chars().any(|c| c.is_control() && !allowed(c)), "{text:?}");
        assert!(!text.contains(['\u{202e}', '\u{2028}']), "{text:?}");
        let messages = text.lines().filter(|line| !line.starts_with("    "));
        assert_eq!(messages.count(), 3, "{text:?}");
    }
    let text = logged(LogFormat::Json, |log| log.host(Level::Info, NASTY));
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(line["message"], NASTY, "programs read what was said");
}

#[test]
fn a_full_queue_drops_and_says_so() {
    let (log, go, sink) = gated(&Limits { log_lines_max: 2, ..Limits::default() });
    for n in 0..100 {
        log.host(Level::Info, format!("line {n}"));
    }
    assert_eq!(log.dropped(), 98);
    drop(go);
    log.flush(Duration::from_secs(10));
    log.host(Level::Info, "after");
    log.flush(Duration::from_secs(10));
    let text = sink.text();
    assert!(text.contains("98 log lines were dropped"), "{text}");
    assert!(text.contains("line 1\n") && text.contains("after"), "{text}");
}

/// Lines of all kinds, whether they wait or the writer has taken them.
#[test]
fn the_queue_is_bounded_in_bytes() {
    let limits = Limits { log_bytes_max: 100_000, ..Limits::default() };
    let (log, go, sink) = gated(&limits);
    let long = "x".repeat(10_000);
    for _ in 0..10 {
        log.host(Level::Info, long.as_str());
        log.guest(Level::Info, &"g".into(), &RequestId::made(1), long.clone());
        log.access(access(&long, "g"));
    }
    let kept = 30 - log.dropped();
    assert!((8..10).contains(&kept), "{kept} lines were kept");
    assert!(lock(&log.0.queue.waiting).unwritten.bytes <= limits.log_bytes_max);
    drop(go);
    log.flush(Duration::from_secs(10));
    log.host(Level::Info, "there is room again");
    log.flush(Duration::from_secs(10));
    assert_eq!(lock(&log.0.queue.waiting).unwritten, Size::default());
    assert!(sink.text().contains("there is room again"));
}

#[test]
fn a_message_takes_no_more_memory_than_it_needs() {
    let (log, go, sink) = gated(&Limits::default());
    let mut message = String::with_capacity(1 << 20);
    message.push_str("short");
    log.host(Level::Info, message);
    log.host(Level::Info, "y".repeat(1 << 20));
    let bytes = lock(&log.0.queue.waiting).unwritten.bytes;
    assert!(bytes < MESSAGE_BYTES_MAX + 1_000, "{bytes}");
    drop(go);
    log.flush(Duration::from_secs(10));
    assert!(sink.text().ends_with("yy…\n"));
}
