//! Which file of `src/` names which: `use` lines and paths in code, followed through imports and re-exports to the file
//! that defines the item. A `mod` line names nothing, and a `pub use` only where the file uses the name itself. Calls of
//! methods are not seen: files with an `impl` of one type are one unit in that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Its module path: `gateway::cache::fetch`; empty for `lib.rs`.
    pub(crate) module: String,
    pub(crate) text: String,
    /// The code that ships: no comments, no tests.
    pub(crate) code: String,
}

impl Source {
    /// The first name of its module path.
    pub(crate) fn room(&self) -> &str {
        self.module.split("::").next().unwrap()
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
    }

    /// The code and the names of variables in it without string literals.
    pub(crate) fn without_strings(&self) -> String {
        without_strings(&self.code)
    }
}

/// Every file below these folders with one of these endings.
pub(crate) fn files(folders: &[&str], endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let skipped = ["node_modules", ".venv", ".next"].iter().any(|name| path.ends_with(name));
            match path.is_dir() {
                true if skipped => {}
                true => walk(&path, into),
                false => into.push(path),
            }
        }
    }
    let mut found = Vec::new();
    folders.iter().for_each(|folder| walk(Path::new(folder), &mut found));
    found.retain(|path| path.extension().is_some_and(|end| endings.iter().any(|wanted| end == *wanted)));
    found.sort();
    found
}

/// Every Rust file of `src/`.
pub(crate) fn sources() -> Vec<Source> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let module = path.strip_prefix("src").unwrap().with_extension("").to_string_lossy().replace('/', "::");
        let module = if module == "lib" { String::new() } else { module };
        let code = shipped(&text);
        Source { path, module, text, code }
    };
    files(&["src"], &["rs"]).into_iter().map(read).collect()
}

fn shipped(text: &str) -> String {
    let mut code = String::new();
    let mut end: Option<String> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if end.is_some() {
            end = end.filter(|end| line != end);
        } else if let Some(indent) = line.strip_suffix("#[cfg(test)]") {
            // One item: up to its closing brace, or one line; further attributes may stand before it.
            let item = lines.find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
            end = (!item.ends_with(';')).then(|| format!("{indent}}}"));
        } else if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

fn without_strings(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.clone().nth(1) == Some('\'') => {
                chars.nth(1);
            }
            '\'' if chars.peek() == Some(&'\\') => {
                chars.next();
                chars.next();
                chars.by_ref().take_while(|c| *c != '\'').for_each(drop);
            }
            '"' => {
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => {
                            chars.next();
                        }
                        '"' => break,
                        _ => {}
                    }
                }
                out.push_str("\"\"");
            }
            c => out.push(c),
        }
    }
    out
}

/// Each file with the files that it names, by module path.
pub(crate) fn graph(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let shipped: Vec<&Source> = sources.iter().filter(|source| !source.is_test()).collect();
    let modules: BTreeSet<&str> = shipped.iter().map(|source| source.module.as_str()).collect();
    let imports: BTreeMap<&str, BTreeMap<String, Import>> = shipped
        .iter()
        .map(|source| {
            let imports = uses(&source.without_strings()).into_iter().map(|import| (import.name.clone(), import));
            (source.module.as_str(), imports.collect())
        })
        .collect();
    let resolver = Resolver { modules, imports };
    let edges = shipped.iter().map(|source| {
        let code = without_uses(&source.without_strings());
        let names: BTreeSet<&str> = code.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let imported = resolver.imports[source.module.as_str()].values();
        let imported = imported.filter(|import| !import.public || names.contains(import.name.as_str()));
        let named = imported.map(|import| import.path.clone()).chain(paths(&code));
        let targets = named.filter_map(|path| resolver.file(&source.module, &path, 0));
        (source.module.clone(), targets.filter(|target| *target != source.module).collect())
    });
    edges.collect()
}

/// A name that a `use` line brings into a file.
#[derive(Debug, Clone)]
struct Import {
    public: bool,
    path: String,
    name: String,
}

/// What the `use` lines bring; groups are expanded.
fn uses(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("use ") {
        let before = rest[..at].rsplit('\n').next().unwrap().trim();
        let body = &rest[at + 4..];
        let end = body.find(';').unwrap_or(body.len());
        if before.is_empty() || before.starts_with("pub") {
            let public = !before.is_empty();
            for path in expanded(&body[..end].split_whitespace().collect::<Vec<_>>().join(" ")) {
                let ours = ["crate::", "super::", "self::"].iter().any(|start| path.starts_with(start));
                assert!(!ours || !path.ends_with('*'), "`use {path}` hides what it names");
                let (path, name) =
                    path.split_once(" as ").map_or((path.as_str(), None), |(path, name)| (path, Some(name)));
                let path = path.strip_suffix("::self").unwrap_or(path).to_owned();
                let name = name.unwrap_or(path.rsplit("::").next().unwrap()).to_owned();
                found.push(Import { public, path, name });
            }
        }
        rest = &body[end..];
    }
    found
}

fn without_uses(code: &str) -> String {
    let mut out = String::new();
    let mut skipping = false;
    for line in code.lines() {
        let line_start = line.trim_start();
        let is_use = line_start.starts_with("use ") || (line_start.starts_with("pub") && line_start.contains(" use "));
        skipping |= is_use;
        if !skipping {
            // A visibility is not a use.
            let visibility = line.find("pub(in ").and_then(|at| Some((at, at + line[at..].find(')')? + 1)));
            let line = visibility.map_or(line.to_owned(), |(from, to)| format!("{}pub{}", &line[..from], &line[to..]));
            out.push_str(&line);
            out.push('\n');
        }
        skipping &= !line.ends_with(';');
    }
    out
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`.
fn expanded(path: &str) -> Vec<String> {
    let Some((prefix, group)) = path.split_once('{') else {
        return vec![path.trim().to_owned()];
    };
    let group = group.trim().trim_end_matches('}');
    let (mut depth, mut members) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            ',' if depth == 0 => members.push(String::new()),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                members.last_mut().unwrap().push(c);
            }
        }
    }
    let full = |member: &String| {
        let missing = member.matches('{').count() - member.matches('}').count();
        format!("{prefix}{}{}", member.trim(), "}".repeat(missing))
    };
    members.iter().filter(|member| !member.trim().is_empty()).flat_map(|member| expanded(&full(member))).collect()
}

/// Every `a::b` in code whose first name is lower case.
fn paths(code: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c| !is_name(c)).filter(|word| word.contains("::"));
    words.map(|word| word.trim_matches(':').to_owned()).filter(|word| word.starts_with(char::is_lowercase)).collect()
}

struct Resolver<'s> {
    modules: BTreeSet<&'s str>,
    imports: BTreeMap<&'s str, BTreeMap<String, Import>>,
}

impl Resolver<'_> {
    /// The file that defines what `path` names in `module`; `None` for what is not of this crate.
    fn file(&self, module: &str, path: &str, depth: usize) -> Option<String> {
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let imported = self.imports.get(module).and_then(|imports| imports.get(first));
        // Not the line that imports it.
        if let Some(imported) = imported.filter(|import| !rest.is_empty() && import.path != path && depth < 8)
            && !imported.path.starts_with(&format!("{first}::"))
        {
            return self.file(module, &format!("{}::{rest}", imported.path), depth + 1);
        }
        let whole = self.absolute(module, path)?;
        let cut = (0..=whole.len()).rev().find(|end| self.modules.contains(whole[..*end].join("::").as_str()))?;
        let file = whole[..cut].join("::");
        let through = whole.get(cut).and_then(|name| self.imports.get(file.as_str())?.get(name));
        if let Some(through) = through.filter(|through| through.public && depth < 8) {
            let rest: Vec<&str> = whole[cut + 1..].iter().map(String::as_str).collect();
            let path = [&[through.path.as_str()], rest.as_slice()].concat().join("::");
            if let Some(found) = self.file(&file, &path, depth + 1) {
                return Some(found);
            }
        }
        Some(file)
    }

    fn absolute(&self, module: &str, path: &str) -> Option<Vec<String>> {
        let mut names: Vec<&str> = path.split("::").collect();
        let mut base: Vec<String> = module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        match names.first().copied()? {
            "crate" => {
                base.clear();
                names.remove(0);
            }
            "super" | "self" => {
                while let Some(first @ ("super" | "self")) = names.first().copied() {
                    if first == "super" {
                        base.pop();
                    }
                    names.remove(0);
                }
            }
            first => {
                let child = base.iter().map(String::as_str).chain([first]).collect::<Vec<_>>().join("::");
                if !self.modules.contains(child.as_str()) {
                    return None;
                }
            }
        }
        base.extend(names.into_iter().map(str::to_owned));
        Some(base)
    }
}

/// The circles of a graph: groups of files that reach one another.
pub(crate) fn circles(graph: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from.clone()];
        while let Some(at) = open.pop() {
            for next in graph.get(&at).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|file| (file, reach(file))).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for (file, reaches) in &reached {
        if reaches.contains(*file) && !found.iter().flatten().any(|known| known == *file) {
            let both = reaches.iter().filter(|other| reached[other].contains(*file));
            found.push(both.cloned().collect());
        }
    }
    found
}
