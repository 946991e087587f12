//! What was learned of a machine for one rule.

use millwright_schemas::Timestamp;

use super::gate::{Gate, GateState, Turn};
use super::pace::Pace;
use super::rows::Rows;
use super::status::LearningStatus;
use crate::conditions::{OverBudget, Update};
use crate::hold::Verdict;
use crate::learned::LearningStage;
use crate::learned::explanation::Explanation;
use crate::learned::multivariate::{self, Multivariate, Refused};
use crate::learned::packed::Packed;
use crate::learned::univariate::{self, Univariate};

/// The form of the bytes; one that isn't known is learned anew.
const FORM: u8 = 3;
/// The same with a gate. 1 and 2 were of a form that was learned from every sample.
const GATED: u8 = 4;

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
    /// How often a signal is looked at, in microseconds; 0: at every sample.
    every_us: i64,
    /// By signal, unless it is at every sample.
    paces: Vec<Pace>,
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
        Self::of(signals, detectors)
    }

    /// Nothing yet, of the signals together.
    pub(crate) fn together(
        signals: Vec<String>,
        settings: multivariate::Settings,
    ) -> Result<Self, Refused> {
        let machine = Multivariate::new(signals.clone(), settings)?;
        let together = Together { rows: Rows::new(signals.len()), machine };
        Ok(Self::of(signals, Detectors::Together(Box::new(together))))
    }

    fn of(signals: Vec<String>, detectors: Detectors) -> Self {
        let (seen, paces) = (vec![None; signals.len()], Vec::new());
        Self { since: None, seen, gate: None, every_us: 0, paces, signals, detectors }
    }

    /// The same, looking at a signal only so often.
    pub(crate) fn paced(self, every_us: i64) -> Self {
        let paces = vec![Pace::default(); self.signals.len()];
        Self { every_us, paces, ..self }
    }

    /// Whether it looks at its signals only so often.
    pub(crate) const fn is_paced(&self) -> bool {
        self.every_us > 0
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
        let pace = self.every_us == untaught.every_us;
        settings && gate && pace && self.signals == untaught.signals
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
            self.paces.iter_mut().for_each(Pace::interrupt);
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

    /// How far it has come.
    pub(crate) fn status(&self) -> LearningStatus {
        let missing = match &self.detectors {
            Detectors::Alone(detectors) => self.named(|of| detectors[of].learned() == 0.0),
            Detectors::Together(together) => {
                let missing = together.machine.missing();
                self.named(|of| missing[of])
            }
        };
        let stages: Vec<LearningStage> = match &self.detectors {
            Detectors::Alone(detectors) => {
                let heard = detectors.iter().filter(|it| it.learned() > 0.0);
                heard.map(Univariate::stage).collect()
            }
            Detectors::Together(together) => together.machine.stage().into_iter().collect(),
        };
        let share = |stage: &LearningStage| match stage {
            LearningStage::Waiting { .. } => 0,
            LearningStage::Learning { seen, needed, .. } => 1 + seen * 1000 / (*needed).max(1),
            LearningStage::Watching => u64::MAX,
        };
        let least = stages.into_iter().min_by_key(share);
        let stage = least.unwrap_or_else(|| LearningStage::Waiting { signals: missing.clone() });
        LearningStatus { stage, watching: self.watching(), detectors: self.verdicts(), missing }
    }

    /// Whether all that it hears of is watched.
    pub(crate) fn watches(&self) -> bool {
        self.status().stage == LearningStage::Watching
    }

    fn named(&self, of: impl Fn(usize) -> bool) -> Vec<String> {
        let names = self.signals.iter().enumerate().filter(|(place, _)| of(*place));
        names.map(|(_, name)| name.clone()).collect()
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
            + self.paces.len() * size_of::<Pace>()
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
        let looked = self.look(at, &new);
        match &mut self.detectors {
            Detectors::Alone(detectors) => looked
                .into_iter()
                .map(|(of, value)| match value {
                    Some(value) => alone(&mut detectors[of], of, at, value, explain),
                    // Gathered: nothing is said, but time passes.
                    None => {
                        Said { of, at, verdict: Verdict::Unknown, score: 0.0, explanation: None }
                    }
                })
                .collect(),
            Detectors::Together(together) => {
                let Together { rows, machine } = &mut **together;
                let told = looked.into_iter().filter_map(|(of, value)| Some((of, value?)));
                let told: Vec<_> = told.collect();
                if told.is_empty() {
                    return Vec::new();
                }
                let rows = rows.take(at, &told);
                rows.into_iter().map(|(at, row)| judged(machine, at, &row, explain)).collect()
            }
        }
    }

    /// What is to be looked at of each sample; `None`: nothing yet.
    fn look(
        &mut self,
        at: Timestamp,
        samples: &[(usize, Option<f64>)],
    ) -> Vec<(usize, Option<Option<f64>>)> {
        let Self { seen, paces, every_us, .. } = self;
        let look = samples.iter().map(|&(of, value)| {
            seen[of] = Some(at);
            let pace = paces.get_mut(of);
            (of, pace.map_or(Some(value), |pace| pace.take(at, value, *every_us)))
        });
        look.collect()
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
        self.every_us.write(&mut bytes);
        self.paces.write(&mut bytes);
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
        let (every_us, paces): (i64, Vec<Pace>) = (Packed::read(bytes)?, Packed::read(bytes)?);
        let count = signals.len();
        let paced = paces.len() == if every_us > 0 { count } else { 0 };
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
        let whole = bytes.is_empty() && seen.len() == count && paced && sound;
        whole.then_some(Self { signals, since, seen, gate, every_us, paces, detectors })
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
    let verdict = if said.alarm {
        Verdict::Beyond(said.score)
    } else if machine.is_mostly_missing(row) {
        Verdict::Unknown
    } else if machine.is_standing() {
        Verdict::Between
    } else {
        Verdict::Back
    };
    let explanation = (explain && said.alarm).then(|| machine.explain());
    Said { of: 0, at, verdict, score: said.score, explanation }
}
