//! What was learned of a machine for one rule.

use millwright_schemas::Timestamp;

use super::gate::{Gate, GateState, Turn};
use super::rows::Rows;
use crate::conditions::{OverBudget, Update};
use crate::hold::Verdict;
use crate::learned::explanation::Explanation;
use crate::learned::multivariate::{self, Multivariate, Refused};
use crate::learned::packed::Packed;
use crate::learned::univariate::{self, Univariate};

/// The form of the bytes; one that isn't known is learned anew.
const FORM: u8 = 1;
/// The same with a gate.
const GATED: u8 = 2;

/// What was learned, and what is needed to go on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    signals: Vec<String>,
    /// What is older isn't learned.
    since: Option<Timestamp>,
    /// The time of each signal's newest sample.
    seen: Vec<Option<Timestamp>>,
    /// Where the condition stands while which it is learned.
    gate: Option<GateState>,
    detectors: Detectors,
}

#[derive(Debug, Clone, PartialEq)]
enum Detectors {
    /// One a signal.
    Alone(Vec<Univariate>),
    /// One for all of them.
    Together(Box<Together>),
}

#[derive(Debug, Clone, PartialEq)]
struct Together {
    rows: Rows,
    machine: Multivariate,
}

/// What a detector says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    /// The place of the signal; 0 when they are together.
    pub(crate) of: usize,
    pub(crate) at: Timestamp,
    pub(crate) verdict: Verdict,
    /// How unusual, 0 to 1.
    pub(crate) score: f64,
    /// Why, when an alarm is due.
    pub(crate) explanation: Option<Explanation>,
}

impl Memory {
    /// Nothing yet, of each signal by itself.
    pub(crate) fn alone(signals: Vec<String>, settings: univariate::Settings) -> Self {
        let detectors = Detectors::Alone(vec![Univariate::new(settings); signals.len()]);
        Self { since: None, seen: vec![None; signals.len()], gate: None, signals, detectors }
    }

    /// Nothing yet, of the signals together.
    pub(crate) fn together(
        signals: Vec<String>,
        settings: multivariate::Settings,
    ) -> Result<Self, Refused> {
        let machine = Multivariate::new(signals.clone(), settings)?;
        let together = Together { rows: Rows::new(signals.len()), machine };
        let detectors = Detectors::Together(Box::new(together));
        Ok(Self { since: None, seen: vec![None; signals.len()], gate: None, signals, detectors })
    }

    /// The same, learned only while a condition is true.
    pub(crate) fn gated(self, gate: Option<GateState>) -> Self {
        Self { gate, ..self }
    }

    /// How many verdicts there are, each with its own hold.
    pub(crate) fn verdicts(&self) -> usize {
        match &self.detectors {
            Detectors::Alone(detectors) => detectors.len(),
            Detectors::Together(_) => 1,
        }
    }

    /// Whether it was learned as this one, which knows nothing yet, would learn.
    pub(crate) fn fits(&self, untaught: &Self) -> bool {
        let settings = match (&self.detectors, &untaught.detectors) {
            (Detectors::Alone(ours), Detectors::Alone(theirs)) => {
                ours.iter().zip(theirs).all(|(a, b)| a.settings() == b.settings())
            }
            (Detectors::Together(ours), Detectors::Together(theirs)) => {
                ours.machine.settings() == theirs.machine.settings()
            }
            _ => false,
        };
        let gate = match (&self.gate, &untaught.gate) {
            (Some(ours), Some(theirs)) => ours.fits(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        settings && gate && self.signals == untaught.signals
    }

    /// What is older isn't learned.
    pub(crate) const fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// As this one, which knows nothing yet, from that time on. What was seen isn't taken again, and
    /// the gate stays as it is.
    pub(crate) fn begin_anew(&mut self, untaught: &Self, since: Option<Timestamp>) {
        let (seen, gate) = (std::mem::take(&mut self.seen), self.gate.take());
        *self = Self { since, seen, gate, ..untaught.clone() };
    }

    /// What samples of one moment make of the gate; see [`Gate::turn`]. When it closes, what comes
    /// afterwards isn't compared with what came before.
    ///
    /// # Errors
    /// [`OverBudget`]: it isn't to be used any more.
    pub(crate) fn turn(
        &mut self,
        gate: &Gate,
        at: Timestamp,
        samples: &[Update],
        through: bool,
        work: u32,
    ) -> Result<Turn, OverBudget> {
        let state = self.gate.get_or_insert_with(|| gate.begin());
        let turn = gate.turn(state, at, samples, through, work)?;
        if turn.closed_at.is_some() {
            match &mut self.detectors {
                Detectors::Alone(detectors) => {
                    detectors.iter_mut().for_each(Univariate::interrupt);
                }
                Detectors::Together(together) => {
                    together.rows.interrupt();
                    together.machine.interrupt();
                }
            }
        }
        Ok(turn)
    }

    /// Samples of one moment that aren't to be learned: they count as seen.
    pub(crate) fn pass_over(&mut self, at: Timestamp, samples: &[(usize, Option<f64>)]) {
        samples.iter().for_each(|(signal, _)| self.skip_to(*signal, at));
    }

    /// The time of a signal's newest sample; those of the gate have the places behind the others.
    pub(crate) fn seen(&self, signal: usize) -> Option<Timestamp> {
        match signal.checked_sub(self.seen.len()) {
            None => self.seen.get(signal).copied().flatten(),
            Some(signal) => self.gate.as_ref()?.seen(signal),
        }
    }

    /// The time of the newest sample of all.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let of_gate = self.gate.as_ref().and_then(GateState::newest);
        self.seen.iter().copied().flatten().chain(of_gate).max()
    }

    /// A signal's samples up to then are passed over.
    pub(crate) fn skip_to(&mut self, signal: usize, at: Timestamp) {
        if let Some(of_gate) = signal.checked_sub(self.seen.len()) {
            if let Some(gate) = &mut self.gate {
                gate.skip_to(of_gate, at);
            }
        } else if let Some(seen) = self.seen.get_mut(signal) {
            *seen = (*seen).max(Some(at));
        }
    }

    /// The newest sample of a row that isn't whole yet.
    pub(crate) fn open(&self) -> Option<Timestamp> {
        match &self.detectors {
            Detectors::Alone(_) => None,
            Detectors::Together(together) => together.rows.open(),
        }
    }

    /// How many detectors have learned enough to say something.
    pub(crate) fn watching(&self) -> usize {
        match &self.detectors {
            Detectors::Alone(detectors) => detectors.iter().filter(|it| it.is_watching()).count(),
            Detectors::Together(together) => usize::from(together.machine.is_watching()),
        }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let names: usize = self.signals.iter().map(|name| size_of::<String>() + name.len()).sum();
        let detectors = match &self.detectors {
            Detectors::Alone(detectors) => detectors.iter().map(Univariate::state_bytes).sum(),
            Detectors::Together(it) => it.rows.bytes() + it.machine.state_bytes(),
        };
        let gate = self.gate.as_ref().map_or(0, GateState::bytes);
        size_of::<Self>()
            + names
            + gate
            + self.seen.len() * size_of::<Option<Timestamp>>()
            + detectors
    }

    /// Takes samples of one moment: places of signals, and usable values. A sample that isn't later
    /// than the one before of its signal changes nothing. `explain`: whether it is wanted why.
    pub(crate) fn take(
        &mut self,
        at: Timestamp,
        samples: &[(usize, Option<f64>)],
        explain: bool,
    ) -> Vec<Said> {
        if self.since.is_some_and(|since| at < since) {
            // They have been seen: who looks for what comes behind them goes on.
            self.pass_over(at, samples);
            return Vec::new();
        }
        let is_new = |signal: usize| match self.seen.get(signal) {
            Some(seen) => seen.is_none_or(|seen| at > seen),
            None => false,
        };
        let new: Vec<_> = samples.iter().copied().filter(|(signal, _)| is_new(*signal)).collect();
        if new.is_empty() {
            return Vec::new();
        }
        match &mut self.detectors {
            Detectors::Alone(detectors) => new
                .into_iter()
                .map(|(of, value)| {
                    self.seen[of] = Some(at);
                    alone(&mut detectors[of], of, at, value, explain)
                })
                .collect(),
            Detectors::Together(together) => {
                let Together { rows, machine } = &mut **together;
                let rows = rows.take(at, &new, &mut self.seen);
                rows.into_iter().map(|(at, row)| judged(machine, at, &row, explain)).collect()
            }
        }
    }

    /// As bytes, to be stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes());
        match &self.gate {
            None => FORM.write(&mut bytes),
            Some(gate) => {
                GATED.write(&mut bytes);
                gate.write(&mut bytes);
            }
        }
        self.signals.write(&mut bytes);
        self.since.write(&mut bytes);
        self.seen.write(&mut bytes);
        match &self.detectors {
            Detectors::Alone(detectors) => {
                0_u8.write(&mut bytes);
                detectors.write(&mut bytes);
            }
            Detectors::Together(together) => {
                1_u8.write(&mut bytes);
                together.rows.write(&mut bytes);
                together.machine.write(&mut bytes);
            }
        }
        bytes
    }

    /// From stored bytes; `None`: they aren't of this form, or damaged.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let gate = match u8::read(bytes)? {
            FORM => None,
            GATED => Some(GateState::read(bytes)?),
            _ => return None,
        };
        let signals: Vec<String> = Packed::read(bytes)?;
        let (since, seen): (Option<Timestamp>, Vec<Option<Timestamp>>) =
            (Packed::read(bytes)?, Packed::read(bytes)?);
        let count = signals.len();
        let (detectors, sound) = match u8::read(bytes)? {
            0 => {
                let detectors: Vec<Univariate> = Packed::read(bytes)?;
                let sound = detectors.len() == count && detectors.iter().all(Univariate::is_sound);
                (Detectors::Alone(detectors), sound)
            }
            1 => {
                let (rows, machine): (Rows, Multivariate) =
                    (Packed::read(bytes)?, Packed::read(bytes)?);
                let sound = rows.is_sound(count)
                    && machine.is_sound()
                    && machine.signals() == signals.as_slice();
                (Detectors::Together(Box::new(Together { rows, machine })), sound)
            }
            _ => return None,
        };
        let whole = bytes.is_empty() && seen.len() == count && sound;
        whole.then_some(Self { signals, since, seen, gate, detectors })
    }
}

fn alone(
    detector: &mut Univariate,
    of: usize,
    at: Timestamp,
    value: Option<f64>,
    explain: bool,
) -> Said {
    let said = detector.step(at, value);
    let verdict = match value {
        None => Verdict::Unknown,
        Some(_) if said.alarm => Verdict::Beyond(said.score),
        // An incident that has alarmed before goes on.
        Some(_) if detector.is_beyond() => Verdict::Between,
        Some(_) => Verdict::Back,
    };
    let explanation = (explain && said.alarm).then(|| detector.explain());
    Said { of, at, verdict, score: said.score, explanation }
}

fn judged(machine: &mut Multivariate, at: Timestamp, row: &[Option<f64>], explain: bool) -> Said {
    let said = machine.step(at, row);
    let missing = row.iter().filter(|value| value.is_none()).count();
    let verdict = if said.alarm {
        Verdict::Beyond(said.score)
    } else if missing * 2 >= row.len() {
        Verdict::Unknown
    } else {
        Verdict::Back
    };
    let explanation = (explain && said.alarm).then(|| machine.explain());
    Said { of: 0, at, verdict, score: said.score, explanation }
}
