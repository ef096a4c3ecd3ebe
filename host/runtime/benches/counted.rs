//! Runs one operation a number of times, for a tool that counts instructions: see `bench/instructions`.
//!
//! `counted --list` prints the names; `counted NAME COUNT` runs one.

mod operations;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [name, count] => {
            let count: u64 = count.parse().expect("COUNT is a number");
            let mut run = operations::prepare(name);
            (0..count).for_each(|_| run());
        }
        // Also what `cargo bench` and `cargo test` do: it is a list, not a measurement.
        _ => operations::ALL.iter().for_each(|(name, _)| println!("{name}")),
    }
}
