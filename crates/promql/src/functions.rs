//! The functions of the language: names, argument and result types, and which of them Prometheus calls experimental.
//!
//! One table; the parser checks calls against it, `eval` matches on [`Function`], the API lists it.

use crate::ast::ValueType;

/// How many arguments beyond the fixed ones a function takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variadic {
    /// Exactly as many as there are argument types.
    No,
    /// The last type is optional, and may repeat up to this many times.
    UpTo(usize),
    /// The last type may be absent or repeat without bound.
    Any,
}

#[derive(Clone, Copy, Debug)]
pub struct Signature {
    pub name: &'static str,
    pub args: &'static [ValueType],
    pub variadic: Variadic,
    pub returns: ValueType,
    /// Needs `promql-experimental-functions` in Prometheus.
    pub is_experimental: bool,
}

impl Signature {
    /// Fewest arguments of a call.
    pub fn min_args(&self) -> usize {
        if self.variadic == Variadic::No { self.args.len() } else { self.args.len() - 1 }
    }

    /// Most arguments of a call; `None` is no bound.
    pub fn max_args(&self) -> Option<usize> {
        match self.variadic {
            Variadic::No => Some(self.args.len()),
            Variadic::UpTo(extra) => Some(self.args.len() - 1 + extra),
            Variadic::Any => None,
        }
    }

    /// Type of argument `place`; the last type repeats.
    pub fn arg_type(&self, place: usize) -> Option<ValueType> {
        self.args.get(place).or(self.args.last()).copied()
    }
}

macro_rules! functions {
    ($($variant:ident $name:literal ($($arg:ident),*) $variadic:expr, $returns:ident, $experimental:literal;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Function { $($variant),* }

        impl Function {
            /// Sorted by name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub fn signature(self) -> &'static Signature {
                &SIGNATURES[self as usize]
            }
        }

        static SIGNATURES: &[Signature] = &[$(Signature {
            name: $name,
            args: &[$(ValueType::$arg),*],
            variadic: $variadic,
            returns: ValueType::$returns,
            is_experimental: $experimental,
        }),*];
    };
}

functions! {
    Abs "abs" (Vector) Variadic::No, Vector, false;
    Absent "absent" (Vector) Variadic::No, Vector, false;
    AbsentOverTime "absent_over_time" (Matrix) Variadic::No, Vector, false;
    Acos "acos" (Vector) Variadic::No, Vector, false;
    Acosh "acosh" (Vector) Variadic::No, Vector, false;
    Asin "asin" (Vector) Variadic::No, Vector, false;
    Asinh "asinh" (Vector) Variadic::No, Vector, false;
    Atan "atan" (Vector) Variadic::No, Vector, false;
    Atanh "atanh" (Vector) Variadic::No, Vector, false;
    AvgOverTime "avg_over_time" (Matrix) Variadic::No, Vector, false;
    Ceil "ceil" (Vector) Variadic::No, Vector, false;
    Changes "changes" (Matrix) Variadic::No, Vector, false;
    Clamp "clamp" (Vector, Scalar, Scalar) Variadic::No, Vector, false;
    ClampMax "clamp_max" (Vector, Scalar) Variadic::No, Vector, false;
    ClampMin "clamp_min" (Vector, Scalar) Variadic::No, Vector, false;
    Cos "cos" (Vector) Variadic::No, Vector, false;
    Cosh "cosh" (Vector) Variadic::No, Vector, false;
    CountOverTime "count_over_time" (Matrix) Variadic::No, Vector, false;
    DayOfMonth "day_of_month" (Vector) Variadic::UpTo(1), Vector, false;
    DayOfWeek "day_of_week" (Vector) Variadic::UpTo(1), Vector, false;
    DayOfYear "day_of_year" (Vector) Variadic::UpTo(1), Vector, false;
    DaysInMonth "days_in_month" (Vector) Variadic::UpTo(1), Vector, false;
    Deg "deg" (Vector) Variadic::No, Vector, false;
    Delta "delta" (Matrix) Variadic::No, Vector, false;
    Deriv "deriv" (Matrix) Variadic::No, Vector, false;
    DoubleExponentialSmoothing "double_exponential_smoothing" (Matrix, Scalar, Scalar) Variadic::No, Vector, true;
    End "end" () Variadic::No, Scalar, true;
    Exp "exp" (Vector) Variadic::No, Vector, false;
    FirstOverTime "first_over_time" (Matrix) Variadic::No, Vector, false;
    Floor "floor" (Vector) Variadic::No, Vector, false;
    HistogramAvg "histogram_avg" (Vector) Variadic::No, Vector, false;
    HistogramCount "histogram_count" (Vector) Variadic::No, Vector, false;
    HistogramFraction "histogram_fraction" (Scalar, Scalar, Vector) Variadic::No, Vector, false;
    HistogramQuantile "histogram_quantile" (Scalar, Vector) Variadic::No, Vector, false;
    HistogramQuantiles "histogram_quantiles" (Vector, String, Scalar, Scalar) Variadic::UpTo(9), Vector, true;
    HistogramStddev "histogram_stddev" (Vector) Variadic::No, Vector, false;
    HistogramStdvar "histogram_stdvar" (Vector) Variadic::No, Vector, false;
    HistogramSum "histogram_sum" (Vector) Variadic::No, Vector, false;
    Hour "hour" (Vector) Variadic::UpTo(1), Vector, false;
    Idelta "idelta" (Matrix) Variadic::No, Vector, false;
    Increase "increase" (Matrix) Variadic::No, Vector, false;
    Info "info" (Vector, Vector) Variadic::UpTo(1), Vector, true;
    Irate "irate" (Matrix) Variadic::No, Vector, false;
    LabelJoin "label_join" (Vector, String, String, String) Variadic::Any, Vector, false;
    LabelReplace "label_replace" (Vector, String, String, String, String) Variadic::No, Vector, false;
    LastOverTime "last_over_time" (Matrix) Variadic::No, Vector, false;
    Ln "ln" (Vector) Variadic::No, Vector, false;
    Log10 "log10" (Vector) Variadic::No, Vector, false;
    Log2 "log2" (Vector) Variadic::No, Vector, false;
    MadOverTime "mad_over_time" (Matrix) Variadic::No, Vector, true;
    MaxOf "max_of" (Scalar, Scalar) Variadic::No, Scalar, true;
    MaxOverTime "max_over_time" (Matrix) Variadic::No, Vector, false;
    MinOf "min_of" (Scalar, Scalar) Variadic::No, Scalar, true;
    MinOverTime "min_over_time" (Matrix) Variadic::No, Vector, false;
    Minute "minute" (Vector) Variadic::UpTo(1), Vector, false;
    Month "month" (Vector) Variadic::UpTo(1), Vector, false;
    Pi "pi" () Variadic::No, Scalar, false;
    PredictLinear "predict_linear" (Matrix, Scalar) Variadic::No, Vector, false;
    PresentOverTime "present_over_time" (Matrix) Variadic::No, Vector, false;
    QuantileOverTime "quantile_over_time" (Scalar, Matrix) Variadic::No, Vector, false;
    Rad "rad" (Vector) Variadic::No, Vector, false;
    Range "range" () Variadic::No, Scalar, true;
    Rate "rate" (Matrix) Variadic::No, Vector, false;
    Resets "resets" (Matrix) Variadic::No, Vector, false;
    Round "round" (Vector, Scalar) Variadic::UpTo(1), Vector, false;
    Scalar "scalar" (Vector) Variadic::No, Scalar, false;
    Sgn "sgn" (Vector) Variadic::No, Vector, false;
    Sin "sin" (Vector) Variadic::No, Vector, false;
    Sinh "sinh" (Vector) Variadic::No, Vector, false;
    Sort "sort" (Vector) Variadic::No, Vector, false;
    SortByLabel "sort_by_label" (Vector, String) Variadic::Any, Vector, true;
    SortByLabelDesc "sort_by_label_desc" (Vector, String) Variadic::Any, Vector, true;
    SortDesc "sort_desc" (Vector) Variadic::No, Vector, false;
    Sqrt "sqrt" (Vector) Variadic::No, Vector, false;
    Start "start" () Variadic::No, Scalar, true;
    StartTimestamp "start_timestamp" (Vector) Variadic::No, Vector, true;
    StddevOverTime "stddev_over_time" (Matrix) Variadic::No, Vector, false;
    StdvarOverTime "stdvar_over_time" (Matrix) Variadic::No, Vector, false;
    Step "step" () Variadic::No, Scalar, true;
    SumOverTime "sum_over_time" (Matrix) Variadic::No, Vector, false;
    Tan "tan" (Vector) Variadic::No, Vector, false;
    Tanh "tanh" (Vector) Variadic::No, Vector, false;
    Time "time" () Variadic::No, Scalar, false;
    Timestamp "timestamp" (Vector) Variadic::No, Vector, false;
    TsOfFirstOverTime "ts_of_first_over_time" (Matrix) Variadic::No, Vector, true;
    TsOfLastOverTime "ts_of_last_over_time" (Matrix) Variadic::No, Vector, true;
    TsOfMaxOverTime "ts_of_max_over_time" (Matrix) Variadic::No, Vector, true;
    TsOfMinOverTime "ts_of_min_over_time" (Matrix) Variadic::No, Vector, true;
    Vector "vector" (Scalar) Variadic::No, Vector, false;
    Year "year" (Vector) Variadic::UpTo(1), Vector, false;
}

impl Function {
    /// Names are case-sensitive.
    pub fn from_name(name: &str) -> Option<Self> {
        let place = SIGNATURES.binary_search_by(|signature| signature.name.cmp(name));
        place.ok().and_then(|place| Self::ALL.get(place)).copied()
    }

    pub fn name(self) -> &'static str {
        self.signature().name
    }

    pub fn returns(self) -> ValueType {
        self.signature().returns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_sorted_and_found_by_name() {
        assert_eq!(Function::ALL.len(), 90);
        assert!(Function::ALL.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        for function in Function::ALL {
            assert_eq!(Function::from_name(function.name()), Some(*function));
        }
        assert_eq!(Function::from_name("Rate"), None);
    }

    #[test]
    fn argument_bounds_follow_the_variadic() {
        let bounds = |function: Function| {
            let signature = function.signature();
            (signature.min_args(), signature.max_args())
        };
        assert_eq!(bounds(Function::Rate), (1, Some(1)));
        assert_eq!(bounds(Function::Round), (1, Some(2)));
        assert_eq!(bounds(Function::LabelJoin), (3, None));
        assert_eq!(bounds(Function::HistogramQuantiles), (3, Some(12)));
    }
}
