//! Checks `usher.toml` (or the file that `USHER_CONFIG` names) and embeds it.

use std::{env, error::Error, fs, path::Path};

/// The very modules the gateway uses, compiled a second time for the build.
#[path = "src"]
#[allow(dead_code, unreachable_pub)]
mod usher {
    pub mod config;
    pub mod path;
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=USHER_CONFIG");
    let file = env::var("USHER_CONFIG").unwrap_or_else(|_| "usher.toml".into());
    println!("cargo::rerun-if-changed={file}");
    let text = fs::read_to_string(&file).map_err(|e| format!("{file}: cannot be read: {e}"))?;
    match usher::config::source::read(&text, &file) {
        Ok((raw, _)) => {
            let out = env::var("OUT_DIR")?;
            fs::write(Path::new(&out).join("config.json"), serde_json::to_string(&raw)?)?;
        }
        Err(faults) => {
            for line in faults.to_string().lines() {
                println!("cargo::error={line}");
            }
        }
    }
    Ok(())
}
