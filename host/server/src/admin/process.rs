//! What the system knows of this process, from `/proc`. Each function returns `None` if it can't be
//! read.

use std::fs;

/// Ticks of processor time in a second, as `/proc` counts them on every Linux (USER_HZ).
const TICKS_PER_S: f64 = 100.0;

/// Returns the memory in use, in bytes.
pub fn resident_bytes() -> Option<u64> {
    status_kb("VmRSS:").map(|kb| kb * 1024)
}

/// Returns the processor time that all threads have used, in seconds.
pub fn cpu_s() -> Option<f64> {
    parse_cpu(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Returns the number of open files and sockets.
pub fn open_files() -> Option<u64> {
    // Since Linux 6.2 the folder's size is their number. Before, it is 0, and they are counted,
    // which takes longer the more there are.
    match fs::metadata("/proc/self/fd").ok()?.len() {
        0 => Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64),
        count => Some(count),
    }
}

fn status_kb(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn parse_cpu(stat: &str) -> Option<f64> {
    // The program's name, the second field, may hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut ticks = rest.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks.next()??, ticks.next()??);
    Some((user + system) as f64 / TICKS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 10 0 0 0 150 50 0 0 20 0 5 0 100 1 1";
        assert_eq!(parse_cpu(stat), Some(2.0));
        assert_eq!(parse_cpu("7 (a) S 1"), None);
        assert_eq!(parse_cpu(""), None);
    }

    #[test]
    fn this_process_has_memory_and_files() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 100_000));
        assert!(open_files().is_some_and(|count| (3..100_000).contains(&count)));
        assert!(cpu_s().is_some());
    }
}
