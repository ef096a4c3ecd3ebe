//! Equal fetches: one is sent for all.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snow_runtime::{FetchCode, OperationId, Outside, Settlement};

use super::lab::{Lab, PATIENCE, Server, Shared, end_of, ok, shared_end_of};

/// A server that says that it was asked, and answers when it is told to, with these bytes.
fn held(bytes: &str) -> (Server, Receiver<()>, Sender<()>) {
    let (asked, was_asked) = channel();
    let (answer, may_answer) = channel::<()>();
    let (bytes, may_answer) = (bytes.to_owned(), Mutex::new(may_answer));
    let server = Server::new(move |stream, _| {
        asked.send(()).is_ok()
            && may_answer.lock().unwrap().recv().is_ok()
            && stream.write_all(bytes.as_bytes()).is_ok()
    });
    (server, was_asked, answer)
}

fn lab(key: &str) -> Lab {
    let mut lab = Lab::local();
    lab.options.collapse = Some(key.to_owned());
    lab
}

fn started(lab: &Lab, url: &str, count: usize) -> Vec<(OperationId, Receiver<Shared>)> {
    (0..count).map(|_| lab.start("guest", url)).collect()
}

fn requests(server: &Server) -> usize {
    server.heads.lock().unwrap().len()
}

#[test]
fn one_request_answers_all_and_they_share_its_bytes() {
    let (server, was_asked, answer) = held(&ok("x"));
    let lab = lab("stock");
    let all = started(&lab, &server.url("/"), 100);
    was_asked.recv().unwrap();
    assert_eq!(lab.egress.under_way().0, 1, "the others take no place");
    answer.send(()).unwrap();
    let ends: Vec<_> = all.iter().map(|(_, end)| shared_end_of(end).unwrap()).collect();
    assert!(ends.iter().all(|end| end.is(&ends[0])));
    assert_eq!(requests(&server), 1);
    let counts = lab.egress.counts();
    assert_eq!((counts.started.get(), counts.collapsed.get(), counts.answered.get()), (1, 99, 1));
    assert_eq!(lab.egress.under_way(), (0, 0));

    // It is over, so the next one is sent.
    answer.send(()).unwrap();
    assert_eq!(lab.fetch(&server.url("/")).unwrap().body, b"x");
    assert_eq!(requests(&server), 2);
}

#[test]
fn the_request_goes_on_as_long_as_anybody_waits() {
    let (server, was_asked, answer) = held(&ok("x"));
    let lab = lab("stock");
    let all = started(&lab, &server.url("/"), 3);
    was_asked.recv().unwrap();
    lab.egress.cancel(all[0].0);
    lab.egress.cancel(all[2].0);
    assert_eq!(lab.egress.under_way().0, 1);
    answer.send(()).unwrap();
    assert_eq!(end_of(&all[1].1).unwrap().body, b"x");
    assert!(all[0].1.recv_timeout(Duration::ZERO).is_err(), "it was cancelled");
    assert_eq!(lab.egress.counts().cancelled.get(), 0);

    // The last one takes it along.
    let all = started(&lab, &server.url("/"), 2);
    was_asked.recv().unwrap();
    all.iter().for_each(|(operation, _)| lab.egress.cancel(*operation));
    assert_eq!(lab.egress.under_way().0, 0);
    assert_eq!(lab.egress.counts().cancelled.get(), 1);
    // And nobody joins what was given up.
    let next = lab.start("guest", &server.url("/"));
    was_asked.recv().unwrap();
    answer.send(()).unwrap();
    // The server has one word for each request, given up or not.
    answer.send(()).unwrap();
    assert_eq!(end_of(&next.1).unwrap().body, b"x");
}

#[test]
fn each_has_its_own_time() {
    let (server, was_asked, answer) = held(&ok("x"));
    let mut lab = lab("stock");
    lab.options.timeout_ms = Some(30);
    let impatient = lab.start("guest", &server.url("/"));
    lab.options.timeout_ms = Some(60_000);
    let patient = lab.start("guest", &server.url("/"));
    was_asked.recv().unwrap();
    let failure = end_of(&impatient.1).unwrap_err();
    assert_eq!(failure.code, FetchCode::Timeout);
    assert!(failure.message.contains("30 ms"), "{failure}");
    answer.send(()).unwrap();
    assert_eq!(end_of(&patient.1).unwrap().body, b"x");
    assert_eq!(requests(&server), 1);

    // When the last one has no time any more, the request is given up.
    lab.options.timeout_ms = Some(30);
    assert_eq!(lab.failure(&server.url("/")).0, "timeout");
    assert_eq!(lab.egress.under_way().0, 0);
}

#[test]
fn one_that_hangs_is_joined_by_nobody_who_has_less_time() {
    let (hangs, hangs_was_asked, answer_late) = held(&ok("late"));
    let (healthy, was_asked, answer) = held(&ok("healthy"));
    let mut lab = lab("stock");
    lab.options.timeout_ms = Some(60_000);
    let leader = lab.start("guest", &hangs.url("/"));
    lab.options.timeout_ms = Some(100);
    assert_eq!(lab.failure(&healthy.url("/")).0, "timeout");
    hangs_was_asked.recv().unwrap();
    assert_eq!(requests(&healthy), 0, "it has joined");

    // The request is older than this one's time now.
    let impatient = lab.start("guest", &healthy.url("/"));
    lab.options.timeout_ms = Some(60_000);
    let patient = lab.start("guest", &healthy.url("/"));
    was_asked.recv_timeout(PATIENCE).expect("another one is sent");
    assert_eq!(end_of(&impatient.1).unwrap_err().code, FetchCode::Timeout);
    // The end of the old one leaves the new one in its place.
    answer_late.send(()).unwrap();
    assert_eq!(end_of(&leader.1).unwrap().body, b"late");
    let later = lab.start("guest", &healthy.url("/"));
    // A word more, if the impatient one was given up before the patient one could join it.
    answer.send(()).unwrap();
    answer.send(()).unwrap();
    let [patient, later] = [patient, later].map(|(_, end)| shared_end_of(&end).unwrap());
    let Settlement::Response(response) = &*patient else { panic!("{patient:?}") };
    assert!(response.body == b"healthy" && later.is(&patient));
    assert_eq!(requests(&hangs), 1);
    assert_eq!(lab.egress.under_way(), (0, 0));
}

#[test]
fn a_failure_is_everybody_s() {
    let (server, was_asked, answer) = held("no answer at all\r\n\r\n");
    let lab = lab("stock");
    let all = started(&lab, &server.url("/"), 10);
    was_asked.recv().unwrap();
    answer.send(()).unwrap();
    for (_, end) in &all {
        assert_eq!(end_of(end).unwrap_err().code, FetchCode::Protocol);
    }
    assert_eq!(requests(&server), 1);
    let failed: u64 = lab.egress.counts().failed.iter().map(|count| count.get()).sum();
    assert_eq!(failed, 1);
}

#[test]
fn another_text_another_guest_and_other_rules_are_not_equal() {
    let (server, was_asked, answer) = held(&ok("x"));
    let mut lab = lab("a");
    let mut all = vec![lab.start("guest", &server.url("/")), lab.start("other", &server.url("/"))];
    lab.options.collapse = Some("b".to_owned());
    all.push(lab.start("guest", &server.url("/")));
    lab.allow(&["http://127.0.0.1:*", "https://a.example"]);
    all.push(lab.start("guest", &server.url("/")));
    lab.options.collapse = None;
    all.push(lab.start("guest", &server.url("/")));
    for _ in &all {
        was_asked.recv().unwrap();
        answer.send(()).unwrap();
    }
    assert!(all.iter().all(|(_, end)| end_of(end).is_ok()));
    assert_eq!(requests(&server), 5);
}

#[test]
fn what_is_not_allowed_is_not_shared() {
    let (server, was_asked, answer) = held(&ok("x"));
    let mut lab = lab("stock");
    let first = lab.start("guest", &server.url("/"));
    was_asked.recv().unwrap();
    lab.allow(&[]);
    assert_eq!(lab.failure(&server.url("/")).0, "denied");
    answer.send(()).unwrap();
    assert!(end_of(&first.1).is_ok());
}

#[test]
fn so_many_share_and_the_rest_is_refused() {
    let (server, was_asked, answer) = held(&ok("x"));
    let mut lab = lab("stock");
    lab.limits.fetch_sharers_max = 2;
    let all = started(&lab, &server.url("/"), 2);
    was_asked.recv().unwrap();
    let (code, message) = lab.failure(&server.url("/"));
    assert!(code == "overloaded" && message.contains("fetch_sharers_max"), "{message}");
    // One that leaves makes room.
    lab.egress.cancel(all[0].0);
    let third = lab.start("guest", &server.url("/"));
    answer.send(()).unwrap();
    assert!(end_of(&third.1).is_ok() && end_of(&all[1].1).is_ok());
}

#[test]
fn threads_that_come_and_go_at_once_leave_nothing_behind() {
    let server = Server::saying(ok("x"));
    let lab = Arc::new(lab("stock"));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (lab, url) = (lab.clone(), server.url("/"));
            scope.spawn(move || {
                for number in 0..500 {
                    let (operation, end) = lab.start("guest", &url);
                    if (number + thread) % 3 == 0 {
                        lab.egress.cancel(operation);
                    } else {
                        assert_eq!(end_of(&end).unwrap().body, b"x");
                    }
                }
            });
        }
    });
    // The bytes of one that is cancelled are free once the thread has looked at it: before it
    // answers one that was begun later.
    assert_eq!(lab.fetch(&server.url("/")).unwrap().body, b"x");
    assert_eq!(lab.egress.under_way(), (0, 0));
    let counts = lab.egress.counts();
    assert_eq!(counts.started.get(), counts.answered.get() + counts.cancelled.get());
    assert_eq!(counts.started.get() + counts.collapsed.get(), 2_001);
}
