//! What is not there: files and sockets. A guest may import the interfaces, since standard libraries
//! do whether or not they are used. It finds no directory, and no socket is made.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType, Val};

use super::named;
use crate::contract::context::CallContext;

/// A resource, and its methods.
type Methods = (&'static str, &'static [&'static str]);

/// Interfaces with the resources that they have, and the functions that nobody can call without one
/// of these.
const UNREACHABLE: [(&str, &[Methods]); 5] = [
    (
        "filesystem/types",
        &[
            (
                "descriptor",
                &[
                    "read-via-stream",
                    "write-via-stream",
                    "append-via-stream",
                    "advise",
                    "sync-data",
                    "get-flags",
                    "get-type",
                    "set-size",
                    "set-times",
                    "read",
                    "write",
                    "read-directory",
                    "sync",
                    "create-directory-at",
                    "stat",
                    "stat-at",
                    "set-times-at",
                    "link-at",
                    "open-at",
                    "readlink-at",
                    "remove-directory-at",
                    "rename-at",
                    "symlink-at",
                    "unlink-file-at",
                    "is-same-object",
                    "metadata-hash",
                    "metadata-hash-at",
                ],
            ),
            ("directory-entry-stream", &["read-directory-entry"]),
        ],
    ),
    ("sockets/network", &[("network", &[])]),
    (
        "sockets/ip-name-lookup",
        &[("resolve-address-stream", &["resolve-next-address", "subscribe"])],
    ),
    (
        "sockets/tcp",
        &[(
            "tcp-socket",
            &[
                "start-bind",
                "finish-bind",
                "start-connect",
                "finish-connect",
                "start-listen",
                "finish-listen",
                "accept",
                "local-address",
                "remote-address",
                "is-listening",
                "address-family",
                "set-listen-backlog-size",
                "keep-alive-enabled",
                "set-keep-alive-enabled",
                "keep-alive-idle-time",
                "set-keep-alive-idle-time",
                "keep-alive-interval",
                "set-keep-alive-interval",
                "keep-alive-count",
                "set-keep-alive-count",
                "hop-limit",
                "set-hop-limit",
                "receive-buffer-size",
                "set-receive-buffer-size",
                "send-buffer-size",
                "set-send-buffer-size",
                "subscribe",
                "shutdown",
            ],
        )],
    ),
    (
        "sockets/udp",
        &[
            (
                "udp-socket",
                &[
                    "start-bind",
                    "finish-bind",
                    "stream",
                    "local-address",
                    "remote-address",
                    "address-family",
                    "unicast-hop-limit",
                    "set-unicast-hop-limit",
                    "receive-buffer-size",
                    "set-receive-buffer-size",
                    "send-buffer-size",
                    "set-send-buffer-size",
                    "subscribe",
                ],
            ),
            ("incoming-datagram-stream", &["receive", "subscribe"]),
            ("outgoing-datagram-stream", &["check-send", "send", "subscribe"]),
        ],
    ),
];

/// Functions that make a socket or look up a name, by their interfaces. They are denied.
const DENIED: [(&str, &str); 3] = [
    ("sockets/tcp-create-socket", "create-tcp-socket"),
    ("sockets/udp-create-socket", "create-udp-socket"),
    ("sockets/ip-name-lookup", "resolve-addresses"),
];

/// Functions that ask an I/O error for its code, by their interfaces. There is none.
const CODES: [(&str, &str); 2] =
    [("filesystem/types", "filesystem-error-code"), ("sockets/network", "network-error-code")];

/// The host's side of every resource here, of which there is only [`NETWORK`].
struct Nothing;

/// The host's side of `network`.
struct Network;

/// The one network. It reaches nobody.
const NETWORK: u32 = 0;

pub(super) fn add_to(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    for (interface, resources) in UNREACHABLE {
        let mut interface = linker.instance(&named(interface))?;
        for (resource, methods) in resources {
            let host = match *resource {
                "network" => ResourceType::host::<Network>(),
                _ => ResourceType::host::<Nothing>(),
            };
            interface.resource(resource, host, |_, _| Ok(()))?;
            for method in *methods {
                unreachable(&mut interface, &format!("[method]{resource}.{method}"))?;
            }
        }
    }
    for (interface, function) in DENIED {
        linker.instance(&named(interface))?.func_new(function, |_, _, _, results| {
            let denied = Val::Enum("access-denied".into());
            results[0] = Val::Result(Err(Some(Box::new(denied))));
            Ok(())
        })?;
    }
    for (interface, function) in CODES {
        linker.instance(&named(interface))?.func_new(function, |_, _, _, results| {
            results[0] = Val::Option(None);
            Ok(())
        })?;
    }
    linker.instance(&named("filesystem/preopens"))?.func_wrap(
        "get-directories",
        |_: StoreContextMut<'_, CallContext>, (): ()| {
            Ok((Vec::<(Resource<Nothing>, String)>::new(),))
        },
    )?;
    linker
        .instance(&named("sockets/instance-network"))?
        .func_wrap("instance-network", |_: StoreContextMut<'_, CallContext>, (): ()| {
            Ok((Resource::<Network>::new_own(NETWORK),))
        })
}

/// Adds a function that can't be called, because nobody has the resource that it takes.
fn unreachable(
    interface: &mut LinkerInstance<'_, CallContext>,
    function: &str,
) -> wasmtime::Result<()> {
    let name = function.to_owned();
    interface.func_new(function, move |_, _, _, _| {
        wasmtime::bail!("`{name}` was called, and guests have no files and no sockets")
    })
}
