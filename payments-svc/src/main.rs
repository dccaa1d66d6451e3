//! The payments service as a program. Absent: everything but beginning and ending.

use clap::Parser;
use payments_svc::{
    app,
    config::{Command, Config},
};
use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    match config.command {
        Some(Command::Healthcheck) => launch::healthcheck(config.service.listen).await,
        None => launch::exit_code(app::run(config).await),
    }
}
