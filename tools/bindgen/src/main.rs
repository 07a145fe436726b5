//! `usher-bindgen WASM FOLDER`: writes `usher.js` and `usher_bg.wasm` into the folder, as wasm-bindgen's own command does
//! with `--target web --no-typescript`. After a panic the glue makes a new instance; `src/cloudflare/entry.js` does the rest.

use std::error::Error;
use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wasm, folder] = arguments.as_slice() else {
        eprintln!("usage: usher-bindgen WASM FOLDER");
        return ExitCode::FAILURE;
    };
    match generate(wasm, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("usher-bindgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate(wasm: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name("usher").web(true)?.typescript(false);
    bindgen.reset_state_function(true).force_enable_abort_handler(true);
    Ok(bindgen.generate(folder)?)
}
