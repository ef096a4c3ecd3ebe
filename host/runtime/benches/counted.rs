//! Runs one operation a number of times, for `bench/instructions`, which counts the instructions.
//!
//! `counted NAME COUNT` runs an operation; `counted --list` prints the names.

mod operations;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [name, count] => {
            let count: u64 = count.parse().expect("COUNT is a number");
            let mut run = operations::prepare(name);
            (0..count).for_each(|_| run());
        }
        // `cargo bench` and `cargo test` run this too: it only prints a list, and measures nothing.
        _ => operations::ALL.iter().for_each(|(name, _)| println!("{name}")),
    }
}
