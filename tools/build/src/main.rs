//! What the build does natively, besides compiling the gateway:
//!
//! - `usher-build config FILE OUT` checks a configuration and writes it as data, with Usher's messages (`words/`) and what
//!   is known of the static files (`static/`); the working directory is the project's.
//! - `usher-build glue WASM FOLDER` writes `usher.js` and `usher_bg.wasm`, as wasm-bindgen's own command does with
//!   `--target web --no-typescript`. After a panic the glue makes a new instance; `src/cloudflare/entry.js` does the rest.

mod config;
mod glue;

/// The gateway's own modules, compiled a second time for the build.
#[path = "../../../src"]
#[allow(dead_code, unused_imports, unused_macros)]
mod usher {
    pub mod config;
    pub mod http {
        pub mod date;
        pub mod head;
        pub mod json;
        pub mod path;
        pub mod search;
        pub mod visitor;
    }
}

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["config", file, out] => config::write(file, out),
        ["glue", wasm, folder] => glue::write(wasm, folder).map_err(|error| error.to_string()),
        _ => Err("usage: usher-build config FILE OUT | usher-build glue WASM FOLDER".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}
