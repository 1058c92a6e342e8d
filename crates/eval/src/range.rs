//! Functions over ranges: which kernel a function is, and the row it makes of a series.

use crate::annotations::{Annotations, Note};
use crate::budget::Pace;
use crate::error::EvalError;
use crate::functions::rate::{RateKind, extrapolated_row, instant_change};
use crate::functions::sliding::{self, Slide};
use crate::functions::{Context, extended, over_time, regression};
use crate::grid::{Row, Sample, Scalars};
use crate::select::Series;
use crate::windows::{Window, WindowGrid};
use limits::QueryBudget;
use model::Labels;
use promql::ast::Extended;
use promql::{Function, Span};
use std::sync::Arc;

/// A function with everything it needs but the samples.
pub(crate) struct RangeCall {
    pub function: Function,
    pub windows: WindowGrid,
    /// Scalar arguments, one number per step.
    pub scalars: Vec<Scalars>,
    /// Place of the range argument, to which most annotations point...
    pub span: Span,
    /// ...and of the first argument.
    pub first_span: Span,
    /// Start timestamps count.
    pub uses_starts: bool,
    /// Asked now and then whether to go on.
    pub budget: QueryBudget,
    /// Counters are told by their `__type__` label rather than by their name.
    pub checks_type_label: bool,
}

/// Suffixes by which a counter is recognised.
const COUNTER_SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

/// Roughly how many float samples a window is worth of work.
#[inline]
fn weight(window: &Window<'_>) -> usize {
    window.times.len() + window.histograms.len() * HISTOGRAM_WEIGHT + 1
}

/// A histogram is as much work as so many floats.
const HISTOGRAM_WEIGHT: usize = 64;

impl RangeCall {
    /// Fills an empty row.
    pub fn row(&self, series: &Series, mut row: Row, notes: &mut Annotations) -> Result<Row, EvalError> {
        let keeps_name = matches!(self.function, Function::LastOverTime | Function::FirstOverTime);
        row.drop_name |= !keeps_name;
        let labels = Arc::clone(&row.labels);
        let mut context = Context { labels: &labels, notes, span: self.span };
        match self.rate_kind() {
            Some(kind) if self.windows.extended.is_none() => {
                extrapolated_row(kind, &self.windows, series, &mut row, &mut context);
            }
            _ => match self.sliding().filter(|_| sliding::applies(&self.windows, series)) {
                Some(slide) => sliding::slide(slide, &self.windows, series, &mut row),
                None => self.slide(series, &mut row, &mut context)?,
            },
        }
        if matches!(self.function, Function::Rate | Function::Increase) {
            self.note_non_counter(&row, &labels, notes);
        }
        Ok(row)
    }

    fn rate_kind(&self) -> Option<RateKind> {
        match self.function {
            Function::Rate => Some(RateKind { counter: true, per_second: true }),
            Function::Increase => Some(RateKind { counter: true, per_second: false }),
            Function::Delta => Some(RateKind { counter: false, per_second: false }),
            _ => None,
        }
    }

    /// Functions whose windows need not be scanned each on its own.
    fn sliding(&self) -> Option<Slide> {
        match self.function {
            Function::SumOverTime => Some(Slide::Sum),
            Function::AvgOverTime => Some(Slide::Avg),
            Function::MinOverTime => Some(Slide::Min),
            Function::MaxOverTime => Some(Slide::Max),
            _ => None,
        }
    }

    fn note_non_counter(&self, row: &Row, labels: &Labels, notes: &mut Annotations) {
        let name = labels.metric_name();
        let has_float = || row.present.iter().any(|step| row.histogram(step).is_none());
        if name.is_empty() || !has_float() {
            return;
        }
        if self.checks_type_label {
            let type_label = labels.get("__type__");
            if type_label != "counter" && type_label != "histogram" {
                notes.add(Note::PossibleNonCounterType { name, type_label }, self.first_span);
            }
        } else if !COUNTER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            notes.add(Note::PossibleNonCounter(name), self.first_span);
        }
    }

    /// Runs the kernel of the function over every window. The choice of the kernel is outside of the loop.
    fn slide(&self, series: &Series, row: &mut Row, context: &mut Context<'_>) -> Result<(), EvalError> {
        use Function::*;
        let is_anchored = self.windows.extended == Some(Extended::Anchored);
        match self.function {
            SumOverTime => {
                self.each(series, row, context, |_, window, context| over_time::sum(window, context))
            }
            AvgOverTime => {
                self.each(series, row, context, |_, window, context| over_time::average(window, context))
            }
            CountOverTime => self.floats(series, row, context, |_, window, _| Some(over_time::count(window))),
            MinOverTime => {
                self.floats(series, row, context, |_, window, context| over_time::min(window, context))
            }
            MaxOverTime => {
                self.floats(series, row, context, |_, window, context| over_time::max(window, context))
            }
            LastOverTime => self.each(series, row, context, |_, window, _| over_time::last(window)),
            FirstOverTime => self.each(series, row, context, |_, window, _| over_time::first(window)),
            StdvarOverTime => {
                self.floats(series, row, context, |_, window, context| over_time::variance(window, context))
            }
            StddevOverTime => self.floats(series, row, context, |_, window, context| {
                over_time::variance(window, context).map(f64::sqrt)
            }),
            MadOverTime => self.floats(series, row, context, |_, window, context| {
                over_time::median_deviation(window, context)
            }),
            QuantileOverTime => self.floats(series, row, context, |step, window, context| {
                over_time::quantile(self.scalar(0, step), window, context)
            }),
            PresentOverTime | AbsentOverTime => self.floats(series, row, context, |_, _, _| Some(1.0)),
            Changes => {
                self.floats(series, row, context, |_, window, _| over_time::changes(window, is_anchored))
            }
            Resets => {
                self.floats(series, row, context, |_, window, _| over_time::resets(window, is_anchored))
            }
            Deriv => self
                .floats(series, row, context, |_, window, context| regression::derivative(window, context)),
            PredictLinear => self.floats(series, row, context, |step, window, context| {
                regression::predict(self.scalar(0, step), window, context)
            }),
            TsOfFirstOverTime => {
                self.floats(series, row, context, |_, window, _| over_time::time_of_first(window))
            }
            TsOfLastOverTime => {
                self.floats(series, row, context, |_, window, _| over_time::time_of_last(window))
            }
            TsOfMaxOverTime => self
                .floats(series, row, context, |_, window, context| over_time::time_of_max(window, context)),
            TsOfMinOverTime => self
                .floats(series, row, context, |_, window, context| over_time::time_of_min(window, context)),
            Irate => {
                self.each(series, row, context, |_, window, context| instant_change(true, window, context))
            }
            Idelta => {
                self.each(series, row, context, |_, window, context| instant_change(false, window, context))
            }
            DoubleExponentialSmoothing => self.smooth(series, row, context),
            _ => self.slide_extended(series, row, context),
        }
    }

    fn slide_extended(
        &self,
        series: &Series,
        row: &mut Row,
        context: &mut Context<'_>,
    ) -> Result<(), EvalError> {
        let Some(kind) = self.rate_kind() else {
            return Err(EvalError::Execution(format!(
                "{} is not a function over ranges",
                self.function.name()
            )));
        };
        let smoothed = self.windows.extended == Some(Extended::Smoothed);
        self.each(series, row, context, |_, window, context| {
            extended::rate(kind, &self.windows, smoothed, window, context)
        })
    }

    fn smooth(&self, series: &Series, row: &mut Row, context: &mut Context<'_>) -> Result<(), EvalError> {
        let mut pace = Pace::new(&self.budget);
        self.windows.slide(series, |step, window| {
            pace.spend(weight(&window))?;
            let (smoothing, trend) = (self.scalar(0, step), self.scalar(1, step));
            if let Some(value) = regression::smooth(smoothing, trend, &window, context)? {
                row.set_float(step, value);
            }
            Ok(())
        })
    }

    #[inline]
    fn scalar(&self, argument: usize, step: usize) -> f64 {
        self.scalars[argument][step]
    }

    #[inline]
    fn each(
        &self,
        series: &Series,
        row: &mut Row,
        context: &mut Context<'_>,
        kernel: impl Fn(usize, &Window<'_>, &mut Context<'_>) -> Option<Sample>,
    ) -> Result<(), EvalError> {
        let mut pace = Pace::new(&self.budget);
        self.windows.slide(series, |step, window| {
            pace.spend(weight(&window))?;
            if let Some(sample) = kernel(step, &window, context) {
                row.set(step, sample);
            }
            Ok(())
        })
    }

    #[inline]
    fn floats(
        &self,
        series: &Series,
        row: &mut Row,
        context: &mut Context<'_>,
        kernel: impl Fn(usize, &Window<'_>, &mut Context<'_>) -> Option<f64>,
    ) -> Result<(), EvalError> {
        let mut pace = Pace::new(&self.budget);
        self.windows.slide(series, |step, window| {
            pace.spend(weight(&window))?;
            if let Some(value) = kernel(step, &window, context) {
                row.set_float(step, value);
            }
            Ok(())
        })
    }
}
