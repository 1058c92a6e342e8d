//! Functions of one float: arithmetic, trigonometry, calendar. Histogram samples are passed over in silence.

use crate::calendar::Civil;
use promql::Function;

/// The function of a float that `function` is; `None` when it is none.
pub fn float_function(function: Function) -> Option<fn(f64) -> f64> {
    Some(match function {
        Function::Abs => f64::abs,
        Function::Ceil => f64::ceil,
        Function::Floor => f64::floor,
        Function::Exp => f64::exp,
        Function::Sqrt => f64::sqrt,
        Function::Ln => f64::ln,
        Function::Log2 => f64::log2,
        Function::Log10 => f64::log10,
        Function::Sin => f64::sin,
        Function::Cos => f64::cos,
        Function::Tan => f64::tan,
        Function::Asin => f64::asin,
        Function::Acos => f64::acos,
        Function::Atan => f64::atan,
        Function::Sinh => f64::sinh,
        Function::Cosh => f64::cosh,
        Function::Tanh => f64::tanh,
        Function::Asinh => f64::asinh,
        Function::Acosh => f64::acosh,
        Function::Atanh => f64::atanh,
        Function::Rad => |value| value * std::f64::consts::PI / 180.0,
        Function::Deg => |value| value * 180.0 / std::f64::consts::PI,
        Function::Sgn => sign,
        _ => return calendar_function(function),
    })
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// The function of a time in seconds that `function` is.
pub fn calendar_function(function: Function) -> Option<fn(f64) -> f64> {
    fn civil(seconds: f64) -> Civil {
        // Saturates; far enough from the ends that no date arithmetic overflows.
        Civil::from_unix_seconds((seconds as i64).clamp(-(1 << 60), 1 << 60))
    }
    Some(match function {
        Function::DaysInMonth => |seconds| f64::from(civil(seconds).days_in_month()),
        Function::DayOfMonth => |seconds| f64::from(civil(seconds).day),
        Function::DayOfWeek => |seconds| f64::from(civil(seconds).weekday),
        Function::DayOfYear => |seconds| f64::from(civil(seconds).day_of_year),
        Function::Hour => |seconds| f64::from(civil(seconds).hour),
        Function::Minute => |seconds| f64::from(civil(seconds).minute),
        Function::Month => |seconds| f64::from(civil(seconds).month),
        Function::Year => |seconds| civil(seconds).year as f64,
        _ => return None,
    })
}

/// To the nearest multiple; ties go up. Dividing by the inverse loses fewer digits.
pub fn round(value: f64, nearest: f64) -> f64 {
    let inverse = 1.0 / nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// Go's `math.Max` and `math.Min`: NaN wins, unlike in Rust.
pub fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

pub fn min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_bounds() {
        assert_eq!(
            [round(2.5, 1.0), round(-2.5, 1.0), round(7.3, 5.0), round(0.14, 0.1)],
            [3.0, -2.0, 5.0, 0.1]
        );
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!(max(f64::NAN, f64::INFINITY), f64::INFINITY);
        assert_eq!(
            float_function(Function::Sgn).map(|sign| [sign(-3.0), sign(0.0), sign(2.0)]),
            Some([-1.0, 0.0, 1.0])
        );
        assert_eq!(float_function(Function::Year).map(|year| year(f64::NAN)), Some(1970.0));
    }
}
