//! Stages, sinks and sources that fail at one item.

use std::borrow::Cow;
use std::sync::Arc;

use crossbeam_channel::Sender;
use highwater::Batch;
use highwater::mark::Unit;
use highwater::stage::Fold;
use highwater::stage::operators::{PassThrough, compose, map, try_map};
use highwater::{Error, HighWaterMark, Out, Pipeline, Sink, Source, Transform};

use crate::contract::traffic::Numbered;

/// The work on one item, which fails at one.
pub(crate) type Work = Arc<dyn Fn(Numbered) -> Result<Numbered, Error> + Send + Sync>;

pub(crate) fn work(fails_at: usize) -> Work {
    Arc::new(move |item| {
        if item.number == fails_at {
            return Err(Error::other("this one"));
        }
        Ok(item)
    })
}

/// A closure that can only panic.
pub(crate) fn or_panics(work: Work) -> impl Fn(Numbered) -> Numbered + Send + Sync {
    move |item| work(item).unwrap_or_else(|error| panic!("{error}"))
}

/// What stands between the source and the stage that fails, and what it makes of a list. What is
/// counted in behind it is what it passes on: what came in, or items.
pub(crate) struct Before<U> {
    pub(crate) name: &'static str,
    pub(crate) add:
        fn(Pipeline<'static, Numbered>, HighWaterMark<U>) -> Pipeline<'static, Numbered>,
    pub(crate) of_list: fn(Vec<Numbered>) -> Vec<Numbered>,
    pub(crate) keeps_unit: bool,
}

pub(crate) fn is_even(item: &Numbered) -> bool {
    item.number & 1 == 0
}

pub(crate) fn before<U: Unit<Numbered> + Copy + Send + Sync + 'static>() -> Vec<Before<U>> {
    let nothing = Before {
        name: "nothing",
        add: |before, _| before,
        of_list: |items| items,
        keeps_unit: true,
    };
    vec![
        Before {
            name: "a buffer",
            add: |before, mark| before.buffered(mark),
            ..nothing
        },
        Before {
            name: "a filter",
            add: |before, _| before.filter(is_even),
            of_list: |items| items.into_iter().filter(is_even).collect(),
            ..nothing
        },
        Before {
            name: "a filter and a buffer",
            add: |before, mark| before.filter(is_even).buffered(mark),
            of_list: |items| items.into_iter().filter(is_even).collect(),
            ..nothing
        },
        Before {
            name: "a drop",
            add: |before, _| before.skip(3),
            of_list: |items| items.into_iter().skip(3).collect(),
            ..nothing
        },
        Before {
            name: "a flat_map",
            add: |before, _| before.flat_map(|item| [Numbered::default(), item]),
            of_list: |items| (items.into_iter().flat_map(|it| [Numbered::default(), it])).collect(),
            keeps_unit: false,
        },
        Before {
            name: "par_map",
            add: |before, _| before.par_map(2, Ok),
            keeps_unit: false,
            ..nothing
        },
        nothing,
    ]
}

/// A stage that does the work, and what the error calls it.
pub(crate) struct Fails<U> {
    pub(crate) name: &'static str,
    pub(crate) add:
        fn(Pipeline<'static, Numbered>, HighWaterMark<U>, Work) -> Pipeline<'static, Numbered>,
    pub(crate) stage: &'static str,
    /// It counts items, whatever came in.
    pub(crate) by_items: bool,
}

pub(crate) fn doing(
    work: Work,
) -> impl FnMut(Numbered, &mut Out<'_, Numbered>) -> Result<(), Error> + Send {
    move |item, out| out.push(work(item)?)
}

/// One that says nothing of itself, and passes on later than it takes.
struct Late(Work, Vec<Numbered>);

impl Transform<Numbered, Numbered> for Late {
    fn transform(&mut self, item: Numbered, out: &mut Out<'_, Numbered>) -> Result<(), Error> {
        self.1.push((self.0)(item)?);
        if self.1.len() > 2 {
            self.flush(out)?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, Numbered>) -> Result<(), Error> {
        self.1.drain(..).try_for_each(|item| out.push(item))
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("late")
    }
}

pub(crate) fn failing<U: Unit<Numbered> + Copy + Send + Sync + 'static>() -> Vec<Fails<U>> {
    let fails = |name, stage, add| Fails {
        name,
        add,
        stage,
        by_items: false,
    };
    let composed = |name, stage, add| Fails {
        by_items: true,
        ..fails(name, stage, add)
    };
    vec![
        fails("try_map", "map", |before, _, work| {
            before.try_map(move |item| work(item))
        }),
        fails("map", "map", |before, _, work| before.map(or_panics(work))),
        fails("filter", "filter", |before, _, work| {
            before.filter(move |item| work(item.clone()).expect("not this one").number < usize::MAX)
        }),
        fails("inspect", "inspect", |before, _, work| {
            before.inspect(move |item| drop(work(item.clone()).expect("not this one")))
        }),
        fails("flat_map", "flat_map", |before, _, work| {
            let work = or_panics(work);
            before.flat_map(move |item| Some(work(item)))
        }),
        fails("a transform", "transform", |before, mark, work| {
            before.through_with(doing(work), mark)
        }),
        fails("one that is late", "late", |before, mark, work| {
            before.through_with(Late(work, Vec::new()), mark)
        }),
        fails("the first of two", "map", |before, mark, work| {
            let first = try_map(move |item| work(item));
            before.through_with(compose(first, PassThrough), mark)
        }),
        composed("the second of two", "map", |before, mark, work| {
            let second = try_map(move |item| work(item));
            before.through_with(compose(map(|item| item), second), mark)
        }),
        composed("the last of three", "transform", |before, mark, work| {
            let first = compose(PassThrough, map(|item| item));
            before.through_with(compose(first, doing(work)), mark)
        }),
        composed("the first of the last two", "map", |before, mark, work| {
            let last = compose(try_map(move |item| work(item)), PassThrough);
            before.through_with(compose(PassThrough, last), mark)
        }),
        fails("par_map", "par_map", |before, _, work| {
            before.par_map(2, move |item| work(item))
        }),
        fails("a panic in par_map", "par_map", |before, _, work| {
            let work = or_panics(work);
            before.par_map(3, move |item| Ok(work(item)))
        }),
        fails("par_map_unordered", "par_map", |before, _, work| {
            before.par_map_unordered(2, move |item| work(item))
        }),
        fails("read and begun again", "map", |before, mark, work| {
            before
                .buffered(mark)
                .readable()
                .into_pipeline()
                .try_map(move |item| work(item))
        }),
        fails("readable through", "transform", |before, mark, work| {
            before
                .buffered(mark)
                .readable()
                .through(doing(work), mark)
                .into_pipeline()
        }),
    ]
}

/// A sink that takes all there is with each call, and fails where the work does.
struct Greedy(Work);

impl Sink<Numbered> for Greedy {
    fn write(&mut self, batch: &mut Batch<Numbered>) -> Result<(), Error> {
        while let Some(first) = batch.pop() {
            (self.0)(first.chunk)?;
        }
        Ok(())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("sink")
    }
}

/// One that looks at an item before it takes it.
struct Careful(Work);

impl Sink<Numbered> for Careful {
    fn write(&mut self, batch: &mut Batch<Numbered>) -> Result<(), Error> {
        if let Some(first) = batch.first() {
            (self.0)(first.clone())?;
        }
        batch.pop();
        Ok(())
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed("sink")
    }
}

/// One that closes over the work.
fn folding(work: Work) -> impl Sink<Numbered> {
    let work = or_panics(work);
    Fold::new(0, move |count, item| {
        work(item);
        count + 1
    })
}

pub(crate) type Boxed = Box<dyn Sink<Numbered>>;

/// One that ends what is read of it when it goes.
pub(crate) struct Half(
    pub(crate) Boxed,
    #[expect(dead_code, reason = "it is dropped")] pub(crate) Sender<Numbered>,
);

impl Sink<Numbered> for Half {
    fn write(&mut self, batch: &mut Batch<Numbered>) -> Result<(), Error> {
        self.0.write(batch)
    }

    fn name(&self) -> Cow<'_, str> {
        self.0.name()
    }
}

/// What the error calls a sink, and how it is made.
pub(crate) type Named = (&'static str, fn(Work) -> Boxed);

pub(crate) fn sinks() -> [Named; 3] {
    [
        ("sink", |work| Box::new(Greedy(work))),
        ("sink", |work| Box::new(Careful(work))),
        ("fold", |work| Box::new(folding(work))),
    ]
}

/// A source that fails where the work does, and is read by the item.
pub(crate) struct Reads(
    pub(crate) std::vec::IntoIter<Numbered>,
    pub(crate) Work,
    pub(crate) &'static str,
);

impl Source<Numbered> for Reads {
    fn read(&mut self) -> Result<Option<Numbered>, Error> {
        self.0.next().map(|item| (self.1)(item)).transpose()
    }

    fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.2)
    }
}
