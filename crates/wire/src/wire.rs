//! How the plain parts of messages are written and read; the types of the protocol are beside it, a file for each family.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::reader::Reader;
use crate::writer::Writer;

/// What can be written to a frame and read from one. Everything takes at least one byte: a count of elements is compared with
/// the bytes that are left.
pub(crate) trait Wire: Sized {
    fn put(&self, w: &mut Writer<'_>);
    fn get(r: &mut Reader<'_>) -> Result<Self>;
}

/// Structs as the list of their fields, in the order in which they are written. All fields must be named: a new one does not
/// compile until it has its place here.
macro_rules! layout {
    ($($type:ty { $($field:ident),* $(,)? })*) => {$(
        impl $crate::wire::Wire for $type {
            fn put(&self, w: &mut $crate::writer::Writer<'_>) {
                let Self { $($field),* } = self;
                $($field.put(w);)*
            }

            fn get(r: &mut $crate::reader::Reader<'_>) -> $crate::error::Result<Self> {
                Ok(Self { $($field: $crate::wire::Wire::get(r)?),* })
            }
        }
    )*};
}

/// Structs that are one number.
macro_rules! newtype {
    ($($type:ident),*) => {$(
        impl $crate::wire::Wire for $type {
            #[inline]
            fn put(&self, w: &mut $crate::writer::Writer<'_>) {
                let $type(number) = self;
                number.put(w);
            }

            #[inline]
            fn get(r: &mut $crate::reader::Reader<'_>) -> $crate::error::Result<Self> {
                $crate::wire::Wire::get(r).map($type)
            }
        }
    )*};
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            #[inline]
            fn put(&self, w: &mut Writer<'_>) {
                w.number(u64::from(*self));
            }

            #[inline]
            fn get(r: &mut Reader<'_>) -> Result<Self> {
                // `number_to` has seen that nothing is cut off.
                r.number_to(u64::from(<$type>::MAX)).map(|number| number as $type)
            }
        }
    )*};
}

number!(u64, u32, u16, u8);

/// A number of eight bytes, the low ones first: a digest is as good as chance, and would take ten of variable length.
pub(crate) struct Fixed(pub u64);

impl Wire for Fixed {
    fn put(&self, w: &mut Writer<'_>) {
        w.raw(&self.0.to_le_bytes());
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(r.raw(8)?);
        Ok(Fixed(u64::from_le_bytes(bytes)))
    }
}

impl Wire for bool {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(u8::from(*self));
    }

    #[inline]
    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.number_to(1).map(|number| number == 1)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(w);
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        bool::get(r)?.then(|| T::get(r)).transpose()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, w: &mut Writer<'_>) {
        w.list(self);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        r.list()
    }
}

/// Elements that many hold at once. Most lists are empty, and those share one. Not for every element: bytes are written as a whole.
macro_rules! shared {
    ($($type:ty),*) => {$(
        impl $crate::wire::Wire for std::sync::Arc<[$type]> {
            fn put(&self, w: &mut $crate::writer::Writer<'_>) {
                w.list(self);
            }

            fn get(r: &mut $crate::reader::Reader<'_>) -> $crate::error::Result<Self> {
                let elements = r.list::<$type>()?;
                Ok(if elements.is_empty() { Self::default() } else { elements.into() })
            }
        }
    )*};
}

pub(crate) use {layout, newtype, shared};

impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {
    fn put(&self, w: &mut Writer<'_>) {
        w.number(self.len() as u64);
        self.iter().for_each(|(key, value)| {
            key.put(w);
            value.put(w);
        });
    }

    /// Keys that rise, so that no key comes twice and equal maps have equal bytes.
    fn get(r: &mut Reader<'_>) -> Result<Self> {
        let mut map = BTreeMap::new();
        for _ in 0..r.count()? {
            let at = r.at();
            let (key, value) = (K::get(r)?, V::get(r)?);
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Reader::malformed(at, "keys of a map that do not rise");
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, w: &mut Writer<'_>) {
        self.0.put(w);
        self.1.put(w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok((A::get(r)?, B::get(r)?))
    }
}

impl<A: Wire, B: Wire, C: Wire> Wire for (A, B, C) {
    fn put(&self, w: &mut Writer<'_>) {
        self.0.put(w);
        self.1.put(w);
        self.2.put(w);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self> {
        Ok((A::get(r)?, B::get(r)?, C::get(r)?))
    }
}
