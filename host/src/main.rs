//! The program: see [`snow_host::cli`].

use std::process::ExitCode;

/// Not the system's allocator: a wave of held requests has to leave nothing behind (how soon free pages go back is set in
/// `.cargo/config.toml`), and a call's few larger blocks are had without a search.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    snow_host::cli::main()
}
