//! The law of the house: topics decide, the gateway acts, the rim touches Cloudflare.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test may say what it expects in one word")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `lib.rs` in order.
fn modules() -> Vec<String> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

/// Every source file with the room it belongs to.
fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, into) } else { into.push(path) }
        }
    }
    let mut paths = Vec::new();
    walk(Path::new("src"), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|end| end == "rs") && path != Path::new("src/lib.rs"));
    let room = |path: &Path| {
        path.components().nth(1).unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    paths.into_iter().map(|path| (room(&path), path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// The code that ships: no comments, no tests.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

fn is_topic(room: &str) -> bool {
    !matches!(room, "gateway" | "cloudflare")
}

fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs")
}

#[test]
fn a_module_imports_only_modules_declared_above_it() {
    let order = modules();
    assert!(order.len() > 10, "{order:?}");
    for (room, path, text) in sources() {
        let place =
            order.iter().position(|name| *name == room).unwrap_or_else(|| panic!("{room} is not declared in lib.rs"));
        let code = if is_test(&path) { String::new() } else { shipped(&text) };
        for (used, name) in code
            .match_indices("crate::")
            .map(|(at, mark)| at + mark.len())
            .flat_map(|at| names(&code[at..]).into_iter().map(move |name| (at, name)))
        {
            let other = order.iter().position(|known| *known == name);
            assert!(
                other.is_none_or(|other| other <= place),
                "{} (at {used}) imports {name}, which stands below {room} in lib.rs",
                path.display()
            );
        }
    }
}

/// The first names of `a::b`, or of each member of `{a, b::c}`.
fn names(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    match rest.strip_prefix('{') {
        None => vec![name(rest)],
        Some(list) => {
            let (mut depth, mut members) = (0, vec![String::new()]);
            for c in list.chars() {
                match c {
                    '}' if depth == 0 => break,
                    ',' if depth == 0 => members.push(String::new()),
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    c => members.last_mut().unwrap().push(c),
                }
            }
            members.iter().map(|member| name(member)).collect()
        }
    }
}

#[test]
fn topics_do_not_wait_read_clocks_draw_lots_or_know_the_platform() {
    for (room, path, text) in sources().into_iter().filter(|(room, path, _)| is_topic(room) && !is_test(path)) {
        let code = shipped(&text);
        for word in [
            "async ",
            ".await",
            "SystemTime::now",
            "Instant::now",
            "getrandom",
            "js_sys",
            "web_sys",
            "wasm_bindgen",
            "worker::",
            "thread_local",
        ] {
            assert!(!code.contains(word), "{} ({room}) has {word:?}", path.display());
        }
    }
}

#[test]
fn only_the_rim_names_the_platform() {
    for (_, path, text) in sources().into_iter().filter(|(room, ..)| room != "cloudflare") {
        let code = shipped(&text);
        for word in ["js_sys", "web_sys", "wasm_bindgen", "worker::", "console_error_panic_hook"] {
            assert!(!code.contains(word), "{} has {word:?}", path.display());
        }
    }
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let wall = manifest.find("[target.'cfg(target_arch = \"wasm32\")'.dependencies]").unwrap();
    for name in ["worker =", "wasm-bindgen =", "console_error_panic_hook ="] {
        assert!(manifest.find(name).unwrap() > wall, "{name} must be a dependency of wasm32 alone");
    }
}

#[test]
fn a_file_is_read_in_one_sitting() {
    for (_, path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines: past 400 a topic is two topics", path.display());
        assert!(!path.ends_with("mod.rs"), "{}: name.rs beside name/", path.display());
    }
}

#[test]
fn every_file_opens_with_the_question_it_answers() {
    for (_, path, text) in sources() {
        assert!(text.starts_with("//! ") || is_test(&path), "{} does not say what it is for", path.display());
    }
}

#[test]
fn every_key_of_the_configuration_stands_in_the_example_and_in_the_readme() {
    let files = ["raw.rs", "raw/identity.rs", "raw/pool.rs", "raw/route.rs", "raw/shard.rs"];
    let raw = files.map(|file| fs::read_to_string(format!("src/config/{file}")).unwrap()).concat();
    let example = fs::read_to_string("usher.toml").unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    let mut renamed = None;
    for line in raw.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("#[serde(rename = \"") {
            renamed = name.split('"').next().map(str::to_owned);
        }
        let field = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": ")).map(|(name, _)| name);
        let Some(field) = field else {
            continue;
        };
        let key = renamed.take().unwrap_or_else(|| field.to_owned());
        let written = |text: &str| {
            text.contains(&format!("{key} ="))
                || text.contains(&format!("[{key}]"))
                || text.contains(&format!("{key}:"))
        };
        assert!(written(&example), "usher.toml does not show `{key}`");
        assert!(
            readme.contains(&format!("`{key}`"))
                || readme.contains(&format!("`[{key}]`"))
                || readme.contains(&format!("`[[{key}]]`")),
            "README.md does not tell of `{key}`"
        );
    }
}
