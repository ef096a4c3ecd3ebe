use std::path::Path;

use snow_config::DatabasePlace;
use tokio::runtime::Builder;
use tokio::time::sleep;

use super::*;
use crate::resolve::Names;
use crate::sql::sqlite::SqliteConnection;

/// Runs a test by a clock that goes on when nothing else is to be done.
fn block_on(test: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(test);
}

fn pool(path: &Path) -> Arc<Pool> {
    let database = Database {
        name: "app".into(),
        place: DatabasePlace::Sqlite(path.to_owned()).into(),
        connections_max: 1,
        timeout_ms: 1_000,
        file_bytes_max: 1 << 20,
    };
    let ways = Ways { names: Names::default(), tls: Arc::default() };
    Arc::new(Pool::new(&database, Arc::default(), ways))
}

fn pools() -> Pools {
    let ways = Ways { names: Names::default(), tls: Arc::default() };
    Pools::new(Arc::default(), ways, 1)
}

/// A thread that its disk holds for longer than anybody waits would else be one more each time.
#[test]
fn a_thread_of_sqlite_is_counted_until_it_ends() {
    block_on(async {
        let (pool, pools) = (pool("/nowhere".as_ref()), pools());
        for (is_used, is_stopped) in [(true, true), (true, false), (false, false)] {
            let (connection, end) = SqliteConnection::hanging();
            let (slot, count) = (pools.slot().await, pool.counts.open.one());
            let connection = Connection::Sqlite(connection);
            let open = Open { connection, _slot: slot, _count: count };
            if is_used {
                let place = Some(pool.place(&Limits::default()).await.unwrap());
                let pool = pool.clone();
                let lease = Lease { open: Some(open), pool, guest: "shop".into(), place };
                if is_stopped { drop(lease) } else { lease.retire() }
            } else {
                open.retire();
            }
            sleep(Duration::from_secs(60)).await;
            assert_eq!((pool.counts.connections(), pools.slots.available()), (1, 0));
            assert_eq!(pool.places.available_permits(), usize::from(!is_used));
            drop(end);
            sleep(Duration::from_secs(1)).await;
            assert_eq!((pool.counts.connections(), pools.slots.available()), (0, 1));
            assert_eq!(pool.places.available_permits(), 1);
        }
    });
}

/// A thread may hang while it opens its file, and whoever waits for that gives up.
#[test]
fn a_thread_of_sqlite_has_its_slot_itself() {
    block_on(async {
        let folder = std::env::temp_dir().join(format!("snow-slot-{}", std::process::id()));
        let slot = pools().slot().await;
        let (path, limits) = (folder.join("a.db"), (1 << 20, 1 << 20));
        let opened = SqliteConnection::open(&path, limits, Arc::default(), slot.clone()).await;
        let Ok(connection) = opened else { panic!("it can be opened") };
        assert_eq!(Arc::strong_count(&slot), 2);
        connection.stop().await;
        assert_eq!(Arc::strong_count(&slot), 1);
        std::fs::remove_dir_all(folder).unwrap();
    });
}
