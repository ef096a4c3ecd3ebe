//! `/spin?rounds=1000000` computes, and answers with the result.

use snow_guest::prelude::*;

#[route(GET, r"/spin")]
fn spin(request: Request) -> String {
    spin_loop::spin(spin_loop::rounds(request.query().unwrap_or_default())).to_string()
}

snow_guest::serve!(spin);
