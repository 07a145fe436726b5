//! The glue between JavaScript and wasm.

use std::error::Error;
use wasm_bindgen_cli_support::Bindgen;

/// Writes the glue for a wasm into a folder.
///
/// # Errors
/// The wasm is not one that wasm-bindgen made, or a file cannot be written.
pub fn write(wasm: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name("usher").web(true)?.typescript(false);
    bindgen.reset_state_function(true).force_enable_abort_handler(true);
    Ok(bindgen.generate(folder)?)
}
