//! Clients that want more than their part, one kind a test: they pipeline, send half of a body, read
//! slowly or not at all, half-close, or come while the listener closes.

mod stage;

use snow_config::{HalfClose, Limits};
use snow_worker::Message;

use self::stage::{BIG_BYTES, Stage, TURN, WIDE, get, post};

#[test]
fn a_client_that_pipelines_has_one_helping_a_turn() {
    let mut stage = Stage::new(Limits::default());
    let (greedy, other) = (stage.connect(WIDE), stage.connect(WIDE));
    stage.send(greedy, get("/nothing").repeat(5_000));
    stage.send(other, get("/hello"));
    let mut answered = 0;
    for turn in 0.. {
        let goes_on = stage.turn();
        let now = stage.answers(greedy);
        let most = TURN.client_requests_max;
        assert!(now - answered <= most, "{} answers in turn {turn}", now - answered);
        assert_eq!(stage.answers(other), 1, "in the first turn");
        answered = now;
        if !goes_on {
            break;
        }
    }
    assert_eq!(answered, 5_000);
}

/// A call has answered in this turn, and the client has sent more already.
#[test]
fn nothing_is_parsed_after_calls_have_run() {
    let mut stage = Stage::new(Limits::default());
    let wire = stage.connect(WIDE);
    stage.send(wire, get("/hello") + &get("/nothing").repeat(10));
    stage.turn();
    assert_eq!(stage.answers(wire), 1);
    stage.turn();
    assert_eq!(stage.answers(wire), 11);
}

#[test]
fn whoever_asks_beside_many_that_pipeline_waits_for_one_round() {
    let mut stage = Stage::new(Limits::default());
    let greedy: Vec<usize> = (0..200).map(|_| stage.connect(WIDE)).collect();
    for &wire in &greedy {
        stage.send(wire, get("/nothing").repeat(2_000));
    }
    // Until all of them are in the middle of it.
    while greedy.iter().any(|&wire| stage.answers(wire) == 0) {
        assert!(stage.turn());
    }
    let other = stage.connect(WIDE);
    stage.send(other, get("/hello"));
    let round = (200 * TURN.client_requests_max).div_ceil(TURN.requests_max);
    let mut turns = 0;
    while stage.answers(other) == 0 {
        assert!(stage.turn());
        turns += 1;
    }
    assert!(turns <= round + 2, "{turns} turns, of {round} a round");
    // And nobody is forgotten.
    stage.turns();
    assert!(greedy.iter().all(|&wire| stage.answers(wire) == 2_000));
}

/// Each time that a sender's bytes are read, more of them arrive.
#[test]
fn whoever_asks_beside_many_that_send_bodies_does_not_wait_for_them() {
    let mut stage = Stage::new(Limits::default());
    let senders: Vec<usize> = (0..100).map(|_| stage.connect(WIDE)).collect();
    senders.iter().for_each(|&wire| stage.send(wire, post(2_000_000)));
    let other = stage.connect(WIDE);
    for round in 0..25 {
        senders.iter().for_each(|&wire| stage.send(wire, [b'x'; 32_768]));
        stage.send(other, get("/hello"));
        stage.turn();
        // In the first round, nobody is known yet.
        assert!(round == 0 || stage.answers(other) == 1, "round {round}");
        stage.turns();
        stage.receive(other, WIDE);
    }
}

/// Clients whose long answers are under way once used up all that a turn may write, and each short
/// answer stood in line behind theirs: for seconds, with thousands of them.
#[test]
fn whoever_asks_beside_many_with_long_answers_does_not_wait_for_them() {
    let mut stage = Stage::new(Limits::default());
    let readers: Vec<usize> = (0..20).map(|_| stage.connect(WIDE)).collect();
    readers.iter().for_each(|&wire| stage.send(wire, get("/big")));
    stage.turn();
    stage.turn();
    let others: Vec<usize> = (0..3).map(|_| stage.connect(WIDE)).collect();
    for round in 0..10 {
        others.iter().for_each(|&wire| stage.send(wire, get("/hello")));
        // One turn, or another one if calls of the guest have to wait for a slice.
        for _ in 0..2 {
            stage.turn();
        }
        for &other in &others {
            assert_eq!(stage.answers(other), 1, "round {round}");
            stage.receive(other, WIDE);
        }
    }
    let are_under_way = readers.iter().all(|&wire| stage.answers(wire) == 1)
        && stage.office.stats[0].sent_bytes.get() < 20 * BIG_BYTES as u64;
    assert!(are_under_way, "else this shows nothing");
    stage.turns();
    assert!(readers.iter().all(|&wire| stage.receive(wire, WIDE).len() > BIG_BYTES));
}

/// A guest that many asked at once once left every socket unread, and so another guest's too.
#[test]
fn whoever_asks_beside_a_crowd_that_asks_another_guest_does_not_wait_for_it() {
    let mut stage = Stage::new(Limits::default());
    let crowd: Vec<usize> = (0..2_000).map(|_| stage.connect(WIDE)).collect();
    let other = stage.connect(WIDE);
    stage.turns();
    stage.call_us.set(100);
    crowd.iter().for_each(|&wire| stage.send(wire, get("/hello")));
    let mut answered = vec![0_usize; crowd.len()];
    let mut waited = Vec::new();
    // The simulated kernel takes many turns to report all of the crowd.
    for turn in 0..1_000 {
        if turn >= 300 && (stage.answers(other) == 1 || turn == 300) {
            waited.push(turn);
            stage.receive(other, WIDE);
            stage.send(other, get("/neighbour"));
        }
        assert!(stage.turn());
        for (&wire, answered) in crowd.iter().zip(&mut answered) {
            if stage.answers(wire) > 0 {
                assert!(stage.receive(wire, WIDE).starts_with("HTTP/1.1 200 "));
                *answered += 1;
                stage.send(wire, get("/hello"));
            }
        }
    }
    let (answers, least) = (waited.len(), answered.iter().min());
    let longest = waited.windows(2).map(|turns| turns[1] - turns[0]).max();
    assert!(answers > 300 && longest < Some(10), "{answers} answers, one after {longest:?} turns");
    assert!(least >= Some(&3), "each of the crowd has its turn: {least:?}");
    stage.turns();
    let is_answered = |&wire: &usize| stage.receive(wire, WIDE).starts_with("HTTP/1.1 200 ");
    assert!(crowd.iter().all(is_answered), "nobody is told that there is no room");
}

/// Those who left while their requests were put off are not called for.
#[test]
fn a_crowd_that_comes_and_goes_leaves_nothing_behind() {
    let mut stage = Stage::new(Limits::default());
    let stats = stage.office.stats[0].clone();
    for _ in 0..5 {
        let crowd: Vec<usize> = (0..1_000).map(|_| stage.connect(WIDE)).collect();
        for _ in 0..16 {
            stage.turn();
        }
        crowd.iter().for_each(|&wire| stage.send(wire, get("/hello")));
        stage.turn();
        crowd.iter().for_each(|&wire| stage.network.borrow_mut().send_reset(wire));
        stage.turns();
    }
    assert_eq!((stage.worker.held().clients, stats.input_bytes.get()), (0, 0));
    assert!(stats.answered.get() <= 5 * 3 * TURN.starts_max as u64, "{:?}", stats.answered);
}

/// A drain that is over refuses them.
#[test]
fn requests_that_are_put_off_are_refused_when_a_drain_closes() {
    let mut stage = Stage::new(Limits { drain_ms: 100, ..Limits::default() });
    let crowd: Vec<usize> = (0..1_000).map(|_| stage.connect(WIDE)).collect();
    stage.turns();
    crowd.iter().for_each(|&wire| stage.send(wire, get("/hello")));
    stage.turn();
    let until_ms = stage.network.borrow().now_ms();
    stage.office.mailboxes[0].send(Message::Drain { until_ms });
    stage.turns();
    let answers: Vec<String> = crowd.iter().map(|&wire| stage.receive(wire, WIDE)).collect();
    let of = |status: &str| answers.iter().filter(|answer| answer.starts_with(status)).count();
    let (served, refused) = (of("HTTP/1.1 200 "), of("HTTP/1.1 503 "));
    assert!(served + refused == 1_000 && refused > 500, "{served} served, {refused} refused");
}

#[test]
fn reading_and_writing_are_bounded_in_a_turn() {
    let mut stage = Stage::new(Limits::default());
    let senders: Vec<usize> = (0..100).map(|_| stage.connect(WIDE)).collect();
    let readers: Vec<usize> = (0..2).map(|_| stage.connect(WIDE)).collect();
    for &wire in &senders {
        stage.send(wire, post(200_000));
        stage.send(wire, vec![b'x'; 200_000]);
    }
    readers.iter().for_each(|&wire| stage.send(wire, get("/big")));
    let stats = stage.office.stats[0].clone();
    let counts = || (stats.received_bytes.get() as usize, stats.sent_bytes.get() as usize);
    loop {
        let before = counts();
        if !stage.turn() {
            break;
        }
        let after = counts();
        let (read, written) = (after.0 - before.0, after.1 - before.1);
        assert!(read <= TURN.read_bytes_max + 65_536, "{read} bytes were read");
        let most = TURN.written_bytes_max / 2 * 3;
        assert!(written <= most, "{written} bytes were written");
    }
    assert!(senders.iter().all(|&wire| stage.receive(wire, WIDE).ends_with("200000")));
    assert!(readers.iter().all(|&wire| stage.receive(wire, WIDE).len() > BIG_BYTES));
}

/// The kernel reports room only once a third of its buffer is free.
#[test]
fn a_client_that_reads_slowly_gets_all_of_its_answer() {
    let mut stage = Stage::new(Limits::default());
    let reader = stage.connect(4 << 20);
    stage.send(reader, get("/big"));
    let mut read = String::new();
    while read.len() < BIG_BYTES {
        stage.wait(1_000);
        // What is left then is with the kernel, which delivers it also when the host has closed.
        let is_written = read.len() + (4 << 20) >= BIG_BYTES;
        assert!(is_written || !stage.is_closed(reader), "cut off after {} bytes", read.len());
        read += &stage.receive(reader, 20_000);
    }
    assert!(read.ends_with("xxx"));
    assert_eq!(stage.office.stats[0].cut.get(), 0);
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_counted() {
    let mut stage = Stage::new(Limits::default());
    let reader = stage.connect(4 << 20);
    stage.send(reader, get("/big"));
    stage.wait(29_999);
    assert!(!stage.is_closed(reader));
    stage.wait(1);
    assert!(stage.is_closed(reader));
    assert_eq!(stage.office.stats[0].cut.get(), 1);
    assert_eq!(stage.office.stats[0].output_bytes.get(), 0);
}

#[test]
fn unfinished_requests_take_no_more_memory_than_they_may() {
    let limits = Limits { worker_input_bytes_max: 1_000_100, ..Limits::default() };
    let mut stage = Stage::new(limits);
    let senders: Vec<usize> = (0..40).map(|_| stage.connect(WIDE)).collect();
    for &wire in &senders {
        stage.send(wire, post(50_001));
        stage.send(wire, vec![b'x'; 50_000]);
        stage.turns();
    }
    let stats = stage.office.stats[0].clone();
    assert_eq!((stats.input_bytes.get(), stats.refused_input.get()), (1_000_000, 20));
    let refused =
        |stage: &Stage, wire: usize| stage.receive(wire, WIDE).contains("503 Service Unavailable");
    assert_eq!(senders.iter().filter(|&&wire| refused(&stage, wire)).count(), 20);
    // The others are served, and then there is room again.
    senders.iter().for_each(|&wire| stage.send(wire, "x"));
    stage.turns();
    let served = |wire: usize| stage.receive(wire, WIDE).ends_with("50001");
    assert_eq!(senders.iter().filter(|&&wire| served(wire)).count(), 20);
    assert_eq!(stats.input_bytes.get(), 0);
    let next = stage.connect(WIDE);
    stage.send(next, post(50_000));
    stage.send(next, vec![b'x'; 50_000]);
    stage.turns();
    assert!(stage.receive(next, WIDE).ends_with("50000"));
}

#[test]
fn answers_take_no_more_memory_than_they_may() {
    let limits = Limits { worker_output_bytes_max: 3 * BIG_BYTES, ..Limits::default() };
    let mut stage = Stage::new(limits);
    let readers: Vec<usize> = (0..6).map(|_| stage.connect(1_000)).collect();
    for &wire in &readers {
        stage.send(wire, get("/big"));
        stage.turns();
    }
    let stats = stage.office.stats[0].clone();
    assert!(stats.output_bytes.get() <= (3 * BIG_BYTES) as u64, "{:?}", stats.output_bytes);
    assert_eq!(stats.refused_output.get(), 3);
    let told: Vec<bool> =
        readers.iter().map(|&wire| stage.receive(wire, WIDE).contains("retry-after: 1")).collect();
    assert_eq!(told, [false, false, false, true, true, true]);
    // Those that read get the rest, and then there is room again.
    while stats.output_bytes.get() > 0 {
        readers.iter().for_each(|&wire| drop(stage.receive(wire, WIDE)));
        stage.turns();
    }
    let next = stage.connect(WIDE);
    stage.send(next, get("/big"));
    stage.turns();
    assert!(stage.receive(next, WIDE).ends_with("xxx"));
}

#[test]
fn a_half_close_means_what_the_deployer_says() {
    for half_close in HalfClose::ALL {
        let mut stage = Stage::new(Limits { half_close, ..Limits::default() });
        let waits = half_close == HalfClose::Waits;
        let mut wires = Vec::new();
        for _ in 0..2 {
            let wire = stage.connect(WIDE);
            wires.push(wire);
            stage.send(wire, get("/hold"));
            stage.turns();
            stage.network.borrow_mut().send_fin(wire);
            stage.wait(100_000);
            assert_eq!(stage.is_closed(wire), !waits);
        }
        if !waits {
            continue;
        }
        // A reset still ends it.
        stage.network.borrow_mut().send_reset(wires[1]);
        stage.turns();
        assert!(stage.is_closed(wires[1]));
        assert_eq!(stage.worker.held().suspensions, 1);
        stage.settle();
        stage.turns();
        let answer = stage.receive(wires[0], WIDE);
        assert!(answer.contains("connection: close") && answer.ends_with("settled"), "{answer}");
        assert!(stage.is_closed(wires[0]));
    }
}

#[test]
fn a_drain_accepts_over_several_turns_and_comes_to_an_end() {
    let mut stage = Stage::new(Limits { drain_ms: 100, ..Limits::default() });
    let stats = stage.office.stats[0].clone();
    let waiting: Vec<usize> = (0..1_000).map(|_| stage.connect(WIDE)).collect();
    waiting.iter().for_each(|&wire| stage.send(wire, get("/hello")));
    let until_ms = stage.network.borrow().now_ms() + 1_000;
    stage.office.mailboxes[0].send(Message::Drain { until_ms });
    let mut accepted = 0;
    while stage.turn() {
        let now = stats.accepted.get() as usize;
        // A turn accepts what has come, and when it learns of the drain some of what is left.
        assert!(now - accepted <= 2 * TURN.accepts_max, "{} in a turn", now - accepted);
        accepted = now;
    }
    assert_eq!(accepted, 1_000);
    assert!(waiting.iter().all(|&wire| stage.receive(wire, WIDE).ends_with("hello")));

    // Clients that come on and on do not keep the listener open.
    let mut stage = Stage::new(Limits::default());
    stage.network.borrow_mut().may_refuse = true;
    stage.office.mailboxes[0].send(Message::Drain { until_ms });
    let mut turns = 0;
    while !stage.network.borrow().is_listener_closed(0) {
        for _ in 0..TURN.accepts_max {
            stage.connect(WIDE);
        }
        stage.turn();
        turns += 1;
    }
    assert!(turns <= TURN.last_accepts_max / TURN.accepts_max + 2, "{turns}");
}
