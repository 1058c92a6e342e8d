//! `| rate() by (...) | topk(...)` and `with(...)`.

use super::fields::constant;
use super::{Parsed, Parser, compare_op};
use crate::ast::{Metric, MetricFunction, SecondStage};
use crate::error::ParseError;
use crate::lexer::Token;
use crate::value::Static;

const FUNCTIONS: &[&str] = &[
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "avg_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "compare",
];

impl Parser<'_> {
    pub(super) fn at_metric(&self) -> bool {
        matches!(self.peek(), Token::Word(word) if FUNCTIONS.contains(&word.as_str()))
    }

    pub(super) fn metric(&mut self) -> Parsed<Metric> {
        let function = self.function()?;
        let mut by = Vec::new();
        if self.at_word("by") {
            self.advance();
            by = self.attributes_in_parentheses()?;
        }
        let mut then = Vec::new();
        loop {
            let filter = match self.peek() {
                Token::Symbol(symbol) => compare_op(symbol),
                _ => None,
            };
            if let Some(op) = filter {
                self.advance();
                then.push(SecondStage::Filter(op, self.plain_number()?));
            } else if self.accept("|") {
                then.push(self.second_stage()?);
            } else {
                return Ok(Metric { function, by, then });
            }
        }
    }

    fn function(&mut self) -> Parsed<MetricFunction> {
        let Token::Word(word) = self.advance() else { return Err(self.unexpected()) };
        if word == "compare" {
            return Err(ParseError::Unsupported(
                "compare() is not supported: compare two queries by(...) the same attributes".into(),
            ));
        }
        self.expect("(")?;
        let function = match word.as_str() {
            "rate" => MetricFunction::Rate,
            "count_over_time" => MetricFunction::CountOverTime,
            "min_over_time" => MetricFunction::MinOverTime(self.attribute()?),
            "max_over_time" => MetricFunction::MaxOverTime(self.attribute()?),
            "sum_over_time" => MetricFunction::SumOverTime(self.attribute()?),
            "avg_over_time" => MetricFunction::AvgOverTime(self.attribute()?),
            "histogram_over_time" => MetricFunction::HistogramOverTime(self.attribute()?),
            _ => {
                let attribute = self.attribute()?;
                let mut quantiles = Vec::new();
                while self.accept(",") {
                    quantiles.push(self.plain_number()?);
                }
                if quantiles.is_empty() {
                    return Err(self.unexpected());
                }
                MetricFunction::QuantileOverTime(attribute, quantiles)
            }
        };
        self.expect(")")?;
        Ok(function)
    }

    fn second_stage(&mut self) -> Parsed<SecondStage> {
        let top = match self.advance() {
            Token::Word(word) if word == "topk" => true,
            Token::Word(word) if word == "bottomk" => false,
            _ => {
                self.next -= 1;
                return Err(self.unexpected());
            }
        };
        self.expect("(")?;
        let place = self.error("limit of topk and bottomk must be a positive integer");
        let count = match self.number()? {
            Static::Int(count) if count > 0 => count as usize,
            _ => return Err(place),
        };
        self.expect(")")?;
        Ok(if top { SecondStage::TopK(count) } else { SecondStage::BottomK(count) })
    }

    /// A number with or without a sign; durations in seconds, as metrics of durations are.
    fn plain_number(&mut self) -> Parsed<f64> {
        let sign = if self.accept("-") { -1.0 } else { 1.0 };
        Ok(sign
            * match self.number()? {
                Static::Duration(ns) => ns as f64 / 1e9,
                number => number.as_f64().unwrap_or(f64::NAN),
            })
    }

    pub(super) fn hints(&mut self) -> Parsed<Vec<(String, Static)>> {
        if !self.at_word("with") {
            return Ok(Vec::new());
        }
        self.advance();
        self.expect("(")?;
        let mut hints = Vec::new();
        loop {
            let Token::Word(name) = self.advance() else { return Err(self.unexpected()) };
            self.expect("=")?;
            let value = match self.peek().clone() {
                Token::String(text) => Some(Static::String(text)),
                Token::Word(word) => constant(&word),
                _ => {
                    hints.push((name, self.number()?));
                    if self.accept(")") {
                        return Ok(hints);
                    }
                    self.expect(",")?;
                    continue;
                }
            };
            hints.push((name, value.ok_or_else(|| self.unexpected())?));
            self.advance();
            if self.accept(")") {
                return Ok(hints);
            }
            self.expect(",")?;
        }
    }
}
