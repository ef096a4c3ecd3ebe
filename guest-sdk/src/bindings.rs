//! The code that `wit-bindgen` makes of `wit/snow.wit`. The other modules wrap it, so that a
//! guest's code does not change when the generator's output does.

// Generated code: held to its generator's rules, not to ours.
#![allow(missing_docs, unsafe_code)]

wit_bindgen::generate!({
    world: "freestanding-resuming-guest",
    path: "../wit",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "snow_guest::__private::bindings",
});
