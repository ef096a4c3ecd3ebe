//! Times single operations: `cargo bench --package snow-runtime --bench micro`.

mod operations;

fn main() {
    divan::main();
}

#[divan::bench(args = operations::ALL.map(|(name, _)| name))]
fn operation(bencher: divan::Bencher, name: &str) {
    bencher.bench_local(operations::prepare(name));
}
