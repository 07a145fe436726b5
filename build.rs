//! Checks `usher.toml` (or the file that `USHER_CONFIG` names) and embeds it, with a digest of the static files
//! that identifies the build.

use std::collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};
use std::{env, error::Error, fs, io, path::Path};

/// The gateway's own modules, compiled a second time for the build script.
#[path = "src"]
#[allow(dead_code, unreachable_pub, unused_imports)]
mod usher {
    pub mod config;
    pub mod http {
        pub mod date;
        pub mod head;
        pub mod path;
        pub mod visitor;
    }
}

use usher::config::Config;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=USHER_CONFIG");
    let file = env::var("USHER_CONFIG").unwrap_or_else(|_| "usher.toml".into());
    println!("cargo::rerun-if-changed={file}");
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=words");
    let mut edition = DefaultHasher::new();
    digest(Path::new("static"), &mut edition)?;
    println!("cargo::rustc-env=USHER_EDITION={:016x}", edition.finish());
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(why) => {
            println!("cargo::error={file}: cannot be read: {why}; USHER_CONFIG names the file, else it is usher.toml");
            return Ok(());
        }
    };
    match usher::config::source::read(&text, &file) {
        Ok((raw, config)) => {
            let out = env::var("OUT_DIR")?;
            fs::write(Path::new(&out).join("config.json"), serde_json::to_string(&raw)?)?;
            fs::write(Path::new(&out).join("languages.txt"), usher::config::source::languages(&config))?;
            fs::write(Path::new(&out).join("pages.json"), serde_json::to_string(&pages(&config)?)?)?;
            match usher::config::Catalog::read(&config, Path::new("words")) {
                Ok(catalog) => fs::write(Path::new(&out).join("messages.json"), serde_json::to_string(&catalog)?)?,
                Err(faults) => faults.iter().for_each(|fault| println!("cargo::error={fault}")),
            }
        }
        Err(faults) => {
            for line in faults.to_string().lines() {
                println!("cargo::error={line}");
            }
        }
    }
    Ok(())
}

/// The pages of `static/` that exist in more than one locale: path without the locale prefix to the locales
/// (indices into `supported`) that have their own file. A file outside the locale folders belongs to the default.
fn pages(config: &Config) -> io::Result<BTreeMap<String, BTreeSet<usize>>> {
    let mut found: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut folders = vec![Path::new("static").to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.strip_prefix("static").unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if let Some(page) = name.strip_suffix(".html") {
                let (first, rest) = page.split_once('/').unwrap_or(("", page));
                let prefix = config.locales.supported.iter().position(|tag| tag == first);
                let (locale, page) = prefix.map_or((config.locales.default, page), |locale| (locale, rest));
                let page =
                    page.strip_suffix("index").filter(|rest| rest.is_empty() || rest.ends_with('/')).unwrap_or(page);
                found.entry(format!("/{page}")).or_default().insert(locale);
            }
        }
    }
    found.retain(|_, locales| locales.len() > 1);
    Ok(found)
}

/// Hashes the paths and contents of a folder's files, sorted by path.
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
