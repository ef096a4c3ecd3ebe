//! What the system allows a process, and what one costs.

use std::fs;

use super::server::Server;

/// How many files and connections this process may have open, and a server that it starts.
pub fn open_files_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("Linux says what is allowed");
    let open_files =
        limits.lines().find(|line| line.starts_with("Max open files")).expect("and of files too");
    open_files.split_whitespace().nth(3).and_then(|number| number.parse().ok()).unwrap_or(1024)
}

/// What a server has that no file backs, in bytes: its heap, its stacks, its instances.
pub fn user_memory_bytes(server: &Server) -> usize {
    let status =
        fs::read_to_string(format!("/proc/{}/status", server.id())).expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("since 4.5");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}
