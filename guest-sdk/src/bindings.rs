//! The code that `wit-bindgen` makes of `wit/snow.wit`. The other modules wrap it, so that a
//! guest's code does not change when the generator's output does.

// Generated code: held to its generator's rules, not to ours.
#![allow(missing_docs, unsafe_code)]

#[cfg(not(target_os = "wasi"))]
wit_bindgen::generate!({
    world: "freestanding-working-guest",
    path: "../wit",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "snow_guest::__private::bindings",
});

// The standard library asks WASI for the time and for random numbers by itself then, and its
// interfaces and those of `freestanding` do not go together.
#[cfg(target_os = "wasi")]
wit_bindgen::generate!({
    world: "working-guest",
    path: "../wit",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "snow_guest::__private::bindings",
});
