//! Licences of all dependencies against the list in `deny.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::metadata::Package;

#[derive(Deserialize)]
struct DenyFile {
    licenses: Licenses,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

/// The licences that a dependency may have.
pub(crate) fn allowed(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let path = root.join("deny.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let file: DenyFile = toml::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(file.licenses.allow)
}

/// Every package whose licence isn't allowed, or can't be told.
pub(crate) fn check(packages: &[Package], allowed: &BTreeSet<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for Package { name, version, license, .. } in packages {
        let Some(license) = license else {
            findings.push(format!("{name} {version} states no licence"));
            continue;
        };
        match satisfied(license, allowed) {
            Some(true) => {}
            Some(false) => findings.push(format!("{name} {version}: {license} is not allowed")),
            None => findings.push(format!("{name} {version}: {license:?} can't be read")),
        }
    }
    findings
}

/// Whether an SPDX expression can be met with the allowed licences. `None`: it isn't one.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> Option<bool> {
    // Old crates write `/` for OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = Words { words: spaced.split_whitespace().collect(), at: 0 };
    let met = any(&mut words, allowed)?;
    words.peek().is_none().then_some(met)
}

struct Words<'a> {
    words: Vec<&'a str>,
    at: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn take(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    fn take_if(&mut self, wanted: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }
}

/// One OR another. AND binds tighter.
fn any(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = all(words, allowed)?;
    while words.take_if("OR") {
        met |= all(words, allowed)?;
    }
    Some(met)
}

/// One AND another.
fn all(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while words.take_if("AND") {
        met &= one(words, allowed)?;
    }
    Some(met)
}

/// A licence, with its exception if it has one, or an expression in brackets.
fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> Option<bool> {
    if words.take_if("(") {
        let met = any(words, allowed)?;
        return words.take_if(")").then_some(met);
    }
    let license = words.take().filter(|word| !matches!(*word, ")" | "OR" | "AND" | "WITH"))?;
    if words.take_if("WITH") {
        let exception = words.take()?;
        return Some(allowed.contains(&format!("{license} WITH {exception}")));
    }
    Some(allowed.contains(license))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn allowed() -> BTreeSet<String> {
        ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"].map(str::to_owned).into()
    }

    #[test]
    fn expressions_are_met_or_not() {
        for (expression, met) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("MIT OR GPL-3.0", Some(true)),
            ("GPL-3.0/MIT", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("GPL-3.0 OR MIT AND ISC", Some(true)),
            ("(GPL-3.0 OR MIT) AND ISC", Some(true)),
            ("(GPL-3.0 OR MIT) AND LGPL-2.1", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("MIT WITH LLVM-exception", Some(false)),
            ("GPL-3.0 AND (MIT OR ISC)", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT ISC", None),
        ] {
            assert_eq!(satisfied(expression, &allowed()), met, "{expression:?}");
        }
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_named() {
        let package = |license: Option<&str>| Package {
            name: "left-pad".to_owned(),
            version: "1.2.3".to_owned(),
            license: license.map(str::to_owned),
            manifest_path: PathBuf::new(),
            dependencies: Vec::new(),
        };
        for (license, text) in
            [(None, "no licence"), (Some("AGPL-3.0"), "AGPL-3.0"), (Some("("), "read")]
        {
            let findings = check(&[package(license)], &allowed());
            assert!(
                findings[0].contains("left-pad 1.2.3") && findings[0].contains(text),
                "{findings:?}"
            );
        }
        assert!(check(&[package(Some("MIT"))], &allowed()).is_empty());
    }
}
