//! The threads of a rota: what each does in the post that the rules have given it.

use std::io;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::rota::guest::{Duty, Stay};
use crate::rota::rules::{Call, Key, Look, Millis, Plan, Role, Rules, Settled, Visit};
use crate::rota::watch::{News, Watch};
use crate::rota::{Host, Member, Rota};
use crate::sync::{Condvar, MutexGuard, start, take_ended};
use crate::worker::guard;

/// How often who stands by looks whether who leads is still at the same.
const TICK: Duration = Duration::from_millis(1);

/// What a thread has with it.
struct Kit {
    duty: Duty,
    news: News,
}

type Held<'a, H> = MutexGuard<'a, Rules<Box<Member<<H as Host>::Ticket>>>>;

/// What a thread goes on with after its post: the lock, or nothing if it has left.
type Next<'a, H> = Option<Held<'a, H>>;

impl<W: Watch, H: Host> Rota<W, H> {
    /// The body of each thread.
    fn work(&self) {
        self.run_or_break();
        self.host.left();
        self.all_left.notify_all();
    }

    /// Runs, and tells what ends it before its time.
    #[cfg(not(loom))]
    fn run_or_break(&self) {
        let ran = guard(|| {
            self.run();
            Ok(())
        });
        if let Err(error) = ran {
            self.rules.lock().posts.lose();
            self.standby.notify_all();
            self.spares.notify_all();
            self.watch.wake();
            self.host.broken(error);
        }
    }

    /// A panic in a model is a finding of its own.
    #[cfg(loom)]
    fn run_or_break(&self) {
        self.run();
    }

    /// What each thread does, from when it has come until it leaves.
    fn run(&self) {
        let mut kit = Kit {
            duty: Duty::new(self.posts()),
            news: News::new(),
        };
        let mut rules = self.rules.lock();
        rules.posts.arrive();
        let mut next = Some(rules);
        while let Some(mut rules) = next.take() {
            next = match rules.assign() {
                Role::Lead => self.lead(rules, &mut kit),
                Role::Help => Some(self.help(rules, &mut kit)),
                Role::StandBy => self.stand_by(rules, &mut kit),
                Role::Rest => self.rest(rules),
                Role::Leave => None,
            };
        }
    }

    /// Watches, and serves who comes, until somebody else does or there is nobody.
    fn lead<'a>(&'a self, mut rules: Held<'a, H>, kit: &mut Kit) -> Next<'a, H> {
        loop {
            if rules.posts.is_closed() {
                // As somebody without a post, who then leaves.
                rules.posts.give_up();
                return Some(rules);
            }
            if let Some(visit) = rules.serve() {
                let leads;
                (rules, leads) = self.attend(rules, kit, visit);
                if leads {
                    continue;
                }
                return Some(rules);
            }
            let plan = rules.plan(|| self.now());
            let timeout = match plan {
                Plan::Serve => continue,
                Plan::Watch(timeout) => timeout.map(Duration::from_millis),
                Plan::WatchNobody => Some(self.quiet),
            };
            drop(rules);
            let began = (plan == Plan::WatchNobody).then(Instant::now);
            self.watch.wait(&mut kit.news, timeout);
            let is_quiet = began.is_some_and(|began| began.elapsed() >= self.quiet);
            rules = self.rules.lock();
            for (key, is_last) in kit.news.drain() {
                rules.guests.came(key, is_last);
            }
            if is_quiet && rules.guests.len() == 0 {
                rules.posts.leave();
                return None;
            }
        }
    }

    /// Serves one of those that wait, beside who leads.
    fn help<'a>(&'a self, mut rules: Held<'a, H>, kit: &mut Kit) -> Held<'a, H> {
        match rules.help() {
            Some(visit) => self.attend(rules, kit, visit).0,
            None => rules,
        }
    }

    /// Attends to a guest for as long as there is something to do for it. Says whether the thread
    /// still leads.
    fn attend<'a>(
        &'a self,
        mut rules: Held<'a, H>,
        kit: &mut Kit,
        mut visit: Visit<Box<Member<H::Ticket>>>,
    ) -> (Held<'a, H>, bool) {
        loop {
            let call = self.who_is_missing(&mut rules);
            drop(rules);
            self.make(call);
            let Visit {
                taken,
                round,
                is_timed,
            } = visit;
            let (key, mut member) = (taken.key, taken.guest);
            kit.duty.begin(round);
            let began = is_timed.then(Instant::now);
            let stay = guard(|| Ok(member.guest.attend(&kit.duty, taken.why)));
            // What has stepped down was not in anybody's way.
            let is_long = |began: Instant| !kit.duty.has_stepped_down() && began.elapsed() > TICK;
            let was_long = began.is_some_and(is_long);
            let until = match stay.unwrap_or_else(|error| Stay::Gone(Err(error))) {
                Stay::Idle { until } => until.map(|until| self.millis(until)),
                Stay::Gone(outcome) => {
                    self.see_off(key, *member, outcome);
                    rules = self.rules.lock();
                    let leads = rules.gone(key, round, was_long);
                    return (rules, leads);
                }
            };
            rules = self.rules.lock();
            match rules.settle(key, member, until, round, was_long) {
                Settled::Done { leads } => {
                    self.watch.arm(key);
                    if !leads && rules.is_to_be_woken() {
                        self.watch.wake();
                    }
                    return (rules, leads);
                }
                Settled::Again(again) => visit = again,
                Settled::LetGo(member) => {
                    drop(rules);
                    self.see_off(key, *member, Err(Error::interrupted()));
                    rules = self.rules.lock();
                    let leads = rules.gone(key, round, was_long);
                    return (rules, leads);
                }
            }
        }
    }

    /// Looks every so often whether who leads is still at the same, and takes over if he is.
    fn stand_by<'a>(&'a self, mut rules: Held<'a, H>, kit: &mut Kit) -> Next<'a, H> {
        let mut is_late = false;
        loop {
            let are_guests = rules.guests.len() > 0;
            is_late = match rules.posts.look(is_late, are_guests) {
                Look::Lead => return self.lead(rules, kit),
                Look::Again => {
                    self.wait_a_moment(&mut rules);
                    false
                }
                Look::Park => wait(&self.standby, &mut rules, self.quiet),
                Look::Leave => return None,
            };
        }
    }

    #[cfg(not(loom))]
    fn wait_a_moment(&self, rules: &mut Held<'_, H>) {
        wait(&self.standby, rules, TICK);
    }

    #[cfg(loom)]
    fn wait_a_moment(&self, rules: &mut Held<'_, H>) {
        let mut moments = self.moments.lock();
        if *moments > 0 {
            *moments -= 1;
        } else {
            drop(moments);
            self.standby.wait(rules);
        }
    }

    /// Waits until it is needed, for a while.
    fn rest<'a>(&'a self, mut rules: Held<'a, H>) -> Next<'a, H> {
        let mut is_late = false;
        loop {
            if rules.posts.answer() {
                rules.posts.arrive();
                return Some(rules);
            }
            if is_late || rules.posts.is_closed() {
                rules.posts.leave_spares();
                return None;
            }
            is_late = wait(&self.spares, &mut rules, self.quiet);
        }
    }

    /// Lets a guest go, and tells of it.
    pub(super) fn see_off(&self, key: Key, member: Member<H::Ticket>, outcome: Result<(), Error>) {
        let Member { guest, ticket } = member;
        let dropped = guard(|| {
            self.watch.remove(guest.fd(), key);
            drop(guest);
            Ok(())
        });
        self.host.gone(ticket, outcome.and(dropped));
    }

    /// Says who is to be called, so that somebody watches, or stands by while nobody does.
    pub(super) fn who_is_missing(&self, rules: &mut Held<'_, H>) -> Option<Call> {
        // Asked first, for it takes a clock to say how.
        if !rules.posts.is_short() {
            return None;
        }
        rules.posts.call(self.now())
    }

    /// Calls who is missing. Not under the lock, which he takes first.
    pub(super) fn make(&self, call: Option<Call>) {
        match call {
            None => {}
            Some(Call::WakeStandby) => {
                self.standby.notify_one();
            }
            Some(Call::WakeSpare) => {
                self.spares.notify_one();
            }
            Some(Call::Start) => {
                if let Err(error) = self.start() {
                    self.host.refused(error);
                }
            }
        }
    }

    /// Starts a thread that was called for.
    pub(super) fn start(&self) -> io::Result<()> {
        self.host.starting();
        let Some(rota) = self.own.upgrade() else {
            return Ok(());
        };
        self.join_left();
        let mut threads = self.threads.lock();
        match start("highwater-rota", self.stack_bytes, move || rota.work()) {
            Ok(thread) => {
                threads.push(thread);
                Ok(())
            }
            Err(error) => {
                drop(threads);
                self.host.left();
                self.rules.lock().posts.refused(self.now());
                Err(error)
            }
        }
    }

    /// Joins the threads that have left: until then the system keeps their stacks.
    pub(super) fn join_left(&self) {
        let left = take_ended(&mut self.threads.lock());
        for thread in left {
            // It has caught the panics of the guests.
            let _ = thread.join();
        }
    }

    /// How long the rota has been there.
    fn now(&self) -> Millis {
        self.millis(Instant::now())
    }

    /// The time by the rota's clock. What was before it is its beginning.
    pub(super) fn millis(&self, time: Instant) -> Millis {
        let since = time.saturating_duration_since(self.began).as_millis();
        Millis::try_from(since).unwrap_or(Millis::MAX)
    }
}

/// Waits until it is notified, or the time is over. Says whether it was that.
fn wait<T>(on: &Condvar, guard: &mut MutexGuard<'_, T>, time: Duration) -> bool {
    match Instant::now().checked_add(time) {
        Some(until) => on.wait_until(guard, until).timed_out(),
        // A time that cannot be represented is no limit.
        None => {
            on.wait(guard);
            false
        }
    }
}
