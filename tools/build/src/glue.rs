//! The glue between JavaScript and wasm.

use std::collections::HashSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// Writes the glue for a wasm into a folder.
///
/// # Errors
/// The wasm is not one that wasm-bindgen made, or a file cannot be written.
pub fn write(wasm: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name("usher").web(true)?.typescript(false);
    bindgen.reset_state_function(true).force_enable_abort_handler(true);
    bindgen.generate(folder)?;
    let script = Path::new(folder).join("usher.js");
    let text = fs::read_to_string(&script)?;
    Ok(fs::write(&script, without_repeated_modules(&text))?)
}

/// wasm-bindgen names a module of the import object once for each run of imports from it; bundlers warn of the repeated
/// name. All of them are the same module, so the first one does.
fn without_repeated_modules(script: &str) -> String {
    let mut seen = HashSet::new();
    let is_first = |line: &&str| match line.trim().split_once("\": import") {
        Some((module, place)) if module.starts_with('"') && place.ends_with(',') => seen.insert(module.to_owned()),
        _ => true,
    };
    script.lines().filter(is_first).fold(String::with_capacity(script.len()), |text, line| text + line + "\n")
}
