//! The files that a deployment is made of, held against each other and against the programs: names, ports, variables, folders.
//! Absent: containers, which the machine that runs this may not have; what nginx does with its files (`gateway/` tests that).

use anyhow::{Context, ensure};
use e2e::Result;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What anybody on the machine can reach: service, port in the container.
const PUBLISHED: [(&str, &str); 6] = [
    ("gateway", "8080"),
    ("web", "3000"),
    ("rabbitmq", "15672"),
    ("prometheus", "9090"),
    ("grafana", "3000"),
    ("jaeger", "16686"),
];
/// Set by the images' entrypoint from the container's own resolver.
const BY_THE_ENTRYPOINT: &str = "NGINX_LOCAL_RESOLVERS";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(root().join(file)).with_context(|| file.to_owned())
}

/// The compose file with everything resolved, as its users' program understands it.
fn compose(arguments: &[&str]) -> Result<Value> {
    compose_with(arguments, &[])
}

/// The same with these variables set.
fn compose_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Value> {
    let mut command = Command::new("docker-compose");
    command.args(arguments).arg("config").current_dir(root()).envs(variables.iter().copied());
    let output = command.output().context("docker-compose")?;
    ensure!(output.status.success(), "docker-compose: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_saphyr::from_str(std::str::from_utf8(&output.stdout)?)?)
}

fn objects<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    value[name].as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// A list's texts, or an object's keys: compose writes some things either way.
fn names(value: &Value) -> BTreeSet<&str> {
    let keys = value.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str));
    value.as_array().into_iter().flatten().filter_map(Value::as_str).chain(keys).collect()
}

/// Everything of the form `${NAME…}`; what follows the name, up to the brace, is given too.
fn variables(text: &str) -> BTreeMap<&str, &str> {
    let inside = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    inside.map(|(inside, _)| inside.split_at(inside.find([':', '-']).unwrap_or(inside.len()))).collect()
}

/// What stands in the place of a variable that is not set (`-`), or not set or empty (`:-`).
fn default_of(rest: &str) -> &str {
    let rest = rest.strip_prefix(':').unwrap_or(rest);
    rest.strip_prefix('-').unwrap_or(rest)
}

/// The names of the `KEY=value` pairs of a Dockerfile's `ENV`.
fn set_by(dockerfile: &str) -> BTreeMap<&str, &str> {
    let pairs = dockerfile.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.filter(|(name, _)| name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')).collect()
}

/// The environment variables that a program knows, by its own help.
fn known_to(package: &str, subcommand: &[&str]) -> Result<BTreeSet<String>> {
    let program = if package == "gozon" { e2e::gozon()? } else { e2e::service(package)? };
    let help = String::from_utf8(Command::new(program).args(subcommand).arg("--help").output()?.stdout)?;
    // It is wrapped to the width of a terminal.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let named = help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next());
    Ok(named.map(str::to_owned).collect())
}

#[test]
fn the_example_names_every_setting_of_the_compose_file_with_its_default() -> Result<()> {
    let (file, example) = (read("docker-compose.yml")?, read(".env.example")?);
    let used: BTreeMap<_, _> = variables(&file).into_iter().map(|(name, rest)| (name, default_of(rest))).collect();
    let lines = example.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    assert_eq!(lines.collect::<BTreeMap<_, _>>(), used);
    assert_eq!(compose(&["--env-file", ".env.example"])?, compose(&[])?);
    Ok(())
}

#[test]
fn only_what_is_meant_for_people_is_published_and_on_the_loopback_only() -> Result<()> {
    let compose = compose(&[])?;
    let internal: BTreeSet<_> = objects(&compose, "networks")
        .filter(|(_, network)| network["internal"] == true)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(internal, BTreeSet::from(["data", "services"]));
    for (name, service) in objects(&compose, "services") {
        let networks = names(&service["networks"]);
        let expected = PUBLISHED.iter().find(|(published, _)| *published == name);
        for port in service["ports"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let expected = expected.with_context(|| format!("{name} is published"))?.1;
            assert!(
                port.starts_with("127.0.0.1:") && port.trim_end_matches("/tcp").ends_with(expected),
                "{name}: {port}"
            );
        }
        if ["orders", "payments", "postgres", "kafka"].contains(&name) {
            assert!(networks.is_subset(&internal), "{name} can be reached from outside by {networks:?}");
        }
    }
    Ok(())
}

#[test]
fn every_service_is_watched_restarted_and_bounded() -> Result<()> {
    let compose = compose(&[])?;
    // A tool runs once and ends.
    for (name, service) in
        objects(&compose, "services").filter(|(_, service)| !names(&service["profiles"]).contains("tools"))
    {
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(!service["mem_limit"].is_null(), "{name} has no limit of memory");
        assert_eq!(service["logging"]["options"]["max-file"], "3", "{name}");
        let watched = match service["build"]["dockerfile"].as_str() {
            Some(dockerfile) => read(dockerfile)?.contains("HEALTHCHECK"),
            None if service["build"].is_object() => {
                let dockerfile = read("Dockerfile")?;
                let stage = format!(" AS {}\n", service["build"]["target"].as_str().context("a target")?);
                let (_, stage) = dockerfile.split_once(&stage).with_context(|| format!("no stage {stage}"))?;
                stage.split("\nFROM ").next().is_some_and(|stage| stage.contains("HEALTHCHECK"))
            }
            None => service["healthcheck"].is_object(),
        };
        assert!(watched, "{name} has no health check");
    }
    Ok(())
}

#[test]
fn the_services_understand_every_variable_that_they_are_given() -> Result<()> {
    let compose = compose(&[])?;
    let dockerfile = read("Dockerfile")?;
    for service in ["orders", "payments"] {
        let known = known_to(&format!("{service}-svc"), &[])?;
        let given = names(&compose["services"][service]["environment"]);
        assert!(given.len() > 5, "{given:?}");
        for name in given.into_iter().chain(["LISTEN", "LOG_FORMAT"]) {
            assert!(known.contains(name), "{service} does not know {name}: {known:?}");
        }
        let secrets = &compose["services"][service]["secrets"];
        let mounted: BTreeSet<_> =
            secrets.as_array().into_iter().flatten().filter_map(|one| one["source"].as_str()).collect();
        for (_, file) in
            objects(&compose["services"][service], "environment").filter(|(name, _)| name.ends_with("_FILE"))
        {
            let secret =
                file.as_str().and_then(|file| file.strip_prefix("/run/secrets/")).context("a secret's path")?;
            assert!(mounted.contains(secret), "{service} is not given the secret {secret}");
        }
        assert!(dockerfile.contains(&format!("release/{service}-svc ")), "{service} is not in the image");
    }
    let compose = self::compose(&["--profile", "tools"])?;
    let given = names(&compose["services"]["gozon"]["environment"]);
    assert!(given.len() > 5, "{given:?}");
    let known = known_to("gozon", &["dead", "list"])?;
    for name in given {
        assert!(known.contains(name), "gozon does not know {name}: {known:?}");
    }
    Ok(())
}

#[test]
fn with_kafka_every_program_is_given_its_address_and_no_password() -> Result<()> {
    let chosen = [("BROKER_URL", "kafka://kafka:9092"), ("BROKER_PASSWORD_FILE", "")];
    let compose = compose_with(&["--profile", "kafka", "--profile", "tools"], &chosen)?;
    let services = &compose["services"];
    let kafka = &services["kafka"];
    for name in ["orders", "payments", "gozon"] {
        for (variable, value) in chosen {
            assert_eq!(services[name]["environment"][variable], value, "{name}: {variable}");
        }
        assert!(!names(&services[name]["networks"]).is_disjoint(&names(&kafka["networks"])), "{name} cannot reach it");
    }
    for service in ["orders-svc", "payments-svc"] {
        // So that it ends, and says what it stumbles over.
        let told = chosen.into_iter().chain([("DATABASE_URL", "nonsense")]);
        let output = Command::new(e2e::service(service)?).envs(told).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("database-url") && !said.contains("broker-"), "{service}: {said}");
    }
    let server = &kafka["environment"];
    assert_eq!(server["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT://kafka:9092", "where clients are sent to");
    let kept = server["KAFKA_LOG_DIRS"].as_str().context("where it keeps its logs")?;
    let volumes = kafka["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    assert!(volumes.into_iter().any(|volume| volume.contains(&format!("kafka:{kept}"))), "its logs end with it");
    let dockerfile = read("Dockerfile")?;
    let builds: Vec<_> = dockerfile.lines().filter(|line| line.contains("cargo build --release")).collect();
    assert!(builds.len() == 2 && builds.iter().all(|line| line.contains("--features gozon/kafka")), "{builds:?}");
    Ok(())
}

#[test]
fn every_variable_of_the_nginx_templates_is_set_in_their_image() -> Result<()> {
    for (dockerfile, folder) in [("gateway/Dockerfile", "gateway/templates"), ("web/Dockerfile", "web/nginx/templates")]
    {
        let dockerfile = read(dockerfile)?;
        let set = set_by(&dockerfile);
        for template in fs::read_dir(root().join(folder))? {
            let template = fs::read_to_string(template?.path())?;
            for name in variables(&template).into_keys().filter(|name| *name != BY_THE_ENTRYPOINT) {
                assert!(set.contains_key(name), "{folder}: {name} is set nowhere");
            }
        }
    }
    Ok(())
}

#[test]
fn the_upstreams_are_the_ports_that_the_services_listen_on() -> Result<()> {
    let (gateway, web) = (read("gateway/Dockerfile")?, read("web/Dockerfile")?);
    let (gateway, web, services) = (set_by(&gateway), set_by(&web), read("Dockerfile")?);
    let port = |listen: &str| listen.rsplit(':').next().map(str::to_owned).unwrap_or_default();
    let listens: BTreeSet<_> =
        services.split("LISTEN=").skip(1).filter_map(|rest| rest.split(' ').next()).map(port).collect();
    assert_eq!(listens, BTreeSet::from(["8080".to_owned()]));
    assert_eq!((gateway["ORDERS_UPSTREAM"], gateway["PAYMENTS_UPSTREAM"]), ("orders:8080", "payments:8080"));
    assert_eq!(gateway["WEB_UPSTREAM"], format!("web:{}", web["WEB_LISTEN"]));
    assert_eq!(web["GATEWAY_UPSTREAM"], format!("gateway:{}", gateway["GATEWAY_LISTEN_FOR_WEB"]));
    assert_eq!((gateway["GATEWAY_LISTEN"], web["WEB_LISTEN"]), (PUBLISHED[0].1, PUBLISHED[1].1));
    Ok(())
}

#[test]
fn the_images_are_built_from_files_that_are_there_and_none_that_are_secret() -> Result<()> {
    let (ignored, manifest) = (read(".dockerignore")?, read("Cargo.toml")?);
    let sent: BTreeSet<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let members = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']')).context("members")?.0;
    for member in members.split('"').skip(1).step_by(2) {
        assert!(sent.contains(member), "{member} is not sent to the builder");
    }
    for path in &sent {
        assert!(root().join(path).exists(), "{path} is not there");
        assert!(!path.starts_with("deploy") && !path.starts_with(".env"), "{path} may hold secrets");
    }
    for dockerfile in ["Dockerfile", "gateway/Dockerfile", "web/Dockerfile"] {
        let text = read(dockerfile)?;
        for copied in
            text.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"))
        {
            let words: Vec<_> = copied.split_whitespace().collect();
            for source in &words[..words.len() - 1] {
                assert!(root().join(source).exists(), "{dockerfile}: {source} is not there");
            }
        }
        let last = text.rsplit("\nUSER ").next().and_then(|rest| rest.lines().next()).unwrap_or_default();
        assert!(last.starts_with(|first: char| ('1'..='9').contains(&first)), "{dockerfile} runs as {last}");
    }
    Ok(())
}
