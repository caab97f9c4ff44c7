//! The worker's options that are REST's own, for the manual and for the check of a worker's file.

use rowtide_api::config::ConfigKey;
use rowtide_api::{ConfigType, Importance, Width};

/// The options, in the manual's order.
pub const OPTIONS: &[ConfigKey] = &[
    ConfigKey::new("listeners", ConfigType::List, Importance::Low, "Listeners")
        .default_value("http://:8083")
        .doc("Where REST listens: `http://host:port`, several with commas; without a host on every interface, port 0 for any. `rowtide run` listens on 127.0.0.1. https is refused for now."),
    ConfigKey::new("admin.listeners", ConfigType::List, Importance::Low, "Admin listeners")
        .doc("Where `/admin` is served: not given, on `listeners`; empty, nowhere; else on listeners of its own."),
    ConfigKey::new("rest.advertised.host.name", ConfigType::String, Importance::Low, "Advertised host")
        .doc("Host by which others reach this worker; part of `worker_id` in every status. Not given: the listener's."),
    ConfigKey::new("rest.advertised.port", ConfigType::Int, Importance::Low, "Advertised port")
        .width(Width::Short)
        .doc("Port by which others reach this worker. Not given: the listener's."),
    ConfigKey::new("rest.advertised.listener", ConfigType::String, Importance::Low, "Advertised listener")
        .doc("Scheme by which others reach this worker; only http for now."),
    ConfigKey::new("access.control.allow.origin", ConfigType::String, Importance::Low, "Allowed origins")
        .default_value("")
        .doc("Web origins whose pages may use REST (CORS), with commas; `*` for all."),
    ConfigKey::new("access.control.allow.methods", ConfigType::String, Importance::Low, "Allowed methods")
        .default_value("")
        .doc("Methods that such pages may use; empty: GET, POST, HEAD."),
    ConfigKey::new("rest.extension.classes", ConfigType::List, Importance::Low, "Extensions")
        .default_value("")
        .doc("REST extensions are refused: leaving an authentication out silently would open the API."),
];
