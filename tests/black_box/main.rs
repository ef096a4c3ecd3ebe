//! snow-host from the outside: the program as a child process, real sockets, real guests.
//!
//! Nothing here knows the host's code (`layout` reads it as text). Each test starts a server of its
//! own, on a free port, with a guests folder of its own; see [`harness`].
//!
//! | module | what must hold |
//! |---|---|
//! | `examples` | the example guests answer as they are documented to |
//! | `workers` | threads share keys, and nothing else |
//! | `holding` | thousands wait, in any language, while others are served; who leaves is forgotten |
//! | `crowds` | thousands wait for changes in the store, of one key and of a key each |
//! | `pendings` | the contract of a pending, by a guest made for it (`guests/probe`) |
//! | `requests` | what a guest is shown of a request |
//! | `http` | well-formed HTTP, in every shape |
//! | `malformed` | everything else, however it is split |
//! | `answers` | what a guest may not answer |
//! | `hostile` | guests that compute, trap, lie and eat |
//! | `in_place` | calls that wait and keep their instance |
//! | `inside` | a server within the test: what it counts, and limits that no argument sets |
//! | `jobs` | work on executors: started, kept over restarts and kills, scheduled; good and bad |
//! | `keyvalue` | `wasi:keyvalue`, by a guest that knows nothing else of the store |
//! | `languages` | the examples in all languages answer alike, and settle one another |
//! | `loading` | files that are no guests |
//! | `cache` | what was compiled is found again, or compiled anew; and the compiler is kept within bounds |
//! | `manifest` | `snow.toml`: limits and grants in force, and what is wrong with it |
//! | `javascript` | guests in JavaScript and TypeScript, and their engine |
//! | `new_guest` | `snow-host new`: what it writes, and what it refuses |
//! | `browser` | a page of an example in Chromium, in two tabs |
//! | `building` | `snow-host build`: languages, build commands, and guests that can't be built |
//! | `dev` | `snow-host dev`: what changes is built and swapped |
//! | `guest_cases` | `snow-host test`: cases beside a guest |
//! | `case_steps` | what the steps of cases save and send; JSON, the store and the config of a case |
//! | `config` | `[server]` of `snow.toml`, flags over it, several listeners; `snow-host config` |
//! | `admin` | what the admin listener and `status` tell |
//! | `cli` | arguments, exit codes, the log |
//! | `drain` | how it ends |
//! | `swap` | the folder changes while it serves |
//! | `restart` | one host after another on one socket |
//! | `settings` | what was decided about single guests: mount, limits, calls at one time |
//! | `python` | guests in Python, by the engine that is made here |
//! | `parcels`, `notes` | the examples that keep state: changes that are waited for, sessions and forms |
//! | `reuse` | instances that serve several calls |
//! | `regressions` | faults that were reported are gone |
//! | `scripts` | what guests in Python and in JavaScript do alike with databases and jobs |
//! | `standard` | a guest that knows `wasi:keyvalue` and `wasi:config` alone, and no SDK |
//! | `sql` | databases: each kind, the example `login` and `board`, grants, limits, faults |
//! | `store` | what guests keep: conditions, expiry, grants, waiting for a change, the disk |
//! | `store_cli` | `snow-host store`, and what the admin listener tells of the store |
//! | `c_sdk`, `go_sdk`, `rust_sdk` | what the SDKs for C, Go and Rust do, by a guest made for each |
//! | `fresh_instances` | what instances of an engine begin with, and share with no other one |
//! | `sdks` | what the SDKs of all languages do alike, by guests made for them |
//! | `pages` | the code in README and the pages is built and called |
//! | `web` | no tests: what guests in several languages do alike for their clients |
//! | `layout` | which file of the host may use what |

mod harness;

mod admin;
mod admin_socket;
mod advance;
mod answers;
mod browser;
mod building;
mod c_sdk;
mod cache;
mod case_steps;
mod case_upstreams;
mod cli;
mod config;
mod crowds;
mod deployed;
mod dev;
mod drain;
mod examples;
mod fetch;
mod fresh_instances;
mod go_sdk;
mod guest_cases;
mod guest_config;
mod holding;
mod hostile;
mod http;
mod in_place;
mod inside;
mod javascript;
mod jobs;
mod keyvalue;
mod languages;
mod layout;
mod loading;
mod malformed;
mod manifest;
mod new_guest;
mod notes;
mod pages;
mod parcels;
mod pendings;
mod python;
mod regressions;
mod requests;
mod restart;
mod reuse;
mod rust_sdk;
mod scripts;
mod sdks;
mod settings;
mod sources;
mod sql;
mod standard;
mod store;
mod store_cli;
mod swap;
mod wasi;
mod web;
mod workers;
