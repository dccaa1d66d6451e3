//! The orders service over HTTP: routes and documentation.
//! Absent: decisions; a handler parses, asks and shows.

mod documentation;
mod orders;
mod push;
mod view;

pub use documentation::document;
pub use push::Sockets;

use crate::{placing::PlacingHandle, settling::SettlingHandle, timeline::Timelines};
use actix_web::{HttpResponse, http::header::LOCATION, web};
use store::Store;
use utoipa_swagger_ui::SwaggerUi;

const DOCS: &str = "/orders/docs";

/// What the handlers need. A cheap clone.
#[derive(Clone, Debug)]
pub struct Handlers {
    /// For new orders.
    pub placing: PlacingHandle,
    /// For wishes about orders.
    pub settling: SettlingHandle,
    /// For reads.
    pub store: Store,
    /// For an order's way.
    pub timelines: Timelines,
    /// For those who watch.
    pub sockets: Sockets,
}

impl Handlers {
    /// Adds the routes.
    pub fn configure(&self, cfg: &mut web::ServiceConfig) {
        // The documentation first: its paths would match `/orders/{id}` too.
        cfg.service(SwaggerUi::new(format!("{DOCS}/{{_:.*}}")).url("/orders/openapi.json", document()))
            .service(
                edge::resource(DOCS, "GET").get(async || {
                    HttpResponse::PermanentRedirect().insert_header((LOCATION, format!("{DOCS}/"))).finish()
                }),
            )
            .app_data(web::Data::new(self.placing.clone()))
            .app_data(web::Data::new(self.sockets.clone()))
            .service(edge::resource("/ws/orders", "GET").get(push::all))
            .service(edge::resource("/ws/orders/{id}", "GET").get(push::one))
            .app_data(web::Data::new(orders::Reads(self.store.clone())))
            .service(edge::resource("/orders", "GET, POST").get(orders::list).post(orders::place))
            .app_data(web::Data::new(self.settling.clone()))
            .app_data(web::Data::new(self.timelines.clone()))
            .service(edge::resource("/orders/{id}/timeline", "GET").get(orders::timeline))
            .service(edge::resource("/orders/{id}/cancel", "POST").post(orders::cancel))
            .service(edge::resource("/orders/{id}", "GET").get(orders::show));
    }
}
