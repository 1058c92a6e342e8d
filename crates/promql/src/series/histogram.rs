//! Native histograms of series descriptions: `{{schema:1 sum:3 count:2 buckets:[1 1]}}`, repeated and increased.

use std::sync::Arc;

use model::histogram::{Buckets, CounterResetHint, FloatHistogram, Span as BucketSpan};

use super::{Read, Reader, SeriesValue};

impl Reader<'_> {
    /// `h`, `hxN`, `h+hxN`, `h-hxN`.
    pub(super) fn histogram_item(&mut self) -> Read<()> {
        let first = self.histogram()?;
        let sign = self.peek();
        if !matches!(sign, b'+' | b'-') {
            let count = self.times()?.map_or(1, |times| times.saturating_add(1));
            return self.push(SeriesValue::Histogram(Arc::new(first)), count);
        }
        self.at += 1;
        if !self.rest().starts_with("{{") {
            return self.unexpected("");
        }
        let step = self.histogram()?;
        let Some(count) = self.times()? else { return self.unexpected("") };
        let mut value = first;
        self.push(SeriesValue::Histogram(Arc::new(value.clone())), 1)?;
        for _ in 0..count {
            if value.schema > step.schema {
                let message = format!(
                    "error combining histograms: cannot merge from schema {} to {}",
                    step.schema, value.schema
                );
                return self.fail(message);
            }
            let combined = if sign == b'+' { value.add(&step) } else { value.subtract(&step) };
            if let Err(error) = combined {
                return self.fail(format!("error combining histograms: {error}"));
            }
            self.push(SeriesValue::Histogram(Arc::new(value.clone())), 1)?;
        }
        Ok(())
    }

    fn histogram(&mut self) -> Read<FloatHistogram> {
        self.at += "{{".len();
        let mut histogram = FloatHistogram::default();
        let (mut positive, mut negative) = (Side::default(), Side::default());
        loop {
            self.skip_spaces();
            if self.eat("}}") {
                break;
            }
            let key = self.word();
            let key_at = self.at;
            self.at += key.len();
            if key.is_empty() || !self.eat(":") {
                self.at = key_at;
                return self.unexpected_in_histogram();
            }
            match key {
                "schema" => histogram.schema = self.integer("schema")?,
                "sum" => histogram.sum = self.number()?,
                "count" => histogram.count = self.number()?,
                "z_bucket" => histogram.zero_count = self.number()?,
                "z_bucket_w" => histogram.zero_threshold = self.number()?,
                "custom_values" => histogram.custom_values = Some(self.numbers()?.into()),
                "buckets" => positive.counts = self.numbers()?,
                "offset" => positive.offset = self.integer("offset")?,
                "n_buckets" => negative.counts = self.numbers()?,
                "n_offset" => negative.offset = self.integer("n_offset")?,
                "counter_reset_hint" => histogram.reset_hint = self.reset_hint()?,
                _ => {
                    self.at = key_at;
                    return self
                        .fail(format!("bad histogram descriptor found: {}", model::quote::quoted(key)));
                }
            }
            if !self.peek().is_ascii_whitespace() && !self.rest().starts_with("}}") {
                return self.unexpected_in_histogram();
            }
        }
        (histogram.positive, histogram.negative) = (positive.buckets(), negative.buckets());
        Ok(histogram)
    }

    fn unexpected_in_histogram<T>(&self) -> Read<T> {
        match self.rest().chars().next() {
            None => self.fail("unexpected end of input in histogram description, expected \"}}\""),
            Some(letter) => {
                let letter = crate::lexer::quoted_letter(letter);
                self.fail(format!("histogram description incomplete unexpected: {letter}"))
            }
        }
    }

    fn integer<T: TryFrom<i64>>(&mut self, key: &str) -> Read<T> {
        let number = self.number()?;
        let whole = number.fract() == 0.0 && number.abs() < 1e15;
        match T::try_from(number as i64) {
            Ok(value) if whole => Ok(value),
            _ => self.fail(format!("error parsing {key} number: {number}")),
        }
    }

    fn numbers(&mut self) -> Read<Vec<f64>> {
        if !self.eat("[") {
            return self.unexpected_in_histogram();
        }
        let mut numbers = Vec::new();
        loop {
            self.skip_spaces();
            if self.eat("]") {
                return Ok(numbers);
            }
            numbers.push(self.number()?);
            if !self.peek().is_ascii_whitespace() && self.peek() != b']' {
                return self.unexpected_in_histogram();
            }
        }
    }

    fn reset_hint(&mut self) -> Read<CounterResetHint> {
        let word = self.word();
        let hint = match word {
            "unknown" => CounterResetHint::Unknown,
            "reset" => CounterResetHint::Reset,
            "not_reset" => CounterResetHint::NotReset,
            "gauge" => CounterResetHint::Gauge,
            _ => return self.fail(format!("bad histogram descriptor found: {}", model::quote::quoted(word))),
        };
        self.at += word.len();
        Ok(hint)
    }
}

/// Buckets of one sign as written: one span.
#[derive(Default)]
struct Side {
    offset: i32,
    counts: Vec<f64>,
}

impl Side {
    fn buckets(self) -> Buckets<f64> {
        let spans = match u32::try_from(self.counts.len()) {
            Ok(length) if length > 0 => vec![BucketSpan { offset: self.offset, length }],
            _ => Vec::new(),
        };
        Buckets::new(spans, self.counts)
    }
}
