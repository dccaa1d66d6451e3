//! Passwords that come in files, as containers get their secrets, and go into the URLs that need them.
//! Absent: any other source; a password in an environment variable shows up wherever a process is listed.

use std::{fs, path::Path};
use url::Url;

/// Why a URL did not get its password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretError {
    /// The file cannot be read; the system's words.
    #[error("{file}: {why}")]
    File {
        /// Its path.
        file: String,
        /// The system's words, or what is wrong with the text.
        why: String,
    },
    /// The URL is not one, or not one with a user in it.
    #[error("the URL has no place for a password: it must be like scheme://user@host/name")]
    Url,
}

/// The URL with the password that stands in the file; the URL as it is, when no file is named. An empty name is none: whoever sets
/// variables for many programs can often not leave one out.
///
/// # Errors
/// [`SecretError`] when the file cannot be read or is empty, or the URL names no user.
pub fn with_password(url: &str, file: Option<&Path>) -> Result<String, SecretError> {
    let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else { return Ok(url.to_owned()) };
    let unusable = |why: String| SecretError::File { file: file.display().to_string(), why };
    let text = fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    // Editors end a file with a line break; it is no part of the password.
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(unusable("the password is empty".to_owned()));
    }
    let mut url = Url::parse(url).map_err(|_| SecretError::Url)?;
    if url.username().is_empty() || url.set_password(Some(password)).is_err() {
        return Err(SecretError::Url);
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tempfile::NamedTempFile;

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn a_password_is_put_into_the_url_with_what_means_something_there_escaped() {
        let secret = file("p@ss/w:rd#\n");
        let url = with_password("postgres://orders@postgres:5432/orders", Some(secret.path()));
        assert_eq!(url.as_deref(), Ok("postgres://orders:p%40ss%2Fw%3Ard%23@postgres:5432/orders"));
        let url = with_password("amqp://gozon@rabbitmq:5672/%2f", Some(secret.path()));
        assert_eq!(url.as_deref(), Ok("amqp://gozon:p%40ss%2Fw%3Ard%23@rabbitmq:5672/%2f"));
    }

    #[test]
    fn without_a_file_the_url_stays_as_it_is() {
        assert_eq!(with_password("sqlite://orders.db", None).as_deref(), Ok("sqlite://orders.db"));
        assert_eq!(with_password("kafka://kafka:9092", Some(Path::new(""))).as_deref(), Ok("kafka://kafka:9092"));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let secret = file("secret");
        for url in ["postgres://host/orders", "sqlite:///orders.db", "nonsense"] {
            assert_eq!(with_password(url, Some(secret.path())), Err(SecretError::Url), "{url}");
        }
        let empty = with_password("postgres://u@host/o", Some(file("\n").path())).unwrap_err();
        assert!(empty.to_string().ends_with("the password is empty"), "{empty}");
        let missing = with_password("postgres://u@host/o", Some(Path::new("/nowhere/secret"))).unwrap_err();
        assert!(missing.to_string().starts_with("/nowhere/secret: "), "{missing}");
    }
}
