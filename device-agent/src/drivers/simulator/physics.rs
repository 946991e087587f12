//! Small pieces of physics: lag, noise, resolution.

use rand::{Rng, RngExt};

/// Moves `value` towards `target` as a first-order lag with time constant `tau_s`; exact for
/// any `dt_s`.
pub(super) fn lag(value: &mut f64, target: f64, tau_s: f64, dt_s: f64) {
    *value += (target - *value) * (1.0 - (-dt_s / tau_s).exp());
}

/// Normally distributed around 0.
pub(super) fn noise<R: Rng>(rng: &mut R, sigma: f64) -> f64 {
    // Box–Muller; 1 - u is never 0, so the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    sigma * radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Evenly distributed between `from` and `to`.
pub(super) fn between<R: Rng>(rng: &mut R, from: f64, to: f64) -> f64 {
    from + (to - from) * rng.random::<f64>()
}

/// Rounds to a sensor's resolution.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// As the sensor shows it: with noise, not below zero, in its resolution.
pub(super) fn sensor<R: Rng>(rng: &mut R, value: f64, sigma: f64, digits: i32) -> f64 {
    round((value + noise(rng, sigma)).max(0.0), digits)
}
