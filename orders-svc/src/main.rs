//! The orders service as a program. Absent: everything but beginning and ending.

use clap::Parser;
use orders_svc::{app, config::Config};
use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    launch::exit_code(app::run(Config::parse()).await)
}
