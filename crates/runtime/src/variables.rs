//! Variables in configurations: `${provider:path:key}` by `config.providers`, and plain `${NAME}` from the environment.
//!
//! Filled in when a connector is started or validated; what the user wrote is what is stored and shown.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rowtide_api::{Error, JavaRegex, Props, Result};

use crate::properties;

/// What fills in variables.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    environment: bool,
    providers: HashMap<String, Provider>,
}

/// Kafka's own providers (`org.apache.kafka.common.config.provider`).
#[derive(Clone, Debug)]
enum Provider {
    /// a properties file and a key in it; only below these paths, if there are any
    File(Vec<PathBuf>),
    /// a directory and a file in it, whose content is the value
    Directory(Vec<PathBuf>),
    /// a variable whose name matches this pattern
    Environment(Option<JavaRegex>),
}

/// A variable in a value, as far as its form shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder<'a> {
    /// `${provider:…}`: the provider's alias
    Provider(&'a str),
    /// `${NAME}`: a variable of the environment
    Environment(&'a str),
}

/// The variables of a value. Other texts in `${}` (`${routedByValue}`, `${topic}-${timestamp}`) mean something to whoever
/// reads the value.
pub fn placeholders(value: &str) -> Vec<Placeholder<'_>> {
    let inner = value.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(inner, _)| inner));
    let found = inner.filter_map(|inner| match inner.split_once(':') {
        Some((alias, _)) if is_alias(alias) => Some(Placeholder::Provider(alias)),
        None if is_plain(inner) => Some(Placeholder::Environment(inner)),
        _ => None,
    });
    found.collect()
}

fn is_alias(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
}

impl Variables {
    /// Whether a provider of this alias is declared.
    pub fn declares(&self, alias: &str) -> bool {
        self.providers.contains_key(alias)
    }

    /// Whether `${NAME}` is filled in from the environment.
    pub fn takes_environment(&self) -> bool {
        self.environment
    }

    /// From the worker's `config.providers`; `environment`: fill in `${NAME}` too.
    pub fn new(environment: bool, worker: &Props) -> Result<Self> {
        let mut providers = HashMap::new();
        let aliases = worker.get("config.providers").unwrap_or_default();
        for alias in aliases.split(',').map(str::trim).filter(|alias| !alias.is_empty()) {
            let class = worker.get(&format!("config.providers.{alias}.class")).map(str::trim).unwrap_or_default();
            let param = |name: &str| worker.get(&format!("config.providers.{alias}.param.{name}"));
            let paths = || {
                let list = param("allowed.paths").unwrap_or_default();
                list.split(',').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
            };
            let provider = match class.rsplit('.').next().unwrap_or_default() {
                "FileConfigProvider" => Provider::File(paths()),
                "DirectoryConfigProvider" => Provider::Directory(paths()),
                "EnvVarConfigProvider" => {
                    let pattern = param("allowlist.pattern");
                    Provider::Environment(pattern.map(|pattern| JavaRegex::new(pattern, false)).transpose()?)
                }
                _ => {
                    return Err(Error::configuration(format!("config provider '{alias}': the class '{class}' is not there"))
                        .remedy(
                            "set config.providers.<alias>.class to org.apache.kafka.common.config.provider.FileConfigProvider, \
                         DirectoryConfigProvider or EnvVarConfigProvider",
                        ));
                }
            };
            providers.insert(alias.to_owned(), provider);
        }
        Ok(Self { environment, providers })
    }

    /// A configuration with all variables filled in.
    pub fn fill_in(&self, props: &Props) -> Result<Props> {
        let filled = props.iter().map(|(name, value)| {
            if !value.contains("${") {
                return Ok((name, value.to_owned()));
            }
            let value =
                self.replace(value, self.environment).map_err(|error| error.context(&format!("the property '{name}'")))?;
            Ok((name, value))
        });
        filled.collect::<Result<Vec<_>>>().map(|pairs| pairs.into_iter().collect())
    }

    /// A sentence for each `${NAME}` that looks as if it should have been filled in and was not.
    pub fn left_over(&self, filled: &Props) -> Vec<String> {
        let left = filled.iter().filter_map(|(property, value)| {
            let name = value.strip_prefix("${")?.strip_suffix('}').filter(|name| is_plain(name))?;
            let why = if self.environment {
                "is not set in the environment"
            } else {
                "is not filled in: rowtide.config.env is not true in the worker"
            };
            Some(format!("the property '{property}' is ${{{name}}} as it stands, since {name} {why}"))
        });
        left.collect()
    }

    /// Replaces what can be; anything else stays as it is (`${routedByValue}`, `${topic}-${timestamp}`).
    fn replace(&self, value: &str, environment: bool) -> Result<String> {
        let mut out = String::new();
        let mut rest = value;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            let inner = &rest[start + 2..start + length];
            out.push_str(&rest[..start]);
            match self.look_up(inner, environment)? {
                Some(found) => out.push_str(&found),
                None => out.push_str(&rest[start..=start + length]),
            }
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn look_up(&self, inner: &str, environment: bool) -> Result<Option<String>> {
        let Some((alias, name)) = inner.split_once(':') else {
            return Ok(if environment && is_plain(inner) { std::env::var(inner).ok() } else { None });
        };
        let Some(provider) = self.providers.get(alias) else { return Ok(None) };
        // ConfigTransformer: provider:path:key, or provider:key with an empty path
        let (path, key) = name.split_once(':').map_or(("", name), |(path, key)| (path, key));
        provider.get(path, key)
    }
}

/// `[A-Z_][A-Z0-9_]*`
fn is_plain(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && letters.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

impl Provider {
    fn get(&self, path: &str, key: &str) -> Result<Option<String>> {
        match self {
            Provider::Environment(allowed) => {
                if !path.is_empty() {
                    return Err(Error::configuration(format!(
                        "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
                    )));
                }
                let allowed = allowed.as_ref().is_none_or(|pattern| pattern.is_full_match(key));
                Ok(if allowed { std::env::var(key).ok() } else { None })
            }
            Provider::File(allowed) => {
                if path.is_empty() || !is_below(Path::new(path), allowed) {
                    return Ok(None);
                }
                let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
                let file = properties::parse(&text)
                    .map_err(|reason| Error::configuration(format!("Could not read properties from file {path}: {reason}")))?;
                Ok(file.get(key).map(str::to_owned))
            }
            Provider::Directory(allowed) => {
                let file = Path::new(path).join(key);
                // A key is a file's name, never a way out of the directory.
                let plain = Path::new(key).components().count() == 1 && !key.contains("..");
                if path.is_empty() || !plain || !is_below(Path::new(path), allowed) || !file.is_file() {
                    return Ok(None);
                }
                std::fs::read_to_string(&file).map(Some).map_err(|error| unreadable(&file.display().to_string(), error))
            }
        }
    }
}

fn is_below(path: &Path, allowed: &[PathBuf]) -> bool {
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    allowed.is_empty() || (!climbs && allowed.iter().any(|root| path.starts_with(root)))
}

fn unreadable(path: &str, error: std::io::Error) -> Error {
    Error::configuration(format!("Could not read properties from file {path}"))
        .remedy("make the file readable for this user, or correct the variable")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(variables: &Variables, value: &str) -> String {
        let props: Props = [("x", value)].into_iter().collect();
        variables.fill_in(&props).unwrap().get("x").unwrap().to_owned()
    }

    #[test]
    fn plain_names_come_from_the_environment_and_everything_else_stays() {
        let variables = Variables::new(true, &Props::default()).unwrap();
        let path = std::env::var("PATH").unwrap();
        assert_eq!(filled(&variables, "a${PATH}b"), format!("a{path}b"));
        for stays in ["${routedByValue}", "${topic}-${timestamp}", "${NOT_SET_ANYWHERE_1}", "${file:/x:y}", "${", "$1", "${}"] {
            assert_eq!(filled(&variables, stays), stays);
        }
        assert_eq!(filled(&Variables::default(), "${PATH}"), "${PATH}", "a worker does so only when told");
        let props: Props = [("a", "${NOT_SET_ANYWHERE_1}"), ("b", "${routedByValue}")].into_iter().collect();
        assert_eq!(
            variables.left_over(&props),
            ["the property 'a' is ${NOT_SET_ANYWHERE_1} as it stands, since NOT_SET_ANYWHERE_1 is not set in the environment"]
        );
    }

    #[test]
    fn variables_are_told_from_other_texts_in_braces() {
        let value = "a${file:/x:y}b${PASSWORD}${routedByValue}${topic}-${timestamp}${ x:y}${}";
        assert_eq!(placeholders(value), [Placeholder::Provider("file"), Placeholder::Environment("PASSWORD")]);
        assert_eq!(placeholders("${"), []);
    }

    #[test]
    fn providers_are_kafkas() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.properties");
        std::fs::write(&file, "pass=s3\\:cret\n").unwrap();
        std::fs::write(folder.path().join("token"), "t0ken").unwrap();
        let worker: Props = [
            ("config.providers", "f,d,e"),
            ("config.providers.f.class", "org.apache.kafka.common.config.provider.FileConfigProvider"),
            ("config.providers.d.class", "org.apache.kafka.common.config.provider.DirectoryConfigProvider"),
            ("config.providers.e.class", "org.apache.kafka.common.config.provider.EnvVarConfigProvider"),
            ("config.providers.e.param.allowlist.pattern", "PA.*"),
        ]
        .into_iter()
        .collect();
        let variables = Variables::new(false, &worker).unwrap();
        let (file, folder) = (file.display(), folder.path().display());
        assert_eq!(filled(&variables, &format!("x${{f:{file}:pass}}y")), "xs3:crety");
        assert_eq!(filled(&variables, &format!("${{f:{file}:none}}")), format!("${{f:{file}:none}}"));
        assert_eq!(filled(&variables, &format!("${{d:{folder}:token}}")), "t0ken");
        assert_eq!(filled(&variables, &format!("${{d:{folder}:../token}}")), format!("${{d:{folder}:../token}}"));
        assert_eq!(filled(&variables, "${e:PATH}"), std::env::var("PATH").unwrap());
        assert_eq!(filled(&variables, "${e:HOME}"), "${e:HOME}");
        let missing: Props = [("password", "${f:/no/such/file:x}")].into_iter().collect();
        let error = variables.fill_in(&missing).unwrap_err();
        assert!(error.message().starts_with("the property 'password': Could not read properties from file /no/such/file"));
    }

    #[test]
    fn an_unknown_provider_is_refused_with_what_there_is() {
        let worker: Props = [("config.providers", "vault"), ("config.providers.vault.class", "x.Vault")].into_iter().collect();
        let error = Variables::new(false, &worker).unwrap_err();
        assert_eq!(error.message(), "config provider 'vault': the class 'x.Vault' is not there");
    }
}
