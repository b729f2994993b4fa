//! What a member keeps on its disk: a kind, fields, and a tail up to the end. Whoever keeps it frames it and guards it against damage; there is
//! no limit to its length.

use clearwell_cluster::Persist;
use clearwell_cluster::decree::{Ballot, Word};

use crate::error::Result;
use crate::known::Known;
use crate::reader::Reader;
use crate::tags::{ByteTag, tags};
use crate::wire::{Wire, layout};
use crate::writer::Writer;

/// A kind of [`Persist`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PersistKind {
    Ballot,
    View,
    Granted,
    Journal,
    Flushed,
    Hold,
    Released,
    Slots,
}

// None is 0: zeros say nothing.
tags!(PersistKind is "kind of what is kept" {
    Ballot = 1 "ballot",
    View = 2 "view",
    Granted = 3 "granted",
    Journal = 4 "journal",
    Flushed = 5 "flushed",
    Hold = 6 "hold",
    Released = 7 "released",
    Slots = 8 "slots",
});

layout! {
    Ballot { round, node }
    Word { epoch, promised, accepted }
}

/// Appends the bytes of what must be found again after a restart.
pub fn encode_persist(what: &Persist, out: &mut Vec<u8>) {
    let w = &mut Writer::new(out);
    w.byte(kind(what).byte());
    match what {
        Persist::Ballot(word) => word.put(w),
        Persist::View(view) => view.put(w),
        Persist::Granted(epoch, owner) => {
            epoch.put(w);
            owner.put(w);
        }
        Persist::Journal(entry) => entry.put(w),
        Persist::Flushed(key, up_to) => {
            key.put(w);
            up_to.put(w);
        }
        Persist::Hold(hold) => hold.put(w),
        Persist::Released(slot, id) => {
            slot.put(w);
            id.put(w);
        }
        Persist::Slots { slots, journal, holds } => {
            slots.put(w);
            journal.put(w);
            holds.put(w);
        }
    }
}

fn kind(what: &Persist) -> PersistKind {
    match what {
        Persist::Ballot(_) => PersistKind::Ballot,
        Persist::View(_) => PersistKind::View,
        Persist::Granted(..) => PersistKind::Granted,
        Persist::Journal(_) => PersistKind::Journal,
        Persist::Flushed(..) => PersistKind::Flushed,
        Persist::Hold(_) => PersistKind::Hold,
        Persist::Released(..) => PersistKind::Released,
        Persist::Slots { .. } => PersistKind::Slots,
    }
}

/// Reads all of `bytes`, which [`encode_persist`] of this version or of a newer one wrote.
///
/// # Errors
/// What is wrong with the bytes, and where. Whoever meets one must not go on as if the rest were all that there was.
pub fn decode_persist(bytes: &[u8]) -> Result<Persist> {
    let mut known = Known::default();
    let r = &mut Reader::new(bytes, 0, &mut known);
    let what = match r.tag()? {
        PersistKind::Ballot => Persist::Ballot(Wire::get(r)?),
        PersistKind::View => Persist::View(Wire::get(r)?),
        PersistKind::Granted => Persist::Granted(Wire::get(r)?, Wire::get(r)?),
        PersistKind::Journal => Persist::Journal(Wire::get(r)?),
        PersistKind::Flushed => Persist::Flushed(Wire::get(r)?, Wire::get(r)?),
        PersistKind::Hold => Persist::Hold(Wire::get(r)?),
        PersistKind::Released => Persist::Released(Wire::get(r)?, Wire::get(r)?),
        PersistKind::Slots => {
            Persist::Slots { slots: Wire::get(r)?, journal: Wire::get(r)?, holds: Wire::get(r)? }
        }
    };
    r.skip_tail()?;
    Ok(what)
}
