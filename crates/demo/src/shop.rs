//! The shop: who serves what, calls whom, and how long it takes when all is well. Plain data; nothing here knows of time or trouble.

/// Decides what stacks and log lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Node,
    Go,
    Java,
    Python,
    Rust,
}

impl Language {
    /// `telemetry.sdk.language`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "nodejs",
            Self::Go => "go",
            Self::Java => "java",
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }
}

/// One thing that a handler does.
#[derive(Clone, Debug)]
pub enum Step {
    /// On the processor, in this function.
    Work {
        function: &'static str,
        ms: f64,
    },
    /// Over HTTP to another service, on this share of requests.
    Call {
        service: String,
        route: &'static str,
        chance: f64,
    },
    Database {
        table: &'static str,
        operation: &'static str,
        query: &'static str,
        ms: f64,
    },
    Cache {
        command: &'static str,
        hit: f64,
    },
    /// Somebody else's server.
    External {
        host: &'static str,
        path: &'static str,
        ms: f64,
    },
    /// Onto the queue; the worker takes it from there.
    Publish {
        queue: &'static str,
    },
}

#[derive(Clone, Debug)]
pub struct Endpoint {
    pub method: &'static str,
    pub route: &'static str,
    /// The function that handles it, in the service's own spelling.
    pub handler: &'static str,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    pub language: Language,
    pub version: &'static str,
    pub endpoints: Vec<Endpoint>,
}

/// Copies of each service; copy `n` runs in region `n % 2`.
pub const INSTANCES: usize = 2;
pub const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
pub const ORDERS_QUEUE: &str = "orders";
pub const BANK: &str = "api.bank.example";
pub const SEARCH_PROVIDER: &str = "search.provider.example";
/// Customers of the shop, and their share of its traffic in percent.
pub const TENANTS: [(&str, u64); 5] =
    [("acme", 30), ("globex", 25), ("initech", 20), ("umbrella", 15), ("hooli", 10)];
/// What users do, and how often in percent. Routes of `web`.
pub const ENTRANCES: [(&str, u64); 5] =
    [("/", 40), ("/product/:id", 28), ("/search", 16), ("/cart", 10), ("/checkout", 6)];
/// Services that the shop is made of when all of it runs.
pub const SERVICES: usize = 8;

/// The first `count` services; above eight, extensions that the gateway asks now and then.
pub fn shop(count: usize) -> Vec<Service> {
    let mut services =
        vec![web(), gateway(), checkout(), payments(), inventory(), catalog(), recommendations(), worker()];
    for number in SERVICES..count {
        let name = format!("extension-{:02}", number + 1);
        services[1].endpoints[0].steps.push(Step::Call {
            service: name.clone(),
            route: "/extend",
            chance: 0.05,
        });
        services.push(extension(name));
    }
    services.truncate(count.max(1));
    services
}

fn work(function: &'static str, ms: f64) -> Step {
    Step::Work { function, ms }
}

fn call(service: &str, route: &'static str) -> Step {
    sometimes(service, route, 1.0)
}

fn sometimes(service: &str, route: &'static str, chance: f64) -> Step {
    Step::Call { service: service.to_owned(), route, chance }
}

fn endpoint(method: &'static str, route: &'static str, handler: &'static str, steps: Vec<Step>) -> Endpoint {
    Endpoint { method, route, handler, steps }
}

fn service(name: &str, language: Language, version: &'static str, endpoints: Vec<Endpoint>) -> Service {
    Service { name: name.to_owned(), language, version, endpoints }
}

fn web() -> Service {
    let page = |route, handler, backend| {
        let steps = vec![work("renderShell", 0.8), call("gateway", backend), work("renderToString", 4.0)];
        endpoint("GET", route, handler, steps)
    };
    let action = |route, handler, backend| {
        let steps = vec![work("parseForm", 0.6), call("gateway", backend), work("renderToString", 2.0)];
        endpoint("POST", route, handler, steps)
    };
    let endpoints = vec![
        page("/", "HomePage", "/api/products"),
        page("/product/:id", "ProductPage", "/api/products/:id"),
        page("/search", "SearchPage", "/api/search"),
        action("/cart", "CartAction", "/api/cart"),
        action("/checkout", "CheckoutAction", "/api/checkout"),
    ];
    service("web", Language::Node, "3.12.0", endpoints)
}

fn gateway() -> Service {
    let pass = |method, route, handler, target: &str, inner| {
        endpoint(method, route, handler, vec![work("gateway.(*Auth).Verify", 0.4), call(target, inner)])
    };
    let mut home = pass("GET", "/api/products", "gateway.listProducts", "catalog", "/products");
    home.steps.push(sometimes("recommendations", "/recommend", 0.8));
    let mut product = pass("GET", "/api/products/:id", "gateway.getProduct", "catalog", "/products/:id");
    product.steps.push(call("inventory", "/stock/:id"));
    product.steps.push(sometimes("recommendations", "/recommend", 0.6));
    let endpoints = vec![
        home,
        product,
        pass("GET", "/api/search", "gateway.search", "catalog", "/search"),
        pass("POST", "/api/cart", "gateway.updateCart", "checkout", "/cart"),
        pass("POST", "/api/checkout", "gateway.checkout", "checkout", "/orders"),
    ];
    service("gateway", Language::Go, "1.44.2", endpoints)
}

fn checkout() -> Service {
    let cart = vec![
        work("com.shop.checkout.CartService.merge", 1.1),
        Step::Cache { command: "HSET", hit: 1.0 },
        sometimes("inventory", "/stock/:id", 0.5),
    ];
    let order = vec![
        work("com.shop.checkout.OrderService.validate", 1.6),
        call("inventory", "/reservations"),
        work("com.shop.checkout.PriceCalculator.total", 2.2),
        call("payments", "/charges"),
        Step::Database {
            table: "orders",
            operation: "INSERT",
            query: "INSERT INTO orders (id, customer_id, total, state) VALUES ($1, $2, $3, $4)",
            ms: 5.0,
        },
        Step::Publish { queue: ORDERS_QUEUE },
    ];
    let endpoints = vec![
        endpoint("POST", "/cart", "com.shop.checkout.CartController.update", cart),
        endpoint("POST", "/orders", "com.shop.checkout.OrderController.place", order),
    ];
    service("checkout", Language::Java, "2.3.1", endpoints)
}

fn payments() -> Service {
    let charge = vec![
        work("com.shop.payments.RiskModel.score", 3.5),
        Step::External { host: BANK, path: "/v2/charges", ms: 85.0 },
        Step::Database {
            table: "charges",
            operation: "INSERT",
            query: "INSERT INTO charges (order_id, amount, state) VALUES ($1, $2, $3)",
            ms: 4.0,
        },
    ];
    let endpoints = vec![endpoint("POST", "/charges", "com.shop.payments.ChargeController.create", charge)];
    service("payments", Language::Java, "5.0.7", endpoints)
}

fn inventory() -> Service {
    let stock = vec![
        Step::Database {
            table: "stock",
            operation: "SELECT",
            query: "SELECT sku, available, reserved FROM stock WHERE sku = $1",
            ms: 2.5,
        },
        work("inventory.(*Store).Available", 0.3),
    ];
    let reserve = vec![
        Step::Database {
            table: "stock",
            operation: "UPDATE",
            query: "UPDATE stock SET reserved = reserved + $2 WHERE sku = $1 AND available - reserved >= $2",
            ms: 6.0,
        },
        work("inventory.(*Store).Reserve", 0.5),
    ];
    let endpoints = vec![
        endpoint("GET", "/stock/:id", "inventory.(*Handler).Stock", stock),
        endpoint("POST", "/reservations", "inventory.(*Handler).Reserve", reserve),
    ];
    service("inventory", Language::Go, "0.19.3", endpoints)
}

fn catalog() -> Service {
    let list = vec![Step::Cache { command: "GET", hit: 0.85 }, work("catalog.views.serialize_products", 2.4)];
    let product = vec![
        Step::Database {
            table: "products",
            operation: "SELECT",
            query: "SELECT id, name, description, price FROM products WHERE id = $1",
            ms: 3.0,
        },
        work("catalog.views.serialize_product", 0.9),
    ];
    let search = vec![
        work("catalog.search.parse_query", 0.7),
        Step::External { host: SEARCH_PROVIDER, path: "/v1/query", ms: 28.0 },
        work("catalog.search.rank", 6.5),
    ];
    let endpoints = vec![
        endpoint("GET", "/products", "catalog.views.list_products", list),
        endpoint("GET", "/products/:id", "catalog.views.get_product", product),
        endpoint("GET", "/search", "catalog.views.search", search),
    ];
    service("catalog", Language::Python, "7.2.0", endpoints)
}

fn recommendations() -> Service {
    let steps = vec![
        Step::Cache { command: "MGET", hit: 0.6 },
        work("recommendations.model.embed", 3.0),
        work("recommendations.model.nearest_neighbours", 9.0),
    ];
    let endpoints = vec![endpoint("GET", "/recommend", "recommendations.app.recommend", steps)];
    service("recommendations", Language::Python, "1.8.4", endpoints)
}

fn worker() -> Service {
    let steps = vec![
        work("worker::invoice::render_pdf", 12.0),
        Step::Database {
            table: "orders",
            operation: "UPDATE",
            query: "UPDATE orders SET state = $2 WHERE id = $1",
            ms: 4.0,
        },
        work("worker::mail::enqueue", 0.8),
    ];
    let endpoints = vec![endpoint("process", ORDERS_QUEUE, "worker::orders::handle", steps)];
    service("worker", Language::Rust, "0.6.0", endpoints)
}

fn extension(name: String) -> Service {
    let endpoints = vec![endpoint("GET", "/extend", "extension.handle", vec![work("extension.apply", 0.5)])];
    Service { name, language: Language::Go, version: "1.0.0", endpoints }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_somebody_to_answer_it() {
        let services = shop(10);
        assert_eq!(services.len(), 10);
        for step in
            services.iter().flat_map(|service| &service.endpoints).flat_map(|endpoint| &endpoint.steps)
        {
            if let Step::Call { service, route, .. } = step {
                let target = services.iter().find(|have| have.name == *service).unwrap();
                assert!(
                    target.endpoints.iter().any(|endpoint| endpoint.route == *route),
                    "{service} {route}"
                );
            }
        }
        let web = &services[0];
        assert!(
            ENTRANCES.iter().all(|(route, _)| web.endpoints.iter().any(|endpoint| endpoint.route == *route))
        );
    }
}
