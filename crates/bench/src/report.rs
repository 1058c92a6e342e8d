//! One JSON line a result.

use serde_json::{Value, json};

/// Prints `result` with what every result says: the machine's shape.
pub fn print(mut result: Value) {
    let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
    result["cores"] = json!(cores);
    println!("{result}");
}

/// Three significant digits: more would be noise.
pub fn round(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powi(2 - value.abs().log10().floor() as i32);
    (value * scale).round() / scale
}
