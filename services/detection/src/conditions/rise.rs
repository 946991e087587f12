//! Whether a level is harder to reach than one before it, as far as their forms tell.
//!
//! Two conditions of the same form about the same signals differ in figures only: limits, times,
//! numbers. Where none of the higher level's figures is harder to reach, it is true whenever the lower
//! one is: the lower one would never be seen, so the order is wrong. Where some are harder and others
//! easier, such as a higher limit for a shorter time, neither follows from the other.

use millwright_schemas::api::rules::{GroupCondition, Limit, RuleCondition};

/// A figure by which a level can be harder to reach than another one.
struct Figure {
    /// The field, from the level's condition on.
    field: String,
    before: f64,
    after: f64,
    harder: Harder,
}

/// Which figures are harder to reach.
#[derive(Clone, Copy)]
enum Harder {
    Above,
    Below,
    More,
    Longer,
    Shorter,
}

impl Harder {
    const fn word(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::More => "more than",
            Self::Longer => "longer than",
            Self::Shorter => "shorter than",
        }
    }

    fn is(self, value: f64, than: f64) -> bool {
        match self {
            Self::Above | Self::More | Self::Longer => value > than,
            Self::Below | Self::Shorter => value < than,
        }
    }
}

impl Figure {
    fn is_harder(&self) -> bool {
        self.harder.is(self.after, self.before)
    }

    fn is_easier(&self) -> bool {
        self.harder.is(self.before, self.after)
    }

    fn told(&self) -> (String, String) {
        let Self { field, before, after, harder } = self;
        (field.clone(), format!("{after} is not {} {before}", harder.word()))
    }
}

/// What is wrong with a higher level's condition, after that of a lower one: fields from the condition on,
/// each with the reason, to be followed by the level that it is compared with. Empty: nothing, or their
/// forms don't tell.
pub(super) fn falls(lower: &RuleCondition, higher: &RuleCondition) -> Vec<(String, String)> {
    let mut figures = Figures::default();
    let alike = figures.compare(lower, higher, "").is_some();
    let Figures(figures) = figures;
    if !alike || figures.iter().any(Figure::is_harder) {
        return Vec::new();
    }
    let easier: Vec<_> = figures.iter().filter(|it| it.is_easier()).map(Figure::told).collect();
    match (easier.is_empty(), figures.first()) {
        (false, _) => easier,
        (true, Some(first)) => vec![first.told()],
        (true, None) => vec![(String::new(), "is the same as that".to_owned())],
    }
}

/// The figures of two conditions of the same form.
#[derive(Default)]
struct Figures(Vec<Figure>);

impl Figures {
    /// Notes the figures of two conditions. `None`: they differ otherwise.
    fn compare(&mut self, a: &RuleCondition, b: &RuleCondition, path: &str) -> Option<()> {
        use RuleCondition as Of;
        match (a, b) {
            (Of::Threshold(a), Of::Threshold(b)) => {
                alike(a.signal == b.signal)?;
                self.limits(path, (&a.above, &b.above), (&a.below, &b.below))?;
                self.note(path, "hold_s", Harder::Longer, (a.hold_s, b.hold_s));
            }
            (Of::Rate(a), Of::Rate(b)) => {
                alike(a.signal == b.signal && a.wraps_at == b.wraps_at)?;
                alike(a.per == b.per && a.window_s.total_cmp(&b.window_s).is_eq())?;
                self.limits(path, (&a.above, &b.above), (&a.below, &b.below))?;
                self.note(path, "hold_s", Harder::Longer, (a.hold_s, b.hold_s));
            }
            (Of::Deviation(a), Of::Deviation(b)) => {
                alike(a.signal == b.signal && a.from == b.from && a.measure == b.measure)?;
                let limits = (a.above.default_value(), b.above.default_value());
                self.note(path, "above", Harder::Above, limits);
                self.note(path, "hold_s", Harder::Longer, (a.hold_s, b.hold_s));
            }
            (Of::Count(a), Of::Count(b)) => {
                alike(a.signal == b.signal && a.each == b.each && a.is == b.is)?;
                if a.is.is_empty() {
                    self.limits(path, (&a.above, &b.above), (&a.below, &b.below))?;
                }
                let numbers = (f64::from(a.at_least), f64::from(b.at_least));
                self.note(path, "at_least", Harder::More, numbers);
                self.note(path, "window_s", Harder::Shorter, (a.window_s, b.window_s));
            }
            (Of::State(a), Of::State(b)) => {
                alike(a.signal == b.signal && a.is == b.is && a.is_not == b.is_not)?;
                self.note(path, "hold_s", Harder::Longer, (a.hold_s, b.hold_s));
            }
            (Of::Missing(a), Of::Missing(b)) => {
                alike(a.signal == b.signal && a.event == b.event)?;
                alike(a.is == b.is && a.of == b.of)?;
                self.note(path, "for_s", Harder::Longer, (a.for_s, b.for_s));
            }
            (Of::Sequence(a), Of::Sequence(b)) => {
                alike(a.signal == b.signal && a.states == b.states)?;
                self.note(path, "within_s", Harder::Shorter, (a.within_s, b.within_s));
            }
            (Of::Order(a), Of::Order(b)) => {
                alike(a.signal == b.signal && a.allowed == b.allowed)?;
            }
            (Of::All(a), Of::All(b)) | (Of::Any(a), Of::Any(b)) => self.group(a, b, path)?,
            (Of::While(a), Of::While(b)) => {
                alike(a.gate == b.gate)?;
                self.compare(&a.condition, &b.condition, &format!("{path}.condition"))?;
            }
            (a, b) => alike(a == b)?,
        }
        Some(())
    }

    fn group(&mut self, a: &GroupCondition, b: &GroupCondition, path: &str) -> Option<()> {
        alike(a.conditions.len() == b.conditions.len())?;
        for (place, (a, b)) in a.conditions.iter().zip(&b.conditions).enumerate() {
            self.compare(a, b, &format!("{path}.conditions[{place}]"))?;
        }
        self.note(path, "hold_s", Harder::Longer, (a.hold_s, b.hold_s));
        Some(())
    }

    /// Limits on the same side. A machine's own have their defaults.
    fn limits(
        &mut self,
        path: &str,
        above: (&Option<Limit>, &Option<Limit>),
        below: (&Option<Limit>, &Option<Limit>),
    ) -> Option<()> {
        match (above, below) {
            ((Some(before), Some(after)), (None, None)) => {
                let limits = (before.default_value(), after.default_value());
                self.note(path, "above", Harder::Above, limits);
            }
            ((None, None), (Some(before), Some(after))) => {
                let limits = (before.default_value(), after.default_value());
                self.note(path, "below", Harder::Below, limits);
            }
            // On different sides, or told by the check of each.
            _ => return None,
        }
        Some(())
    }

    fn note(&mut self, path: &str, field: &str, harder: Harder, (before, after): (f64, f64)) {
        self.0.push(Figure { field: format!("{path}.{field}"), before, after, harder });
    }
}

/// Goes on where two conditions are of the same form.
fn alike(they_are: bool) -> Option<()> {
    they_are.then_some(())
}
