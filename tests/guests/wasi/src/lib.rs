//! A guest that uses Rust's standard library as if it were a program: it is built for wasm32-wasip1
//! and for wasm32-wasip2, whose standard library asks WASI for everything.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use snow_guest::prelude::*;

/// The order in which a map has its keys, which randomness decides.
#[route(GET, r"/order")]
fn order(_: Request) -> String {
    let map: HashMap<u32, ()> = (0..100).map(|key| (key, ())).collect();
    map.keys().map(|key| format!("{key} ")).collect()
}

/// The time of day, in milliseconds since 1970.
#[route(GET, r"/now")]
fn now(_: Request) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    since.as_millis().to_string()
}

/// Sleeps for `?ms=`, and says how long it was by the guest's own clock.
#[route(GET, r"/sleep")]
fn sleep(request: Request) -> String {
    let ms = request.query_param("ms").and_then(|ms| ms.parse().ok()).unwrap_or(0);
    let began = Instant::now();
    thread::sleep(Duration::from_millis(ms));
    began.elapsed().as_millis().to_string()
}

/// Writes lines to standard output and error, the last of which does not end.
#[route(GET, r"/print")]
fn print(_: Request) -> &'static str {
    println!("one line\nand another");
    eprintln!("something is wrong");
    print!("the end is missing");
    let _ = io::stdout().flush();
    "printed"
}

/// Its environment and its arguments.
#[route(GET, r"/environment")]
fn environment(_: Request) -> String {
    let variables: Vec<String> =
        env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    let arguments: Vec<String> = env::args().collect();
    format!("{}\n{}\n", variables.join(" "), arguments.join(" "))
}

/// What it gets of files, sockets and standard input: errors, and an end.
#[route(GET, r"/outside")]
fn outside(_: Request) -> String {
    let file = fs::read("/etc/passwd").map(|bytes| bytes.len());
    let socket = TcpStream::connect("127.0.0.1:1").map(|_| ());
    let mut text = String::new();
    let input = io::stdin().read_to_string(&mut text);
    format!("file {} socket {} input {input:?}", file.is_err(), socket.is_err())
}

/// Writes 100,000 lines.
#[route(GET, r"/flood")]
fn flood(_: Request) -> &'static str {
    for line in 0..100_000 {
        println!("line {line} of very many");
    }
    "written"
}

/// Keeps a megabyte for good.
#[route(GET, r"/grow")]
fn grow(_: Request) -> &'static str {
    vec![1u8; 1 << 20].leak();
    "grown"
}

/// Ends the program.
#[route(GET, r"/exit")]
fn exit(_: Request) -> &'static str {
    process::exit(3)
}

snow_guest::serve!(order, now, sleep, print, environment, outside, flood, grow, exit);
