//! Checks `usher.toml` (or the file that `USHER_CONFIG` names) and embeds it, with a digest of the
//! static files that tells one build's from another's.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::{env, error::Error, fs, io, path::Path};

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
    println!("cargo::rerun-if-changed=static");
    let mut edition = DefaultHasher::new();
    digest(Path::new("static"), &mut edition)?;
    println!("cargo::rustc-env=USHER_EDITION={:016x}", edition.finish());
    let text = fs::read_to_string(&file).map_err(|e| format!("{file}: cannot be read: {e}"))?;
    match usher::config::source::read(&text, &file) {
        Ok((raw, config)) => {
            let out = env::var("OUT_DIR")?;
            fs::write(Path::new(&out).join("config.json"), serde_json::to_string(&raw)?)?;
            fs::write(Path::new(&out).join("languages.txt"), usher::config::source::languages(&config))?;
        }
        Err(faults) => {
            for line in faults.to_string().lines() {
                println!("cargo::error={line}");
            }
        }
    }
    Ok(())
}

/// Digests names and contents of a folder's files, in a stable order.
fn digest(folder: &Path, into: &mut DefaultHasher) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        path.hash(into);
        if path.is_dir() { digest(&path, into)? } else { fs::read(&path)?.hash(into) }
    }
    Ok(())
}
