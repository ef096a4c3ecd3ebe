use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::*;

/// A folder for one test, removed when it goes out of scope.
pub(in crate::load) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::load) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(in crate::load) fn scratch() -> Scratch {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    let path = std::env::temp_dir().join(format!("snow-cache-test-{}", hex(&bytes)));
    fs::create_dir(&path).unwrap();
    Scratch(path)
}

fn cache(scratch: &Scratch, bytes_max: u64) -> Cache {
    Cache::open(&scratch.path().join("cache"), "engine", bytes_max, InUse::default()).unwrap()
}

/// What is written of some bytes of code.
fn written(code: &[u8]) -> Written {
    Written { component_bytes: 7, code: CodeHash::of(code) }
}

fn keep(cache: &Cache, content: u8, bytes: usize) -> Arc<str> {
    let (draft, code) = (cache.folder().draft().unwrap(), vec![content; bytes]);
    draft.file().write_all(&code).unwrap();
    cache.keep(draft, &ContentHash([content; 32]), written(&code)).unwrap()
}

fn is_there(cache: &Cache, content: u8) -> bool {
    cache.find(&ContentHash([content; 32]), None).is_some()
}

fn used(cache: &Cache, name: &str, ago: Duration) {
    let file = fs::File::open(cache.folder().path().join(name)).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn what_is_kept_is_found() {
    let scratch = scratch();
    let cache = cache(&scratch, 1 << 20);
    assert!(!is_there(&cache, 1));
    keep(&cache, 1, 100);
    let by_search = cache.find(&ContentHash([1; 32]), None).unwrap();
    assert_eq!(by_search.code.read().unwrap(), [1; 100]);
    assert_eq!(by_search.written, written(&[1; 100]));
    assert!(cache.find(&ContentHash([1; 32]), Some(written(&[1; 100]))).is_some());
    assert!(cache.find(&ContentHash([1; 32]), Some(written(&[1; 99]))).is_none());
    assert!(!is_there(&cache, 2));
    let other = Cache::open(cache.folder().path(), "other", 1 << 20, InUse::default()).unwrap();
    assert!(!is_there(&other, 1), "another engine's code is not found");
    cache.discard(&by_search).unwrap();
    assert!(!is_there(&cache, 1));
    cache.discard(&by_search).unwrap();
}

#[test]
fn the_least_recently_used_go_first() {
    let scratch = scratch();
    let cache = cache(&scratch, 30_000);
    for content in 1..=3 {
        let name = keep(&cache, content, 10_000);
        used(&cache, &name, HOUR * (10 - u32::from(content)));
    }
    assert!((1..=3).all(|content| {
        cache.folder().names().unwrap().iter().any(|n| n.starts_with(&hex(&[content; 32])))
    }));
    // The first file is used again, so the second one goes first.
    drop(cache.find(&ContentHash([1; 32]), None));
    keep(&cache, 4, 10_000);
    assert_eq!([1, 2, 3, 4].map(|content| is_there(&cache, content)), [true, false, true, true]);
}

#[test]
fn what_is_in_use_stays() {
    let scratch = scratch();
    let cache = cache(&scratch, 15_000);
    let first = keep(&cache, 1, 10_000);
    used(&cache, &first, HOUR * 9);
    let second = keep(&cache, 2, 10_000);
    assert!(is_there(&cache, 1) && is_there(&cache, 2), "over the limit, but both are in use");
    drop((first, second));
    keep(&cache, 3, 10_000);
    assert_eq!([1, 2, 3].map(|content| is_there(&cache, content)), [false, false, true]);
}

#[test]
fn old_drafts_are_removed_and_foreign_files_are_not() {
    let scratch = scratch();
    let cache = cache(&scratch, 1 << 20);
    let at = |name: &str| cache.folder().path().join(name);
    fs::write(at("draft-old"), "x").unwrap();
    fs::write(at("draft-new"), "x").unwrap();
    fs::write(at("notes.txt"), vec![0; 2 << 20]).unwrap();
    used(&cache, "draft-old", HOUR * 25);
    keep(&cache, 1, 10);
    assert!(!at("draft-old").exists() && at("draft-new").exists() && at("notes.txt").exists());
}

fn known(stamp: Stamp) -> KnownFile {
    KnownFile { stamp, content: ContentHash([9; 32]), written: written(b"code") }
}

#[test]
fn a_file_is_remembered_until_it_looks_different() {
    let scratch = scratch();
    let cache = cache(&scratch, 1 << 20);
    let file = scratch.path().join("guest.wasm");
    fs::write(&file, "1").unwrap();
    let stamp = Stamp::from(&fs::metadata(&file).unwrap());
    assert_eq!(cache.recall(&file, stamp), None);
    let later = SystemTime::now() + Duration::from_secs(10);
    cache.remember(&file, known(stamp), later).unwrap();
    assert_eq!(cache.recall(&file, stamp), Some(known(stamp)));
    assert_eq!(cache.recall(&scratch.path().join("other.wasm"), stamp), None);
    fs::write(&file, "12").unwrap();
    assert_eq!(cache.recall(&file, Stamp::from(&fs::metadata(&file).unwrap())), None);
    cache.forget(&file).unwrap();
    assert_eq!(cache.recall(&file, stamp), None);
}

/// Such a file may be written again before the file system's clock ticks, and then looks unchanged.
#[test]
fn a_file_that_was_written_a_moment_ago_is_not_remembered() {
    let scratch = scratch();
    let cache = cache(&scratch, 1 << 20);
    let file = scratch.path().join("guest.wasm");
    fs::write(&file, "1").unwrap();
    let stamp = Stamp::from(&fs::metadata(&file).unwrap());
    cache.remember(&file, known(stamp), SystemTime::now()).unwrap();
    assert_eq!(cache.recall(&file, stamp), None);
}

#[test]
fn damaged_stamps_are_ignored() {
    let scratch = scratch();
    let cache = cache(&scratch, 1 << 20);
    let file = scratch.path().join("guest.wasm");
    fs::write(&file, "1").unwrap();
    let stamp = Stamp::from(&fs::metadata(&file).unwrap());
    for damage in [&b""[..], b"stamp-2 1 2", b"\xff\xfe\n", &[b' '; 10_000]] {
        fs::write(cache.folder().path().join(stamp_name(&file)), damage).unwrap();
        assert_eq!(cache.recall(&file, stamp), None);
    }
}

/// Two hosts share a folder: one finds what the other keeps, both may keep code of one content, and
/// one may remove a file that the other uses.
#[test]
fn two_share_a_folder() {
    let scratch = scratch();
    let (one, other) = (cache(&scratch, 15_000), cache(&scratch, 15_000));
    keep(&one, 1, 10_000);
    let used_here = other.find(&ContentHash([1; 32]), None).unwrap();
    keep(&other, 1, 10_000);
    assert_eq!(one.find(&ContentHash([1; 32]), None).unwrap().code.read().unwrap().len(), 10_000);
    used(&one, &used_here.name, HOUR);
    keep(&one, 2, 10_000);
    assert!(!is_there(&other, 1), "one cache does not know that the other uses the file");
    assert_eq!(
        used_here.code.read().unwrap(),
        vec![1; 10_000],
        "the removed file can still be read"
    );

    let writers: Vec<_> = (0..4)
        .map(|_| {
            let path = one.folder().path().to_owned();
            std::thread::spawn(move || {
                let cache = Cache::open(&path, "engine", 1 << 20, InUse::default()).unwrap();
                for round in 0..20 {
                    keep(&cache, 3 + round % 3, 1_000);
                    let found = cache.find(&ContentHash([3 + round % 3; 32]), None);
                    assert!(found.is_none_or(
                        |cached| cached.code.read().unwrap() == vec![3 + round % 3; 1_000]
                    ));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert!(one.folder().names().unwrap().iter().all(|name| !name.starts_with("draft-")));
}

/// Whatever happens to a file of the cache, its name tells what it should hold.
#[test]
fn damage_is_found() {
    let scratch = scratch();
    let cache = cache(&scratch, 1 << 20);
    let name = keep(&cache, 1, 1_000);
    let is_intact = || cache.find(&ContentHash([1; 32]), None).unwrap().code.is_intact().unwrap();
    assert!(is_intact());
    let path = cache.folder().path().join(&*name);
    for damage in
        [vec![], vec![1; 999], vec![1; 1_001], [vec![1; 500], vec![3], vec![1; 499]].concat()]
    {
        fs::remove_file(&path).unwrap();
        fs::write(&path, damage).unwrap();
        assert!(!is_intact());
    }
    keep(&cache, 1, 1_000);
    assert!(is_intact(), "a file that is written anew takes its place");
}

/// A manifest that changes makes another loader, and so another cache.
#[test]
fn what_is_in_use_stays_when_the_cache_is_opened_again() {
    let scratch = scratch();
    let (path, in_use) = (scratch.path().join("cache"), InUse::default());
    let open = || Cache::open(&path, "engine", 1 << 16, in_use.clone()).unwrap();
    let first = open();
    let name = keep(&first, 1, 60_000);
    used(&first, &name, 5 * HOUR);
    drop(first);
    let second = open();
    keep(&second, 2, 60_000);
    assert!(is_there(&second, 1), "a guest uses it");
    drop(name);
    keep(&second, 3, 60_000);
    assert!(!is_there(&second, 1));
}
