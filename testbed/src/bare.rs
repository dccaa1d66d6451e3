//! Programs that begin with nothing of their parent's but their standard streams.
//!
//! Rust closes what it opens when another program begins; C does so only where it was thought of. librdkafka's mock
//! cluster takes connections without that: a server that is started meanwhile, and its leash, would hold them open long
//! after the mock has closed them, and the client at the other end would wait for an answer until it loses patience.
//! Only a shell between the two closes everything with no gap: what is closed before the fork is not what another
//! thread opens until then. It has to be bash; dash knows no descriptor of two digits.

use std::{ffi::OsStr, process::Command};

/// `$0` program, `$@` its arguments. The process stays the same, and so do its id and its group.
const CLOSE_ALL: &str = r#"
for fd in /dev/fd/*; do fd=${fd##*/}; [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
exec "$0" "$@"
"#;

/// A command that runs `program`, to be given its arguments and the rest as any other. A program that cannot be run
/// ends with 126 or 127 and says why on its standard error.
#[must_use]
pub fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", CLOSE_ALL]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `command` prints when its parent has opened two descriptors without a word of when to close them.
    fn printed(command: &Command) -> String {
        let mut parent = Command::new("bash");
        parent.args(["-c", r#"exec 7</dev/null 23</dev/null; "$0" "$@""#]);
        let ran = parent.arg(command.get_program()).args(command.get_args()).output().unwrap();
        String::from_utf8(ran.stdout).unwrap()
    }

    #[test]
    fn a_program_has_its_arguments_and_nothing_of_its_parents() {
        const SHOW: [&str; 4] =
            ["-c", r#"echo "$1:" /dev/fd/7 /dev/fd/23; ls /dev/fd/7 /dev/fd/23"#, "sh", "two words"];
        let shown = printed(Command::new("sh").args(SHOW));
        assert_eq!(shown, "two words: /dev/fd/7 /dev/fd/23\n/dev/fd/23\n/dev/fd/7\n");
        assert_eq!(printed(bare("sh").args(SHOW)), "two words: /dev/fd/7 /dev/fd/23\n");
    }

    #[test]
    fn a_program_that_is_not_there_says_so() {
        let ran = bare("/no/such/program").output().unwrap();
        assert_eq!(ran.status.code(), Some(127));
        assert!(String::from_utf8_lossy(&ran.stderr).contains("/no/such/program"));
    }
}
