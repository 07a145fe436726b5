//! The configuration as data.

use crate::usher::config::{Built, Catalog, Config, Pages, Uses, source};
use std::collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher};
use std::hash::{Hash, Hasher};
use std::{env, fs, io, path::Path};

/// Checks a configuration and writes it.
///
/// # Errors
/// Everything that is wrong with it, a line each.
pub fn write(file: &str, out: &str) -> Result<(), String> {
    let cannot = |why: io::Error| format!("{file}: cannot be read: {why}");
    let text = fs::read_to_string(file)
        .map_err(|why| format!("{}; USHER_CONFIG names the file, else it is usher.toml", cannot(why)))?;
    // Beside this program: comparing languages takes seconds.
    let own = env::current_exe().ok().and_then(|own| own.parent().map(|folder| folder.join("languages")));
    own.into_iter().for_each(source::keep_tables);
    let (_, config) = source::read(&text, file).map_err(|faults| faults.to_string().trim_end().to_owned())?;
    let catalog = Catalog::read(&config, Path::new("words")).map_err(|faults| faults.join("\n"))?;
    let files = |why: io::Error| format!("static: cannot be read: {why}");
    let pages = Pages::new(pages(&config).map_err(files)?);
    let mut edition = DefaultHasher::new();
    digest(Path::new("static"), &mut edition).map_err(files)?;
    println!("{}", Uses::of(&config).names().join(" "));
    let built = Built { config, catalog, pages, edition: format!("{:016x}", edition.finish()) };
    fs::write(out, built.data()).map_err(|why| format!("{out}: cannot be written: {why}"))
}

/// The pages of `static/` that exist in more than one locale: path without the locale prefix to the locales
/// (indices into `supported`) that have their own file. A file outside the locale folders belongs to the default.
fn pages(config: &Config) -> io::Result<BTreeMap<String, Vec<usize>>> {
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
    Ok(found.into_iter().map(|(page, locales)| (page, locales.into_iter().collect())).collect())
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
