//! What is read of jobs: records that lie on a disk, and the times of schedules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snow_jobs::{Record, Times};

fuzz_target!(|data: &[u8]| {
    if let Ok((record, payload)) = Record::decode(data) {
        let written = record.encode(payload);
        assert_eq!(Record::decode(&written), Ok((record, payload)));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    for times in
        [Times::every(text), Times::cron(text, Some("Europe/Berlin"))].into_iter().flatten()
    {
        // A schedule that comes again at once would never end.
        let mut now_ms = 1_795_811_400_000;
        for _ in 0..10 {
            let Some(next_ms) = times.next_ms(0, now_ms) else { break };
            assert!(next_ms > now_ms, "{times}");
            now_ms = next_ms;
        }
    }
});
