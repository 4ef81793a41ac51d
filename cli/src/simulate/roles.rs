//! Who does what: the roles of devices and watchers, and how they are dealt.
//!
//! A role is known to the simulation alone. Next: [`super::attacks`], what a role does to messages.

use crate::failure::Failure;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// A role with a name and a usual share.
pub trait Role: Copy + Eq + 'static {
    /// All roles but the honest one.
    const ATTACKS: &'static [Self];
    /// The honest one.
    const HONEST: Self;
    /// `device` or `watcher`.
    const WHO: &'static str;

    /// The name on the command line and in `truth.json`.
    fn name(self) -> &'static str;

    /// Percent of a fleet, unless told otherwise.
    fn usual_percent(self) -> u8;
}

/// What the owner of a device does. All but the honest ones have a device that is on in one quarter of the epoch only (one that
/// applies for a second index has none at all), and want to be paid for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceRole {
    /// Sends one record a slot while the device is on.
    Honest,
    /// Sends the records of an earlier epoch.
    ReplayedLog,
    /// Puts the signature of one record under another.
    ForgedSignatures,
    /// Lets another station sign under this index.
    BorrowedIdentity,
    /// Sends records of the first quarter again.
    EchoedRecords,
    /// Signs records of every slot at once, with times as if they had been sent in time.
    BackDatedLog,
    /// Sends the log after the epoch.
    LateLog,
    /// Signs records in advance; a helper sends them in time.
    StockpiledRecords,
    /// Copies the session key to a computer, which signs while the device is off.
    ClonedKey,
    /// Wants one station under two indices; this is the second.
    RegisteredTwice,
    /// Pays the colluding watchers to vote for it.
    Colluder,
    /// Belongs to the owner of a self-serving watcher.
    WatchersOwn,
}

impl Role for DeviceRole {
    const ATTACKS: &'static [Self] = &[
        Self::ReplayedLog,
        Self::ForgedSignatures,
        Self::BorrowedIdentity,
        Self::EchoedRecords,
        Self::BackDatedLog,
        Self::LateLog,
        Self::StockpiledRecords,
        Self::ClonedKey,
        Self::RegisteredTwice,
        Self::Colluder,
        Self::WatchersOwn,
    ];
    const HONEST: Self = Self::Honest;
    const WHO: &'static str = "device";

    fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::ReplayedLog => "replayed-log",
            Self::ForgedSignatures => "forged-signatures",
            Self::BorrowedIdentity => "borrowed-identity",
            Self::EchoedRecords => "echoed-records",
            Self::BackDatedLog => "back-dated-log",
            Self::LateLog => "late-log",
            Self::StockpiledRecords => "stockpiled-records",
            Self::ClonedKey => "cloned-key",
            Self::RegisteredTwice => "registered-twice",
            Self::Colluder => "colluder",
            Self::WatchersOwn => "watchers-own",
        }
    }

    fn usual_percent(self) -> u8 {
        match self {
            Self::Honest => 0,
            Self::Colluder => 2,
            _ => 1,
        }
    }
}

/// What a watcher does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatcherRole {
    /// Publishes what it heard.
    Honest,
    /// Publishes nothing.
    Silent,
    /// Publishes that it heard nobody.
    Slanderer,
    /// Votes for every slot of the colluding devices.
    Colluder,
    /// Votes for every slot of its owner's devices.
    SelfServing,
    /// Publishes two attestations that contradict each other.
    DoubleDealer,
    /// Publishes a bitmap that does not fit the zone.
    Malformed,
    /// Is honest, but its clock is three hours fast.
    SkewedClock,
    /// Is honest; somebody publishes its attestation again with bits added after it was signed.
    Altered,
    /// Is honest; somebody publishes what it signed in an earlier epoch again.
    Replayed,
    /// Attests zones for which it was not drawn, in favour of the colluding devices.
    Outsider,
}

impl Role for WatcherRole {
    const ATTACKS: &'static [Self] = &[
        Self::Silent,
        Self::Slanderer,
        Self::Colluder,
        Self::SelfServing,
        Self::DoubleDealer,
        Self::Malformed,
        Self::SkewedClock,
        Self::Altered,
        Self::Replayed,
        Self::Outsider,
    ];
    const HONEST: Self = Self::Honest;
    const WHO: &'static str = "watcher";

    fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Silent => "silent",
            Self::Slanderer => "slanderer",
            Self::Colluder => "colluder",
            Self::SelfServing => "self-serving",
            Self::DoubleDealer => "double-dealer",
            Self::Malformed => "malformed",
            Self::SkewedClock => "skewed-clock",
            Self::Altered => "altered",
            Self::Replayed => "replayed",
            Self::Outsider => "outsider",
        }
    }

    fn usual_percent(self) -> u8 {
        match self {
            Self::Honest => 0,
            Self::Colluder => 20,
            _ => 2,
        }
    }
}

/// How large a part of a fleet each role is, in percent; the rest is honest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares<R>(Vec<(R, u8)>);

impl<R: Role> Shares<R> {
    /// Everyone is honest.
    pub fn honest() -> Self {
        Self(R::ATTACKS.iter().map(|role| (*role, 0)).collect())
    }

    /// The usual shares.
    pub fn usual() -> Self {
        Self(
            R::ATTACKS
                .iter()
                .map(|role| (*role, role.usual_percent()))
                .collect(),
        )
    }

    /// Sets the share of `NAME=PERCENT`.
    ///
    /// # Errors
    /// `Input` for an unknown name, a number that is none, or more than 100 % in all.
    pub fn set(&mut self, text: &str) -> Result<(), Failure> {
        let refuse = |reason: String| {
            Err(Failure::input(format!(
                "share of a {}, `{text}`: {reason}",
                R::WHO
            )))
        };
        let Some((name, percent)) = text.split_once('=') else {
            return refuse("expected NAME=PERCENT".to_owned());
        };
        let Some((_, share)) = self.0.iter_mut().find(|(role, _)| role.name() == name) else {
            let names: Vec<&str> = R::ATTACKS.iter().map(|role| role.name()).collect();
            return refuse(format!("expected one of {}", names.join(", ")));
        };
        match percent.parse() {
            Ok(percent) => *share = percent,
            Err(_) => return refuse(format!("expected a whole percentage, got `{percent}`")),
        }
        let total: u32 = self.0.iter().map(|(_, percent)| u32::from(*percent)).sum();
        if total > 100 {
            return refuse(format!("expected at most 100 % in all, got {total} %"));
        }
        Ok(())
    }

    /// A role for each of `count`: exactly the shares, rounded down, at places that are drawn.
    pub fn deal(&self, count: usize, rng: &mut StdRng) -> Vec<R> {
        let mut roles = vec![R::HONEST; count];
        let mut places: Vec<usize> = (0..count).collect();
        places.shuffle(rng);
        let mut places = places.into_iter();
        for (role, percent) in &self.0 {
            for place in places.by_ref().take(count * usize::from(*percent) / 100) {
                roles[place] = *role;
            }
        }
        roles
    }
}
