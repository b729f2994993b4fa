//! Invalidations that the engine brings about itself: each has its place in an order that is decided outside.

use std::sync::Arc;
use std::thread;

use clearwell_engine::{
    Cause, Change, Config, Draft, Engine, Invalidation, Millis, Offered, Order, Origin, Scope,
};
use parking_lot::Mutex;

const NOW: Millis = Millis(1);

#[derive(Default)]
struct Book(Mutex<Vec<(Scope, Cause)>>);

impl Order for Book {
    fn order(&self, invalidation: Invalidation, _now: Millis) {
        self.0.lock().push(((*invalidation.scope).clone(), invalidation.cause));
    }
}

impl Book {
    fn take(&self) -> Vec<(Scope, Cause)> {
        std::mem::take(&mut *self.0.lock())
    }
}

fn engine(config: Config) -> (Engine, Arc<Book>) {
    let book = Arc::new(Book::default());
    (Engine::new(config, 7).ordered_by(book.clone()), book)
}

fn draft(value: &[u8]) -> Draft<'_> {
    Draft { value: Some(value), ..Draft::default() }
}

fn dependents() -> (Scope, Cause) {
    (Scope::Dependents(b"part"[..].into()), Cause::Write)
}

fn put_page(engine: &Engine) {
    engine.put(b"page", &Draft { dependencies: &[b"part"], ..draft(b"made of it") }, NOW).expect("it fits");
}

fn is_there(engine: &Engine, key: &[u8]) -> bool {
    engine.peek(key, NOW, |_| ()).is_some()
}

#[test]
fn what_is_taken_away_has_a_place_and_nothing_else_has() {
    let (engine, book) = engine(Config::default());
    let update = |change| engine.update(b"part", NOW, |_| (change, ())).expect("it fits");
    let put = || engine.put(b"part", &draft(b"1"), NOW).expect("it fits");
    let offer = || assert_eq!(engine.offer(b"part", Origin::default(), &draft(b"2"), NOW), Offered::Written);
    put();
    offer();
    update(Change::Value(b"3".to_vec()));
    assert_eq!(book.take(), [], "nothing depends on it");
    let writes: [&dyn Fn(); 4] =
        [&put, &offer, &|| update(Change::Value(b"4".to_vec())), &|| update(Change::Put(draft(b"5")))];
    for write in writes {
        put_page(&engine);
        update(Change::Keep);
        update(Change::Expires(Some(Millis(1_000))));
        assert_eq!(book.take(), []);
        write();
        assert_eq!(book.take(), [dependents()]);
        assert!(!is_there(&engine, b"page"));
    }
    put_page(&engine);
    update(Change::Remove);
    assert_eq!(book.take(), [(Scope::Key(b"part"[..].into()), Cause::Removal)], "dependents are in it");
    assert!(!is_there(&engine, b"page"));
    engine.check().expect("all accounts agree");
}

#[test]
fn what_does_not_fit_has_no_place() {
    let (engine, book) = engine(Config { max_memory: 1 << 20, ..Config::default() });
    put_page(&engine);
    let large = vec![0; 1 << 20];
    engine.put(b"part", &draft(&large), NOW).expect_err("larger than a quarter of the memory");
    engine.update(b"part", NOW, |_| (Change::Put(draft(&large)), ())).expect_err("the same");
    let circle = || Draft { dependencies: &[b"page"], ..draft(b"1") };
    engine.put(b"part", &circle(), NOW).expect_err("it would depend on itself");
    engine.update(b"part", NOW, |_| (Change::Put(circle()), ())).expect_err("the same");
    assert_eq!(book.take(), []);
    assert!(is_there(&engine, b"page"));
}

/// Whatever is gone has a place, whoever writes at once: pages are made and taken away by writes of what they are made of.
#[test]
fn nothing_is_taken_away_without_a_place() {
    const EACH: u64 = 5_000;
    let (engine, book) = engine(Config::default());
    let gone = thread::scope(|scope| {
        let maker = scope.spawn(|| {
            let mut gone = 0;
            for _ in 0..EACH {
                put_page(&engine);
                gone += usize::from(!is_there(&engine, b"page"));
            }
            gone
        });
        for _ in 0..2 {
            scope.spawn(|| (0..EACH).for_each(|_| engine.put(b"part", &draft(b"1"), NOW).expect("it fits")));
        }
        maker.join().expect("no panic")
    });
    let places = book.take();
    assert!(places.len() >= gone, "{gone} pages were taken away in {} places", places.len());
    assert!(places.iter().all(|place| *place == dependents()));
}
