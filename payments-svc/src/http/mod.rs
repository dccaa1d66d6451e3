//! The payments service over HTTP: routes and documentation.
//! Absent: decisions; a handler parses, asks and shows.

mod accounts;
mod documentation;
mod view;

pub use documentation::document;

use crate::accounts::Accounts;
use actix_web::{HttpResponse, http::header::LOCATION, web};
use saga::Currency;
use store::Store;
use utoipa_swagger_ui::SwaggerUi;

const DOCS: &str = "/payments/docs";

/// What the handlers need. A cheap clone.
#[derive(Clone, Debug)]
pub struct Handlers {
    /// For changes.
    pub accounts: Accounts,
    /// For reads.
    pub store: Store,
    /// Of every amount.
    pub currency: Currency,
}

impl Handlers {
    /// Adds the routes.
    pub fn configure(&self, cfg: &mut web::ServiceConfig) {
        cfg.service(SwaggerUi::new(format!("{DOCS}/{{_:.*}}")).url("/payments/openapi.json", document()))
            .service(
                edge::resource(DOCS, "GET").get(async || {
                    HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("{DOCS}/"))).finish()
                }),
            )
            .app_data(web::Data::new(self.clone()))
            .service(edge::resource("/accounts", "POST").post(accounts::create))
            .service(edge::resource("/accounts/topup", "POST").post(accounts::top_up))
            .service(edge::resource("/accounts/balance", "GET").get(accounts::balance))
            .service(edge::resource("/accounts/transactions", "GET").get(accounts::transactions));
    }
}
