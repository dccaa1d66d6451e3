//! What the chores know about the workspace: its root, its target directory, its packages and their features.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::steps::output;

/// Variables that cargo sets for the program it runs, which is us. Handed on to another cargo, they make build scripts
/// that watch them (ring's does) run again, and with them half of the dependencies, at each change between the two.
const CARGOS_OWN: [&str; 6] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME", "CARGO_BIN_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];

/// Features that only tests use: real servers, and points in the code where a fault can be put. And Kafka, as in the released images.
const FEATURES: [&str; 3] = ["servers", "failpoints", "kafka"];

/// This workspace.
pub struct Workspace {
    /// The directory of the root manifest.
    pub root: PathBuf,
    /// Where builds go; `CARGO_TARGET_DIR` when that is set.
    pub target: PathBuf,
    packages: Vec<Package>,
}

struct Package {
    name: String,
    features: Vec<String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// When cargo cannot read the manifests.
    pub fn find() -> Result<Workspace> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in no workspace")?;
        let metadata = output(cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&metadata)?;
        let target = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
        let packages = metadata["packages"].as_array().into_iter().flatten().filter_map(Package::read).collect();
        Ok(Workspace { root: root.to_owned(), target: target.into(), packages })
    }

    /// Cargo, in the root directory.
    pub fn cargo(&self) -> Command {
        cargo(&self.root)
    }

    /// A program that calls cargo in its turn, in the root directory.
    pub fn command(&self, program: &Path) -> Command {
        command(&self.root, program)
    }

    /// Names these packages (all, if none is named) to a command of cargo's, with the tests' features. The same for every build of all
    /// packages: with other features cargo would build most dependencies a second time.
    pub fn select<'a>(&self, cargo: &'a mut Command, packages: &[String]) -> &'a mut Command {
        match packages {
            [] => cargo.arg("--workspace"),
            packages => cargo.args(packages.iter().flat_map(|package| ["--package", package])),
        };
        cargo.args(self.features(packages, &FEATURES).iter().flat_map(|feature| ["--features", feature]))
    }

    /// Those of the features `wanted` that the packages `of` (all, if none is named) have, as `package/feature`.
    fn features(&self, of: &[String], wanted: &[&str]) -> Vec<String> {
        let chosen = self.packages.iter().filter(|package| of.is_empty() || of.contains(&package.name));
        chosen.flat_map(|package| package.having(wanted)).collect()
    }
}

impl Package {
    fn read(package: &Value) -> Option<Package> {
        let features = package["features"].as_object()?.keys().cloned().collect();
        Some(Package { name: package["name"].as_str()?.to_owned(), features })
    }

    fn having<'a>(&'a self, wanted: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        let had = wanted.iter().filter(|feature| self.features.iter().any(|own| own == *feature));
        had.map(|feature| format!("{}/{feature}", self.name))
    }
}

fn cargo(root: &Path) -> Command {
    command(root, Path::new(&env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
}

fn command(root: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in env::vars_os().filter(|(name, _)| is_cargos_own(name)) {
        command.env_remove(name);
    }
    command
}

fn is_cargos_own(variable: &OsStr) -> bool {
    CARGOS_OWN.iter().any(|own| variable.as_encoded_bytes().starts_with(own.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_features_that_a_chosen_package_has_are_asked_for() {
        let package = |name: &str, features: &[&str]| Package {
            name: name.to_owned(),
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
        };
        let packages = vec![package("a", &["servers", "default"]), package("b", &[]), package("c", &["servers"])];
        let workspace = Workspace { root: PathBuf::new(), target: PathBuf::new(), packages };
        let wanted = ["servers", "failpoints"];
        assert_eq!(workspace.features(&[], &wanted), ["a/servers", "c/servers"]);
        assert_eq!(workspace.features(&["c".to_owned()], &wanted), ["c/servers"]);
        assert!(workspace.features(&["b".to_owned()], &wanted).is_empty());
    }

    #[test]
    fn the_shop_depends_on_kafka_only_when_it_is_told_to() {
        let tree = |features: &[&str]| {
            let programs = ["--package", "orders-svc", "--package", "payments-svc", "--package", "gozon"];
            let mut cargo = Workspace::find().unwrap().cargo();
            cargo
                .args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none"])
                .args(programs)
                .args(features);
            output(&mut cargo).unwrap()
        };
        let kafka = |tree: &str| tree.lines().any(|line| line.starts_with("rdkafka"));
        assert!(!kafka(&tree(&[])), "without the feature");
        assert!(kafka(&tree(&["--features", "gozon/kafka"])), "with the feature");
    }

    #[test]
    fn this_workspace_is_found_with_its_target_directory() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.root.join("Cargo.toml").is_file() && workspace.target.is_absolute());
        assert_eq!(workspace.features(&["testbed".to_owned()], &["servers"]), ["testbed/servers"]);
    }
}
