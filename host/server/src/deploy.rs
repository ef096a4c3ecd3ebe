//! Keeps what serves in step with the guests folder.
//!
//! A change of a file takes this way: the watch reports that something may have changed;
//! [`Deployer`], a thread, looks at the folder; [`debounce`] decides which changes are complete;
//! [`loads`] decides which guests are loaded next, and [`loading`] turns their files into guests on
//! other threads; [`Catalog`] makes a deployment of all that serves and sends each worker its share. [`Serving`] and [`Journal`](journal::Journal) show
//! the rest of the server what came of it.

mod catalog;
pub mod debounce;
mod deployer;
mod journal;
mod loading;
mod loads;
mod missing_engines;
mod named_files;
mod serving;
mod versions;

pub use self::catalog::{Catalog, NewValues, WorkerLink};
pub use self::deployer::{Deployer, DeployerMessage};
pub use self::journal::GuestRecord;
pub use self::loading::{LeftOut, load_all};
pub use self::serving::Serving;
