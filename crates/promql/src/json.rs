//! The tree as JSON, as `/api/v1/parse_query` returns it: keys sorted, durations in milliseconds.
//!
//! Written directly, without a serialiser: the shape is small and fixed. A duration that depends on the query is 0, as in
//! Prometheus; `start_pos` and the like are not part of that shape.

use std::fmt::Write;

use model::matcher::Matcher;

use crate::ast::{At, DurationExpr, Expr, Extended, Fill, Matching, TimeModifiers, VectorSelector};
use crate::functions::{Function, Variadic};
use crate::literal::format_number;

/// The tree as a JSON object.
pub fn to_json(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr);
    out
}

/// Writes `{"key":value,...}`; the callers give keys in order.
struct Object<'o> {
    out: &'o mut String,
    any: bool,
}

impl<'o> Object<'o> {
    fn new(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, any: false }
    }

    fn key(&mut self, key: &str) -> &mut String {
        if self.any {
            self.out.push(',');
        }
        self.any = true;
        write_string(self.out, key);
        self.out.push(':');
        self.out
    }

    fn string(&mut self, key: &str, value: &str) -> &mut Self {
        write_string(self.key(key), value);
        self
    }

    /// A number, a boolean or `null`.
    fn plain(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        write!(self.key(key), "{value}").expect("writing to a string cannot fail");
        self
    }

    fn expr(&mut self, key: &str, expr: &Expr) -> &mut Self {
        write_expr(self.key(key), expr);
        self
    }

    fn list<T>(&mut self, key: &str, items: &[T], write: impl Fn(&mut String, &T)) -> &mut Self {
        let out = self.key(key);
        out.push('[');
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            write(out, item);
        }
        out.push(']');
        self
    }

    fn names(&mut self, key: &str, names: &[Box<str>]) -> &mut Self {
        self.list(key, names, |out, name| write_string(out, name))
    }

    fn end(&mut self) {
        self.out.push('}');
    }
}

fn write_expr(out: &mut String, expr: &Expr) {
    let mut object = Object::new(out);
    match expr {
        Expr::Aggregate(node) => {
            object.expr("expr", &node.expr);
            let (labels, without) = match &node.grouping {
                Some(grouping) => (grouping.labels.as_slice(), grouping.without),
                None => (&[][..], false),
            };
            object.names("grouping", labels).string("op", node.op.name());
            match &node.param {
                Some(param) => object.expr("param", param),
                None => object.plain("param", "null"),
            };
            object.string("type", "aggregation").plain("without", without);
        }
        Expr::Binary(node) => {
            object.plain("bool", node.returns_bool).expr("lhs", &node.left);
            match &node.matching {
                Some(matching) => write_matching(object.key("matching"), matching),
                None => object.key("matching").push_str("null"),
            }
            object.string("op", node.op.symbol()).expr("rhs", &node.right).string("type", "binaryExpr");
        }
        Expr::Call(node) => {
            object.list("args", &node.args, write_expr);
            write_function(object.key("func"), node.function);
            object.string("type", "call");
        }
        Expr::Matrix(node) => {
            write_selector(&mut object, &node.selector, Some(&node.range));
            object.string("type", "matrixSelector");
        }
        Expr::Vector(node) => {
            write_selector(&mut object, node, None);
            object.string("type", "vectorSelector");
        }
        Expr::Subquery(node) => {
            object.expr("expr", &node.expr).plain("offset", offset_ms(&node.time));
            object.plain("range", literal_ms(&node.range));
            object.plain("startOrEnd", start_or_end(&node.time));
            object.plain("step", node.step.as_ref().map_or(0, literal_ms));
            object.plain("timestamp", timestamp(&node.time)).string("type", "subquery");
        }
        Expr::Number(node) => {
            object.string("type", "numberLiteral").string("val", &format_number(node.value));
        }
        Expr::String(node) => {
            object.string("type", "stringLiteral").string("val", &String::from_utf8_lossy(&node.value));
        }
        Expr::Unary(node) => {
            object.expr("expr", &node.expr).string("op", node.op.symbol()).string("type", "unaryExpr");
        }
        Expr::Paren(node) => {
            object.expr("expr", &node.expr).string("type", "parenExpr");
        }
    }
    object.end();
}

fn write_selector(object: &mut Object<'_>, selector: &VectorSelector, range: Option<&DurationExpr>) {
    object.plain("anchored", selector.extended == Some(Extended::Anchored));
    object.list("matchers", &selector.matchers, write_matcher);
    object.string("name", &selector.name).plain("offset", offset_ms(&selector.time));
    if let Some(range) = range {
        object.plain("range", literal_ms(range));
    }
    object.plain("smoothed", selector.extended == Some(Extended::Smoothed));
    object.plain("startOrEnd", start_or_end(&selector.time)).plain("timestamp", timestamp(&selector.time));
}

fn write_matcher(out: &mut String, matcher: &Matcher) {
    Object::new(out)
        .string("name", matcher.name())
        .string("type", matcher.op().symbol())
        .string("value", matcher.value())
        .end();
}

fn write_matching(out: &mut String, matching: &Matching) {
    let mut object = Object::new(out);
    object.string("card", matching.cardinality.name());
    write_fill(object.key("fillValues"), matching.fill);
    object
        .names("include", &matching.include)
        .names("labels", &matching.labels)
        .plain("on", matching.on)
        .end();
}

fn write_fill(out: &mut String, fill: Fill) {
    let mut object = Object::new(out);
    for (key, value) in [("lhs", fill.left), ("rhs", fill.right)] {
        match value {
            None => object.plain(key, "null"),
            // JSON has no NaN and no infinity.
            Some(value) if !value.is_finite() => object.string(key, &format_number(value)),
            Some(value) => object.plain(key, value),
        };
    }
    object.end();
}

fn write_function(out: &mut String, function: Function) {
    let signature = function.signature();
    let variadic = match signature.variadic {
        Variadic::No => 0,
        Variadic::UpTo(extra) => extra as i64,
        Variadic::Any => -1,
    };
    Object::new(out)
        .list("argTypes", signature.args, |out, arg| write_string(out, arg.name()))
        .string("name", signature.name)
        .string("returnType", signature.returns.name())
        .plain("variadic", variadic)
        .end();
}

fn literal_ms(duration: &DurationExpr) -> i64 {
    duration.literal_ms().unwrap_or(0)
}

fn offset_ms(time: &TimeModifiers) -> i64 {
    time.offset.as_ref().map_or(0, literal_ms)
}

fn start_or_end(time: &TimeModifiers) -> &'static str {
    match time.at {
        Some(At::Start) => "\"start\"",
        Some(At::End) => "\"end\"",
        _ => "null",
    }
}

fn timestamp(time: &TimeModifiers) -> String {
    match time.at {
        Some(At::TimestampMs(timestamp_ms)) => timestamp_ms.to_string(),
        _ => "null".to_owned(),
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Go escapes what HTML and JavaScript might trip over.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", letter as u32).expect("writing to a string cannot fail");
            }
            _ if (letter as u32) < 0x20 => {
                write!(out, "\\u{:04x}", letter as u32).expect("writing to a string cannot fail");
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_written_as_prometheus_does() {
        let check = |query: &str, expect: &str| {
            let expr = crate::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
            assert_eq!(to_json(&expr), expect);
        };
        check("1.5", r#"{"type":"numberLiteral","val":"1.5"}"#);
        check("('a<\"\\n')", r#"{"expr":{"type":"stringLiteral","val":"a\u003c\"\n"},"type":"parenExpr"}"#);
        check(
            "-a{b=~'c'} @ 1.5 offset 5m",
            r#"{"expr":{"anchored":false,"matchers":[{"name":"b","type":"=~","value":"c"},{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":300000,"smoothed":false,"startOrEnd":null,"timestamp":1500,"type":"vectorSelector"},"op":"-","type":"unaryExpr"}"#,
        );
        check(
            "a[5m] anchored @ end()",
            r#"{"anchored":true,"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"range":300000,"smoothed":false,"startOrEnd":"end","timestamp":null,"type":"matrixSelector"}"#,
        );
        check(
            "topk by (x) (1, year())",
            r#"{"expr":{"args":[],"func":{"argTypes":["vector"],"name":"year","returnType":"vector","variadic":1},"type":"call"},"grouping":["x"],"op":"topk","param":{"type":"numberLiteral","val":"1"},"type":"aggregation","without":false}"#,
        );
        check(
            "1 > bool 2",
            r#"{"bool":true,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":"\u003e","rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"}"#,
        );
        let expr = crate::parse("a + on(x) group_left(y) fill_left(Inf) b").expect("valid");
        assert!(to_json(&expr).contains(
            r#""matching":{"card":"many-to-one","fillValues":{"lhs":"+Inf","rhs":null},"include":["y"],"labels":["x"],"on":true}"#
        ));
        let expr = crate::parse("a[1h:step()] offset 1m").expect("valid");
        assert!(to_json(&expr).ends_with(
            r#""offset":60000,"range":3600000,"startOrEnd":null,"step":0,"timestamp":null,"type":"subquery"}"#
        ));
    }
}
