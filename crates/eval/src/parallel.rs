//! Work in numbered units over a few threads. Results come back in the order of the units, whichever thread did them when.

use crate::error::EvalError;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Runs `work` for every unit, each thread with a state of its own. The first error by number of unit ends everything.
pub fn run_units<S: Default, T: Send>(
    threads: usize,
    units: usize,
    work: impl Fn(usize, &mut S) -> Result<T, EvalError> + Sync,
) -> Result<Vec<T>, EvalError> {
    if threads <= 1 || units <= 1 {
        let mut state = S::default();
        return (0..units).map(|unit| work(unit, &mut state)).collect();
    }
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let results: Mutex<Vec<(usize, Result<T, EvalError>)>> = Mutex::new(Vec::with_capacity(units));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(units) {
            scope.spawn(|| {
                let mut state = S::default();
                while !stopped.load(Ordering::Relaxed) {
                    let unit = next.fetch_add(1, Ordering::Relaxed);
                    if unit >= units {
                        break;
                    }
                    let result = work(unit, &mut state);
                    if result.is_err() {
                        stopped.store(true, Ordering::Relaxed);
                    }
                    if let Ok(mut results) = results.lock() {
                        results.push((unit, result));
                    }
                }
            });
        }
    });
    // A thread that panicked has made the scope panic already; the lock cannot be poisoned here.
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(unit, _)| *unit);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_order_and_errors_end_the_work() {
        let squares = run_units(3, 50, |unit, _: &mut ()| Ok(unit * unit)).unwrap();
        assert_eq!(squares, (0..50).map(|unit| unit * unit).collect::<Vec<_>>());
        let failed =
            run_units(3, 50, |unit, _: &mut ()| if unit == 7 { Err(EvalError::Cancelled) } else { Ok(()) });
        assert_eq!(failed, Err(EvalError::Cancelled));
    }
}
