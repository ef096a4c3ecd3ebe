//! Pipes, raced: neither side sleeps while the other has done what it waits for.

use std::sync::Arc;
use std::task::Context;

use loom::thread;
use snow_core::{Ending, Pipe, Taken};
use snow_races::{Bell, in_every_order};

/// Adds a piece once there is room, as a future does that sleeps in between.
fn write(pipe: &Pipe<&'static str>, piece: &'static str) {
    let bell = Arc::new(Bell::default());
    let waker = bell.clone().into();
    while pipe.poll_room(&mut Context::from_waker(&waker)).is_pending() {
        bell.wait();
    }
    pipe.push(piece);
}

/// Takes all pieces, and sleeps in between. If a side were not told, no thread could go on, which
/// loom reports as a deadlock.
fn read(pipe: &Pipe<&'static str>) -> (Vec<&'static str>, Ending) {
    let bell = Arc::new(Bell::default());
    let rung = bell.clone();
    pipe.read(move || rung.ring());
    let mut taken = Vec::new();
    loop {
        match pipe.take() {
            Taken::Piece(piece) => taken.push(piece),
            Taken::End(ending) => return (taken, ending),
            Taken::Nothing => bell.wait(),
        }
    }
}

#[test]
fn all_that_is_written_is_read_in_order() {
    in_every_order(|| {
        // Room for one piece.
        let pipe = Arc::new(Pipe::new(1));
        let theirs = pipe.clone();
        let writer = thread::spawn(move || {
            write(&theirs, "one");
            write(&theirs, "two");
            theirs.end(Ending::Whole);
        });
        assert_eq!(read(&pipe), (vec!["one", "two"], Ending::Whole));
        writer.join().unwrap();
    });
}

#[test]
fn a_reader_that_comes_late_finds_all_of_it() {
    in_every_order(|| {
        let pipe = Arc::new(Pipe::new(100));
        let theirs = pipe.clone();
        let writer = thread::spawn(move || {
            write(&theirs, "one");
            theirs.end(Ending::Cut);
        });
        assert_eq!(read(&pipe), (vec!["one"], Ending::Cut));
        writer.join().unwrap();
    });
}
